"""Twilio's identifiers: two letters and 32 lower-case hex digits, from a seed and a counter."""

import re
from hashlib import blake2b

CALL_SID = re.compile(r"CA[0-9a-f]{32}\Z")
ANY_SID = re.compile(r"[A-Z]{2}[0-9a-fA-F]{32}\Z")


class SidFactory:
    """The same seed gives the same identifiers in the same order, and never one of them twice."""

    def __init__(self, seed: int | str) -> None:
        self._seed = str(seed).encode()
        self._made = 0

    def __call__(self, prefix: str) -> str:
        self._made += 1
        text = b"%s/%d" % (self._seed, self._made)
        return prefix + blake2b(text, digest_size=16).hexdigest()
