"""Linters look at all of the product, with their security rules, and exceptions have a reason."""

from __future__ import annotations

import re
import subprocess
import sys
import tomllib
from pathlib import Path
from typing import Any

from tests.tidy.sources import ROOT

PRODUCT = ("workflows", "activities", "api", "simulator", "worker.py")
PROJECT: dict[str, Any] = tomllib.loads((ROOT / "pyproject.toml").read_text(encoding="utf-8"))
CHECK = (ROOT / "Makefile").read_text(encoding="utf-8").split("\ncheck:")[1].split("\n\n")[0]
EXCEPTION = re.compile(r"# noqa: [A-Z0-9, ]*\bS\d{3}\b[A-Z0-9, ]*(?P<reason> - \w.*)?$")
HOLES = (
    "import subprocess\nsubprocess.run('ls ' + input(), shell=True)\n",
    "password = 'a secret of ours'\n",
    "import pickle\npickle.loads(b'')\n",
    "import requests\nrequests.get('https://example.com', verify=False)\n",
    "import hashlib\nhashlib.md5(b'')\n",
)


def security_findings(*paths: str | Path) -> subprocess.CompletedProcess[str]:
    """What ruff's security rules, which are bandit's, say with nothing switched off."""
    command = [sys.executable, "-m", "ruff", "check", "--isolated", "--no-cache", "--select", "S"]
    return subprocess.run(
        [*command, *map(str, paths)], cwd=ROOT, capture_output=True, text=True, check=False
    )


def test_o5_security_rules_find_nothing_in_the_product() -> None:
    told = security_findings(*PRODUCT)
    assert told.returncode == 0, told.stdout


def test_o5_security_rules_find_what_is_planted(tmp_path: Path) -> None:
    for number, hole in enumerate(HOLES):
        planted = tmp_path / f"hole_{number}.py"
        planted.write_text(hole)
        assert security_findings(planted).returncode == 1, hole


def test_o5_every_exception_in_the_product_says_why() -> None:
    silent = [
        f"{file.relative_to(ROOT)}:{number}"
        for part in PRODUCT
        for file in ([ROOT / part] if part.endswith(".py") else sorted((ROOT / part).rglob("*.py")))
        for number, line in enumerate(file.read_text(encoding="utf-8").splitlines(), 1)
        if (found := EXCEPTION.search(line)) and not found["reason"]
    ]
    assert not silent, f"say why after the number, as ` - the reason`: {silent}"


def test_o5_types_are_strict_everywhere_and_make_check_runs_all_of_it() -> None:
    mypy, lint = PROJECT["tool"]["mypy"], PROJECT["tool"]["ruff"]["lint"]
    assert mypy["strict"] is True
    assert {part for part in PRODUCT if not part.endswith(".py")} <= set(mypy["packages"])
    assert all(set(each) <= {"module", "ignore_missing_imports"} for each in mypy["overrides"])
    assert "S" in lint["select"]
    assert not any(path.startswith(PRODUCT) for path in lint["per-file-ignores"])
    for command in ("ruff check", "/mypy --no-error-summary", "mypy --no-error-summary worker.py"):
        assert command in CHECK
