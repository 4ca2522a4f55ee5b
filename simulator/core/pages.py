"""Lists in pages, the way the 2010 API gives them, and the date filters on them."""

from collections.abc import Callable, Sequence
from datetime import UTC, datetime
from typing import Any, TypeVar
from urllib.parse import urlencode

from simulator.core.errors import invalid
from simulator.core.text import Form

PAGE_SIZE, PAGE_SIZE_MAX = 50, 1000
PAGING = ("Page", "PageSize", "PageToken")
Item = TypeVar("Item")


def page(
    items: Sequence[Item],
    form: Form,
    *,
    key: str,
    uri: str,
    render: Callable[[Item], dict[str, Any]],
    sid_of: Callable[[Item], str],
) -> dict[str, Any]:
    """One page. The token names the last item seen, so that new items do not shift the pages."""
    size = _whole(form, "PageSize", PAGE_SIZE)
    if not 1 <= size <= PAGE_SIZE_MAX:
        raise invalid(20007, "Page size too large" if size > 1 else "Page size too small")
    number, token = _whole(form, "Page", 0), form.text("PageToken")
    start = _start(items, token, number * size, sid_of)
    shown = list(items[start : start + size])
    more = start + size < len(items)

    def link(to: int, after: str | None) -> str:
        query = [(k, v) for k, vs in form.values.items() if k not in PAGING for v in vs]
        query += [("PageSize", str(size)), ("Page", str(to))]
        if after is not None:
            query.append(("PageToken", after))
        return f"{uri}?{urlencode(query)}"

    first = link(0, None)
    return {
        key: [render(item) for item in shown],
        "end": number * size + max(0, len(shown) - 1),
        "first_page_uri": first,
        "next_page_uri": link(number + 1, "PA" + sid_of(shown[-1])) if more else None,
        "page": number,
        "page_size": size,
        "previous_page_uri": link(number - 1, None) if number > 0 else None,
        "start": number * size,
        "uri": first if number == 0 and token is None else link(number, token),
    }


def _whole(form: Form, name: str, default: int) -> int:
    try:
        found = form.whole(name)
    except ValueError:
        raise invalid(20001, f"{name} must be a whole number") from None
    if found is not None and found < 0:
        raise invalid(20001, f"{name} must not be negative")
    return default if found is None else found


def _start(
    items: Sequence[Item], token: str | None, fallback: int, sid_of: Callable[[Item], str]
) -> int:
    if token is not None and token.startswith("PA"):
        for index, item in enumerate(items):
            if sid_of(item) == token[2:]:
                return index + 1
    return fallback


def _moment(text: str) -> datetime | None:
    try:
        moment = datetime.fromisoformat(text.strip().replace("Z", "+00:00"))
    except ValueError:
        return None
    return moment if moment.tzinfo else moment.replace(tzinfo=UTC)


def in_dates(form: Form, name: str, moment: float | None) -> bool:
    """The filters `Name`, `Name<` and `Name>`: a day, or a moment; both ends are included."""
    for suffix in ("", "<", ">"):
        text = form.text(name + suffix)
        if not text:
            continue
        limit = _moment(text)
        if limit is None:
            raise invalid(20001, f"{name}{suffix} is not a date")
        if moment is None or not _fits(datetime.fromtimestamp(moment, UTC), limit, suffix, text):
            return False
    return True


def _fits(moment: datetime, limit: datetime, suffix: str, text: str) -> bool:
    by_day = len(text.strip()) <= len("2020-01-31")
    if suffix == "":
        return moment.date() == limit.date()
    if by_day:
        return moment.date() <= limit.date() if suffix == "<" else moment.date() >= limit.date()
    return moment <= limit if suffix == "<" else moment >= limit
