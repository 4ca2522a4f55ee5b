"""The file that tells which queues and workers there shall be, read and checked.

TOML, so that no library is needed to read it and comments may stand in it. Every fault names its
place in the file; nothing of this is found out at Twilio.
"""

from __future__ import annotations

import re
import tomllib
from pathlib import Path
from typing import Annotated, Any, Literal

from pydantic import AfterValidator, BaseModel, ConfigDict, Field, ValidationError, model_validator

EVERYONE = "Everyone"
"""A queue that holds every worker: where a worker is asked for by name."""
NOBODY = "Nobody"
"""A queue that holds no worker: where a task waits whose worker or queue cannot be had, so that a
transfer to one person never falls to another. The engine's own deadline ends it."""

OURS = {EVERYONE: "1 == 1", NOBODY: "1 == 0"}

_ADDRESS = re.compile(r"client:\S+|sips?:\S+@\S+|\+[1-9]\d{6,14}")


class FileError(Exception):
    """What is wrong with the file, and where in it."""


def _name(value: str) -> str:
    if not value.strip() or len(value) > 64:
        raise ValueError("must have 1 to 64 characters")
    if re.search(r"[\"'\\\x00-\x1f]", value):
        raise ValueError("must have no quote, backslash or control character")
    return value


def _address(value: str) -> str:
    if not _ADDRESS.fullmatch(value):
        raise ValueError("must be client:name, sip:user@domain or a number in E.164 form")
    return value


Name = Annotated[str, AfterValidator(_name)]
Seconds = Annotated[int, Field(ge=1, le=86400)]


class _Part(BaseModel):
    model_config = ConfigDict(extra="forbid", frozen=True, strict=True)


class WantedWorkspace(_Part):
    """`timeout_activity`: where TaskRouter sends a worker who lets a reservation time out."""

    name: Name = "Handover"
    timeout_activity: Name | None = None


class WantedQueue(_Part):
    """Who is in it: an expression (`workers`), or all who have these `skills`. After
    `timeout_seconds` its tasks go to the `overflow` queue."""

    workers: str = ""
    skills: tuple[Name, ...] = ()
    order: Literal["FIFO", "LIFO"] = "FIFO"
    timeout_seconds: Seconds | None = None
    overflow: Name | None = None

    @property
    def target_workers(self) -> str:
        """The expression in TaskRouter's language."""
        if self.workers:
            return self.workers
        return " AND ".join(f'(skills HAS "{skill}")' for skill in self.skills) or OURS[EVERYONE]

    @model_validator(mode="after")
    def _agree(self) -> WantedQueue:
        if self.workers and self.skills:
            raise ValueError("say workers or skills, not both")
        if bool(self.timeout_seconds) != bool(self.overflow):
            raise ValueError("timeout_seconds and overflow belong together")
        return self


class WantedWorker(_Part):
    """`activity` is where a worker begins who is created; later it is the worker's own. `calls`:
    how many at once."""

    contact_uri: Annotated[str, AfterValidator(_address)]
    skills: tuple[Name, ...] = ()
    attributes: dict[str, Any] = {}
    activity: Name | None = None
    calls: Annotated[int, Field(ge=1, le=50)] | None = None

    @property
    def own_attributes(self) -> dict[str, Any]:
        """All that the file says about this worker, as TaskRouter keeps it."""
        return {**self.attributes, "contact_uri": self.contact_uri, "skills": list(self.skills)}


class WantedWorkflow(_Part):
    """`reservation_seconds`: how long a worker may leave an offer unanswered. `worker_seconds`: how
    long a worker asked for by name is waited for before the queue that was named beside."""

    name: Name = "Handover"
    default_queue: Name = EVERYONE
    reservation_seconds: Seconds = 60
    worker_seconds: Seconds = 60


class Wanted(_Part):
    """The whole file."""

    workspace: WantedWorkspace = WantedWorkspace()
    activities: dict[Name, bool] = {"Offline": False, "Available": True, "Unavailable": False}
    queues: dict[Name, WantedQueue] = {}
    workers: dict[Name, WantedWorker] = {}
    workflow: WantedWorkflow = WantedWorkflow()

    @property
    def all_queues(self) -> dict[str, WantedQueue]:
        """Those of the file, and the two that the engine's filters need."""
        return self.queues | {name: WantedQueue(workers=text) for name, text in OURS.items()}

    @model_validator(mode="after")
    def _agree(self) -> Wanted:
        for name in self.queues:
            if name.lower() in {ours.lower() for ours in OURS}:
                raise ValueError(f"queues.{name}: {EVERYONE} and {NOBODY} are made by themselves")
        for group, names in (("queues", self.queues), ("workers", self.workers)):
            # TaskRouter's names are unique without regard to case.
            if len({name.lower() for name in names}) < len(names):
                raise ValueError(f"{group}: two names differ in their letters' case alone")
        for place, name in self._named_queues():
            if name not in self.queues and name != EVERYONE:
                raise ValueError(f"{place}: there is no queue {name!r} in this file")
        for place, name in self._named_activities():
            if name not in self.activities:
                raise ValueError(f"{place}: there is no activity {name!r} in this file")
        return self

    def _named_queues(self) -> list[tuple[str, str]]:
        found = [("workflow.default_queue", self.workflow.default_queue)]
        for name, queue in self.queues.items():
            if queue.overflow:
                found.append((f"queues.{name}.overflow", queue.overflow))
        return found

    def _named_activities(self) -> list[tuple[str, str]]:
        found = [
            (f"workers.{name}.activity", worker.activity)
            for name, worker in self.workers.items()
            if worker.activity
        ]
        if self.workspace.timeout_activity:
            found.append(("workspace.timeout_activity", self.workspace.timeout_activity))
        return found


def load(path: Path) -> Wanted:
    """The file at `path`; one `FileError` that names all that is wrong with it."""
    try:
        text = path.read_text(encoding="utf-8")
    except OSError as error:
        raise FileError(f"{path} cannot be read: {error.strerror}") from None
    return parse(text, str(path))


def parse(text: str, path: str = "the file") -> Wanted:
    """The file's text, checked."""
    try:
        document = tomllib.loads(text)
    except tomllib.TOMLDecodeError as error:
        raise FileError(f"{path} is not TOML: {error}") from None
    try:
        return Wanted.model_validate(_with_tuples(document))
    except ValidationError as error:
        lines = [_explained(problem) for problem in error.errors(include_url=False)]
        raise FileError(f"{path}: " + "; ".join(lines)) from None


def _with_tuples(document: dict[str, Any]) -> dict[str, Any]:
    """TOML has lists where the models, which cannot be changed, have tuples."""
    for group in ("queues", "workers"):
        parts = document.get(group)
        for part in parts.values() if isinstance(parts, dict) else ():
            if isinstance(part, dict) and isinstance(part.get("skills"), list):
                part["skills"] = tuple(part["skills"])
    return document


def _explained(problem: Any) -> str:
    place = ".".join(str(part) for part in problem["loc"] if part != "[key]")
    text = str(problem["msg"]).removeprefix("Value error, ")
    return f"{place}: {text}" if place else text
