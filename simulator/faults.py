"""Faults: what goes wrong on purpose. Pure; whoever carries requests asks here what to do.

A rule is tried against every request, callback or document of its kind. `skip` lets the first
ones pass, `count` bounds how often it strikes, `probability` is drawn from the rule's own seed.
"""

import re
from dataclasses import asdict, dataclass, field
from fnmatch import fnmatchcase
from random import Random
from typing import Any, Literal

On = Literal["request", "callback", "twiml"]
KINDS: dict[str, frozenset[str]] = {
    "request": frozenset(
        {"latency", "status", "timeout_before", "timeout_after", "reset_before", "reset_after",
         "no_effect"}
    ),
    "callback": frozenset({"drop", "delay", "duplicate", "reorder"}),
    "twiml": frozenset({"drop", "delay", "status"}),
}  # fmt: skip
SLOW_SECONDS, HANG_SECONDS = 1.0, 60.0
DEFAULT_CODES = {429: 20429, 500: 20500, 503: 20503, 404: 20404, 400: 20001, 401: 20003}
DEFAULT_MESSAGES = {429: "Too Many Requests", 500: "Internal Server Error"}


@dataclass(slots=True)
class FaultRule:
    """`route` names an operation (`participants.update`, `participants.*`) or a request
    (`POST /Participants`); `path` is a pattern searched in path or address; `event` names
    callbacks. `seconds` left out means a second of latency or delay, a minute of hanging.
    """

    on: On
    kind: str
    id: str = ""
    route: str | None = None
    method: str | None = None
    path: str | None = None
    event: str | None = None
    count: int | None = None
    skip: int = 0
    probability: float = 1.0
    seed: int = 0
    seconds: float | None = None
    times: int = 2
    status: int = 500
    code: int | None = None
    message: str | None = None
    body: str | None = None
    retry_after: int | None = None
    seen: int = field(default=0, init=False)
    hits: int = field(default=0, init=False)
    random: Random = field(default_factory=Random, init=False, repr=False)

    def __post_init__(self) -> None:
        if self.on not in KINDS:
            raise ValueError(f"on must be one of {', '.join(KINDS)}")
        if self.kind not in KINDS[self.on]:
            raise ValueError(f"a fault on {self.on} is one of {', '.join(sorted(KINDS[self.on]))}")
        if not 0.0 <= self.probability <= 1.0:
            raise ValueError("probability must be from 0 to 1")
        try:
            re.compile(self.path or "")
        except re.error as error:
            raise ValueError(f"path is not a pattern: {error}") from error
        self.random = Random(self.seed)  # noqa: S311 - reproducible on purpose

    def strikes(self, *, method: str, path: str, name: str) -> bool:
        """Whether this rule applies to this one; counts and draws only for those that fit."""
        if not self._fits(method, path, name):
            return False
        self.seen += 1
        if self.seen <= self.skip or (self.count is not None and self.hits >= self.count):
            return False
        if self.probability < 1.0 and self.random.random() >= self.probability:
            return False
        self.hits += 1
        return True

    def _fits(self, method: str, path: str, name: str) -> bool:
        if self.method is not None and self.method.upper() != method:
            return False
        if self.path is not None and re.search(self.path, path) is None:
            return False
        if self.event is not None and not fnmatchcase(name, self.event):
            return False
        return self.route is None or _on_route(self.route, method, path, name)

    @property
    def wait_seconds(self) -> float:
        if self.seconds is not None:
            return self.seconds
        return HANG_SECONDS if self.kind.startswith("timeout") else SLOW_SECONDS

    def error_body(self) -> dict[str, Any]:
        code = self.code or DEFAULT_CODES.get(self.status, 20000 + self.status)
        return {
            "code": code,
            "message": self.message or DEFAULT_MESSAGES.get(self.status, "Simulated fault"),
            "more_info": f"https://www.twilio.com/docs/errors/{code}",
            "status": self.status,
        }

    def as_dict(self) -> dict[str, Any]:
        shown = asdict(self)
        del shown["random"]
        return shown


def _on_route(route: str, method: str, path: str, name: str) -> bool:
    """`POST /Participants` fits the collection, and its items when they are asked with POST."""
    if " " not in route:
        return fnmatchcase(name, route)
    wanted, part = route.split(" ", 1)
    pattern = re.escape(part).replace(r"\*", "[^/]+") + r"(\.json|/|$)"
    return wanted.upper() in (method, "ANY") and re.search(pattern, path) is not None


class Faults:
    """The rules in force, tried in the order in which they were made."""

    def __init__(self) -> None:
        self._rules: dict[str, FaultRule] = {}
        self._made = 0

    def add(self, rule: FaultRule) -> FaultRule:
        self._made += 1
        rule.id = rule.id or f"fault-{self._made}"
        self._rules[rule.id] = rule
        return rule

    def remove(self, rule_id: str) -> bool:
        return self._rules.pop(rule_id, None) is not None

    def clear(self) -> None:
        self._rules.clear()

    def __bool__(self) -> bool:
        return bool(self._rules)

    def __iter__(self) -> Any:
        return iter(self._rules.values())

    def striking(self, on: On, *, method: str, path: str, name: str) -> list[FaultRule]:
        """All rules that strike here. Latency and delay may come with one other fault."""
        struck: list[FaultRule] = []
        for rule in self._rules.values():
            slow = rule.kind in ("latency", "delay")
            if rule.on != on or (
                not slow and any(r.kind not in ("latency", "delay") for r in struck)
            ):
                continue
            if rule.strikes(method=method, path=path, name=name):
                struck.append(rule)
        return struck
