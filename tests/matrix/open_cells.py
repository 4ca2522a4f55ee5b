"""Cells that do not pass, and why: each is expected to fail, so that one that is mended is noticed.

Most are about transfers to queues, which this matrix has played for the shortest time.
"""

from __future__ import annotations

_NEXT_TAKES = (
    "nobody hears that the worker has come until the offer passes: that leg is ended, and the next "
    "worker takes the call"
)
_OFFERED_AGAIN = "the assignment falls into the outage: the offer passes, and the next worker comes"
_MOMENT = "the step's moment is not met in this story: there is nobody yet whom it could happen to"

OPEN: dict[str, str] = {
    **dict.fromkeys(
        ("FM-Q7-F06", "FM-Q7-F07", "FM-Q7-F08", "FM-Q7-F09", "FM-Q7-F10"),
        _NEXT_TAKES,
    ),
    **dict.fromkeys(
        (
            "FM-Q4-F02", "FM-Q5-F02", "FM-Q7-F02", "FM-Q10-F02",
            "FM-Q4-F03", "FM-Q5-F03", "FM-Q7-F03", "FM-Q10-F03",
        ),
        _OFFERED_AGAIN,
    ),
    **dict.fromkeys(
        ("FM-Q6-F22", "FM-Q10-F23", "FM-Q6-F30", "FM-Q10-F30", "FM-Q3-F30", "FM-Q7-F30"), _MOMENT
    ),
    "FM-Q6-F32": "the agent completes in the outage, which outlasts what the end may wait for",
    "FM-Q11-F30": "a 404 for the offer that is being accepted is believed, and the next is rung",
    "FM-Q3-F20": "TaskRouter offers the next worker before the task itself could fail",
    "FM-Q7-F21": "a mailbox that answers for a worker is not told apart from the worker",
    "FM-Q7-F23": "a worker who answers and drops before the consult gives the caller back",
    "FM-Q8-F23": "a worker who drops in the consult gives the caller back, as a target does",
    "FM-Q9-F23": "the agent is still there and gets the caller back without being rung",
    "FM-Q9-F24": "a cancel before the look at caller and worker still takes the caller back",
}  # fmt: skip
