"""What warm and cold transfer workflows share: the requests, as updates that the table judges."""

from __future__ import annotations

from contextlib import suppress
from dataclasses import replace

from temporalio import workflow
from temporalio.exceptions import ApplicationError

from workflows.shell import Shell, now

with workflow.unsafe.imports_passed_through():
    from workflows.machine.events import (
        REQUESTS,
        RecordingPauseRequested,
        RecordingResumeRequested,
        Request,
    )
    from workflows.machine.model import Reason, State, Transfer
    from workflows.machine.recordings import is_changing
    from workflows.machine.step import refusal_of
    from workflows.messages import RequestInput, StartTransferInput, TransferView
    from workflows.shell_transfers import rules_of
    from workflows.views import TABLES, begin, view_of

RECORDING_SECONDS = 8.0
"""How long somebody who had the recording paused waits for it to be read back. It takes two round
trips; past this the answer says that it still records."""
NOT_MEANT = "not_meant"
"""Type of the error for whoever means another transfer, or another agent's. It tells nothing."""
REJECTED = "rejected"
"""Type of the error that refuses a request. Its details hold the `TransferView`."""


def fail_if_given_up(transfer: Transfer) -> None:
    """Raise if Twilio was away until the time was up: somebody may still be on hold, and the
    guardian, who owns the people of a failed workflow, brings them together when Twilio is back."""
    if transfer.state is State.FAILED and transfer.reason is Reason.PROVIDER_DOWN:
        raise ApplicationError(
            "Twilio could not be reached until the time was up",
            type=Reason.PROVIDER_DOWN.value,
            non_retryable=True,
        )


class TransferWorkflow(Shell[Transfer]):
    """Base of the two kinds of transfer. Each update answers the transfer after its step."""

    def __init__(self, given: StartTransferInput) -> None:
        transfer = begin(given)
        super().__init__(transfer, rules_of(transfer))

    async def carry_transfer(self) -> TransferView:
        """Run to the end; the result is what `GET /v1/transfers/{id}` shows, journal included.

        A transfer that gave up because Twilio was away fails, though its view has an end like
        others.
        """
        transfer = await self.carry_through()
        fail_if_given_up(transfer)
        return replace(view_of(transfer, now()), journal=transfer.journal)

    @workflow.update(description="Give the caller to the target")
    async def complete(self, given: RequestInput) -> TransferView:
        """Give the caller to the target; while it still rings, leave the caller waiting for it."""
        return await self._ask("complete", given)

    @workflow.update(description="Take the caller back")
    async def cancel(self, given: RequestInput) -> TransferView:
        """End the target's leg and take the caller back."""
        return await self._ask("cancel", given)

    @workflow.update(description="Change between target and caller")
    async def swap(self, given: RequestInput) -> TransferView:
        """Put whom the agent talks to on hold and talk to the other."""
        return await self._ask("swap", given)

    @workflow.update(description="Talk all three")
    async def join(self, given: RequestInput) -> TransferView:
        """Bring caller, agent and target together."""
        return await self._ask("join", given)

    @workflow.update(name="drop_target", description="Let the target go")
    async def drop_target(self, given: RequestInput) -> TransferView:
        """Let the target go and stay with the caller."""
        return await self._ask("drop-target", given)

    @complete.validator
    def _may_complete(self, given: RequestInput) -> None:
        self._judge("complete", given)

    @cancel.validator
    def _may_cancel(self, given: RequestInput) -> None:
        self._judge("cancel", given)

    @swap.validator
    def _may_swap(self, given: RequestInput) -> None:
        self._judge("swap", given)

    @join.validator
    def _may_join(self, given: RequestInput) -> None:
        self._judge("join", given)

    @drop_target.validator
    def _may_drop_target(self, given: RequestInput) -> None:
        self._judge("drop-target", given)

    @workflow.update(name="pause_recording", description="Nothing recorded until a person wants it")
    async def pause_recording(self, given: RequestInput) -> TransferView:
        """Have the recording paused. Answers once it has been read back, or could not be had."""
        return await self._about_recording(RecordingPauseRequested(at=now(), by=given.by))

    @workflow.update(name="resume_recording", description="Record again, after the consult")
    async def resume_recording(self, given: RequestInput) -> TransferView:
        """Have the recording back: at once, or once nobody talks in private."""
        return await self._about_recording(RecordingResumeRequested(at=now(), by=given.by))

    @pause_recording.validator
    def _may_pause_recording(self, given: RequestInput) -> None:
        self._judge_request(RecordingPauseRequested(at=now(), by=given.by))

    @resume_recording.validator
    def _may_resume_recording(self, given: RequestInput) -> None:
        self._judge_request(RecordingResumeRequested(at=now(), by=given.by))

    async def _about_recording(self, request: Request) -> TransferView:
        self._refuse(await self.ask(request))
        with suppress(TimeoutError):
            await workflow.wait_condition(
                lambda: not is_changing(self._value),
                timeout=RECORDING_SECONDS,
                timeout_summary="how long a person waits for the recording",
            )
        return view_of(self._value, now())

    def _judge(self, verb: str, given: RequestInput) -> None:
        """Refuse a request that the table refuses now. A refusal leaves nothing in the history."""
        is_meant = given.part in ("", self._value.part)
        if not is_meant or given.agent not in ("", self._value.agent.address):
            raise ApplicationError("not the transfer that was meant", type=NOT_MEANT)
        self._judge_request(REQUESTS[verb](at=now(), by=given.by))

    def _judge_request(self, request: Request) -> None:
        self._refuse(refusal_of(TABLES[self._value.kind], self._value, request))

    async def _ask(self, verb: str, given: RequestInput) -> TransferView:
        # Between the judgement and the step something else may have happened: the table decides
        # again, and its refusal is the same error.
        self._refuse(await self.ask(REQUESTS[verb](at=now(), by=given.by)))
        return view_of(self._value, now())

    def _refuse(self, why: str) -> None:
        if why:
            raise ApplicationError(
                why, view_of(self._value, now()), type=REJECTED, non_retryable=True
            )
