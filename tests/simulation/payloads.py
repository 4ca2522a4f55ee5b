"""Temporal's payloads on a shorter way: the bytes and the values of the SDK's own converter.

A fifth of the time of a history would go into finding out anew what each type is made of. Here
that is found out once per type; what this does not know goes the SDK's way. `test_payloads.py`
holds one against the other.
"""

from __future__ import annotations

import dataclasses
import json
from collections.abc import Callable, Sequence
from enum import Enum
from functools import cache
from json.encoder import c_make_encoder, encode_basestring_ascii
from operator import attrgetter
from types import UnionType
from typing import Any, Union, get_args, get_origin, get_type_hints

from temporalio.api.common.v1 import Payload
from temporalio.common import RawValue
from temporalio.converter import AdvancedJSONEncoder, DataConverter, PayloadConverter, value_to_type

SDK = DataConverter.default.payload_converter
JSON = b"json/plain"
_EMPTY = Payload(metadata={"encoding": JSON})
_UNKNOWN = AdvancedJSONEncoder()
Reader = Callable[[Any], Any]


class Converter(PayloadConverter):
    """What `DataConverter.default` has, sooner."""

    def to_payloads(self, values: Sequence[Any]) -> list[Payload]:
        return [_payload(value) for value in values]

    def from_payloads(
        self, payloads: Sequence[Payload], type_hints: list[type] | None = None
    ) -> list[Any]:
        if type_hints is None:
            return [_value(each, None) for each in payloads]
        if len(type_hints) != len(payloads):
            return SDK.from_payloads(payloads, type_hints)
        return [_value(*each) for each in zip(payloads, type_hints, strict=True)]


def _payload(value: Any) -> Payload:
    if isinstance(value, (str, dict, tuple, list)) or _names(type(value)):
        payload = Payload()
        payload.CopyFrom(_EMPTY)
        payload.data = _encode(value).encode()
        return payload
    return SDK.to_payloads([value])[0]


def _value(payload: Payload, hint: Any) -> Any:
    if payload.metadata.get("encoding") != JSON or hint is RawValue:
        return SDK.from_payloads([payload], [hint] if hint else None)[0]
    try:
        value = parsed(payload.data)
        return reader(hint)(value) if hint else value
    except (TypeError, ValueError, KeyError):
        return SDK.from_payloads([payload], [hint] if hint else None)[0]


# --- there ---------------------------------------------------------------------------------------


@cache
def _names(kind: type) -> tuple[str, ...]:
    """The fields of a dataclass, in the order in which JSON has them."""
    if not dataclasses.is_dataclass(kind):
        return ()
    return tuple(sorted(field.name for field in dataclasses.fields(kind)))


@cache
def _getter(kind: type) -> Callable[[Any], tuple[Any, ...]]:
    names = _names(kind)
    get = attrgetter(*names)
    return get if len(names) > 1 else lambda value: (get(value),)


def _plain(value: Any) -> Any:
    kind = type(value)
    names = _names(kind)
    if names:
        return dict(zip(names, _getter(kind)(value), strict=True))
    return _UNKNOWN.default(value)


def _encoder() -> Callable[[Any], str]:
    """The encoder of `json` itself, made once and not once per value."""
    made = json.JSONEncoder(default=_plain, separators=(",", ":"), sort_keys=True)
    if c_make_encoder is None:
        return made.encode
    encode = c_make_encoder(
        None, _plain, encode_basestring_ascii, None, ":", ",", True, False, True
    )
    return lambda value: "".join(encode(value, 0))


_encode = _encoder()


# --- and back ------------------------------------------------------------------------------------

_scan = json.JSONDecoder().scan_once


def parsed(data: bytes) -> Any:
    """What `json.loads` makes of it: for the short JSON of payloads, at half the cost."""
    text = data.decode()
    try:
        value, end = _scan(text, 0)
    except StopIteration:
        return json.loads(data)
    return value if end == len(text) else json.loads(data)


@cache
def reader(hint: Any) -> Reader:
    """What makes a value of this type out of JSON. Raises as the SDK's `value_to_type` does."""
    if hint is Any:
        return lambda value: value
    if hint in (str, bool, type(None)):
        return lambda value: value if type(value) is hint else value_to_type(hint, value)
    if hint in (int, float):
        return lambda value: hint(value) if type(value) in (int, float) else _sdk(hint, value)
    origin, arguments = get_origin(hint), get_args(hint)
    if origin in (Union, UnionType):
        return _any_of(hint, [reader(each) for each in arguments])
    if origin is tuple and len(arguments) == 2 and arguments[1] is Ellipsis:
        item = reader(arguments[0])
        return lambda value: (
            tuple([item(each) for each in value]) if type(value) is list else _sdk(hint, value)
        )
    if origin is dict and arguments[0] is str:
        each_of = reader(arguments[1])
        return lambda value: (
            {key: each_of(each) for key, each in value.items()}
            if type(value) is dict
            else _sdk(hint, value)
        )
    if isinstance(hint, type) and issubclass(hint, Enum) and issubclass(hint, str):
        return lambda value: hint(value) if type(value) is str else _sdk(hint, value)
    if isinstance(hint, type) and _names(hint):
        return _dataclass(hint)
    return lambda value: value_to_type(hint, value)


def _sdk(hint: Any, value: Any) -> Any:
    return value_to_type(hint, value)


def _any_of(hint: Any, readers: Sequence[Reader]) -> Reader:
    """The first that fits, as the SDK tries them. None fits nothing but None."""
    has_none = type(None) in get_args(hint) and Any not in get_args(hint)

    def read(value: Any) -> Any:
        if value is None and has_none:
            return None
        for each in readers:
            try:
                return each(value)
            except Exception:  # noqa: S112 - the next one may fit
                continue
        return value_to_type(hint, value)

    return read


def _dataclass(kind: Any) -> Reader:
    if not all(field.init for field in dataclasses.fields(kind)):
        return lambda value: value_to_type(kind, value)
    hints = get_type_hints(kind)
    readers = {name: reader(hints[name]) for name in _names(kind)}

    def read(value: Any) -> Any:
        if type(value) is not dict:
            return value_to_type(kind, value)
        return kind(**{name: readers[name](each) for name, each in value.items()
                       if name in readers})  # fmt: skip

    return read
