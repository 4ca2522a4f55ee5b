"""How Twilio writes things down: dates, booleans, addresses, form parameters."""

import re
from collections.abc import Mapping
from datetime import UTC, datetime
from email.utils import format_datetime
from functools import lru_cache
from typing import Any
from urllib.parse import unquote

E164 = re.compile(r"\+[1-9]\d{6,14}\Z")
TRUE, FALSE = "true", "false"


@lru_cache(maxsize=4096)
def _rfc2822_of_second(second: int) -> str:
    return format_datetime(datetime.fromtimestamp(second, UTC))


def rfc2822(moment: float) -> str:
    """`Thu, 01 Jun 2017 20:48:32 +0000`, as REST bodies and callbacks carry it."""
    return _rfc2822_of_second(int(moment))


def http_date(moment: float) -> str:
    """`Thu, 01 Jun 2017 20:48:32 GMT`, as an HTTP header carries it."""
    return rfc2822(moment).removesuffix("+0000") + "GMT"


def rfc2822_or_none(moment: float | None) -> str | None:
    return None if moment is None else rfc2822(moment)


def iso8601(moment: float) -> str:
    """With milliseconds and a Z; for the control face only."""
    second, micros = divmod(round(moment * 1e6), 1_000_000)
    return f"{_iso8601_of_second(second)}.{micros // 1000:03d}Z"


@lru_cache(maxsize=4096)
def _iso8601_of_second(second: int) -> str:
    return datetime.fromtimestamp(second, UTC).isoformat().removesuffix("+00:00")


def flag(value: bool) -> str:
    return TRUE if value else FALSE


def is_phone_number(address: str) -> bool:
    return E164.match(address) is not None


def is_address(address: str) -> bool:
    """A number, `client:name`, `sip:user@host` or (as a destination) `app:AP…`."""
    if address.startswith(("client:", "app:")):
        return len(address.split(":", 1)[1]) > 0
    if address.startswith(("sip:", "sips:")):
        return "@" in address
    return is_phone_number(address)


@lru_cache(1024)
def phone_of(address: str) -> str:
    """The phone an address reaches: parameters behind `?` (and SIP's behind `;`) do not count."""
    address = address.split("?", 1)[0]
    if address.startswith(("sip:", "sips:")):
        address = address.split(";", 1)[0]
    return unquote(address) if address.startswith("client:") else address


def formatted(address: str) -> str:
    """`+15005550006` as `(500) 555-0006`; other addresses as they are."""
    if len(address) == 12 and address.startswith("+1") and address[1:].isdigit():
        return f"({address[2:5]}) {address[5:8]}-{address[8:]}"
    return address


def country_of(address: str) -> str:
    """Enough for the geographic fields of a webhook; only one numbering plan is known."""
    return "US" if address.startswith("+1") and is_phone_number(address) else ""


class Form:
    """Request parameters: names to lists of texts, with Twilio's way of reading them."""

    __slots__ = ("values",)

    def __init__(self, values: Mapping[str, list[str]]) -> None:
        self.values = values

    @classmethod
    def of(cls, params: "Mapping[str, Any] | Form | None") -> "Form":
        """Accepts plain Python values too, so that the network can be driven without HTTP."""
        if isinstance(params, Form):
            return params
        values: dict[str, list[str]] = {}
        for name, value in (params or {}).items():
            if value is None:
                continue
            several = value if isinstance(value, list | tuple) else [value]
            values[name] = [flag(v) if isinstance(v, bool) else str(v) for v in several]
        return cls(values)

    def __contains__(self, name: str) -> bool:
        return name in self.values

    def text(self, name: str) -> str | None:
        found = self.values.get(name)
        return found[-1] if found else None

    def given(self, name: str, default: str) -> str:
        """The text, or the default when it is absent or empty."""
        return self.text(name) or default

    def true(self, name: str, default: bool = False) -> bool:
        """What is neither true nor false counts as false (P-14)."""
        found = self.text(name)
        return default if found is None else found.strip().lower() == TRUE

    def whole(self, name: str) -> int | None:
        """A whole number, or None when absent. Raises ValueError on anything else."""
        found = self.text(name)
        return None if found in (None, "") else int(str(found))

    def words(self, name: str) -> tuple[str, ...] | None:
        """A list, given by repeated keys or by spaces (P-09)."""
        found = self.values.get(name)
        if found is None:
            return None
        return tuple(word for text in found for word in text.replace(",", " ").split())

    def flat(self) -> dict[str, Any]:
        """For the log of requests: single values as texts, repeated ones as lists."""
        return {k: v[0] if len(v) == 1 else list(v) for k, v in self.values.items()}


def words(text: str | None) -> tuple[str, ...]:
    return tuple((text or "").replace(",", " ").split())
