"""Facts out of whatever a signal carried: never an exception, never a wrong type."""

from __future__ import annotations

from dataclasses import fields
from typing import Any

from hypothesis import given
from hypothesis import strategies as st

from workflows.machine.events import FACTS, LegEnded, LegJoined, LegScreened, fact_from

JSON = st.recursive(
    st.none() | st.booleans() | st.integers() | st.floats() | st.text(max_size=300),
    lambda inner: st.lists(inner, max_size=3) | st.dictionaries(st.text(), inner, max_size=3),
    max_leaves=5,
)
NAMES = sorted({each.name for cls in FACTS.values() for each in fields(cls)})


@given(JSON)
def test_anything_is_read_without_an_exception(value: Any) -> None:
    fact_from(value)


@given(st.sampled_from(sorted(FACTS)), st.dictionaries(st.sampled_from(NAMES), JSON))
def test_a_known_kind_is_read_with_right_types(kind: str, value: dict[str, Any]) -> None:
    fact = fact_from({**value, "kind": kind})
    assert fact is not None
    assert fact.kind == kind
    for each in fields(fact):
        given = getattr(fact, each.name)
        expected = {"at": float, "willing": bool, "held": bool}.get(each.name, str)
        assert type(given) is expected
        assert not isinstance(given, str) or len(given) <= 200


def test_what_is_right_is_kept() -> None:
    told = {"kind": "leg_ended", "at": 5, "call_sid": "CAx", "cause": "busy", "more": 1}
    assert fact_from(told) == LegEnded(at=5.0, call_sid="CAx", cause="busy")
    assert fact_from({"kind": "leg_screened", "willing": "yes"}) == LegScreened()
    assert fact_from({"kind": "leg_joined", "at": True}) == LegJoined()


def test_unknown_kinds_are_none() -> None:
    for value in (None, [], "leg_ended", {}, {"kind": "leg_flew"}, {"kind": ["leg_ended"]}):
        assert fact_from(value) is None
