"""What tests ask of the guardian, and of a stack that has come to rest."""

from __future__ import annotations

from tests.e2e.stack import CALLS_RUNNING, Stack
from tests.e2e.telephones import until
from workflows.messages import GUARDIAN_WORKFLOW_ID, MEMO_VIEW, GuardianView


async def guardian_of(stack: Stack) -> GuardianView:
    """What the guardian shows of itself."""
    client = await stack.temporal()
    description = await client.get_workflow_handle(GUARDIAN_WORKFLOW_ID).describe()
    return await description.memo_value(MEMO_VIEW, type_hint=GuardianView)


async def nothing_runs(stack: Stack, seconds: float = 30.0) -> None:
    """Every workflow of a call comes to its end."""
    client = await stack.temporal()

    async def look() -> bool | None:
        running = await client.count_workflows(CALLS_RUNNING)
        return True if running.count == 0 else None

    await until(look, "every workflow to end", seconds)
