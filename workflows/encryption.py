"""What Temporal stores, stored so that only we can read it.

Every payload (inputs, results, signals, memos, summaries) and every failure message is encrypted
with AES-256-GCM before it leaves the process. Workflow ids, search attributes and metric labels are
not payloads and stay open: nothing personal goes there.
"""

from __future__ import annotations

import base64
import binascii
import hashlib
import json
import os
import re
from collections.abc import Iterable, Sequence
from dataclasses import dataclass, field

from cryptography.exceptions import InvalidTag
from cryptography.hazmat.primitives.ciphers.aead import AESGCM
from google.protobuf import json_format
from temporalio.api.common.v1 import Payload, Payloads
from temporalio.converter import (
    DataConverter,
    DefaultFailureConverterWithEncodedAttributes,
    PayloadCodec,
)

ENCODING = b"binary/encrypted"
KEY_BYTES = 32
NONCE_BYTES = 12
"""The size GCM is made for. Random: one key is good for about 2^32 payloads (NIST SP 800-38D,
section 8.3), which is more than a billion transfers; keys are rotated long before."""
FINGERPRINT_CHARS = 8

_KEY_ID = re.compile(r"^[A-Za-z0-9_.-]{1,64}$")


class CodecKeyError(Exception):
    """Keys that cannot be used, or not with this data. Names key ids, never keys."""


@dataclass(frozen=True)
class CodecKeys:
    """The keys by id, and the one that new data is encrypted with."""

    active: str
    keys: dict[str, bytes] = field(repr=False)

    @staticmethod
    def parse(text: str, active: str = "") -> CodecKeys | None:
        """Keys out of `id:base64,id:base64`; None when there are none.

        Without `active` the first one encrypts. Any of them decrypts.
        """
        keys: dict[str, bytes] = {}
        for number, part in enumerate(filter(None, (p.strip() for p in text.split(","))), 1):
            key_id, colon, encoded = part.partition(":")
            if not colon or not _KEY_ID.match(key_id):
                raise CodecKeyError(
                    f"HANDOVER_CODEC_KEYS: entry {number} must be an id, a colon and base64 of "
                    f"{KEY_BYTES} random bytes"
                )
            if key_id in keys:
                raise CodecKeyError(f"HANDOVER_CODEC_KEYS: id {key_id} occurs twice")
            keys[key_id] = _key_bytes(key_id, encoded)
        if not keys:
            if active:
                raise CodecKeyError("HANDOVER_CODEC_KEY_ID is set, but HANDOVER_CODEC_KEYS is not")
            return None
        if active and active not in keys:
            raise CodecKeyError(
                f"HANDOVER_CODEC_KEY_ID is {active}, which HANDOVER_CODEC_KEYS does not hold"
            )
        return CodecKeys(active=active or next(iter(keys)), keys=keys)

    def fingerprint(self, key_id: str) -> str:
        """A few characters by which two machines can be seen to hold the same key."""
        return _fingerprint(self.keys[key_id])


class EncryptionCodec(PayloadCodec):
    """Encrypts with the active key, decrypts with whichever key a payload names."""

    def __init__(self, keys: CodecKeys) -> None:
        self._active = keys.active
        self._ciphers = {key_id: AESGCM(key) for key_id, key in keys.keys.items()}
        self._marks = {key_id: keys.fingerprint(key_id).encode() for key_id in keys.keys}

    async def encode(self, payloads: Sequence[Payload]) -> list[Payload]:
        """Encrypt each payload whole, its metadata included."""
        return [self._encrypt(payload) for payload in payloads]

    async def decode(self, payloads: Sequence[Payload]) -> list[Payload]:
        """Decrypt what is encrypted. What is not passes: histories written before encryption was
        switched on stay readable."""
        return [self._decrypt(payload) for payload in payloads]

    def _encrypt(self, payload: Payload) -> Payload:
        metadata = {
            "encoding": ENCODING,
            "encryption-key-id": self._active.encode(),
            "encryption-key-mark": self._marks[self._active],
        }
        nonce = os.urandom(NONCE_BYTES)
        sealed = self._ciphers[self._active].encrypt(
            nonce, payload.SerializeToString(), _associated(self._active)
        )
        return Payload(metadata=metadata, data=nonce + sealed)

    def _decrypt(self, payload: Payload) -> Payload:
        if payload.metadata.get("encoding") != ENCODING:
            return payload
        key_id = payload.metadata.get("encryption-key-id", b"").decode(errors="replace")
        cipher = self._ciphers.get(key_id)
        if cipher is None:
            raise CodecKeyError(
                f"a payload is encrypted with key {key_id!r}, which HANDOVER_CODEC_KEYS does not "
                "hold: keep old keys in it for as long as histories written with them are kept"
            )
        try:
            clear = cipher.decrypt(
                payload.data[:NONCE_BYTES], payload.data[NONCE_BYTES:], _associated(key_id)
            )
        except (InvalidTag, ValueError):
            mark = payload.metadata.get("encryption-key-mark", b"")
            if mark and mark != self._marks[key_id]:
                raise CodecKeyError(
                    f"key {key_id!r} here is not the key {key_id!r} that encrypted this payload"
                ) from None
            raise CodecKeyError(f"a payload of key {key_id!r} is damaged") from None
        return Payload.FromString(clear)


