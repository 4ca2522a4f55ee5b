"""How long anything may take: the one table of bounds, in seconds.

A bound is what holds on a quiet day, plus what each fault that struck may cost. The costs are those
of the time limits in `workflows/dispatch.py`, and what the guardian promises.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

LOST = 6.0
"""What a lost piece of news may cost: the guardian makes up for it within this time."""
BLIND = 20.0
"""For how long nobody looks after a worker has died in the middle of a round."""
FORCED = 15.0
"""Within what time the guardian looks after the people of a workflow that was ended by force."""
UNWATCHED = 4 * 3600.0 + 60.0
"""What it costs instead where the guardian is off: the longest deadline of a state, that of a call
between its transfers."""
ORDER = 25.0
"""What one bad request may cost: the time that the attempts of a command may take together."""

COSTS: dict[str, float] = {
    "429": ORDER,
    "500": ORDER,
    "500_after": ORDER,
    "503": ORDER,
    "timeout_before": ORDER,
    "timeout_after": ORDER,
    "reset_before": ORDER,
    "reset_after": ORDER,
    "unreachable": ORDER,
    "slow": ORDER,
    "late": 2 * ORDER,
    "worker_crash": 3.0 + 5.0 + ORDER + BLIND,
    "server_crash": 3.0 + ORDER + LOST,
    "api_crash": LOST,
    "cut_off": LOST,
    "lose": LOST,
    "double": 0.0,
    "delay": ORDER,
    "twilio_down": 2 * ORDER,
}
"""Fault -> seconds on top of its own."""
LOSES_NEWS = frozenset({"lose", "cut_off", "api_crash", "server_crash"})
"""A crash of server or api loses callbacks as well."""


@dataclass(frozen=True)
class Bounds:
    """Named as in the catalogue of invariants."""

    strand_seconds: float = 6.0
    """S1: a caller whom nobody and nothing attends to."""
    rescue_seconds: float = 8.0
    """S1, S3: what an operator left behind who ended a workflow by force. A look of the guardian's,
    a second of grace, and one request after the other for who is there."""
    unowned_seconds: float = 30.0
    """S1: on top, where every news of a call was lost since it began, so that it has no owner: it
    may be one that is being set up, and the guardian leaves it alone for so long."""
    clean_seconds: float = 10.0
    """S2: a leg of ours that nobody needs any more."""
    overlap_seconds: float = 1.0
    """S6: a target whose leg is being ended may hear the caller come back this long."""
    hold_seconds: float = 6.0
    """S28: what is shown of the hold, and what is true."""
    mute_seconds: float = 1.0
    """S7: a supervisor whose listener has gone may be heard by others this long, where the network
    lets them: the way of the news, and of one request."""
    apart_seconds: float = 0.5
    """S6: a supervisor who is to stay beside the caller may hear the consult this long: whoever
    picks up in the middle of one, for the way of the news and of one request."""
    abandon_seconds: float = 6.0
    """L7: legs of ours after the caller has gone."""
    cancel_seconds: float = 3.0
    """L6: from an accepted cancel until agent and caller talk."""
    taskrouter_seconds: float = 30.0
    """S19, L8: a task that nobody works on any more."""
    lock_seconds: float = 30.0
    """S12: from the last step of a transfer to the end of its workflow."""
    settle_seconds: float = 12.0
    """How long after its end a transfer may still tidy up."""
    end_seconds: float = 130.0
    """L2: from the last hang-up until nothing is left. A doubtful dial is looked for this long."""
    requests: int = 60
    """S25: requests to Twilio that were begun, per call; each fault may cost as many again."""
    events: int = 2000
    """S25: events of one history."""

    def transfer_seconds(self, story: Any) -> float:
        """L1: the longest that a transfer may take once nothing goes wrong any more."""
        policy = dict(story.policy)
        rings = sum(options.get("ring_seconds", 60.0) + 40.0 for _, options in story.targets)
        talks = policy.get("consult_seconds_max", 600.0)
        budget = policy.get("budget_seconds", 240.0)
        recall = policy.get("recall_ring_seconds", 25.0)
        # Looking back at the caller begins the consult's time anew, each time it is asked for.
        swaps = sum(act.verb in ("swap", "join") for act in story.acts)
        return float(max(rings, budget) + talks * (2 + swaps) + recall + 180.0)


def cost_of(fault: Any, has_guardian: bool) -> float:
    """What one fault may add to any bound."""
    is_unwatched = fault.kind in LOSES_NEWS and not has_guardian
    return COSTS[fault.kind] + float(fault.seconds) + UNWATCHED * is_unwatched
