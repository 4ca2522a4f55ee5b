"""What a target hears before it is put through: a sentence of the settings, filled in. Pure.

`HANDOVER_WHISPER` is written like `A call[ from {caller_name}][, queue {queue}]. {reason}`. A name
in braces stands for its value, and what is in brackets is left out when a value in it is not known.
"""

from __future__ import annotations

import json
import re
from collections.abc import Mapping
from string import Formatter

MEMO_WHISPER = "whisper"
"""Memo field of a transfer with the values, as JSON: encrypted like all payloads, and read by one
look at the transfer that is made anyway."""

NAMES = ("caller_name", "queue", "reason", "notes")
_OPTIONAL = re.compile(r"\[([^\[\]]*)\]")


def check(template: str) -> None:
    """Raises `ValueError` unless the template can be filled in, whatever the values."""
    for piece in _OPTIONAL.split(template):
        if "[" in piece or "]" in piece:
            raise ValueError("should have brackets in pairs, and none inside of others")
        try:
            fields = list(Formatter().parse(piece))
        except ValueError:
            raise ValueError("should have braces in pairs, around a name each") from None
        for _, name, form, conversion in fields:
            if name is not None and (name not in NAMES or form or conversion):
                known = ", ".join(f"{{{each}}}" for each in NAMES)
                raise ValueError(f"should have no other names in braces than {known}")


def spoken(template: str, values: Mapping[str, str]) -> str:
    """The sentence; empty if there is nothing to say."""
    clean = {name: _clean(values.get(name, "")).strip() for name in NAMES}
    said = []
    for number, piece in enumerate(_OPTIONAL.split(template)):
        fields = list(Formatter().parse(piece))
        is_optional = number % 2 == 1
        if is_optional and not all(clean[name] for _, name, _, _ in fields if name):
            continue
        said += [text + clean.get(name or "", "") for text, name, _, _ in fields]
    return " ".join(_clean("".join(said)).split())


def memo_of(context: str) -> str:
    """What is kept of a transfer's context for the whisper; empty if there is nothing."""
    given = _object(context)
    attributes = given.get("attributes")
    name = attributes.get("caller_name", "") if isinstance(attributes, dict) else ""
    values = {"caller_name": name, "reason": given.get("reason"), "notes": given.get("notes")}
    kept = {key: value for key, value in values.items() if isinstance(value, str) and value}
    return json.dumps(kept) if kept else ""


def values_of(memo: str, target_address: str) -> dict[str, str]:
    """The values for a target: those that were kept, and the queue it was found in."""
    values = {name: value for name, value in _object(memo).items() if isinstance(value, str)}
    kind, _, queue = target_address.partition(":")
    return {**values, "queue": queue} if kind == "queue" else values


def _clean(value: str) -> str:
    """Without what XML cannot hold. Twilio's library escapes the rest."""
    return "".join(letter if letter.isprintable() else " " for letter in value)


def _object(text: str) -> dict[str, object]:
    try:
        found = json.loads(text or "{}")
    except ValueError:
        return {}
    return found if isinstance(found, dict) else {}
