"""S28: what the api shows of a call's people is so, or is shown to be in doubt."""

from __future__ import annotations

from itertools import permutations
from typing import Any


def is_in_doubt(watch: Any, *call_sids: str) -> bool:
    """Whether it is shown that the hold of one of these is not known."""
    people = watch.view.get("people", ())
    return any(each["is_hold_doubtful"] for each in people if each["call_sid"] in call_sids)


def hold_is_told(check: Any) -> None:
    """S28: what the api shows of the caller's hold is true."""
    caller = check.truth.caller
    for watch in check.running():
        shown = next((p for p in watch.view.get("people", ()) if p["party"] == "caller"), None)
        differs = (
            caller is not None
            and shown is not None
            and caller.is_joined
            and not watch.is_over
            and shown["held"] != caller.is_held
        )
        check.lasting("S28", watch.run.run_id, differs, check.bounds.hold_seconds,
                      "the hold that is shown is not the one that is")  # fmt: skip


def hearing_is_told(check: Any) -> None:
    """S28: who hears whom is as the api shows it. Whom a transfer has brought, the owner of a call
    learns from the guardian, and without it from nobody. Between transfers the api shows a call's
    own word if it is newer than theirs."""
    legs, running = check.truth.legs, check.running()
    since = max((watch.view["since"] for watch in check.watches.values()), default=0.0)
    is_asked = check.story.has_guardian and not running
    idle = [watch for watch in check.calls.values() if is_asked and watch.view["since"] > since]
    for watch in (*running, *idle):
        if watch.is_over or not watch.run.is_running:
            continue
        known = [p for p in watch.view.get("people", ()) if p["call_sid"] in legs]
        for speaker, listener in permutations(known, 2):
            is_shown = speaker["party"] in listener["hears"]
            is_so = listener["call_sid"] in legs[speaker["call_sid"]].listeners()
            # In doubt whoever may be heard is shown as heard.
            in_doubt = is_in_doubt(watch, speaker["call_sid"], listener["call_sid"])
            is_wrong = is_so and not is_shown if in_doubt else is_shown != is_so
            pair = f"{listener['party']} hears {speaker['party']}"
            check.lasting("S28", f"{watch.run.run_id} {pair}", is_wrong,
                          check.bounds.hold_seconds,
                          f"{pair}: {is_shown}, it is shown, and it is not so")  # fmt: skip


AT_EVERY_STEP = (hold_is_told, hearing_is_told)
