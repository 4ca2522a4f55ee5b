"""What the REST operations of every resource need: finding, checking, ETags, parameters (R-08)."""

import json
from typing import TYPE_CHECKING, Any, TypeVar

from simulator.core.errors import TwilioError, invalid, not_found
from simulator.core.taskrouter.model import Resource, Workspace
from simulator.core.taskrouter.resources import Resources
from simulator.core.text import Form

if TYPE_CHECKING:
    from simulator.core.taskrouter.requests import Requests
    from simulator.core.taskrouter.router import TaskRouter

Item = TypeVar("Item")
NAME_LENGTH_MAX = 64
ORDERS = ("FIFO", "LIFO")


class Group:
    """What the operations of every resource need."""

    def __init__(self, router: "TaskRouter", requests: "Requests") -> None:
        self._router = router
        self._requests = requests

    def _space(self, sid: str) -> Workspace:
        found = self._router.workspaces.get(sid)
        if found is None:
            raise not_found(f"/v1/Workspaces/{sid}")
        return found

    def _shown(self, space: Workspace) -> Resources:
        return Resources(self._router.network.account_sid, space, self._router.now)

    @staticmethod
    def _get(space: Workspace, table: dict[str, Item], collection: str, sid: str) -> Item:
        found = table.get(sid)
        if found is None:
            raise not_found(f"/v1/Workspaces/{space.sid}/{collection}/{sid}")
        return found

    def _tag(self, item: Resource) -> None:
        self._requests.etag = f'"{item.version}"'

    def _check_match(self, item: Resource) -> None:
        asked = self._requests.if_match
        if asked in (None, "", "*"):
            return
        if str(asked).removeprefix("W/").strip('"') != str(item.version):
            raise TwilioError(
                412, 20001, "The resource has been changed since: If-Match does not match its ETag"
            )


def required(form: Form, name: str) -> str:
    found = (form.text(name) or "").strip()
    if not found:
        raise invalid(20001, f"Missing required parameter {name} in the post body")
    return found


def friendly_name(form: Form) -> str:
    found = required(form, "FriendlyName")
    if len(found) > NAME_LENGTH_MAX:
        raise invalid(20001, f"FriendlyName must not exceed {NAME_LENGTH_MAX} characters")
    return found


def whole(form: Form, name: str, lowest: int, highest: int) -> int | None:
    try:
        found = form.whole(name)
    except ValueError:
        found = lowest - 1
    if found is not None and not lowest <= found <= highest:
        raise invalid(20001, f"{name} must be a whole number from {lowest} to {highest}")
    return found


def json_object(form: Form, name: str) -> tuple[str, dict[str, Any]]:
    """A parameter that holds a JSON object, as text and as value; `{}` when it is not given."""
    text = form.text(name) or "{}"
    try:
        found = json.loads(text)
    except ValueError:
        found = None
    if not isinstance(found, dict):
        raise invalid(20001, f"{name} is not a valid JSON object")
    return text, found


def choice(form: Form, name: str, choices: tuple[str, ...], default: str) -> str:
    found = form.given(name, default)
    if found not in choices:
        raise invalid(20001, f"{name} must be one of {', '.join(choices)}")
    return found


def yes(text: str | None) -> bool:
    return (text or "").strip().lower() in ("true", "1", "yes")
