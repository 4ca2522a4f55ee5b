"""What a workflow says about itself: one log line per step, and a few figures.

Used from workflow code. Both `workflow.logger` and `workflow.metric_meter()` stay silent while a
history is replayed, so nothing is said twice. No number and no name is ever part of either.
"""

from __future__ import annotations

import logging
from collections.abc import Sequence
from dataclasses import dataclass, field

from temporalio import workflow
from temporalio.common import MetricCounter, MetricHistogramFloat
from temporalio.runtime import (
    LogForwardingConfig,
    LoggingConfig,
    PrometheusConfig,
    Runtime,
    TelemetryConfig,
    TelemetryFilter,
)

from workflows.machine.journal import line
from workflows.machine.model import Entry

STEPS = "handover_steps_total"
OUTCOMES = "handover_outcomes_total"
SECONDS_TO_HUMAN = "handover_seconds_to_human"
HOLD_SECONDS = "handover_hold_seconds"

LOOKS = "handover_guardian_looks_total"
FINDINGS = "handover_guardian_findings_total"
RESCUES = "handover_guardian_rescues_total"

FAST = (0.001, 0.002, 0.005, 0.01, 0.02, 0.03, 0.05, 0.1, 0.2, 0.5, 1.0, 2.0, 5.0, 10.0, 30.0)
"""Seconds. Temporal's own first bucket is 50 ms, and most of what we do is below it."""
PATIENCE = (1.0, 2.0, 5.0, 10.0, 15.0, 20.0, 30.0, 45.0, 60.0, 90.0, 120.0, 180.0, 300.0, 600.0)
"""Seconds that a person waits; a transfer's budget is four minutes."""

FAST_METRICS = (
    "temporal_workflow_task_schedule_to_start_latency",
    "temporal_workflow_task_execution_latency",
    "temporal_workflow_task_replay_latency",
    "temporal_activity_schedule_to_start_latency",
    "temporal_activity_execution_latency",
    "temporal_activity_succeed_endtoend_latency",
    "temporal_request_latency",
)


@dataclass
class Telemetry:
    """The voice of one transfer. Made once per workflow, in workflow code."""

    kind: str
    transfer_id: str
    conference_sid: str
    _steps: MetricCounter = field(init=False, repr=False)
    _outcomes: MetricCounter = field(init=False, repr=False)
    _to_human: MetricHistogramFloat = field(init=False, repr=False)
    _hold: MetricHistogramFloat = field(init=False, repr=False)

    def __post_init__(self) -> None:
        meter = workflow.metric_meter().with_additional_attributes({"kind": str(self.kind)})
        self._steps = meter.create_counter(STEPS, "Steps taken, by the state they led to")
        self._outcomes = meter.create_counter(OUTCOMES, "Transfers ended, by state and reason")
        self._to_human = meter.create_histogram_float(
            SECONDS_TO_HUMAN, "From the start until caller and target talked", "s"
        )
        self._hold = meter.create_histogram_float(HOLD_SECONDS, "Caller on hold", "s")

    def step(self, entry: Entry) -> None:
        """Say that a step was taken."""
        self._steps.add(1, {"state": str(entry.state_to)})
        workflow.logger.info(
            line(entry),
            extra={
                "transfer": self.transfer_id,
                "call": self.conference_sid,
                "kind": str(self.kind),
                "step": entry.step,
            },
        )

    def ended(
        self,
        outcome: str,
        reason: str,
        seconds_to_human: float | None = None,
        hold_seconds: float | None = None,
    ) -> None:
        """Say how it ended. `seconds_to_human` is None when caller and target never met,
        `hold_seconds` when nobody was to be held."""
        self._outcomes.add(1, {"outcome": str(outcome), "reason": str(reason)})
        if seconds_to_human is not None:
            self._to_human.record(seconds_to_human)
        if hold_seconds is not None:
            self._hold.record(hold_seconds)


class GuardianTelemetry:
    """The voice of the guardian. Made once per run, in workflow code."""

    def __init__(self) -> None:
        meter = workflow.metric_meter()
        self._looks = meter.create_counter(LOOKS, "Looks of the guardian, by what came of them")
        self._findings = meter.create_counter(FINDINGS, "Findings of the guardian, by kind")
        self._rescues = meter.create_counter(RESCUES, "Steps taken for people nobody looked after")

    def looked(self, whole: int, failed: int) -> None:
        """Say how many looks were had, and how many were not."""
        for outcome, count in (("whole", whole), ("failed", failed)):
            if count:
                self._looks.add(count, {"outcome": outcome})

    def found(self, kind: str, workflow_id: str, level: int) -> None:
        """Say what was found: an error wakes somebody, a warning is a lost callback or a bug."""
        self._findings.add(1, {"kind": kind})
        extra = {"owner": workflow_id, "kind": kind}
        workflow.logger.log(level, f"the guardian found {kind}", extra=extra)

    def rescued(self, what: str, conference_sid: str) -> None:
        """Say what was done for people whom nobody looked after."""
        self._rescues.add(1, {"what": what})
        extra = {"call": conference_sid, "what": what}
        workflow.logger.warning(f"the guardian did {what}", extra=extra)


def runtime(metrics_address: str = "", forward_logs_to: str = "temporalio.core") -> Runtime:
    """Temporal's runtime for this process; make one.

    With an address, all metrics are served there for Prometheus. Logs of the SDK's core go through
    Python's logging, so that they are masked like all others.
    """
    buckets: dict[str, Sequence[float]] = dict.fromkeys(FAST_METRICS, FAST)
    buckets |= {SECONDS_TO_HUMAN: PATIENCE, HOLD_SECONDS: PATIENCE}
    metrics = (
        PrometheusConfig(
            bind_address=metrics_address,
            durations_as_seconds=True,
            histogram_bucket_overrides=buckets,
        )
        if metrics_address
        else None
    )
    return Runtime(
        telemetry=TelemetryConfig(
            metrics=metrics,
            logging=LoggingConfig(
                filter=TelemetryFilter(core_level="WARN", other_level="ERROR"),
                forwarding=LogForwardingConfig(logger=logging.getLogger(forward_logs_to)),
            ),
        )
    )
