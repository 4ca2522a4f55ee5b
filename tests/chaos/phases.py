"""Every state of every table: how a call is parked in it, or why none is.

A test holds `PHASES` and `UNPARKED` against the tables. Those of calls that come through TaskRouter
are in `phases_queues.py`.
"""

from __future__ import annotations

from collections.abc import Mapping

from tests.chaos.parked import (
    HOLD,
    UNHOLD,
    Park,
    Phase,
    Plan,
    answered_and_completed,
    answers,
    apart,
    asked_for_a_key,
    cold_settling,
    cold_vetting,
    completes_when,
    consulting,
    dialing,
    held,
    hold_recalling,
    offered,
    pressed,
    presses,
    recalling,
    reminded,
    settling,
    starts,
    supervised,
    supervisor_dialing,
    talking,
    then,
    vetting,
    warm_recalling,
)

PASSING: frozenset[Phase] = frozenset(
    {("supervisor", "dialing")}
    | {(kind, state) for kind in ("warm", "cold") for state in ("screening", "vetting", "settling")}
)
"""States that end by a clock of seconds: parked last."""

_JOINED = pressed(consulting, "join", "conferring", Plan(presses("complete")))
_BACK = pressed(consulting, "swap", "revisiting", Plan(presses("complete")))
_AWAITED = pressed(dialing("warm", Plan()), "complete", "awaiting", Plan(answers("target")))
_ON_DIAL = {"release_agent": "on_dial"}

PHASES: Mapping[Phase, Park] = {
    ("warm", "dialing"): dialing("warm", Plan(answered_and_completed)),
    ("warm", "screening"): asked_for_a_key("warm", Plan(completes_when("consulting"))),
    ("warm", "consulting"): consulting,
    ("warm", "dialing_aside"): pressed(
        dialing("warm", Plan()), "swap", "dialing_aside",
        Plan(presses("cancel"), ("cancelled", "cancelled_by_agent")),
    ),
    ("warm", "revisiting"): _BACK,
    ("warm", "conferring"): _JOINED,
    ("warm", "awaiting"): _AWAITED,
    ("warm", "vetting"): vetting,
    ("warm", "recalling"): warm_recalling,
    ("warm", "settling"): settling,
    ("warm", "holding"): then(
        talking, Plan(answered_and_completed, trigger=starts("warm"), caught=("POST", HOLD))
    ),
    ("warm", "swapping_back"): then(
        consulting,
        Plan(completes_when("revisiting"), trigger=presses("swap"), caught=("POST", HOLD)),
    ),
    ("warm", "swapping_forth"): then(
        _BACK, Plan(completes_when("consulting"), trigger=presses("swap"), caught=("POST", HOLD))
    ),
    ("warm", "joining"): then(
        consulting,
        Plan(completes_when("conferring"), trigger=presses("join"), caught=("POST", UNHOLD)),
    ),
    ("warm", "handing_over"): then(
        consulting, Plan(trigger=presses("complete"), caught=("POST", UNHOLD))
    ),
    ("warm", "leaving"): then(
        consulting, Plan(trigger=presses("complete"), caught=("DELETE", ()))
    ),
    ("warm", "connecting"): then(
        _AWAITED, Plan(trigger=answers("target"), caught=("POST", UNHOLD))
    ),
    ("warm", "cancelling"): then(
        dialing("warm", Plan()),
        Plan(
            ends=("cancelled", "cancelled_by_agent"),
            trigger=presses("cancel"), caught=("POST", UNHOLD),
        ),
    ),
    ("warm", "returning"): then(
        consulting,
        Plan(
            ends=("failed", "target_hung_up"),
            trigger=lambda day: day.hangs_up("target"), caught=("POST", UNHOLD),
        ),
    ),
    ("cold", "dialing"): dialing("cold", Plan(answers("target"))),
    ("cold", "screening"): asked_for_a_key("cold", Plan()),
    ("cold", "awaiting"): dialing("cold", Plan(answers("target")), **_ON_DIAL),
    ("cold", "vetting"): cold_vetting,
    ("cold", "recalling"): recalling,
    ("cold", "settling"): cold_settling,
    ("cold", "holding"): then(
        talking, Plan(answers("target"), trigger=starts("cold"), caught=("POST", HOLD))
    ),
    ("cold", "handing_over"): then(
        dialing("cold", Plan()), Plan(trigger=answers("target"), caught=("POST", UNHOLD))
    ),
    ("cold", "leaving"): then(
        dialing("cold", Plan()), Plan(trigger=answers("target"), caught=("DELETE", ()))
    ),
    ("hold", "held"): held,
    ("hold", "reminded"): reminded,
    ("hold", "recalling"): hold_recalling,
    ("supervisor", "dialing"): supervisor_dialing,
    ("supervisor", "listening"): supervised("monitor", "whisper", "whispering"),
    ("supervisor", "whispering"): supervised("whisper", "barge", "barging"),
    ("supervisor", "barging"): supervised("barge", "monitor", "listening"),
    ("supervisor", "apart"): apart,
    ("inbound", "awaiting"): offered,
}  # fmt: skip

_MOMENTS = "lasts for one request to Twilio; "
_ENDING = _MOMENTS + "its row is the warm transfer's, from one fragment"
_RARE = _MOMENTS + "it needs a second thing to go wrong in that moment"
UNPARKED: Mapping[Phase, str] = {
    **dict.fromkeys(
        [("warm", state) for state in ("doubting", "dropping", "forgoing", "diverting")], _RARE
    ),
    **dict.fromkeys(
        [("cold", state) for state in ("doubting", "dropping", "forgoing", "diverting")], _RARE
    ),
    **dict.fromkeys(
        [("cold", state) for state in ("connecting", "cancelling", "returning")], _ENDING
    ),
    ("warm", "releasing"): _MOMENTS + "the caller has gone",
    ("cold", "releasing"): _MOMENTS + "the caller has gone",
    **dict.fromkeys(
        [("hold", state) for state in ("holding", "asking", "checking", "yielding", "resuming")],
        _MOMENTS + "a hold takes no other step than a transfer does there",
    ),
    ("hold", "diverting"): _RARE,
    ("hold", "releasing"): _MOMENTS + "the caller has gone",
    **dict.fromkeys(
        [("supervisor", state) for state in ("silencing", "opening", "parting", "taking_over")],
        _MOMENTS + "the room is read again by whichever build comes",
    ),
    ("supervisor", "leaving"): _MOMENTS + "nobody hears the supervisor",
    ("inbound", "talking"): "every call that is parked has an owner in it",
    **dict.fromkeys(
        [("inbound", state) for state in ("asking", "checking", "forgoing", "diverting")], _RARE
    ),
    ("inbound", "releasing"): _MOMENTS + "the caller has gone",
}
"""Why a state is not parked in."""
