"""The contact centre of the stories, made by our own command as anybody would make theirs."""

from __future__ import annotations

import asyncio
import sys
from collections.abc import Mapping
from pathlib import Path

from tests.e2e.processes import StackError, clean_environment

FIRST = "client:alice"
"""Who is offered every call from outside, alone in her queue."""
WORKERS = tuple(f"client:{name}" for name in ("alice", "bob", "carol", "dave"))
RESERVATION_SECONDS = 3
"""How long an offer may be left unanswered. A phone of the stories that is answered at all is
answered at once."""

CENTRE = f"""
[workspace]
timeout_activity = "Offline"

[activities]
Offline = false
Available = true

[queues.Support]
skills = ["support"]

[queues.Billing]
skills = ["billing"]

[workers.alice]
contact_uri = "client:alice"
skills = ["support"]
activity = "Available"

[workers.bob]
contact_uri = "client:bob"
skills = ["billing"]
activity = "Available"

[workers.carol]
contact_uri = "client:carol"
skills = ["billing"]
activity = "Available"

[workers.dave]
contact_uri = "client:dave"
skills = ["billing", "refunds"]
activity = "Available"

[workflow]
default_queue = "Support"
reservation_seconds = {RESERVATION_SECONDS}
"""


async def provision(settings: Mapping[str, str], folder: Path, centre: str) -> dict[str, str]:
    """Run the command on the simulator; answers what it says to put into `.env`."""
    file = folder / "centre.toml"
    file.write_text(centre, encoding="utf-8")
    command = (sys.executable, "-m", "activities.provision", str(file))
    process = await asyncio.create_subprocess_exec(
        *command,
        cwd=folder,
        env=clean_environment() | dict(settings),
        stdout=asyncio.subprocess.PIPE,
        stderr=asyncio.subprocess.STDOUT,
    )
    said = (await process.communicate())[0].decode()
    if process.returncode != 0:
        raise StackError(f"provisioning ended with {process.returncode}:\n{said}")
    lines = (line.partition("=") for line in said.splitlines())
    return {name: value for name, equals, value in lines if equals and name.isupper() and value}
