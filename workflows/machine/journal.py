"""The story of one transfer, drawn: one line per step, from one function.

The same lines stand on the operator's screen in Temporal's Web UI, in the output of a failed test
and in the demo.
"""

from __future__ import annotations

from collections.abc import Sequence
from functools import lru_cache

from workflows.machine.model import Entry, Party

_PARTIES = tuple(party.value for party in Party)
_TITLES = f"{'time':>9}  {''.join(f'{party:<9}' for party in _PARTIES)}what happened"


def line(entry: Entry) -> str:
    """One step in the shape of the log: `< fact = STATE->STATE > command`."""
    states = entry.state_to.upper()
    if entry.state_from != entry.state_to:
        states = f"{entry.state_from.upper()}->{states}"
    began = f" > {', '.join(entry.began)}" if entry.began else ""
    who = f"{entry.who} " if entry.who else ""
    return f"< {who}{entry.heard} = {states}{began}"


def ladder(entries: Sequence[Entry], started_at: float) -> str:
    """The whole story: seconds since the start, where each person is, and what happened."""
    return "\n".join([_TITLES, *(_row(entry, started_at) for entry in entries)])


@lru_cache(4096)
def _row(entry: Entry, started_at: float) -> str:
    """One step of the story. It is drawn once, though the story is told after every step."""
    places = dict(each.split(" ", 1) for each in entry.people.split(", ") if " " in each)
    people = "".join(f"{places.get(party, ''):<9}" for party in _PARTIES)
    return f"{entry.at - started_at:>+8.2f}s  {people}{line(entry)}"


def waits_for(pending: Sequence[str], deadline_in: float | None) -> str:
    """What has to happen next, for an operator: the commands under way and the time left.

    `pending` holds the keys of the commands, `deadline_in` the seconds to the deadline, None at an
    end.
    """
    if deadline_in is None:
        return ""
    under_way = ", ".join(key.rsplit("-", 1)[-1] for key in pending) or "somebody to act"
    return f"{under_way}; in {max(0.0, deadline_in):.0f} s at the latest the next step is taken"
