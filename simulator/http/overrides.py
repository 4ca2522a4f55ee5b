"""Webhook connection overrides in a URL's fragment: `#rc=3&rp=all&ct=2000` (W-03)."""

from dataclasses import dataclass
from urllib.parse import parse_qsl, urldefrag

CONNECT_MS, READ_MS, TOTAL_MS = 5000, 15000, 15000
RETRIES, RETRIES_MAX = 1, 5
POLICIES = frozenset({"4xx", "5xx", "ct", "rt", "all"})


@dataclass(frozen=True, slots=True)
class Overrides:
    """Times in seconds. By default only a failed connection is tried again, once (W-02)."""

    connect_seconds: float = CONNECT_MS / 1000
    read_seconds: float = READ_MS / 1000
    total_seconds: float = TOTAL_MS / 1000
    retries: int = RETRIES
    policy: frozenset[str] = frozenset({"ct"})

    def retries_on(self, what: str) -> bool:
        return what in self.policy or "all" in self.policy


class OverrideError(ValueError):
    """The fragment is malformed (11243)."""


def split(url: str) -> tuple[str, Overrides]:
    """The address without its fragment, and what the fragment asks for."""
    address, fragment = urldefrag(url)
    if "=" not in fragment:
        return address, Overrides()
    asked = dict(parse_qsl(fragment))
    policy = frozenset(asked.get("rp", "ct").split(","))
    if not policy <= POLICIES:
        raise OverrideError(f"retry policy {asked['rp']} is invalid")
    return address, Overrides(
        connect_seconds=_number(asked, "ct", CONNECT_MS, 100, 10000) / 1000,
        read_seconds=_number(asked, "rt", READ_MS, 100, 15000) / 1000,
        total_seconds=_number(asked, "tt", TOTAL_MS, 100, 15000) / 1000,
        retries=_number(asked, "rc", RETRIES, 0, RETRIES_MAX),
        policy=policy,
    )


def _number(asked: dict[str, str], key: str, default: int, lowest: int, highest: int) -> int:
    text = asked.get(key)
    if text is None:
        return default
    if not text.isdigit() or not lowest <= int(text) <= highest:
        raise OverrideError(f"{key}={text} is out of range")
    return int(text)
