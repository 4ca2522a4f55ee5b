"""The command: make or mend TaskRouter's set-up of the engine.

    python -m activities.provision handover.toml             bring the account up to the file
    python -m activities.provision handover.toml --dry-run   show what differs, change nothing

Account, number and addresses come from the same settings as the worker's; TWILIO_BASE_URL points it
at the simulator. Exit codes: 0 done, 1 Twilio refused or did not answer, 2 a setting or the file is
wrong.
"""

from __future__ import annotations

import argparse
import asyncio
import sys
from collections.abc import Sequence
from pathlib import Path

from activities.client import open_client
from activities.provision.account import Provisioned, Provisioner, ProvisionError
from activities.provision.changes import described
from activities.provision.wanted import FileError, Wanted, load
from activities.settings import SettingsError, TwilioSettings, load_settings

OK, REFUSED, SETTINGS = 0, 1, 2

REQUEST_SECONDS = 15.0
"""Nobody waits on the phone for this, and a large list takes its time."""


def main(arguments: Sequence[str] | None = None) -> int:
    """Run the command; answers the exit code."""
    parser = argparse.ArgumentParser(
        prog="python -m activities.provision",
        description="Makes TaskRouter's workspace, queues, workflow and workers, or mends them. "
        "Never deletes anything. Running it again changes nothing.",
    )
    parser.add_argument("file", type=Path, help="queues and workers (docs/provisioning.md)")
    parser.add_argument("--dry-run", action="store_true", help="show what differs, change nothing")
    parser.add_argument("--without-number", action="store_true", help="leave the number alone")
    options = parser.parse_args(arguments)
    try:
        # The mode is what this command makes possible, so it is not asked for yet.
        settings = load_settings(handover_mode="direct")
        wanted = load(options.file)
    except (SettingsError, FileError) as error:
        sys.stderr.write(f"provision: {error}\n")
        return SETTINGS
    return asyncio.run(
        provision(settings, wanted, options.dry_run, is_number_set=not options.without_number)
    )


async def provision(
    settings: TwilioSettings, wanted: Wanted, is_dry_run: bool, is_number_set: bool = True
) -> int:
    """One run, told on the terminal; answers the exit code."""
    async with open_client(settings, REQUEST_SECONDS) as client:
        provisioner = Provisioner(client, settings, wanted, is_dry_run)
        try:
            await provisioner.run(is_number_set)
        except ProvisionError as error:
            sys.stdout.write(_told(provisioner.done, is_dry_run))
            sys.stderr.write(f"provision: {error}\n")
            sys.stderr.write("Nothing is lost: run it again when that is mended.\n")
            return REFUSED
    sys.stdout.write(_told(provisioner.done, is_dry_run) + _lines(provisioner.done))
    return OK


def _told(done: Provisioned, is_dry_run: bool) -> str:
    parts = [described(done.changes) or "Everything is as the file says."]
    if done.changes and is_dry_run:
        parts.append("This was a dry run: nothing was changed.")
    if done.left_alone:
        parts.append("Not in the file, left alone: " + ", ".join(done.left_alone))
    return "\n".join(parts) + "\n"


def _lines(done: Provisioned) -> str:
    if not done.workspace_sid or not done.workflow_sid:
        return ""
    return (
        "\nPut into .env:\n\n"
        "HANDOVER_MODE=taskrouter\n"
        f"TWILIO_WORKSPACE_SID={done.workspace_sid}\n"
        f"TWILIO_WORKFLOW_SID={done.workflow_sid}\n"
    )


if __name__ == "__main__":
    sys.exit(main())
