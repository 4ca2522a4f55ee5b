"""X-Twilio-Signature: how the application can tell that a request is genuine (A-02 to A-04)."""

import base64
import hashlib
import hmac
from collections.abc import Iterable, Mapping
from urllib.parse import urlsplit, urlunsplit

DEFAULT_PORTS = {"http": 80, "https": 443}


def signed_url(url: str) -> str:
    """The address as it goes into the signature: no user, no fragment, https without its port."""
    parts = urlsplit(url)
    host = parts.hostname or ""
    if ":" in host:
        host = f"[{host}]"
    keeps_port = parts.scheme == "http" and parts.port not in (None, DEFAULT_PORTS["http"])
    netloc = f"{host}:{parts.port}" if keeps_port else host
    return urlunsplit((parts.scheme, netloc, parts.path, parts.query, ""))


def sign(token: str, url: str, params: Mapping[str, str | Iterable[str]] | None = None) -> str:
    """Base64 of the HMAC-SHA1 over the address and the sorted form fields."""
    text = url + "".join(
        name + value
        for name, values in sorted((params or {}).items())
        for value in ([values] if isinstance(values, str) else sorted(set(values)))
    )
    digest = hmac.new(token.encode(), text.encode(), hashlib.sha1).digest()
    return base64.b64encode(digest).decode()


def body_sha256(body: bytes) -> str:
    """What `bodySHA256` carries when the body is JSON (A-03)."""
    return hashlib.sha256(body).hexdigest()
