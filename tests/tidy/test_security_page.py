"""The page on security names every id, and only tests that exist."""

from __future__ import annotations

import ast
import re
from collections.abc import Iterator
from pathlib import Path

import pytest

ROOT = Path(__file__).resolve().parents[2]
PAGE = (ROOT / "docs" / "security.md").read_text(encoding="utf-8")
CHAPTERS = {"W": 23, "A": 13, "Z": 8, "I": 9, "F": 13, "T": 10, "O": 12}
IDS = [f"{chapter}{number}" for chapter, last in CHAPTERS.items() for number in range(1, last + 1)]
ROW = re.compile(r"^\| ([A-Z][0-9]+) \| (.+?) \| (.+) \|$", re.MULTILINE)
NAMED = re.compile(r"`(test_\w+)`")
IN_NAME = re.compile(r"(?<![a-z0-9])([wazifto][0-9]{1,2})(?=_)")


def all_tests() -> Iterator[str]:
    for file in sorted((ROOT / "tests").rglob("test_*.py")):
        for node in ast.walk(ast.parse(file.read_text(encoding="utf-8"))):
            is_function = isinstance(node, ast.FunctionDef | ast.AsyncFunctionDef)
            if is_function and node.name.startswith("test_"):
                yield node.name


TESTS = frozenset(all_tests())
ROWS = {row[0]: row[2] for row in ROW.findall(PAGE)}


def test_every_id_has_its_line_in_order() -> None:
    assert [row[0] for row in ROW.findall(PAGE)] == IDS


@pytest.mark.parametrize("name", IDS)
def test_line_names_tests_that_exist_or_says_that_it_is_open(name: str) -> None:
    held_by = ROWS[name]
    missing = set(NAMED.findall(held_by)) - TESTS
    assert not missing, f"{name}: there is no {', '.join(sorted(missing))}"
    is_open = held_by.startswith("*open*: ")
    assert is_open != bool(NAMED.search(held_by)), f"{name} is held by a test, or open"


def test_test_with_an_id_in_its_name_stands_in_that_line() -> None:
    forgotten = [
        f"{test} in the line of {name.upper()}"
        for test in sorted(TESTS)
        for name in IN_NAME.findall(test)
        if name.upper() in ROWS and test not in ROWS[name.upper()]
    ]
    assert not forgotten
