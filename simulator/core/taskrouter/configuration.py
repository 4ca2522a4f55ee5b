"""A workflow's configuration: JSON to filters and targets, checked on the way (R-22, R-24, R-25).

https://www.twilio.com/docs/taskrouter/workflow-configuration
"""

import json
import re
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

from simulator.core.errors import invalid
from simulator.core.taskrouter.expressions import Expression, ExpressionError, parse

ORDER_ITEM = re.compile(r"worker\.([\w$.\[\]]+)(?:\s+(ASC|DESC))?\Z", re.IGNORECASE)


@dataclass(frozen=True, slots=True)
class Target:
    """`order_by`: attribute paths of a worker, each with whether it falls (DESC)."""

    queue: str
    expression: Expression | None = None
    priority: int | None = None
    timeout: int | None = None
    order_by: tuple[tuple[str, bool], ...] = ()
    skip_if: Expression | None = None
    known_worker_sid: str | None = None
    known_worker_name: str | None = None


@dataclass(frozen=True, slots=True)
class Filter:
    name: str
    expression: Expression | None
    targets: tuple[Target, ...]


@dataclass(frozen=True, slots=True)
class Configuration:
    filters: tuple[Filter, ...]
    default: Target | None


def expression(text: str, where: str) -> Expression:
    try:
        return parse(text)
    except ExpressionError as error:
        raise invalid(20001, f"Invalid {where}: {error}") from error


def read(text: str, queues: Mapping[str, Any]) -> Configuration:
    """Raises TwilioError 20001 that names what is wrong, as Twilio refuses such a workflow."""
    try:
        document = json.loads(text)
    except ValueError as error:
        raise invalid(20001, f"Invalid JSON in Workflow configuration: {error}") from error
    routing = document.get("task_routing") if isinstance(document, dict) else None
    if not isinstance(routing, dict):
        raise invalid(20001, "Workflow configuration must hold an object 'task_routing'")
    filters = routing.get("filters") or []
    if not isinstance(filters, list) or not all(isinstance(f, dict) for f in filters):
        raise invalid(20001, "Workflow configuration: 'filters' must be a list of objects")
    default = routing.get("default_filter")
    if default is not None and not isinstance(default, dict):
        raise invalid(20001, "Workflow configuration: 'default_filter' must be an object")
    return Configuration(
        tuple(_filter(given, queues) for given in filters),
        _target(default, queues, "default_filter") if default else None,
    )


def _filter(given: dict[str, Any], queues: Mapping[str, Any]) -> Filter:
    name = str(given.get("filter_friendly_name") or given.get("friendly_name") or "")
    targets, text = given.get("targets"), given.get("expression")
    if targets is None and given.get("queue"):
        # A filter that names its queue itself is the form of the first years.
        targets = [{key: value for key, value in given.items() if key != "expression"}]
    if not isinstance(targets, list) or not targets:
        raise invalid(20001, f"Workflow configuration: filter '{name}' needs targets")
    return Filter(
        name,
        expression(str(text), f"expression of filter '{name}'") if text else None,
        tuple(_target(target, queues, f"filter '{name}'") for target in targets),
    )


def _target(given: Any, queues: Mapping[str, Any], where: str) -> Target:
    if not isinstance(given, dict):
        raise invalid(20001, f"Workflow configuration: a target of {where} is not an object")
    queue = str(given.get("queue") or "")
    if queue not in queues:
        raise invalid(20001, f"Workflow configuration: {where} names unknown TaskQueue '{queue}'")
    text, skip = given.get("expression"), given.get("skip_if")
    return Target(
        queue,
        expression(str(text), f"target expression of {where}") if text else None,
        _whole(given, "priority", where, lowest=0),
        _whole(given, "timeout", where, lowest=1),
        _order(str(given.get("order_by") or ""), where),
        expression(str(skip), f"skip_if of {where}") if skip else None,
        given.get("known_worker_sid"),
        given.get("known_worker_friendly_name"),
    )


def _whole(given: dict[str, Any], name: str, where: str, lowest: int) -> int | None:
    value = given.get(name)
    if value in (None, ""):
        return None
    try:
        number = int(str(value))
    except ValueError:
        number = lowest - 1
    if number < lowest:
        raise invalid(20001, f"Workflow configuration: {name} of {where} is not valid: {value}")
    return number


def _order(text: str, where: str) -> tuple[tuple[str, bool], ...]:
    found = []
    for item in filter(None, (part.strip() for part in text.split(","))):
        match = ORDER_ITEM.match(item)
        if match is None:
            raise invalid(20001, f"Workflow configuration: order_by of {where}: '{item}'")
        found.append((match.group(1), (match.group(2) or "ASC").upper() == "DESC"))
    return tuple(found)
