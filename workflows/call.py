"""The owner of a call between its transfers: an agent is rung, then the call is watched."""

from __future__ import annotations

from temporalio import workflow

from workflows.shell import Shell

with workflow.unsafe.imports_passed_through():
    from workflows.messages import CallView, StartCallInput
    from workflows.views import begin_call, call_view_of


@workflow.defn(name="CallWorkflow")
class CallWorkflow(Shell):
    """One call, from the moment its conference is known to its end. Id: `call/{ConferenceSid}`."""

    @workflow.init
    def __init__(self, given: StartCallInput) -> None:
        super().__init__(begin_call(given))

    @workflow.run
    async def run(self, given: StartCallInput) -> CallView:
        """Ring the agents in turn, then watch the call; answers who was on it at the end."""
        return call_view_of(await self.carry_through())
