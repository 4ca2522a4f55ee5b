"""X-Twilio-Signature and webhook overrides: published vectors, and the SDK's own opinion."""

import json

import pytest
from hypothesis import given
from hypothesis import strategies as st
from twilio.request_validator import RequestValidator

from simulator.http.overrides import OverrideError, Overrides, split
from simulator.http.signature import body_sha256, sign, signed_url
from tests.simulator.openapi import DATA

VECTORS = json.loads((DATA / "payloads" / "signature_vectors.json").read_text())


def test_published_signature() -> None:
    vector = VECTORS[0]
    assert sign(vector["auth_token"], vector["url"], vector["params"]) == vector["signature"]


def test_published_body_digest() -> None:
    vector = VECTORS[1]
    assert body_sha256(vector["body"].encode()) == vector["bodySHA256"]


@given(params=st.dictionaries(st.text(min_size=1), st.text(), max_size=6))
def test_sdk_accepts_every_form(params: dict[str, str]) -> None:
    url = "http://127.0.0.1:4321/hook?x=1&y=2"
    assert RequestValidator("t").validate(url, params, sign("t", signed_url(url), params))


@pytest.mark.parametrize(
    ("url", "signed"),
    [
        ("https://user:pw@host:443/p?q=1#rc=2", "https://host/p?q=1"),
        ("https://host:8443/p", "https://host/p"),
        ("http://host:8080/p", "http://host:8080/p"),
        ("http://host:80/p", "http://host/p"),
        ("http://[::1]:90/p", "http://[::1]:90/p"),
    ],
)
def test_what_of_an_address_is_signed(url: str, signed: str) -> None:
    assert signed_url(url) == signed


def test_fragment_overrides() -> None:
    address, asked = split("https://h/p?a=b#rc=3&rp=4xx,rt&ct=2000&rt=500&tt=9000&e=ashburn&sni=y")
    assert address == "https://h/p?a=b"
    assert asked == Overrides(2.0, 0.5, 9.0, 3, frozenset({"4xx", "rt"}))
    assert asked.retries_on("rt")
    assert not asked.retries_on("ct")
    assert split("https://h/p#chapter") == ("https://h/p", Overrides())


@pytest.mark.parametrize("fragment", ["rp=sometimes", "rc=6", "ct=99", "rt=x"])
def test_malformed_overrides(fragment: str) -> None:
    with pytest.raises(OverrideError):
        split(f"https://h/p#{fragment}")
