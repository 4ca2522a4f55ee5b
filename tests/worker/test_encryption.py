"""What Temporal stores can be read with our keys, and with nothing else."""

from __future__ import annotations

import base64
import json
from dataclasses import dataclass

import pytest
from temporalio.api.common.v1 import Payload
from temporalio.api.failure.v1 import Failure
from temporalio.exceptions import ApplicationError

from workflows.encryption import (
    CodecKeyError,
    CodecKeys,
    EncryptionCodec,
    cors_headers,
    data_converter,
    decode_body,
    encode_body,
    self_test,
)

NUMBER = "+15550100777"


def key(byte: int, length: int = 32) -> str:
    return base64.b64encode(bytes([byte]) * length).decode()


def keys(text: str, active: str = "") -> CodecKeys:
    parsed = CodecKeys.parse(text, active)
    assert parsed is not None
    return parsed


@dataclass(frozen=True)
class Person:
    address: str


async def test_values_come_back_and_are_not_seen_on_the_way() -> None:
    converter = data_converter(keys(f"one:{key(1)}"))
    sealed = await converter.encode([Person(NUMBER)])
    assert NUMBER.encode() not in sealed[0].SerializeToString()
    assert sealed[0].metadata["encryption-key-id"] == b"one"
    assert await converter.decode(sealed, [Person]) == [Person(NUMBER)]


async def test_failures_are_encrypted_too() -> None:
    converter = data_converter(keys(f"one:{key(1)}"))
    failure = Failure()
    try:
        raise ApplicationError(f"no route to {NUMBER}", Person(NUMBER), type="refused")
    except ApplicationError as error:
        await converter.encode_failure(error, failure)
    stored = failure.SerializeToString()
    assert NUMBER.encode() not in stored
    assert b"test_encryption" not in stored, "the stack trace is open"
    back = await converter.decode_failure(failure)
    assert isinstance(back, ApplicationError)
    assert str(back).endswith(f"no route to {NUMBER}")
    assert back.type == "refused"


async def test_rotation_old_data_stays_readable_and_new_data_has_the_new_key() -> None:
    old = EncryptionCodec(keys(f"old:{key(1)}"))
    both = EncryptionCodec(keys(f"old:{key(1)},new:{key(2)}", active="new"))
    new = EncryptionCodec(keys(f"new:{key(2)}"))
    payload = Payload(data=b"hello")
    (written_before,) = await old.encode([payload])
    (written_after,) = await both.encode([payload])
    assert await both.decode([written_before, written_after]) == [payload, payload]
    assert await new.decode([written_after]) == [payload]
    with pytest.raises(CodecKeyError, match="old"):
        await new.decode([written_before])


async def test_another_key_under_the_same_id_is_recognised() -> None:
    here, there = EncryptionCodec(keys(f"k:{key(1)}")), EncryptionCodec(keys(f"k:{key(2)}"))
    (sealed,) = await there.encode([Payload(data=b"hello")])
    with pytest.raises(CodecKeyError, match="is not the key 'k'"):
        await here.decode([sealed])


@pytest.mark.parametrize("part", ["data", "nonce", "key id", "short"])
async def test_a_changed_payload_is_refused(part: str) -> None:
    codec = EncryptionCodec(keys(f"a:{key(1)},b:{key(1)}"))
    (sealed,) = await codec.encode([Payload(data=b"hello")])
    if part == "data":
        sealed.data = sealed.data[:-1] + bytes([sealed.data[-1] ^ 1])
    elif part == "nonce":
        sealed.data = bytes([sealed.data[0] ^ 1]) + sealed.data[1:]
    elif part == "short":
        sealed.data = b"x"
    else:
        sealed.metadata["encryption-key-id"] = b"b"  # same bytes, other id: bound by the tag
    with pytest.raises(CodecKeyError, match="damaged"):
        await codec.decode([sealed])


async def test_open_payloads_of_before_pass() -> None:
    codec = EncryptionCodec(keys(f"a:{key(1)}"))
    payload = Payload(metadata={"encoding": b"json/plain"}, data=b"1")
    assert await codec.decode([payload]) == [payload]


async def test_equal_values_look_different() -> None:
    codec = EncryptionCodec(keys(f"a:{key(1)}"))
    one, two = await codec.encode([Payload(data=b"x"), Payload(data=b"x")])
    assert one.data != two.data


@pytest.mark.parametrize(
    ("text", "active", "message"),
    [
        ("one", "", "entry 1 must be"),
        ("one:", "", "has 0 bytes"),
        (f"one:{key(1, 16)}", "", "has 16 bytes; it must have 32"),
        ("one:***", "", "is not base64"),
        (f"one:{key(1)},one:{key(2)}", "", "occurs twice"),
        (f"bad id:{key(1)}", "", "entry 1 must be"),
        (f"one:{key(1)}", "two", "HANDOVER_CODEC_KEY_ID is two"),
        ("", "two", "HANDOVER_CODEC_KEYS is not"),
    ],
)
def test_keys_that_cannot_be_used_are_named(text: str, active: str, message: str) -> None:
    with pytest.raises(CodecKeyError, match=message) as raised:
        CodecKeys.parse(text, active)
    assert key(1) not in str(raised.value)


def test_no_keys_means_no_encryption() -> None:
    assert CodecKeys.parse("") is None
    assert data_converter(None).payload_codec is None


def test_self_test_passes_and_nothing_shows_a_key() -> None:
    parsed = keys(f"one:{key(1)}, two:{key(2)}")
    self_test(parsed)
    assert parsed.active == "one"
    assert "\\x01" not in repr(parsed)
    assert parsed.fingerprint("one") != parsed.fingerprint("two")


async def test_codec_endpoint_there_and_back() -> None:
    codec = EncryptionCodec(keys(f"one:{key(1)}"))
    clear = json.dumps(
        {
            "payloads": [
                {
                    "metadata": {"encoding": base64.b64encode(b"json/plain").decode()},
                    "data": base64.b64encode(NUMBER.encode()).decode(),
                }
            ]
        }
    ).encode()
    sealed = await encode_body(codec, clear)
    assert base64.b64encode(NUMBER.encode()) not in sealed
    assert json.loads(await decode_body(codec, sealed)) == json.loads(clear)


@pytest.mark.parametrize("body", [b"", b"[]", b"\xff", b'{"payloads": 1}', b"null"])
async def test_codec_endpoint_refuses_what_is_no_list_of_payloads(body: bytes) -> None:
    with pytest.raises(ValueError, match="not a list of payloads"):
        await decode_body(EncryptionCodec(keys(f"one:{key(1)}")), body)


def test_only_expected_origins_are_answered() -> None:
    allowed = ["https://ui.example"]
    assert cors_headers("https://ui.example", allowed)["Access-Control-Allow-Origin"] == allowed[0]
    for origin in ("https://evil.example", "", "null", "https://ui.example.evil.example"):
        assert "Access-Control-Allow-Origin" not in cors_headers(origin, allowed)
