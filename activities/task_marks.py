"""What a task says about itself, so that it is found again and routed.

The flat attributes written here are what the filters of `activities.provision` look at. They are
flat because only flat attributes are shown in Twilio's examples of a known worker, and they hold a
kind because an expression cannot ask whether an attribute is there: a missing one is NULL, which no
constant stands for. https://www.twilio.com/docs/taskrouter/expression-syntax
"""

from __future__ import annotations

import json
import re
from typing import Any

from activities.errors import refused

LABEL = "handover_label"
ROOM = "handover_room"
TARGET = "handover_target"
WORKER = "handover_requested_worker"
QUEUE = "handover_requested_queue"
SKILLS = "handover_skills"
SKILL_COUNT = "handover_skill_count"

BOOKING = "is_booking"
"""Below `handover`: the worker is on the call already, and nobody is to be rung."""

WORKER_BY_SID = "worker_sid"
WORKER_BY_NAME = "worker_name"
IN_QUEUE = "queue"
WITH_SKILLS = "skills"
ANYBODY = "anybody"
"""The kinds that `TARGET` may have."""

SKILLS_MAX = 5
"""The workflow's target expressions compare this many skills, one by one: the language has no "all
of these". Who asks for fewer repeats the first."""
ATTRIBUTES_MAX = 4096
"""Characters. https://www.twilio.com/docs/taskrouter/limits"""

_LABEL = re.compile(r"^[A-Za-z0-9_.:-]{1,128}$")
_WORKER_SID = re.compile(r"^WK[0-9a-f]{32}$")
_CONFERENCE_SID = re.compile(r"^CF[0-9a-f]{32}$")

_NOT_CARRIED = ("conference", "worker_call_sid", "reservation_attributes")
"""What TaskRouter itself wrote into another task about that task's call."""


def marked(attributes: str, label: str) -> str:
    """These attributes with the label, and with what the workflow's filters look at.

    `handover.requested_worker` is a name or a `WK…` SID, `handover.requested_queue` a queue's
    friendly name, `handover.skills` a list of words. Raises `refused` for what cannot be routed.
    """
    try:
        given = json.loads(attributes or "{}")
    except ValueError:
        given = None
    if not isinstance(given, dict):
        raise refused("the attributes are not a JSON object")
    wish = given.get("handover")
    wish = wish if isinstance(wish, dict) else {}
    kept = {name: value for name, value in given.items() if name not in _NOT_CARRIED}
    all_of = kept | _marks(wish) | {LABEL: checked_label(label)}
    text = json.dumps(all_of, ensure_ascii=False, separators=(",", ":"))
    if len(text) > ATTRIBUTES_MAX:
        raise refused(f"the attributes are longer than {ATTRIBUTES_MAX} characters")
    return text


def checked_label(label: str) -> str:
    """`label`, if it may stand in an expression between quotes."""
    if not _LABEL.match(label):
        raise refused("the label has characters that an expression cannot hold")
    return label


def is_of_task(label: str) -> bool:
    """Whether a leg with this label joined by TwiML, as the legs of tasks do."""
    return label.endswith("s") and bool(_LABEL.match(label))


def labelled(label: str) -> str:
    """The expression that is true for tasks with this label."""
    return f'{LABEL} == "{checked_label(label)}"'


def of_room(conference_sid: str) -> str:
    """The expression that is true for the tasks that were made for a call in this room."""
    if not _CONFERENCE_SID.match(conference_sid):
        raise refused("the room has no SID")
    return f'{ROOM} == "{conference_sid}"'


def _marks(wish: dict[str, Any]) -> dict[str, Any]:
    worker, queue = str(wish.get("requested_worker") or ""), str(wish.get("requested_queue") or "")
    skills = wish.get("skills") or []
    if not isinstance(skills, list) or not all(isinstance(skill, str) for skill in skills):
        raise refused("the skills are not a list of words")
    if len(skills) > SKILLS_MAX:
        raise refused(f"more than {SKILLS_MAX} skills are asked for")
    if worker:
        target = WORKER_BY_SID if _WORKER_SID.match(worker) else WORKER_BY_NAME
    elif queue:
        target = IN_QUEUE
    else:
        target = WITH_SKILLS if skills else ANYBODY
    room = str(wish.get("conference_sid") or "")
    return {
        ROOM: room if _CONFERENCE_SID.match(room) else "",
        TARGET: target,
        WORKER: worker,
        QUEUE: queue,
        SKILLS: (skills + skills[:1] * SKILLS_MAX)[:SKILLS_MAX],
        SKILL_COUNT: len(skills),
    }
