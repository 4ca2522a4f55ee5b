"""The workflow's configuration: who may get a task. Pure.

Filters are tried in their order and the first that matches wins, so what is asked for most exactly
comes first: a worker or else a queue, a worker, a queue, skills. What asks for nothing goes to the
default queue; that is also where a call lands whose task another application made.
https://www.twilio.com/docs/taskrouter/workflow-configuration
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from activities.provision.wanted import EVERYONE, NOBODY, Wanted
from activities.task_marks import (
    IN_QUEUE,
    QUEUE,
    SKILL_COUNT,
    SKILLS,
    SKILLS_MAX,
    TARGET,
    WITH_SKILLS,
    WORKER,
    WORKER_BY_NAME,
    WORKER_BY_SID,
)

_AIMED_BY = {
    # kind of target: (the target's field, its word for a reader)
    WORKER_BY_SID: ("known_worker_sid", "by SID"),
    WORKER_BY_NAME: ("known_worker_friendly_name", "by name"),
}
"""https://www.twilio.com/docs/taskrouter/workflow-configuration"""


def configuration(wanted: Wanted, queue_sids: Mapping[str, str]) -> dict[str, Any]:
    """The document for `Configuration`, with these SIDs for the queues' names."""
    named = [name for name in wanted.all_queues if name != NOBODY]
    filters = [
        *(_worker_else_queue(wanted, kind, name) for kind in _AIMED_BY for name in named),
        *(_worker(kind) for kind in _AIMED_BY),
        *(_queue(wanted, name) for name in named),
        _filter("Unknown queue", _is(TARGET, IN_QUEUE), [{"queue": NOBODY}]),
        _filter("Skills", _is(TARGET, WITH_SKILLS), [{"queue": EVERYONE, **_skilled()}]),
    ]
    for each in filters:
        for target in each["targets"]:
            target["queue"] = queue_sids[target["queue"]]
    default = {"queue": queue_sids[wanted.workflow.default_queue]}
    return {"task_routing": {"filters": filters, "default_filter": default}}


def _worker_else_queue(wanted: Wanted, kind: str, queue: str) -> dict[str, Any]:
    """A queue is not left waiting for a worker who is away: `skip_if` goes on at once."""
    patience = {"timeout": wanted.workflow.worker_seconds, "skip_if": "workers.available == 0"}
    return _filter(
        f"Worker {_AIMED_BY[kind][1]}, else {queue}",
        f"{_is(TARGET, kind)} AND {_is(QUEUE, queue)}",
        [{**_known(kind), **patience}, *_targets(wanted, queue)],
    )


def _worker(kind: str) -> dict[str, Any]:
    targets = [_known(kind), {"queue": NOBODY}]
    return _filter(f"Worker {_AIMED_BY[kind][1]}", _is(TARGET, kind), targets)


def _queue(wanted: Wanted, name: str) -> dict[str, Any]:
    expression = f"{_is(TARGET, IN_QUEUE)} AND {_is(QUEUE, name)}"
    return _filter(f"Queue {name}", expression, _targets(wanted, name))


def _targets(wanted: Wanted, name: str) -> list[dict[str, Any]]:
    """The last one has no time-out: how long a task may wait at all is told when it is made."""
    queue = wanted.all_queues[name]
    target: dict[str, Any] = {"queue": name, **_skilled()}
    if queue.timeout_seconds is None or queue.overflow is None:
        return [target]
    return [{**target, "timeout": queue.timeout_seconds}, {"queue": queue.overflow}]


def _known(kind: str) -> dict[str, Any]:
    return {"queue": EVERYONE, _AIMED_BY[kind][0]: f"task.{WORKER}"}


def _skilled() -> dict[str, str]:
    """True for workers who have every skill that the task asks for. A task that asks for fewer than
    are compared repeats one of them."""
    all_of = " AND ".join(f"worker.skills HAS task.{SKILLS}[{i}]" for i in range(SKILLS_MAX))
    return {"expression": f"(task.{SKILL_COUNT} == 0) OR ({all_of})"}


def _filter(name: str, expression: str, targets: list[dict[str, Any]]) -> dict[str, Any]:
    return {"filter_friendly_name": name, "expression": expression, "targets": targets}


def _is(attribute: str, value: str) -> str:
    return f'{attribute} == "{value}"'