def data_converter(keys: CodecKeys | None) -> DataConverter:
    """The converter for every client, worker and replayer of ours. Without keys nothing is
    encrypted; settings that demand encryption are checked where they are read."""
    if keys is None:
        return DataConverter.default
    return DataConverter(
        payload_codec=EncryptionCodec(keys),
        failure_converter_class=DefaultFailureConverterWithEncodedAttributes,
    )


def self_test(keys: CodecKeys) -> None:
    """Every key both ways, and no answer for a payload that was changed. Raises `CodecKeyError`."""
    for key_id in keys.keys:
        codec = EncryptionCodec(CodecKeys(key_id, keys.keys))
        original = Payload(metadata={"encoding": b"json/plain"}, data=b'"self-test"')
        sealed = codec._encrypt(original)
        if codec._decrypt(sealed) != original or b"self-test" in sealed.SerializeToString():
            raise CodecKeyError(f"key {key_id!r} does not decrypt what it encrypts")
        sealed.data = sealed.data[:-1] + bytes([sealed.data[-1] ^ 1])
        try:
            codec._decrypt(sealed)
        except CodecKeyError:
            continue
        raise CodecKeyError(f"key {key_id!r} does not notice a changed payload")


async def encode_body(codec: PayloadCodec, body: bytes) -> bytes:
    """The body of a codec endpoint's `/encode`: clear payloads in, encrypted ones out.

    https://docs.temporal.io/production-deployment/data-encryption#codec-server-setup
    """
    return _dump(await codec.encode(_load(body)))


async def decode_body(codec: PayloadCodec, body: bytes) -> bytes:
    """The body of a codec endpoint's `/decode`: encrypted payloads in, clear ones out.

    Raises `ValueError` for a body that is no list of payloads, `CodecKeyError` for one that cannot
    be read with these keys.
    """
    return _dump(await codec.decode(_load(body)))


def cors_headers(origin: str, allowed: Iterable[str]) -> dict[str, str]:
    """What a codec endpoint answers to a browser at `origin`; nothing if it is not expected."""
    if not origin or origin not in frozenset(allowed):
        return {"Vary": "Origin"}
    return {
        "Access-Control-Allow-Origin": origin,
        "Access-Control-Allow-Methods": "POST,OPTIONS",
        "Access-Control-Allow-Headers": "authorization,content-type,x-namespace",
        "Access-Control-Allow-Credentials": "true",
        "Vary": "Origin",
    }


def _load(body: bytes) -> Sequence[Payload]:
    try:
        given = json.loads(body)
        if not isinstance(given, dict):
            raise ValueError("no object")
        return json_format.ParseDict(given, Payloads()).payloads
    except (json_format.ParseError, ValueError):
        raise ValueError("the body is not a list of payloads") from None


def _dump(payloads: Sequence[Payload]) -> bytes:
    return json_format.MessageToJson(Payloads(payloads=payloads)).encode()


def _associated(key_id: str) -> bytes:
    """Bound to the ciphertext: it cannot be passed off as another key's or another encoding's."""
    return ENCODING + b"\0" + key_id.encode()


def _fingerprint(key: bytes) -> str:
    return hashlib.sha256(b"handover codec key\0" + key).hexdigest()[:FINGERPRINT_CHARS]


def _key_bytes(key_id: str, encoded: str) -> bytes:
    try:
        key = base64.b64decode(encoded.strip(), validate=True)
    except (binascii.Error, ValueError):
        raise CodecKeyError(f"HANDOVER_CODEC_KEYS: key {key_id} is not base64") from None
    if len(key) != KEY_BYTES:
        raise CodecKeyError(
            f"HANDOVER_CODEC_KEYS: key {key_id} has {len(key)} bytes; it must have {KEY_BYTES}"
        )
    return key
