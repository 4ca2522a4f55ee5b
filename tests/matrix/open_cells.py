"""Cells that do not pass, and why: expected to fail, so that one that is mended is noticed."""

from __future__ import annotations

OPEN: dict[str, str] = {}
