"""TaskRouter's REST face: the same door as the 2010 API's, with other paths, ETags and If-Match.

https://www.twilio.com/docs/taskrouter/api
"""

import re
from typing import Any
from urllib.parse import unquote

from simulator.core.account_requests import parameter
from simulator.core.errors import unauthenticated
from simulator.core.network import Network
from simulator.core.text import Form
from simulator.faults import FaultRule
from simulator.http.rest import BAD_AUTHORIZATION, NO_CREDENTIALS, Answer, Request, RestFace
from simulator.http.routes import Operation
from simulator.http.taskrouter_routes import ROUTES, SHAPES, shape_of

Body = dict[str, Any]
PREFIXES = {
    "workspaces": "WS", "activities": "WA", "task_channels": "TC", "task_queues": "WQ",
    "workflows": "WW", "workers": "WK", "tasks": "WT",
}  # fmt: skip


class TaskRouterFace(RestFace):
    def _route(self, request: Request) -> tuple[Operation | None, list[str]]:
        shape, item, ids = shape_of(request.path)
        return ROUTES.get((request.method, shape, item)), [unquote(key) for key in ids]

    @staticmethod
    def _is_known(path: str) -> bool:
        shape, item, _ = shape_of(path)
        return (shape, item) in SHAPES

    def _log_in(self, request: Request) -> None:
        """The account is not in the path here: it is whoever logs in."""
        if not request.authorization:
            raise unauthenticated(NO_CREDENTIALS)
        if request.authorization not in self._logins and not self._is_same(request.authorization):
            raise unauthenticated(BAD_AUTHORIZATION)

    def _run(self, request: Request, operation: Operation, rule: FaultRule | None) -> Answer:
        with self._runtime.act() as network:
            network.ignored = []
            rest = network.taskrouter.rest
            rest.if_match, rest.etag = request.if_match, None
            if rule is not None and rule.kind == "no_effect" and operation.writes:
                return Answer(operation.success, _pretended(network, request, operation))
            try:
                body = operation.run(network, request.ids, request.form)
            finally:
                rest.if_match = None
            ignored, etag = network.ignored, rest.etag
        headers: list[tuple[bytes, bytes]] = []
        if etag is not None:
            headers.append((b"etag", etag.encode()))
        lost = bool(ignored) and len(request.form.values) <= len(ignored)
        return Answer(operation.success, body, operation.writes and not lost, ignored, headers)


def _pretended(network: Network, request: Request, operation: Operation) -> Body | None:
    """The answer of a change that was lost: what is there, with what was asked for.

    A lost create answers a resource that nobody will find again.
    """
    if operation.name.endswith(".delete"):
        return None
    shape, item, ids = shape_of(request.path)
    resource, verb = operation.name.split(".")
    if verb == "create":
        names = (re.sub(r"(?<!^)(?=[A-Z])", "_", name).lower() for name in request.form.values)
        asked = dict(zip(names, request.form.flat().values(), strict=True))
        return {"sid": network.sid(PREFIXES[resource]), "account_sid": network.account_sid, **asked}
    body: Body = ROUTES["GET", shape, item].run(network, ids, Form({}))
    for name in body:
        if parameter(name) in request.form:
            body[name] = request.form.text(parameter(name))
    return body
