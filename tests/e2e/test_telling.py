"""How the demo tells a story: plain in a pipe, and loud when something is not as it should be."""

from __future__ import annotations

import io

import pytest
from rich.console import Console

from tests.e2e.demo import main, summary, tell
from tests.e2e.scene import Ending, Told, differences

VIEW = {
    "state": "completed",
    "reason": "completed",
    "started_at": 100.0,
    "hold_seconds": 1.25,
    "seconds_to_human": 2.5,
    "journal": [
        {
            "step": 1,
            "at": 100.5,
            "heard": "Started",
            "state_from": "holding",
            "state_to": "holding",
            "began": ["SecureCaller"],
            "people": "caller talks, agent talks, target -",
            "note": "",
        }
    ],
}


def story(**changes: object) -> Told:
    told = Told("warm", "The agent hands the caller over", view=dict(VIEW))
    told.together = [("caller", "target")]
    told.talked = {("agent", "target"): 1.0, ("caller", "target"): 2.0}
    told.up = ["caller", "target"]
    for name, value in changes.items():
        setattr(told, name, value)
    return told


def printed(told: Told) -> str:
    console = Console(file=io.StringIO(), width=120, highlight=False, soft_wrap=True)
    tell(console, 1, told)
    console.print(summary([told]), soft_wrap=False)
    text = console.file.getvalue()  # type: ignore[attr-defined]
    assert "\x1b" not in text, "colours in a pipe"
    return str(text)


def test_story_is_told_with_its_ladder_and_who_hears_whom() -> None:
    text = printed(story())
    assert "+0.50s  talks    talks    -        < Started = HOLDING > SecureCaller" in text
    assert "caller and target hear each other; still connected: caller, target" in text
    assert "agent and target 1.0 s" in text
    assert "ended as told" in text
    assert "NOT SO" not in text


def test_story_that_went_wrong_says_what_was_expected() -> None:
    text = printed(story(problems=["agent and target never talked"]))
    assert "NOT SO:  agent and target never talked" in text
    assert "ended as told" not in text


TOGETHER = (("caller", "target"),)
RIGHT = Ending("completed", "completed", together=TOGETHER, up=("caller", "target"))


@pytest.mark.parametrize(
    ("ending", "said"),
    [
        (RIGHT, ""),
        (Ending("failed", "target_busy", TOGETHER, ("caller", "target")), "ended as completed"),
        (Ending("completed", "completed", (("caller", "agent"),), ("caller", "target")), "talk"),
        (Ending("completed", "completed", (), ("caller", "target")), "at the end talk"),
        (Ending("completed", "completed", TOGETHER, ("caller",)), "calls are up"),
        (
            Ending(
                "completed", "completed", TOGETHER, ("caller", "target"), (("agent", "caller"),)
            ),
            "never talked",
        ),
        (
            Ending(
                *("completed", "completed", TOGETHER, ("caller", "target")),
                never_talked=(("target", "agent"),),
            ),
            "agent talked",
        ),
    ],
)
def test_each_expectation_can_fail(ending: Ending, said: str) -> None:
    found = differences(story(), ending)
    assert len(found) == bool(said)
    assert said in "".join(found)


def test_unknown_story_is_refused_with_the_known_ones(capsys: pytest.CaptureFixture[str]) -> None:
    with pytest.raises(SystemExit):
        main(["no-such-story"])
    assert "worker-killed" in capsys.readouterr().err
