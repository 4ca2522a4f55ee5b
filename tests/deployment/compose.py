"""Readers of the deployment files, and of what the code itself says about its settings."""

from __future__ import annotations

import ast
import re
from collections.abc import Iterator
from functools import cache
from pathlib import Path
from typing import Any

import yaml

ROOT = Path(__file__).resolve().parents[2]
DATA = Path(__file__).parent / "data"
CODE = ("workflows", "activities", "api", "simulator", "worker.py")

TEMPORAL_READS = ("TEMPORAL_",)
"""Read by Temporal's SDK from the environment, not by us."""

COMPOSE_READS = frozenset({"POSTGRES_PASSWORD", "HANDOVER_VERSION", "HANDOVER_CODEC_ENDPOINT"})
"""Used by docker-compose.yml itself, for images that are not ours."""

NAME = re.compile(r"[A-Z]+(_[A-Z]+)+")
VARIABLE = re.compile(r"(?<!\$)\$\{([A-Z][A-Z0-9_]*)(?::?([-?])([^}]*))?\}")


@cache
def compose() -> dict[str, Any]:
    loaded = yaml.safe_load((ROOT / "docker-compose.yml").read_text())
    assert isinstance(loaded, dict)
    return loaded


def services() -> dict[str, dict[str, Any]]:
    found: dict[str, dict[str, Any]] = compose()["services"]
    return found


def our_services() -> dict[str, dict[str, Any]]:
    """Those that are built from this repository."""
    return {name: service for name, service in services().items() if "build" in service}


def words(service: dict[str, Any]) -> list[str]:
    return [str(word) for word in service.get("command", [])]


def runs_once(service: dict[str, Any]) -> bool:
    return str(service.get("restart", "")).startswith("on-failure")


def variables() -> Iterator[tuple[str, str, str]]:
    """Name, kind (`?` demanded, `-` with a default, empty) and text of each interpolation."""
    for match in VARIABLE.finditer((ROOT / "docker-compose.yml").read_text()):
        yield match[1], match[2] or "", match[3] or ""


@cache
def example() -> dict[str, str]:
    """The settings of `.env.example`."""
    lines = (ROOT / ".env.example").read_text().splitlines()
    pairs = (line.partition("=") for line in lines if line and not line.startswith("#"))
    return {name: value for name, _, value in pairs}


@cache
def code_files() -> tuple[Path, ...]:
    found: list[Path] = []
    for part in CODE:
        path = ROOT / part
        found += sorted(path.rglob("*.py")) if path.is_dir() else [path] * path.is_file()
    return tuple(found)


@cache
def tree_of(file: Path) -> ast.Module:
    return ast.parse(file.read_text(), filename=str(file))


@cache
def texts_of_code(*parts: str) -> frozenset[str]:
    """Every string written in the code of these parts, pieces of f-strings included."""
    files = [f for f in code_files() if f.relative_to(ROOT).parts[0] in (parts or CODE)]
    return frozenset(
        node.value
        for file in files
        for node in ast.walk(tree_of(file))
        if isinstance(node, ast.Constant) and isinstance(node.value, str)
    )


@cache
def numbers_of_code(*parts: str) -> frozenset[int]:
    files = [f for f in code_files() if f.relative_to(ROOT).parts[0] in (parts or CODE)]
    return frozenset(
        node.value
        for file in files
        for node in ast.walk(tree_of(file))
        if isinstance(node, ast.Constant) and type(node.value) is int
    )


def settings_classes() -> Iterator[tuple[Path, ast.ClassDef]]:
    """The pydantic settings of our processes, read from the text: nothing is imported."""
    for file in code_files():
        for node in ast.walk(tree_of(file)):
            bases = [ast.unparse(base) for base in getattr(node, "bases", ())]
            if isinstance(node, ast.ClassDef) and any(b.endswith("BaseSettings") for b in bases):
                yield file, node


def model_config(settings: ast.ClassDef) -> dict[str, object]:
    """The literal keywords of a settings class's `model_config`."""
    for node in settings.body:
        if isinstance(node, ast.Assign) and ast.unparse(node.targets[0]) == "model_config":
            return literals(node.value)
    return {}


def literals(call: ast.expr | None) -> dict[str, object]:
    """The keywords of a call whose values are literals."""
    if not isinstance(call, ast.Call):
        return {}
    values = ((word.arg, word.value) for word in call.keywords)
    return {name: v.value for name, v in values if name and isinstance(v, ast.Constant)}


def names_of(settings: ast.ClassDef) -> Iterator[str]:
    """The environment variables that a settings class reads."""
    prefix = model_config(settings).get("env_prefix", "")
    for node in settings.body:
        if not isinstance(node, ast.AnnAssign) or not isinstance(node.target, ast.Name):
            continue
        field = literals(node.value)
        alias = field.get("validation_alias") or field.get("alias")
        if not node.target.id.startswith("_"):
            yield str(alias or f"{prefix}{node.target.id}").upper()


def environment_reads(tree: ast.Module) -> Iterator[str]:
    """Names in capitals that a module which knows `os.environ` looks up in a mapping."""
    if "os.environ" not in ast.unparse(tree) and "getenv" not in ast.unparse(tree):
        return
    for node in ast.walk(tree):
        key: ast.expr | None = None
        if isinstance(node, ast.Subscript):
            key = node.slice
        elif isinstance(node, ast.Call) and node.args:
            key = node.args[0] if ast.unparse(node.func).endswith((".get", "getenv")) else None
        if isinstance(key, ast.Constant) and NAME.fullmatch(str(key.value)):
            yield str(key.value)


@cache
def settings_of_code() -> frozenset[str]:
    """Every environment variable that our processes read."""
    found = {name for file in code_files() for name in environment_reads(tree_of(file))}
    for _, settings in settings_classes():
        found.update(names_of(settings))
    return frozenset(found)
