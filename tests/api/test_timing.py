"""A refused signature does not tell by its time how much of it was right."""

from __future__ import annotations

import gc
import string
import time
from collections.abc import Callable
from random import Random

from starlette.datastructures import FormData

from api.webhooks.signature import Signatures
from tests.api.signing import ACCOUNT, BASE_URL, TOKEN, Pairs, signature

URL = f"{BASE_URL}/twilio/conference"
PAIRS: Pairs = [("AccountSid", ACCOUNT), ("CallSid", "CA" + "1" * 32)]
RIGHT = signature(URL, PAIRS)
ALPHABET = string.ascii_letters + string.digits + "+/"
TRIES = 30_000
CORRELATION_MAX = 0.03
"""Of two things that have nothing to do with each other, one in ten million runs shows more (five
standard deviations of 1/√tries)."""
MICROSECOND = 1_000


def forged(chance: Random) -> tuple[int, str]:
    """A signature of which so many characters at its beginning are right, and none after."""
    right = chance.randrange(len(RIGHT))
    rest = (chance.choice(ALPHABET.replace(char, "")) for char in RIGHT[right:])
    return right, RIGHT[:right] + "".join(rest)


def ranks(values: list[float]) -> list[int]:
    order = sorted(range(len(values)), key=values.__getitem__)
    places = [0] * len(values)
    for place, index in enumerate(order):
        places[index] = place
    return places


def correlation(check: Callable[[str], object]) -> float:
    """Spearman's, of how much was right and how long the refusal took; drawn at random, so that
    whatever else the machine does falls upon all alike."""
    chance = Random(21)
    drawn = [forged(chance) for _ in range(1000)]
    right: list[float] = []
    took: list[float] = []
    gc.disable()
    try:
        for _ in range(TRIES):
            known, text = chance.choice(drawn)
            began = time.perf_counter_ns()
            check(text)
            took.append(time.perf_counter_ns() - began)
            right.append(known + chance.random())
    finally:
        gc.enable()
    middle = (TRIES - 1) / 2
    shared = sum(
        (a - middle) * (b - middle) for a, b in zip(ranks(right), ranks(took), strict=True)
    )
    return shared / sum((place - middle) ** 2 for place in range(TRIES))


def test_w21_time_of_a_refusal_does_not_grow_with_what_was_right() -> None:
    signatures = Signatures(BASE_URL, ACCOUNT, (TOKEN,))
    parameters = FormData(PAIRS)
    assert signatures._is_signed(URL, parameters, RIGHT)
    assert abs(correlation(lambda text: signatures._is_signed(URL, parameters, text))) < (
        CORRELATION_MAX
    )


def test_w21_a_comparison_that_stops_early_would_show() -> None:
    """The measurement sees a microsecond for each right character."""

    def stops_early(text: str) -> bool:
        for given, wanted in zip(text, RIGHT, strict=True):
            if given != wanted:
                return False
            until = time.perf_counter_ns() + MICROSECOND
            while time.perf_counter_ns() < until:
                pass
        return True

    assert correlation(stops_early) > 10 * CORRELATION_MAX
