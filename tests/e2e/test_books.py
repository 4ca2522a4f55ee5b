"""The books beside the calls: each way of being wrong is found."""

from __future__ import annotations

from typing import Any

import pytest

from tests.e2e.books import pages, problems

PHONES = {"bob": "client:bob"}


def ledger(*stays: tuple[float, float | None]) -> list[dict[str, Any]]:
    """When bob was in a room; None: still."""
    entries = []
    for number, (begins, ends) in enumerate(stays):
        leg = {"call_sid": f"CA{number}", "conference_sid": "CF1", "address": "client:bob"}
        leg["label"] = ""
        entries.append({"kind": "join", "at": begins, **leg})
        if ends is not None:
            entries.append({"kind": "leave", "at": ends, **leg})
    return entries


def worker(*busy: tuple[float, float | None], together: float = 0.0) -> dict[str, Any]:
    return {
        "worker": "bob",
        "activity": "Available",
        "seconds": {"reserved": 1.0, "busy": 2.0, "wrapping": 0.0},
        "seconds_busy_together": together,
        "reservations": [
            {
                "status": "completed",
                "intervals": [
                    {"state": "reserved", "from": begins - 1.0, "to": begins},
                    {"state": "busy", "from": begins, "to": ends},
                ],
            }
            for begins, ends in busy
        ],
    }


def wrong(utilisation: dict[str, Any], entries: list[dict[str, Any]]) -> str:
    return "; ".join(problems(pages([utilisation], PHONES, entries)))


def test_books_that_are_right() -> None:
    assert wrong(worker((10.1, 20.9)), ledger((10.0, 20.0))) == ""
    assert wrong(worker((10.0, None)), ledger((10.0, None))) == "bob is still busy"


@pytest.mark.parametrize(
    ("books", "calls", "said"),
    [
        (worker((10.0, 22.0)), ledger((10.0, 20.0)), "bob's task 1 ended +2.0 s off its call"),
        (worker((8.0, 20.0)), ledger((10.0, 20.0)), "bob's task 1 began -2.0 s off its call"),
        (worker((10.0, None)), ledger((10.0, 20.0)), "bob is still busy"),
        (worker((10.0, 20.0)), ledger(), "bob had 1 tasks for 0 calls"),
        (worker(), ledger((10.0, 20.0)), "bob had 0 tasks for 1 calls"),
        (worker((1.0, 2.0), together=1.0), ledger((1.0, 2.0)), "bob was booked twice for 1.0 s"),
        (worker((10.0, 20.0)) | {"activity": "Offline"}, ledger((10.0, 20.0)), "bob is Offline"),
    ],
)
def test_each_fault_is_found(books: dict[str, Any], calls: list[dict[str, Any]], said: str) -> None:
    assert said in wrong(books, calls)
