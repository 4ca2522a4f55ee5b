"""The shorter way of payloads gives what the SDK's own converter gives, byte for byte."""

from __future__ import annotations

from dataclasses import dataclass, field
from enum import StrEnum
from typing import Any

import pytest
from temporalio.api.common.v1 import Payload

from tests.simulation import payloads
from tests.simulation.payloads import SDK, Converter
from tests.simulation.play import play
from tests.simulation.scenarios import story_of
from tests.simulation.simulate import be_quiet


class Colour(StrEnum):
    RED = "red"


@dataclass(frozen=True)
class Inner:
    number: int
    share: float = 0.0


@dataclass(frozen=True)
class Outer:
    name: str
    inner: Inner | None = None
    several: tuple[Inner, ...] = ()
    counts: dict[str, int] = field(default_factory=dict)
    colour: Colour = Colour.RED
    is_it: bool = False
    whatever: Any = None


VALUES: list[tuple[Any, Any]] = [
    (Outer("ä", Inner(1), (Inner(2, 0.5), Inner(3)), {"b": 1, "a": 2}, Colour.RED, True, [1]),
     Outer),
    (Outer("x"), Outer),
    (Inner(3, 2), Inner),
    ("word", str), (7, int), (7, float), (1.5, float), (None, str), (True, bool), (b"raw", bytes),
    ((Inner(1), Inner(2)), tuple[Inner, ...]),
    ({"a": 1.5, "b": 2}, dict[str, float]), ({}, dict[str, int]), (None, int | None),
    (Inner(4), Inner | None), (None, Inner | None), (3, int | str), ("three", int | str),
    ([1, "two", None], None), ({"z": {"y": Inner(1)}}, None), (Colour.RED, Colour),
]  # fmt: skip
WRONG: list[tuple[Any, Any]] = [
    ({"number": "one"}, Inner), ({}, Inner), ([], Inner), (5, str), ("5", int), ("blue", Colour),
    ("x", bool), ({"a": "b"}, dict[str, int]), ([], dict[str, str]), ({}, int | None),
    ({"name": "n", "inner": {"number": []}}, Outer), (3, tuple[Inner, ...]),
]  # fmt: skip


@pytest.mark.parametrize(("value", "hint"), VALUES)
def test_same_bytes_and_same_value(value: Any, hint: Any) -> None:
    ours, theirs = Converter().to_payload(value), SDK.to_payload(value)
    assert ours == theirs
    assert Converter().from_payload(ours, hint) == SDK.from_payload(theirs, hint)


@pytest.mark.parametrize(("value", "hint"), WRONG)
def test_what_does_not_fit_is_refused_in_the_same_words(value: Any, hint: Any) -> None:
    payload = SDK.to_payload(value)
    with pytest.raises(Exception) as theirs:  # noqa: PT011 - whatever it is
        SDK.from_payload(payload, hint)
    with pytest.raises(type(theirs.value)) as ours:
        Converter().from_payload(payload, hint)
    assert str(ours.value) == str(theirs.value)


def test_every_payload_of_some_histories_is_the_sdks(monkeypatch: pytest.MonkeyPatch) -> None:
    be_quiet()
    quick_there, quick_back, seen = payloads._payload, payloads._value, set()

    def there(value: Any) -> Payload:
        made = quick_there(value)
        assert made == SDK.to_payloads([value])[0]
        seen.add(type(value).__name__)
        return made

    def back(payload: Payload, hint: Any) -> Any:
        value = quick_back(payload, hint)
        assert value == SDK.from_payloads([payload], [hint])[0]
        seen.add(str(hint))
        return value

    monkeypatch.setattr(payloads, "_payload", there)
    monkeypatch.setattr(payloads, "_value", back)
    for seed in range(20, 32):
        assert play(story_of(seed)).violations == []
    assert {"TransferView", "Entry", "AddInput", "GuardReport", "StartTransferInput"} <= seen
