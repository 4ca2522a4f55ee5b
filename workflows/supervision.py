"""The supervision of one call: its table on the shell, and the requests as updates."""

from __future__ import annotations

from dataclasses import replace

from temporalio import workflow
from temporalio.exceptions import ApplicationError

from workflows.shell import Shell, now

with workflow.unsafe.imports_passed_through():
    from workflows.machine.supervision.model import State, Supervision
    from workflows.machine.supervision.requests import (
        HelpRequested,
        HelpWithdrawn,
        JoinRequested,
        ModeRequested,
        Request,
    )
    from workflows.machine.supervision.step import is_over, refusal_of
    from workflows.messages import StartSupervisionInput, SupervisionView
    from workflows.shell_supervision import SupervisionRules
    from workflows.supervision_views import begin_supervision, first_request, supervision_view_of

REJECTED = "rejected"
"""Type of the error that refuses a request. Its message is a code."""
ENDED = "supervision_has_ended"
"""The code for a request that came when the last supervisor had just left."""
CHANGING = frozenset({State.SILENCING, State.OPENING, State.PARTING, State.TAKING_OVER})
VOICES: dict[str, State] = {
    "monitor": State.LISTENING,
    "whisper": State.WHISPERING,
    "barge": State.BARGING,
    "take_over": State.TOOK_OVER,
}
"""What a verb leads to, where nothing comes in between."""


@workflow.defn(name="SupervisionWorkflow")
class SupervisionWorkflow(Shell[Supervision]):
    """All supervisors of one call, as long as there is one or one is asked for.

    Id: `supervision/{ConferenceSid}`. Each update answers the supervision after its step; a change
    of mode answers when it is in place, or was refused by the table or by Twilio.
    """

    @workflow.init
    def __init__(self, given: StartSupervisionInput) -> None:
        rules = SupervisionRules(first_request(given))
        super().__init__(begin_supervision(given), rules)

    @workflow.run
    async def run(self, given: StartSupervisionInput) -> SupervisionView:
        """From the first supervisor, or cry for help, until there is neither; with the journal."""
        value = await self.carry_through()
        return replace(supervision_view_of(value), journal=value.journal)

    @workflow.update(description="A supervisor joins the call")
    async def join(self, given: JoinRequested) -> SupervisionView:
        """Ring the supervisor's phone; the leg comes into the room muted."""
        return await self._ask(replace(given, at=now()))

    @workflow.update(description="Another mode, take over, or leave")
    async def change(self, given: ModeRequested) -> SupervisionView:
        """Change what a supervisor may be heard by; answers when it is so."""
        await self._ask(replace(given, at=now()))
        await workflow.wait_condition(lambda: not self._is_changing(given.label))
        mine = self._value.find(given.label)
        wanted = VOICES.get(given.verb)
        if mine is not None and wanted is not None and mine.state is not wanted and mine.reason:
            self._refuse(mine.reason)
        return supervision_view_of(self._value)

    @workflow.update(description="The agent asks for a supervisor")
    async def ask_help(self, given: HelpRequested) -> SupervisionView:
        """Show the call to the supervisors of the team."""
        return await self._ask(replace(given, at=now()))

    @workflow.update(description="The agent does not need help any more")
    async def withdraw_help(self, given: HelpWithdrawn) -> SupervisionView:
        """Take the cry for help back."""
        return await self._ask(replace(given, at=now()))

    @join.validator
    def _may_join(self, given: JoinRequested) -> None:
        self._judge(given)

    @change.validator
    def _may_change(self, given: ModeRequested) -> None:
        self._judge(given)

    @ask_help.validator
    def _may_ask_help(self, given: HelpRequested) -> None:
        self._judge(given)

    @withdraw_help.validator
    def _may_withdraw_help(self, given: HelpWithdrawn) -> None:
        self._judge(given)

    def _judge(self, request: Request) -> None:
        """Refuse what the table refuses now. A refusal leaves nothing in the history."""
        if not self._value.step:
            return  # the first request, which started all this, has not been heard yet
        if is_over(self._value):
            self._refuse(ENDED)
        self._refuse(refusal_of(self._value, replace(request, at=now())))

    async def _ask(self, request: Request) -> SupervisionView:
        # Something else may have happened since the judgement: the table decides again.
        self._refuse(await self.ask(request))
        return supervision_view_of(self._value)

    def _is_changing(self, label: str) -> bool:
        mine = self._value.find(label)
        return mine is not None and mine.state in CHANGING

    def _refuse(self, why: str) -> None:
        if why:
            view = supervision_view_of(self._value)
            raise ApplicationError(why, view, type=REJECTED, non_retryable=True)
