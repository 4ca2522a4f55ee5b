"""The warm transfer: its table on the shell, nothing more."""

from __future__ import annotations

from temporalio import workflow

from workflows.transfer import TransferWorkflow

with workflow.unsafe.imports_passed_through():
    from workflows.messages import StartTransferInput, TransferView


@workflow.defn(name="WarmTransferWorkflow")
class WarmTransferWorkflow(TransferWorkflow):
    """One warm transfer of one call. Its id is the lock: `transfer/{ConferenceSid}`."""

    @workflow.init
    def __init__(self, given: StartTransferInput) -> None:
        super().__init__(given)

    @workflow.run
    async def run(self, given: StartTransferInput) -> TransferView:
        """From the request to the end; answers what became of it."""
        return await self.carry_transfer()
