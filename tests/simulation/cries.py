"""An agent's cry for help: what was asked of the api, and what is shown of it.

S13: whoever came for it, that it was withdrawn or that nobody came is final. S14: asking again
while it is open is asking once. S20: one supervisor comes for it, and whoever came later is told
so. S27: who is shown to have come is there, and what was withdrawn is not shown as open.
"""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

Journal = Callable[[], list[dict[str, Any]]]
OPEN, TAKEN = "open", "taken"


class Cries:
    """The cries for help of a history's call."""

    def __init__(self, check: Any) -> None:
        self._check = check
        self._last: dict[str, dict[str, Any]] = {}
        """A supervision's run -> the cry that it showed last."""
        self._under_way = 0
        """Requests of the agent that may still take effect."""

    def shown(self, run_id: str, view: dict[str, Any], journal: Journal = list) -> None:
        """A supervision shows itself; `journal` reads its entries, where they are needed."""
        cry, before = view["help"], self._last.get(run_id)
        if cry is None:
            if before is not None:
                self._check.broken("S13", f"a cry for help that was {before['state']} is forgotten")
            return
        self._last[run_id] = cry
        is_same = before is not None and before["asked_at"] == cry["asked_at"]
        is_second = before is not None and not is_same and before["state"] == OPEN
        if is_second and not _is_answered(journal(), before, cry):
            self._check.broken("S14", "an agent who asked for help twice has two cries")
        if is_same and before is not None and before["state"] != OPEN:
            words = [f"{each['state']} {each['taken_by']}" for each in (before, cry)]
            if words[0] != words[1]:
                self._check.broken("S13", f"a cry for help that was {words[0]} became {words[1]}")
        known = {each["id"] for each in view["supervisors"]}
        if cry["state"] == TAKEN and cry["taken_by"] not in known:
            self._check.broken("S27", f"{cry['taken_by']} came to help, and nobody knows them")

    def asked(self) -> None:
        """The agent asks for a supervisor, or needs none any more."""
        self._under_way += 1

    def answered(self, verb: str, answer: Any) -> None:
        """What the agent was told. What was not answered may take effect at any time."""
        if answer.status not in (0, 500, 503):
            self._under_way -= 1
        is_withdrawn = verb == "withdraw_help" and answer.is_ok and not self._under_way
        if is_withdrawn and any(cry["state"] == OPEN for cry in self._last.values()):
            self._check.broken("S27", "a cry for help was withdrawn, and is open")

    def came(self, supervisor_id: str) -> None:
        """A supervisor was told to be the one who came."""
        if all(cry["taken_by"] != supervisor_id for cry in self._last.values()):
            self._check.broken("S20", f"{supervisor_id} came to help, and is not shown as help")


def _is_answered(
    journal: list[dict[str, Any]], before: dict[str, Any] | None, cry: dict[str, Any]
) -> bool:
    """Whether somebody came, or the cry was withdrawn, before the next one: what happens in one
    moment is shown once, after all of it."""
    asked_at = before["asked_at"] if before is not None else 0.0
    return any(
        asked_at <= entry["at"] <= cry["asked_at"]
        and (entry["heard"].startswith("JoinedTo") or entry["heard"] == "HelpWithdrawn")
        for entry in journal
    )
