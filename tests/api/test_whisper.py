"""What a target hears before it is put through: the template and its values."""

from __future__ import annotations

import json

import pytest
from hypothesis import given
from hypothesis import strategies as st
from lxml import etree

from api import whisper
from api.webhooks import twiml

TEMPLATE = "Call from {caller_name}[, queue {queue}]. {reason} {notes}"


@pytest.mark.parametrize(
    ("values", "said"),
    [
        (
            {"caller_name": "Jo", "queue": "Support", "reason": "A refund.", "notes": "Be kind."},
            "Call from Jo, queue Support. A refund. Be kind.",
        ),
        ({"caller_name": "Jo", "reason": "A refund."}, "Call from Jo. A refund."),
        ({"caller_name": "{queue} [x] {0}"}, "Call from {queue} [x] {0}."),
        ({"caller_name": "a\x00b\n\ud800c\u202e"}, "Call from a b c."),
        ({}, "Call from ."),
    ],
)
def test_template_is_filled_in(values: dict[str, str], said: str) -> None:
    assert whisper.spoken(TEMPLATE, values) == said


def test_braces_and_brackets() -> None:
    whisper.check("{{ literally }} [{reason}] {notes}")
    assert whisper.spoken("{{x}} [{reason}]", {"reason": "y"}) == "{x} y"
    assert whisper.spoken("[{reason} {notes}]", {"reason": "y"}) == ""


@pytest.mark.parametrize(
    "template",
    [
        *("{number}", "{}", "{0}", "{notes!r}", "{notes:>9}", "{notes.x}", "{notes[0]}"),
        *("{", "}", "[", "]", "[[{notes}]]", "[{notes"),
    ],
)
def test_template_that_could_fail_is_refused(template: str) -> None:
    with pytest.raises(ValueError, match="should have"):
        whisper.check(template)


@given(st.text(max_size=40), st.dictionaries(st.sampled_from(whisper.NAMES), st.text()))
def test_what_passes_the_check_can_be_said(template: str, values: dict[str, str]) -> None:
    try:
        whisper.check(template)
    except ValueError:
        return
    document = twiml.join("https://x", "CF1", "label", "room", whisper.spoken(template, values))
    etree.fromstring(document.encode())


def test_values_are_kept_without_what_is_not_said() -> None:
    context = {
        "reason": "refund",
        "notes": "",
        "attributes": {"caller_name": "Jo", "card": "4711"},
    }
    memo = whisper.memo_of(json.dumps(context))
    assert json.loads(memo) == {"caller_name": "Jo", "reason": "refund"}
    assert whisper.values_of(memo, "queue:Support")["queue"] == "Support"
    assert "queue" not in whisper.values_of(memo, "worker:Anna")


@pytest.mark.parametrize("context", ["", "{}", "[]", "x", '{"attributes": 7, "reason": 7}'])
def test_no_context_leaves_nothing(context: str) -> None:
    assert whisper.memo_of(context) == ""
    assert whisper.values_of(context, "client:bob").get("notes", "") == ""
