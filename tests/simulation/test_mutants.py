"""Every seeded bug is caught, and by the invariant that names it."""

from __future__ import annotations

import ast
from pathlib import Path

import pytest

from tests.simulation.mutants import ELSEWHERE, MUTANTS, Mutant
from tests.simulation.play import play
from tests.simulation.simulate import be_quiet

FUNCTIONS = (ast.FunctionDef, ast.AsyncFunctionDef)
ROOT = Path(__file__).parents[2]


@pytest.mark.parametrize("name", MUTANTS)
def test_seeded_bug_is_caught_by_the_invariant_that_names_it(name: str) -> None:
    be_quiet()
    mutant = MUTANTS[name]
    assert _named(mutant) & mutant.caught_by, f"{name}: {mutant.bug}"


@pytest.mark.parametrize("name", MUTANTS)
def test_without_the_bug_the_same_stories_are_clean(name: str) -> None:
    be_quiet()
    for story in MUTANTS[name].stories:
        assert play(story).violations == []


@pytest.mark.parametrize("name", ELSEWHERE)
def test_bug_of_the_edge_has_a_test_of_its_own(name: str) -> None:
    for test in ELSEWHERE[name][1]:
        path, _, function = test.partition("::")
        module = ast.parse((ROOT / path).read_text())
        found = [each.name for each in ast.walk(module) if isinstance(each, FUNCTIONS)]
        assert function in found, f"{test} is gone; which test catches {name} now?"


def _named(mutant: Mutant) -> set[str]:
    """The invariants that were broken in any of its stories."""
    found: set[str] = set()
    for story in mutant.stories:
        with mutant.patch():
            found |= {violation.name for violation in play(story).violations}
    return found
