"""What a leg's label tells: who brought the leg into the room, and what it counts for."""

from __future__ import annotations

import re

_SUPERVISOR = re.compile(r"[0-9a-f]{16}-v[0-9]{1,4}")


def supervisor_label(part: str, number: int) -> str:
    """The label of a supervisor's leg. `part` are 16 hexadecimal digits."""
    return f"{part}-v{number}"


def is_supervisor(label: str) -> bool:
    """Whether the leg is a supervisor's.

    Such a leg is never somebody being with the caller: it listens, and may be gone at any time. A
    supervisor who took the call over is the agent, known by the call's SID, and then counts.
    """
    return bool(_SUPERVISOR.fullmatch(label))
