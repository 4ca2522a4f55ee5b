"""A worker with one more workflow, which makes one request to Twilio: for tests of the process.

python -m tests.worker.one_call
"""

from __future__ import annotations

from datetime import timedelta

from temporalio import workflow
from temporalio.common import RetryPolicy

with workflow.unsafe.imports_passed_through():
    from activities.creating import AddedLeg
    from activities.participants import AddInput, Participants
    from workflows.machine.model import Entry, Kind, Reason, State
    from workflows.telemetry import Telemetry


@workflow.defn
class OneCall:
    """Rings one phone into a room, the way a transfer does, and tells what a transfer tells."""

    @workflow.run
    async def run(self, given: AddInput) -> AddedLeg:
        """Answers the leg."""
        voice = Telemetry(Kind.WARM, given.label, given.conference_sid)
        voice.step(Entry(1, 0.0, "Started", State.HOLDING, State.DIALING, ("DialTarget",)))
        voice.ended(State.COMPLETED, Reason.COMPLETED, seconds_to_human=7.0, hold_seconds=3.0)
        return await workflow.execute_activity_method(
            Participants.add_participant,
            given,
            start_to_close_timeout=timedelta(seconds=4),
            schedule_to_close_timeout=timedelta(seconds=30),
            retry_policy=RetryPolicy(initial_interval=timedelta(milliseconds=100)),
        )


def main() -> None:
    """Run the real worker, with this workflow too, and leave as it does."""
    import worker
    from tests.worker.one_call import OneCall as Registered

    worker.WORKFLOWS = (*worker.WORKFLOWS, Registered)
    worker.leave(worker.main([]))


if __name__ == "__main__":
    main()
