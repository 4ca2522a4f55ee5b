"""The agent's hold: its table on the shell, and the request to end it."""

from __future__ import annotations

from dataclasses import replace

from temporalio import workflow
from temporalio.exceptions import ApplicationError

from workflows.shell import Shell, now
from workflows.transfer import REJECTED, fail_if_given_up

with workflow.unsafe.imports_passed_through():
    from workflows.hold_messages import HoldView, StartHoldInput
    from workflows.machine.events import ResumeRequested
    from workflows.machine.hold import HOLD
    from workflows.machine.model import Transfer
    from workflows.machine.step import refusal_of
    from workflows.messages import RequestInput
    from workflows.shell_transfers import rules_of
    from workflows.views import begin_hold, hold_view_of


@workflow.defn(name="HoldWorkflow")
class HoldWorkflow(Shell[Transfer]):
    """One hold of one call. Its id is the lock: `hold/{ConferenceSid}`."""

    @workflow.init
    def __init__(self, given: StartHoldInput) -> None:
        hold = begin_hold(given)
        super().__init__(hold, rules_of(hold))

    @workflow.run
    async def run(self, given: StartHoldInput) -> HoldView:
        """From the request to the end; answers what became of the hold, journal included.

        A hold that gave up because Twilio was away fails, as a transfer does: the caller may still
        be on hold, and the guardian takes them off as soon as Twilio can be reached.
        """
        held = await self.carry_through()
        fail_if_given_up(held)
        return replace(hold_view_of(held, now()), journal=held.journal)

    @workflow.update(description="Take the caller off hold")
    async def resume(self, given: RequestInput) -> HoldView:
        """Take the caller off hold. Answers the hold once that was begun."""
        self._refuse(await self.ask(ResumeRequested(at=now(), by=given.by)))
        return hold_view_of(self._value, now())

    @resume.validator
    def _may_resume(self, given: RequestInput) -> None:
        request = ResumeRequested(at=now(), by=given.by)
        self._refuse(refusal_of(HOLD, self._value, request))

    def _refuse(self, why: str) -> None:
        if why:
            view = hold_view_of(self._value, now())
            raise ApplicationError(why, view, type=REJECTED, non_retryable=True)
