"""The expression language: a table of truths, a table of faults, and properties."""

from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from simulator.core.taskrouter.expressions import ExpressionError, compare, look_up, parse

WORKER: dict[str, Any] = {
    "language": "en",
    "languages": ["en", "fr"],
    "level": 5,
    "score": 4.5,
    "vip": True,
    "skills": {"voice": ["sales", "support"], "deep": [{"name": "x"}]},
    "with-hyphen": 1,
    "text": "hello world",
}


def holds(text: str) -> bool:
    return parse(text).holds(lambda path: look_up(WORKER, path))


@pytest.mark.parametrize(
    ("text", "expected"),
    [
        ("1 == 1", True),
        ("1==1", True),
        ("0 != 1", True),
        ("1 = 1", True),
        ("level >= 5 AND score < 5", True),
        ("level > 5 OR language == 'en'", True),
        ("(level > 5 OR language == 'en') AND vip == false", False),
        ("level > 5 OR language == 'en' AND vip == false", False),
        ('languages HAS "fr"', True),
        ("languages HAS 'de'", False),
        ("language HAS 'en'", False),
        ("language IN ['en', 'de']", True),
        ("language NOT IN ['de']", True),
        ("language in languages", True),
        ("languages IN ['en']", False),
        ("'fr' IN languages", True),
        ("text CONTAINS 'world'", True),
        ("languages CONTAINS 'en'", False),
        ("level CONTAINS '5'", False),
        ("skills.voice[1] == 'support'", True),
        ("skills.deep[0].name == 'x'", True),
        ("skills.voice[7] == 'x'", False),
        ("skills.voice HAS 'sales'", True),
        ("missing == 'x'", False),
        ("missing != 'x'", True),
        ("missing == other_missing", True),
        ("missing > 1", False),
        ("missing HAS 1", False),
        ("languages == 'en'", False),
        ("languages != 'en'", False),
        ("level == '5'", False),
        ("vip == 1", False),
        ("vip == true", True),
        ("level == 5.0", True),
        ("level > -1", True),
        ("language == 'it\\'s'", False),
        ("level IN []", False),
        ("level NOT IN language", False),
    ],
)
def test_truth(text: str, expected: bool) -> None:
    assert holds(text) is expected


@pytest.mark.parametrize(
    ("text", "position"),
    [
        ("with-hyphen == 1", 4),
        ("level ==", 8),
        ("level", 5),
        ("", 0),
        ("level == 1 AND", 14),
        ("(level == 1", 11),
        ("level == 1)", 10),
        ("level ! 1", 6),
        ("NOT level == 1", 0),
        ("level NOT 1", 6),
        ("language IN ['en'", 17),
        ("language IN ['en' 'fr']", 18),
        ("level == 'open", 9),
        ("5x == 1", 0),
        ("level LIKE 1", 6),
        ("(" * 60 + "1==1" + ")" * 60, 50),
    ],
)
def test_faults_name_their_place(text: str, position: int) -> None:
    with pytest.raises(ExpressionError) as caught:
        parse(text)
    assert caught.value.position == position
    assert f"at position {position}" in str(caught.value)


scalars = st.one_of(st.integers(), st.booleans(), st.text(max_size=5), st.none())
values = st.one_of(scalars, st.lists(scalars, max_size=3))
operators = st.sampled_from(["==", "!=", ">", "<", ">=", "<=", "CONTAINS", "HAS", "IN", "NOT IN"])


@given(operators, values, values)
def test_comparing_never_raises(operator: str, left: Any, right: Any) -> None:
    assert compare(operator, left, right) in (True, False)


@given(scalars, scalars)
def test_equal_is_the_opposite_of_unequal(left: Any, right: Any) -> None:
    assert compare("==", left, right) is not compare("!=", left, right)


@given(scalars, st.lists(scalars, max_size=4))
def test_has_is_in_turned_round(item: Any, items: list[Any]) -> None:
    assert compare("HAS", items, item) is compare("IN", item, items)
    assert compare("IN", item, items) is not compare("NOT IN", item, items)


@given(st.text(alphabet="ab.[]()'\"=!<> 019,-ANDORHSIT_", max_size=30))
def test_any_text_is_parsed_or_refused(text: str) -> None:
    try:
        parse(text).holds(lambda _: None)
    except ExpressionError as error:
        position = error.position
    else:
        position = 0
    assert 0 <= position <= len(text)


@given(st.recursive(
    st.sampled_from(["level == 5", "level == 6"]),
    lambda inner: st.builds(
        lambda a, b, w: f"({a}) {w} ({b})", inner, inner, st.sampled_from(["AND", "OR"])
    ),
    max_leaves=12,
))  # fmt: skip
def test_agrees_with_python(text: str) -> None:
    python = text.replace("AND", "and").replace("OR", "or")
    assert holds(text) is eval(python, {"level": 5})  # noqa: S307 - made of the five words above
