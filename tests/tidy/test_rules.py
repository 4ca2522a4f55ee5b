"""The rules of the house, one test each, and one test each that the rule can fail.

A breach is told as `file:line: what — what to do`.
"""

from __future__ import annotations

import pytest

from tests.tidy import docs, imports, style
from tests.tidy.sources import Rule, project_files, sources

RULES = (*imports.RULES, *style.RULES, *docs.RULES)
BY_NAME = pytest.mark.parametrize("rule", RULES, ids=lambda rule: rule.name)


@BY_NAME
def test_rule_is_kept(rule: Rule) -> None:
    if breaches := rule.report(sources()):
        pytest.fail(f"{rule.name}\n{breaches}", pytrace=False)


@BY_NAME
def test_rule_can_fail(rule: Rule) -> None:
    for snippet in rule.bad:
        assert rule.report([snippet]), f"{rule.name} lets pass: {snippet}"


@BY_NAME
def test_rule_lets_honest_code_pass(rule: Rule) -> None:
    assert not rule.report(rule.good)


def test_rules_see_the_project() -> None:
    seen = {path.split("/")[0] for path in project_files()}
    assert {"workflows", "activities", "api", "simulator", "docs", "tests"} <= seen
