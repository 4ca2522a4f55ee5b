"""Lists in pages, the way TaskRouter gives them: with `meta`, and tokens instead of numbers (R-02).

https://www.twilio.com/docs/usage/twilios-response#pagination
"""

from collections.abc import Callable, Sequence
from typing import Any, TypeVar
from urllib.parse import urlencode

from simulator.core.errors import invalid
from simulator.core.text import Form

Body = dict[str, Any]
Item = TypeVar("Item")
PAGE_SIZE, PAGE_SIZE_MAX = 50, 1000
PAGING = ("Page", "PageSize", "PageToken")


def page(
    items: Sequence[Item],
    form: Form,
    *,
    key: str,
    url: str,
    render: Callable[[Item], Body],
    sid_of: Callable[[Item], str],
) -> Body:
    """One page. The token names the last item seen; `Page` alone leads nowhere (40153)."""
    size, number = _whole(form, "PageSize", PAGE_SIZE), _whole(form, "Page", 0)
    token = form.text("PageToken")
    if not 1 <= size <= PAGE_SIZE_MAX:
        raise invalid(20007, "Page size too large" if size > 1 else "Page size too small")
    if number > 0 and not token:
        raise invalid(40153, "Absolute paging is not supported; use PageToken")
    start = _start(items, token, sid_of)
    shown = items[start : start + size]
    more = start + size < len(items)
    previous = max(0, start - size)

    def link(to: int, at: str | None) -> str:
        query = [(k, v) for k, vs in form.values.items() if k not in PAGING for v in vs]
        query += [("PageSize", str(size)), ("Page", str(to))]
        if at is not None:
            query.append(("PageToken", at))
        return f"{url}?{urlencode(query)}"

    back = f"PB{sid_of(items[previous])}" if start > 0 else None
    return {
        key: [render(item) for item in shown],
        "meta": {
            "page": number,
            "page_size": size,
            "first_page_url": link(0, None),
            "previous_page_url": link(max(0, number - 1), back) if back else None,
            "url": link(number, token),
            "next_page_url": link(number + 1, f"PA{sid_of(shown[-1])}") if more else None,
            "key": key,
        },
    }


def _whole(form: Form, name: str, default: int) -> int:
    try:
        found = form.whole(name)
    except ValueError:
        found = -1
    if found is not None and found < 0:
        raise invalid(20001, f"{name} must be a whole number, not below 0")
    return default if found is None else found


def _start(items: Sequence[Item], token: str | None, sid_of: Callable[[Item], str]) -> int:
    """PA: behind this item; PB: from this item on, on the way back."""
    for index, item in enumerate(items):
        if token and sid_of(item) == token[2:]:
            return index + (1 if token.startswith("PA") else 0)
    return 0
