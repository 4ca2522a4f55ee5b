"""Who hears a supervisor, and who asked for that.

What was asked of the api says who may hear a supervisor; the network says who does; and the view
says what people are shown of it. Nothing else is believed.
"""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import Any

from tests.simulation.truth import Leg

TO_ALL = frozenset({"barge", "take_over"})
"""Modes in which everybody may hear."""
TO_SOMEBODY = TO_ALL | {"whisper"}
VERBS = frozenset(
    {"supervise", "monitor", "whisper", "barge", "take_over", "leave", "ask_help", "withdraw_help"}
)
"""What is asked for about supervisors: nothing of it is about the caller's hold or the agent's
transfer."""
REFUSED = (403, 404, 409, 422)
IN_DOUBT = ("provider_unavailable", "agent_not_released", "caller_is_theirs")
"""Refusals after which the voice may have been given all the same."""


@dataclass
class Wish:
    """What one supervisor has asked for."""

    settled: set[str] = field(default_factory=lambda: {"monitor"})
    """The modes that may be in effect by answers that have come."""
    open: dict[int, str] = field(default_factory=dict)
    """Requests that are not answered yet."""
    crossed: set[int] = field(default_factory=set)
    """Requests that were under way at the same time as another: they have no order."""
    newest: int = 0
    stays: bool = False
    """Whether the supervisor is to hear nothing of a consult, by a join that was accepted."""
    joins: dict[int, bool] = field(default_factory=dict)
    """Joins that are not answered yet -> whether that supervisor was to stay."""
    is_wanted: bool = True
    """Whether the supervisor means to stay on the call."""

    @property
    def may(self) -> set[str]:
        """The modes that may be in effect."""
        return self.settled | set(self.open.values())


class Ears:
    """The supervisors of a history's call, by the addresses of their phones."""

    def __init__(self, check: Any) -> None:
        self._check = check
        self.wishes: dict[str, Wish] = {}
        self.verbs: set[str] = set()
        """Whatever was asked for by anybody."""
        self.joins: dict[str, str] = {}
        """A join's key -> the supervisor's id."""

    # --- what people ask for ---

    def asked(self, address: str, verb: str, is_join: bool = False, stays: bool = False) -> int:
        """A supervisor asks for a mode, or to leave; a number for the answer."""
        self._check.moved()
        wish = self.wishes.setdefault(address, Wish())
        if is_join and not wish.is_wanted and not self._is_still_there(address):
            wish = self.wishes[address] = Wish(newest=wish.newest)
        self.verbs.add(verb)
        wish.newest += 1
        if is_join:
            wish.joins[wish.newest] = stays
        if wish.open:
            wish.crossed |= {wish.newest, *wish.open}
        wish.open[wish.newest] = verb
        return wish.newest

    def answered(self, address: str, number: int, answer: Any) -> None:
        """What the api said to it."""
        self._check.moved()
        wish = self.wishes[address]
        verb = wish.open.pop(number)
        # Whoever is on the way out is heard as before until the leg has ended.
        is_join = number in wish.joins
        if is_join and answer.is_ok and not wish.is_wanted:
            # Taken, so the leg that was there when it was asked for has ended.
            wish.settled, wish.is_wanted = set(), True
        is_alone = number == wish.newest and number not in wish.crossed and wish.is_wanted
        stays = wish.joins.pop(number, wish.stays)
        wish.stays = stays if answer.is_ok else wish.stays
        if verb == "leave":
            wish.is_wanted &= not (answer.is_ok or answer.status in (404, 409))
        elif answer.is_ok:
            wish.settled = {verb} if is_alone else {*wish.settled, verb}
        elif answer.status not in REFUSED or answer.code in IN_DOUBT:
            wish.settled.add(verb)

    def joined(self, key: str, supervisor_id: str) -> None:
        """S14, S15: an accepted join exists, and the same key is the same supervisor."""
        check = self._check
        if self.joins.setdefault(key, supervisor_id) != supervisor_id:
            check.broken("S14", f"one key, two supervisors: {self.joins[key]}, {supervisor_id}")
        if self.shown(supervisor_id) is None:
            check.broken("S15", "a join was accepted, and there is no such supervisor")

    def _is_still_there(self, address: str) -> bool:
        """Whether a leg of this supervisor is about to end. It is heard as before until then, and
        who asks to join meanwhile is refused."""
        return any(leg.address == address for leg in self.legs())

    # --- what is shown ---

    def shown(self, supervisor_id: str) -> dict[str, Any] | None:
        """A supervisor as readers are shown it."""
        for watch in reversed(self._check.supervisions.values()):
            for each in watch.view.get("supervisors", ()):
                if each["id"] == supervisor_id:
                    return dict(each)
        return None

    # --- what is so ---

    def legs(self) -> list[Leg]:
        """The legs of supervisors, but for those who have become the agent."""
        return [
            leg
            for leg in self._check.truth.legs.values()
            if leg.is_live and leg.is_supervisor and not self.is_agent(leg)
        ]

    def is_agent(self, leg: Leg) -> bool:
        """Whether this supervisor has taken the call over."""
        shown = self.shown(leg.label)
        return leg.is_supervisor and shown is not None and shown["state"] == "took_over"

    def has_to_stay(self, leg: Leg) -> bool:
        """Whether this supervisor is to stay beside the caller in a consult."""
        wish = self.wishes.get(leg.address)
        return wish is not None and wish.stays

    def is_wanted(self, leg: Leg) -> bool:
        """Whether this supervisor means to be on the call."""
        wish = self.wishes.get(leg.address)
        return wish is not None and wish.is_wanted


