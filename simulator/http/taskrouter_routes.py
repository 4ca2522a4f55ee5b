"""The table of TaskRouter's REST operations: method and path shape to an operation of the core.

A path below `/v1` is read as collection, item, collection, item, as in `routes.py`. Where a
collection holds a word that is no item (`Workers/Statistics`), that word is part of the shape.
"""

from collections.abc import Callable
from typing import Any

from simulator.core.network import Network
from simulator.core.taskrouter.requests import Requests
from simulator.core.text import Form
from simulator.http.routes import Operation, Routes

Ask = Callable[[Requests, list[str], Form], Any]
STATISTICS = ("Statistics", "RealTimeStatistics", "CumulativeStatistics")


def _run(ask: Ask) -> Callable[[Network, list[str], Form], Any]:
    return lambda network, ids, form: ask(network.taskrouter.rest, ids, form)


def _resource(shape: str, name: str, group: Callable[[Requests], Any], verbs: str) -> Routes:
    """The usual operations of one resource: of `create list fetch update delete` those named."""
    every: Routes = {
        ("POST", shape, False): Operation(
            f"{name}.create", _run(lambda r, i, f: group(r).create(*i, f)), 201, writes=True
        ),
        ("GET", shape, False): Operation(
            f"{name}.list", _run(lambda r, i, f: group(r).read(*i, f))
        ),
        ("GET", shape, True): Operation(f"{name}.fetch", _run(lambda r, i, _: group(r).fetch(*i))),
        ("POST", shape, True): Operation(
            f"{name}.update", _run(lambda r, i, f: group(r).update(*i, f)), 200, writes=True
        ),
        ("DELETE", shape, True): Operation(
            f"{name}.delete", _run(lambda r, i, _: group(r).delete(*i)), 204, writes=True
        ),
    }
    return {key: op for key, op in every.items() if op.name.rsplit(".", 1)[1] in verbs.split()}


def _statistics() -> Routes:
    found: Routes = {}

    def add(shape: str, ask: Ask, method: str = "GET") -> None:
        found[method, shape, False] = Operation("statistics.fetch", _run(ask))

    for kind in STATISTICS:
        add(f"Workspaces/{kind}", _of(lambda r, i, f, k: r.statistics.workspace(i[0], k, f), kind))
        add(
            f"Workspaces/TaskQueues/{kind}",
            _of(lambda r, i, f, k: r.statistics.queue(i[0], i[1], k, f), kind),
        )
        add(
            f"Workspaces/Workflows/{kind}",
            _of(lambda r, i, f, k: r.statistics.workflow(i[0], i[1], k, f), kind),
        )
        add(
            f"Workspaces/Workers:{kind}",
            _of(lambda r, i, f, k: r.statistics.workers(i[0], k, f), kind),
        )
    add(
        "Workspaces/Workers/Statistics",
        lambda r, i, f: r.statistics.worker(i[0], i[1], f),
    )
    add("Workspaces/TaskQueues:Statistics", lambda r, i, f: r.statistics.queues(i[0], f))
    add(
        "Workspaces/TaskQueues:RealTimeStatistics",
        lambda r, i, f: r.statistics.queues_now(i[0], f),
        "POST",
    )
    return found


def _of(ask: Callable[[Requests, list[str], Form, str], Any], kind: str) -> Ask:
    return lambda requests, ids, form: ask(requests, ids, form, kind)


ALL = "create list fetch update delete"
ROUTES: Routes = {
    **_resource("Workspaces", "workspaces", lambda r: r.workspaces, ALL),
    **_resource("Workspaces/Activities", "activities", lambda r: r.activities, ALL),
    **_resource("Workspaces/TaskChannels", "task_channels", lambda r: r.task_channels, ALL),
    **_resource("Workspaces/TaskQueues", "task_queues", lambda r: r.queues, ALL),
    **_resource("Workspaces/Workflows", "workflows", lambda r: r.workflows, ALL),
    **_resource("Workspaces/Workers", "workers", lambda r: r.workers, ALL),
    **_resource(
        "Workspaces/Workers/Channels", "worker_channels", lambda r: r.worker_channels,
        "list fetch update",
    ),
    **_resource("Workspaces/Tasks", "tasks", lambda r: r.tasks, ALL),
    **_resource(
        "Workspaces/Tasks/Reservations", "reservations", lambda r: r.reservations,
        "list fetch update",
    ),
    **_resource(
        "Workspaces/Workers/Reservations", "reservations", lambda r: r.reservations,
        "list fetch update",
    ),
    **_resource("Workspaces/Events", "events", lambda r: r.events, "list fetch"),
    **_statistics(),
}  # fmt: skip
SHAPES = frozenset((shape, item) for _, shape, item in ROUTES)


def shape_of(path: str) -> tuple[str, bool, list[str]]:
    """The collections of a path below `/v1/`, whether an item is last, and the items' keys."""
    parts = path.strip("/").split("/")[1:]
    if len(parts) >= 4 and parts[-1] in STATISTICS and len(parts) % 2 == 0:
        # `Workers/Statistics`: a word where an item would stand.
        parts[-2:] = [f"{parts[-2]}:{parts[-1]}"]
    return "/".join(parts[0::2]), len(parts) % 2 == 0, parts[1::2]
