"""A person's word about the recording of a call that is not being transferred.

Pause and resume are carried out here one after the other, each read back, and the workflow ends.
What it leaves behind is at Twilio: a recording that is paused. A transfer that begins later finds
it so and does not touch it, since it resumes only what it paused itself. While a transfer lives it
is asked itself. In between, when a pause and the beginning or the end of a transfer fall into one
moment, the transfer is told, and the pause is looked after until it holds.
"""

from __future__ import annotations

import asyncio
from dataclasses import asdict

from temporalio import workflow
from temporalio.exceptions import ActivityError, ApplicationError

from workflows.dispatch_order import carry_out
from workflows.dispatch_recordings import (
    hold_sought,
    is_anybody_held,
    look_order,
    pause_order,
    read_order,
    recordings_reading,
    resume_order,
)
from workflows.shell import now

with workflow.unsafe.imports_passed_through():
    from workflows.machine.events import RecordingPausedByPerson, RecordingsReading
    from workflows.machine.model import EVERY_RECORDING
    from workflows.messages import (
        FACT,
        MEMO_VIEW,
        NOT_CARRIED_OUT,
        PERSON,
        RECORDING,
        STILL_PRIVATE,
        RecordingInput,
        RecordingView,
        RequestInput,
        ResumeRecordingInput,
        transfer_workflow_id,
    )
    from workflows.views import recording_view

LOOKS_MAX = 5
SETTLE_SECONDS = 4.0
"""A resume that a transfer had begun before it was told is over by then, at Twilio, too: one
attempt is 4 s at most."""


@workflow.defn(name="RecordingWorkflow")
class RecordingWorkflow:
    """Id: `recording/{ConferenceSid}`. Lives from a word until it holds."""

    @workflow.init
    def __init__(self, given: RecordingInput) -> None:
        self._conference_sid = given.conference_sid
        self._turn = asyncio.Lock()
        self._view = RecordingView()
        self._has_heard = False
        self._is_contested = False
        """A pause was told to a transfer that may have had a resume under way."""

    @workflow.run
    async def run(self, given: RecordingInput) -> RecordingView:
        """Carry out what is asked until nobody asks any more. Answers what is recorded then."""
        while True:
            await workflow.wait_condition(lambda: self._has_heard)
            await workflow.wait_condition(workflow.all_handlers_finished)
            if not self._is_contested:
                return self._view
            self._is_contested = False
            await workflow.sleep(SETTLE_SECONDS, summary="before a contested pause is looked at")
            async with self._turn:
                if self._view.by == PERSON:
                    await self._see_that_it_holds()

    @workflow.update(description="Nothing is recorded until a person wants it again")
    async def pause(self, given: RequestInput) -> RecordingView:
        """Pause whatever records the room, and read it back."""
        async with self._turn:
            try:
                await carry_out(pause_order(self._conference_sid))
                self._is_contested = await self._tell_transfer(given.by) or self._is_contested
                await self._see_that_it_holds()
            except ActivityError as error:
                raise self._failed("the recording could not be paused") from error
            finally:
                self._has_heard = True
            return self._view

    @workflow.update(description="Record again")
    async def resume(self, given: ResumeRecordingInput) -> RecordingView:
        """Resume what is paused, and read it back. Where there was none, none is begun."""
        async with self._turn:
            try:
                if given.unless_private:
                    await self._refuse_if_private()
                order = resume_order(self._conference_sid, (EVERY_RECORDING,))
                self._learn(recordings_reading(await carry_out(order)))
            except ActivityError as error:
                raise self._failed("the recording could not be resumed") from error
            finally:
                self._has_heard = True
            return self._view

    async def _refuse_if_private(self) -> None:
        """A transfer that was ended by force leaves the caller on hold, and others together, until
        the guardian gives the caller back. An agent who holds the caller is alone."""
        if not is_anybody_held(await carry_out(look_order(self._conference_sid))):
            return
        if not (await carry_out(hold_sought(self._conference_sid))).by_anybody:
            raise ApplicationError(
                "others may be talking without the caller", type=STILL_PRIVATE, non_retryable=True
            )

    async def _see_that_it_holds(self) -> None:
        """Read, and pause again what a transfer that has just ended resumed at the last moment."""
        for _ in range(LOOKS_MAX):
            self._learn(recordings_reading(await carry_out(read_order(self._conference_sid))))
            if self._view.state != RECORDING:
                return
            await carry_out(pause_order(self._conference_sid))

    async def _tell_transfer(self, by: str) -> bool:
        """Whether a transfer of the call is alive; it knows now that the pause is a person's."""
        transfer = workflow.get_external_workflow_handle(transfer_workflow_id(self._conference_sid))
        try:
            await transfer.signal(FACT, asdict(RecordingPausedByPerson(at=now(), by=by)))
        except ApplicationError:
            return False
        return True

    def _learn(self, reading: RecordingsReading | None) -> None:
        self._view = recording_view(reading or RecordingsReading(), now())
        workflow.upsert_memo({MEMO_VIEW: self._view})

    def _failed(self, what: str) -> ApplicationError:
        """On doubt it is recorded, and the reader is told so."""
        self._view = RecordingView(state=RECORDING, read_at=now(), is_doubtful=True)
        workflow.upsert_memo({MEMO_VIEW: self._view})
        return ApplicationError(what, self._view, type=NOT_CARRIED_OUT, non_retryable=True)
