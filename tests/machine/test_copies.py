"""Copies are those of `dataclasses.replace`."""

from __future__ import annotations

import dataclasses
import inspect
from types import ModuleType

import pytest

from workflows.machine import commands, events, model, readings
from workflows.machine.copies import replace
from workflows.machine.supervision import commands as supervision_commands
from workflows.machine.supervision import model as supervision_model
from workflows.machine.supervision import requests as supervision_requests

MODULES: tuple[ModuleType, ...] = (
    commands, events, model, readings, supervision_commands, supervision_model,
    supervision_requests,
)  # fmt: skip


def test_copy_is_equal_to_that_of_dataclasses_and_leaves_the_value_alone() -> None:
    value = model.Leg(address="client:bob", label="a-t1")
    copied = replace(value, held=True, call_sid="CA1")
    assert copied == dataclasses.replace(value, held=True, call_sid="CA1")
    assert hash(copied) == hash(dataclasses.replace(value, held=True, call_sid="CA1"))
    assert value == model.Leg(address="client:bob", label="a-t1")
    assert replace(value) == value


def test_unknown_field_is_refused() -> None:
    with pytest.raises(TypeError, match="Leg has no field hold"):
        replace(model.Leg(), hold=True)


def test_copy_is_frozen() -> None:
    with pytest.raises(dataclasses.FrozenInstanceError):
        replace(model.Leg()).held = True  # type: ignore[misc]


@pytest.mark.parametrize("module", MODULES, ids=lambda module: module.__name__)
def test_every_value_can_be_copied_so(module: ModuleType) -> None:
    for name, kind in inspect.getmembers(module, dataclasses.is_dataclass):
        if kind.__module__ != module.__name__:
            continue
        assert not hasattr(kind, "__post_init__"), name
        assert not hasattr(kind, "__slots__"), name
