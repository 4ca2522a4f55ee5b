"""What the guardian saw twice, and what has only come about between its two looks."""

from __future__ import annotations

import pytest

from activities.guardian import compare
from activities.guardian.closer import lasts
from activities.guardian.compare import Suspicion
from activities.guardian.look import CallSeen
from activities.owners import Owner, Person
from activities.room import CONNECTED, ENDED

OWNER = Owner("transfer/CF1", "run-1")
LEG = Person("target", "CA1", "0123456789abcdef-t1s", "screened")
UNKNOWN = Person("target", "", "0123456789abcdef-t1s", "dialed")


def seen(
    kind: str, person: Person = LEG, held: bool = False, is_in_room: bool | None = None
) -> Suspicion:
    status = ENDED if kind == compare.LEG_ENDED else CONNECTED
    return Suspicion(kind, OWNER, person, CallSeen(status, held=held, is_in_room=is_in_room))


@pytest.mark.parametrize(
    ("first", "again", "expected"),
    [
        (seen("leg_ended"), seen("leg_ended"), True),
        (seen("leg_answered"), seen("leg_joined"), True),
        (seen("leg_awaited", UNKNOWN), seen("leg_ended", UNKNOWN), True),
        (seen("leg_awaited"), seen("leg_awaited"), False),
        (seen("hold_differs", held=True), seen("hold_differs", held=True), True),
        # Seed 920805: the room was read, the leg was ended, and then the call was read.
        (seen("leg_awaited", UNKNOWN), seen("leg_ended", UNKNOWN, is_in_room=True), False),
        # Seed 701569: sent elsewhere by a transfer, of which only the second look knows.
        (seen("leg_left"), seen("leg_moved_on"), True),
        (seen("leg_awaited"), seen("leg_moved_on"), False),
        # Seed 420575: the leg was ended between the two looks, and the callback was on its way.
        (seen("leg_awaited"), seen("leg_ended"), False),
        # Seed 5007387: the caller was sent elsewhere between the look at beliefs and that at legs.
        (seen("hold_differs", held=True), seen("leg_left"), False),
        (seen("leg_left"), seen("leg_left"), True),
        # Seed 420989: the first look fell into a swap, and the second into a join.
        (seen("hold_differs", held=True), seen("hold_differs", held=False), False),
    ],
    ids=lambda each: each if isinstance(each, bool) else each.kind,
)
def test_only_what_was_seen_twice_is_found(
    first: Suspicion, again: Suspicion, expected: bool
) -> None:
    assert lasts(first, again) is expected
