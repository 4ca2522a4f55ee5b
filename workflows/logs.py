"""Logs of a process: JSON lines for machines, columns for a terminal, and no number in either.

Nothing of ours writes a phone number to a log. The mask is the second lock on that door: it also
covers libraries and tracebacks.
"""

from __future__ import annotations

import logging
import re
import sys
from collections.abc import Mapping
from typing import Any, TextIO

import structlog
from structlog.typing import EventDict, Processor, WrappedLogger
from temporalio import workflow

MASK = "[number]"
NAME_MASK = "[name]"

_NUMBER = re.compile(
    r"(?:(?<![A-Za-z0-9])\+|%2[Bb])\d(?:[\s().-]{0,2}\d){6,16}(?!\w)"  # E.164, as is or spaced
    r"|(?<![\w.-])\(?\d(?:[\s().-]{0,2}\d){6,16}(?![\w:-])"  # the same without its plus
)
"""Seven digits and more. Not inside a word, so that SIDs and UUIDs stay whole."""
_PERSON = re.compile(r"\b(client|sips?|tel):(?!//)[^\s\"'<>,;)\]}]+")
"""Addresses that carry a name."""
_DATE = re.compile(r"\d{4}-\d\d-\d\d(?:[T ]\d\d:\d\d(?::\d\d(?:\.\d+)?)?)?")
_DECIMAL = re.compile(r"\d+\.\d+")
"""A duration or a moment: one dot and nothing else."""
_CONTROL = re.compile(r"[\x00-\x1f\x7f-\x9f\u2028\u2029]")

_UNMASKED = frozenset({"timestamp", "level", "logger"})
_MULTILINE = frozenset({"exception", "stack"})
_DEPTH_MAX = 6


def masked(text: str) -> str:
    """`text` without anything that looks like a phone number or a person's address."""
    if not any(char.isdigit() for char in text) and ":" not in text:
        return text
    text = _PERSON.sub(lambda found: f"{found.group(1)}:{NAME_MASK}", text)
    pieces: list[str] = []
    last = 0
    for date in _DATE.finditer(text):
        pieces += [_NUMBER.sub(_mask_number, text[last : date.start()]), date.group()]
        last = date.end()
    return "".join([*pieces, _NUMBER.sub(_mask_number, text[last:])])


def mask(_logger: WrappedLogger, _name: str, event: EventDict) -> EventDict:
    """Mask every text of a log entry, however deep."""
    return {
        key: value if key in _UNMASKED else _masked_value(value, 0) for key, value in event.items()
    }


def escape(_logger: WrappedLogger, _name: str, event: EventDict) -> EventDict:
    """Write control characters out, so that what came from outside cannot forge a line or move a
    terminal's cursor. Tracebacks keep their line breaks."""
    return {
        key: _escaped(value, keep_lines=key in _MULTILINE) if isinstance(value, str) else value
        for key, value in event.items()
    }


def configure(style: str = "", level: str = "INFO", stream: TextIO | None = None) -> None:
    """Send all logs of the process, ours and libraries', through one formatter.

    `style` is `json`, `console`, or empty: readable on a terminal, JSON everywhere else.
    """
    target = stream or sys.stderr
    is_json = style == "json" or (not style and not target.isatty())
    shared: list[Processor] = [
        structlog.contextvars.merge_contextvars,
        structlog.stdlib.add_log_level,
        structlog.stdlib.add_logger_name,
        structlog.processors.TimeStamper(fmt="iso", utc=True),
    ]
    renderer: list[Processor] = (
        [structlog.processors.JSONRenderer(ensure_ascii=False)]
        if is_json
        else [escape, structlog.dev.ConsoleRenderer(colors=target.isatty())]
    )
    handler = logging.StreamHandler(target)
    handler.setFormatter(
        structlog.stdlib.ProcessorFormatter(
            foreign_pre_chain=[*shared, structlog.stdlib.ExtraAdder()],
            processors=[
                structlog.stdlib.ProcessorFormatter.remove_processors_meta,
                structlog.processors.format_exc_info,
                structlog.processors.StackInfoRenderer(),
                _flatten,
                mask,
                *renderer,
            ],
        )
    )
    root = logging.getLogger()
    root.handlers[:] = [handler]
    root.setLevel(level)
    structlog.configure(
        processors=[
            *shared,
            structlog.stdlib.PositionalArgumentsFormatter(),
            structlog.stdlib.ProcessorFormatter.wrap_for_formatter,
        ],
        logger_factory=structlog.stdlib.LoggerFactory(),
        wrapper_class=structlog.stdlib.BoundLogger,
        cache_logger_on_first_use=True,
    )
    # Temporal's adapter would append a dictionary to every message; ours carry what is needed.
    workflow.logger.workflow_info_on_message = False
    logging.getLogger("aiohttp.access").setLevel(logging.WARNING)


def _flatten(_logger: WrappedLogger, _name: str, event: EventDict) -> EventDict:
    """Of Temporal's nested details keep the ids that a reader looks for."""
    for key in ("temporal_workflow", "temporal_activity"):
        details = event.pop(key, None)
        if isinstance(details, Mapping):
            for name in ("workflow_id", "run_id", "activity_type", "attempt"):
                if name in details:
                    event.setdefault(name, details[name])
    return event


def _mask_number(found: re.Match[str]) -> str:
    return found.group() if _DECIMAL.fullmatch(found.group()) else MASK


def _masked_value(value: Any, depth: int) -> Any:
    if isinstance(value, str):
        return masked(value)
    if isinstance(value, bool | int | float) or value is None:
        return value
    if depth >= _DEPTH_MAX:
        return masked(repr(value))
    if isinstance(value, Mapping):
        return {masked(str(k)): _masked_value(v, depth + 1) for k, v in value.items()}
    if isinstance(value, list | tuple | set | frozenset):
        return [_masked_value(each, depth + 1) for each in value]
    return masked(repr(value))


def _escaped(text: str, keep_lines: bool) -> str:
    return _CONTROL.sub(
        lambda found: (
            found.group() if keep_lines and found.group() in "\n\t" else _written_out(found.group())
        ),
        text,
    )


def _written_out(char: str) -> str:
    return char.encode("unicode_escape").decode()
