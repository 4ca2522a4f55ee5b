"""The Dockerfile: pinned, without root, without the simulator, and buildable from this checkout."""

from __future__ import annotations

import re
from fnmatch import fnmatch
from functools import cache

from tests.deployment.compose import ROOT, compose


@cache
def stages() -> dict[str, list[str]]:
    """The instructions of each stage, by its name, in order."""
    found: dict[str, list[str]] = {}
    name = ""
    text = re.sub(r"\\\n\s*", " ", (ROOT / "Dockerfile").read_text())
    for line in text.splitlines():
        if start := re.match(r"FROM (\S+) AS (\S+)", line):
            name = start[2]
            found[name] = [line]
        elif line and not line.startswith("#"):
            found.setdefault(name, []).append(line)
    return found


def lineage(stage: str) -> list[str]:
    """A stage's instructions with those of the stages that it is made from."""
    parent = stages()[stage][0].split()[1]
    above = lineage(parent) if parent in stages() else []
    return [*above, *stages()[stage]]


def copied(stage: str) -> list[str]:
    plain = (line.split()[1:-1] for line in lineage(stage) if re.match(r"COPY (?!--from)", line))
    return [path.rstrip("/") for paths in plain for path in paths]


def test_base_is_named_by_version() -> None:
    argument = next(line for line in stages()[""] if line.startswith("ARG PYTHON_IMAGE="))
    assert re.search(r"=python:3\.11\.\d+-slim", argument)


def test_the_last_stage_is_production() -> None:
    assert list(stages())[-1] == "production"


def test_production_has_no_simulator() -> None:
    assert "simulator" not in copied("production")
    assert "simulator" in copied("demo")
    assert not {"tests", "benchmarks", "."} & {*copied("production"), *copied("demo")}


def test_nobody_is_root() -> None:
    for stage in ("production", "demo"):
        users = [line.split()[1] for line in lineage(stage) if line.startswith("USER ")]
        assert users
        assert re.fullmatch(r"[1-9]\d*:[1-9]\d*", users[-1])


def test_packages_come_from_the_lock_with_hashes() -> None:
    install = next(line for line in stages()["packages"] if "pip install" in line)
    assert "--require-hashes" in install
    assert "requirements-runtime.lock" in install


def test_what_is_copied_exists_and_is_sent_to_the_builder() -> None:
    rules = (ROOT / ".dockerignore").read_text().splitlines()
    sent = [rule[1:].rstrip("/") for rule in rules if rule.startswith("!")]
    for path in {*copied("production"), *copied("demo"), *copied("packages")}:
        assert (ROOT / path).exists(), f"the Dockerfile copies {path}, which does not exist"
        assert path in sent, f".dockerignore keeps {path} from the builder"


def test_secrets_are_not_sent_to_the_builder() -> None:
    rules = (ROOT / ".dockerignore").read_text().splitlines()
    assert "*" in rules
    refused = [rule.removeprefix("**/").rstrip("/") for rule in rules if not rule.startswith("!")]
    for path in (".env", ".env.local", "__pycache__"):
        assert any(fnmatch(path, rule) for rule in refused if rule != "*")


def test_targets_of_compose_exist() -> None:
    builds = [service["build"] for service in compose()["services"].values() if "build" in service]
    assert {build["target"] for build in builds} <= stages().keys()
