"""Copies of the tables' values: what `dataclasses.replace` does, in a tenth of its time.

A frozen dataclass sets each of its fields through `object.__setattr__` when it is made, and a
transfer has some thirty: that was a third of the time of a step.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from dataclasses import replace  # so that the types of the changes are checked

    __all__ = ["replace"]
else:

    def replace(value, /, **changes):
        """A copy of a dataclass value with these fields changed.

        For dataclasses without `__slots__` and `__post_init__`, which all values of the tables
        are. Raises `TypeError` for a field that the value does not have.
        """
        fields = value.__dict__
        if not changes.keys() <= fields.keys():
            unknown = ", ".join(sorted(changes.keys() - fields.keys()))
            raise TypeError(f"{type(value).__name__} has no field {unknown}")
        copy = object.__new__(type(value))
        copy.__dict__.update(fields)
        copy.__dict__.update(changes)
        return copy
