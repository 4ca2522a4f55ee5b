"""The probe of Twilio that ends an outage."""

from __future__ import annotations

from datetime import timedelta

from temporalio import workflow
from temporalio.common import RetryPolicy

from workflows.dispatch_order import Order

with workflow.unsafe.imports_passed_through():
    from activities.health import Health, ProbeInput

PROBE_AGAIN = RetryPolicy(
    initial_interval=timedelta(seconds=1),
    backoff_coefficient=2.0,
    maximum_interval=timedelta(seconds=5),
    maximum_attempts=0,
)


def probe_order(seconds_max: float) -> Order:
    """Ask Twilio for something, until it answers or `seconds_max` are over."""
    return Order(
        Health.probe_twilio,
        ProbeInput(),
        "is Twilio there?",
        start_to_close=4.0,
        schedule_to_close=seconds_max,
        retry=PROBE_AGAIN,
    )