def private_voice(check: Any) -> None:
    """S7: a supervisor is heard by whom it was asked for, at every moment, and never ends a room.

    Where the network lets everybody hear a coach whose listener has gone, nobody can be quicker
    than the news of it: there it may last as long as a mute takes.
    """
    ears = check.ears
    if not ears.wishes:
        return
    is_worst = _is_worst(check)
    for leg in ears.legs():
        if leg.exit_flag and leg.is_joined:
            check.broken("S7", f"the exit flag of {leg.address} is on")
        wish = ears.wishes.get(leg.address)
        may = wish.may if wish is not None else set()
        heard_by = leg.listeners()
        texts = _misheard(check, leg, heard_by, may) if heard_by else []
        texts += _untold(check, leg, heard_by)
        for text in texts if not is_worst else []:
            check.broken("S7", text)
        check.lasting("S7", leg.call.sid, is_worst and bool(texts), check.bounds.mute_seconds,
                      "; ".join(texts))  # fmt: skip


def _misheard(check: Any, leg: Leg, heard_by: set[str], may: set[str]) -> list[str]:
    """Who hears this supervisor and must not."""
    if may & TO_ALL:
        return []
    truth, found = check.truth, []
    if truth.caller_sid in heard_by:
        found.append(f"the caller hears {leg.address}, who asked for {sorted(may)}")
    others = heard_by - {truth.caller_sid}
    if others and not may & TO_SOMEBODY:
        found.append(f"somebody hears {leg.address}, who asked for {sorted(may)}")
    if len(others) > 1:
        found.append(f"{len(others)} hear the whisper of {leg.address}")
    agent = check.agent_leg()
    is_there = agent is not None and agent.is_joined and agent.room is leg.room
    if others and is_there and not agent.is_held and agent.call.sid not in others:
        found.append(f"somebody else than the agent hears the whisper of {leg.address}")
    return found


def _untold(check: Any, leg: Leg, heard_by: set[str]) -> list[str]:
    """Who hears this supervisor without that it is shown."""
    shown = check.ears.shown(leg.label)
    if not heard_by or shown is None:
        return []
    told = shown["heard_by"]
    supervisors = {each.call.sid for each in check.truth.legs.values() if each.is_supervisor}
    found = []
    if check.truth.caller_sid in heard_by and "caller" not in told:
        found.append(f"the caller hears {leg.address}, shown as heard by {told}")
    if heard_by - supervisors - {check.truth.caller_sid} and "agent" not in told:
        found.append(f"an agent hears {leg.address}, shown as heard by {told}")
    return found


def voice_is_told(check: Any) -> None:
    """S28: who is shown as whispering or talking is heard."""
    for leg in check.ears.legs() if check.ears.wishes else ():
        shown = check.ears.shown(leg.label)
        is_shown = shown is not None and shown["state"] in ("whispering", "barging")
        is_unheard = is_shown and leg.is_joined and not leg.listeners()
        agent = check.agent_leg()
        can_hear = agent is not None and agent.is_joined and not agent.is_held
        check.lasting("S28", leg.call.sid, is_unheard and can_hear, check.bounds.hold_seconds,
                      f"{leg.address} is shown as heard, and is not")  # fmt: skip


def consult_is_kept_from_supervisors(check: Any) -> None:
    """S6: a supervisor who stays beside the caller does not hear agent and target."""
    ears = check.ears
    stays = [leg for leg in ears.legs() if ears.has_to_stay(leg)] if ears.wishes else []
    caller = check.truth.caller
    is_consult = any(watch.state == "consulting" for watch in check.running())
    for leg in stays:
        is_there = is_consult and leg.is_joined and leg.room is not None and caller is not None
        hears = is_there and {speaker for speaker, who in leg.room.pairs if who == leg.call.sid}
        people = set(hears or ()) - {caller.call.sid if caller else ""}
        is_told = len(people) > 1 and caller is not None and caller.is_held
        check.lasting("S6", leg.call.sid, is_told, check.bounds.apart_seconds,
                      f"{leg.address} hears the consult")  # fmt: skip


def who_took_over_keeps_the_caller(check: Any) -> None:
    """S1: nobody sends a caller away from a supervisor who is the agent now."""
    ears, caller = check.ears, check.truth.caller
    legs = check.truth.legs.values() if ears.wishes and caller is not None else ()
    for leg in legs:
        is_there = leg.is_supervisor and leg.is_live and leg.is_joined and ears.is_agent(leg)
        is_alone = is_there and caller.is_live and caller.room is not leg.room
        check.lasting("S1", f"taken {leg.call.sid}", is_alone, 0.0,
                      f"the caller was sent away from {leg.address}")  # fmt: skip


def _is_worst(check: Any) -> bool:
    """Whether somebody has just left, and a coach whose listener leaves is heard by everybody."""
    if check.stage.network.switches.coach_of_one_who_left != "becomes_audible":
        return False
    since = check.now - check.bounds.mute_seconds - check.cost
    legs = check.truth.legs.values()
    return any(leg.left_at and leg.left_at >= since and not leg.is_supervisor for leg in legs)


AT_EVERY_STEP = (
    private_voice,
    voice_is_told,
    consult_is_kept_from_supervisors,
    who_took_over_keeps_the_caller,
)
