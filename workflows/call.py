"""The owner of a call between its transfers: an agent is rung, then the call is watched."""

from __future__ import annotations

from dataclasses import replace

from temporalio import workflow

from workflows.shell import Shell
from workflows.task import look_up
from workflows.transfer import fail_if_given_up

with workflow.unsafe.imports_passed_through():
    from workflows.machine.model import Leg, Presence, Transfer
    from workflows.messages import CallView, StartCallInput
    from workflows.shell_transfers import rules_of
    from workflows.views import begin_call, call_view_of


@workflow.defn(name="CallWorkflow")
class CallWorkflow(Shell[Transfer]):
    """One call, from the moment its conference is known to its end. Id: `call/{ConferenceSid}`."""

    @workflow.init
    def __init__(self, given: StartCallInput) -> None:
        call = begin_call(given)
        super().__init__(call, rules_of(call))

    @workflow.run
    async def run(self, given: StartCallInput) -> CallView:
        """Ring the agents in turn, or learn whom TaskRouter brought together; then watch the call.

        Answers who was on it at the end. Fails, so that the guardian takes the caller over, if the
        caller was to be given to somebody else and Twilio could not be reached for that.
        """
        if given.task_sid and not given.is_watched:
            await self._learn(given.task_sid)
        call = await self.carry_through()
        if call.caller.is_live:
            fail_if_given_up(call)
        return call_view_of(call)

    async def _learn(self, task_sid: str) -> None:
        """Who is on a call that TaskRouter set up, as its task says."""
        people = await look_up(task_sid)
        caller, agent = self._value.caller, people.agent_address
        self._value = replace(
            self._value,
            caller=replace(caller, call_sid=people.caller_call_sid or caller.call_sid),
            target=Leg(agent, people.agent_call_sid, presence=Presence.PRESENT),
        )
