"""Cells that do not pass, and why: expected to fail, so that one that is mended is noticed."""

from __future__ import annotations

_NEXT_TAKES = (
    "nobody hears that the worker has come until the offer passes: that leg is ended, and the next "
    "worker takes the call"
)

OPEN: dict[str, str] = {
    **dict.fromkeys(
        ("FM-Q7-F06", "FM-Q7-F07", "FM-Q7-F08", "FM-Q7-F09", "FM-Q7-F10"),
        _NEXT_TAKES,
    ),
}
