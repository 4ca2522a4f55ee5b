"""The page and the README say what was measured, and nothing was changed by hand."""

from __future__ import annotations

import pytest

from tests.chaos import report

KEPT = report.load()


@pytest.mark.skipif(not KEPT, reason="nothing was kept yet")
def test_the_page_is_what_the_figures_say() -> None:
    assert report.PAGE.read_text(encoding="utf-8") == report.page(KEPT)


@pytest.mark.skipif(not KEPT, reason="nothing was kept yet")
def test_the_readme_shows_the_same_figures() -> None:
    readme = report.README.read_text(encoding="utf-8")
    assert report.BEGIN in readme
    assert report.in_readme(readme, KEPT) == readme
