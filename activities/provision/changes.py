"""What differs between the file and the account, for a person to read."""

from __future__ import annotations

import json
from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from difflib import unified_diff
from typing import Any


@dataclass(frozen=True)
class Change:
    """One thing that is made, or changed: the fields before and after, in readable form."""

    kind: str
    name: str
    is_new: bool
    before: Mapping[str, str]
    after: Mapping[str, str]


def described(changes: Iterable[Change]) -> str:
    """A readable diff, one block per thing."""
    lines: list[str] = []
    for change in changes:
        lines.append(f"{change.kind} {change.name}{': new' if change.is_new else ''}")
        for field, after in change.after.items():
            lines += _differences(field.replace("_", " "), change.before.get(field), after)
    return "\n".join(lines)


def readable(value: Any) -> str:
    """A field as a person reads it: JSON over several lines, nothing as an empty word."""
    if isinstance(value, dict):
        return json.dumps(value, indent=2, sort_keys=True, ensure_ascii=False)
    return "" if value is None else str(value)


def _differences(field: str, before: str | None, after: str) -> list[str]:
    if "\n" not in after and "\n" not in (before or ""):
        gone = [f"  - {field}: {before}"] if before else []
        return [*gone, f"  + {field}: {after}"]
    compared = unified_diff((before or "").splitlines(), after.splitlines(), lineterm="", n=1)
    shown = [line for line in compared if not line.startswith(("---", "+++", "@@"))]
    return [f"    {field}:", *(f"  {line[:1]}   {line[1:]}".rstrip() for line in shown)]
