"""docs/twilio.md and the simulator agree: what is marked open has a switch, by its right name."""

from __future__ import annotations

import re
from dataclasses import fields

from simulator.switches import Switches
from tests.tidy.sources import ROOT

PAGE = (ROOT / "docs/twilio.md").read_text(encoding="utf-8")
ROWS = re.findall(r"^\| ([A-Z]{1,2}-\d+[a-z]?) \|(.*)\|$", PAGE, re.MULTILINE)
NAMES = {field.name for field in fields(Switches)}


def test_every_key_is_used_once() -> None:
    keys = [key for key, _ in ROWS]
    assert keys
    assert len(keys) == len(set(keys))


def test_every_switch_that_the_page_names_exists() -> None:
    named = [
        name
        for key, row in ROWS
        for part in re.findall(r"switch(?:es)? ((?:`\w+`(?:, )?)+)", row)
        for name in re.findall(r"`(\w+)`", part)
    ]
    assert named
    assert set(named) <= NAMES, f"no such switch: {sorted(set(named) - NAMES)}"


def test_every_source_is_listed() -> None:
    table, _, sources = PAGE.partition("## Sources")
    used = {int(number) for number in re.findall(r"\[(\d+)\]", table)}
    listed = {int(number) for number in re.findall(r"^(\d+)\. ", sources, re.MULTILINE)}
    assert used <= listed, f"not listed: {sorted(used - listed)}"
    assert listed <= used, f"never used: {sorted(listed - used)}"
