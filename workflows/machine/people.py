"""Who is where and who hears whom, as we believe it."""

from __future__ import annotations

from workflows.machine.model import Leg, Party, Presence, Transfer

_WORD: dict[Presence, str] = {
    Presence.NONE: "-",
    Presence.DIALED: "dialed",
    Presence.RINGING: "rings",
    Presence.SCREENED: "asked",
    Presence.PRESENT: "talks",
    Presence.LEAVING: "leaves",
    Presence.GONE: "gone",
}


def where(leg: Leg) -> str:
    """One word for where a leg is: -, dialed, rings, asked, talks, holds, leaves, gone."""
    return "holds" if leg.held and leg.is_live else _WORD[leg.presence]


def where_everybody_is(transfer: Transfer) -> str:
    """`caller holds, agent talks, target talks`: for the journal."""
    return ", ".join(f"{party} {where(transfer.leg(party))}" for party in Party)


def hears(transfer: Transfer, party: Party) -> tuple[Party, ...]:
    """The parties whom `party` hears. Whose hold is in doubt counts as heard: who believes to talk
    in private must not be told so before it is known."""
    if not _is_audible(transfer.leg(party)):
        return ()
    return tuple(
        other for other in Party if other is not party and _is_audible(transfer.leg(other))
    )


def _is_audible(leg: Leg) -> bool:
    is_held = leg.held and not leg.is_hold_doubtful
    return leg.presence in (Presence.PRESENT, Presence.LEAVING) and not is_held
