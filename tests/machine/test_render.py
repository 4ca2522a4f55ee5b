"""The drawn page is fresh, and leaves nothing out."""

from __future__ import annotations

from pathlib import Path

import pytest

from workflows.machine import render
from workflows.machine.model import State


def test_the_page_is_fresh() -> None:
    assert render.main(["--check"]) == 0


def test_a_stale_page_is_told(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    monkeypatch.setattr(render, "PAGE", tmp_path / "page.md")
    assert render.main(["--check"]) == 1
    assert "is stale" in capsys.readouterr().out
    assert render.main([]) == 0
    assert render.main(["--check"]) == 0


def test_every_state_is_explained() -> None:
    page = render.page()
    for state in State:
        assert f"| `{state.upper()}` |" in page, f"{state} is not explained"
        assert f"    {state}" in page or state.upper() in page
