"""The look at start: is what the settings name really there?

A workspace or a workflow that does not exist would be found out by the first caller. Twilio being
out of reach is no reason to stay down: calls in progress wait for this process.
"""

from __future__ import annotations

import logging

from twilio.rest import Client

from activities.errors import GONE, TwilioError, ask
from activities.settings import SettingsError, TwilioSettings
from activities.task_reading import workspace_of

_logger = logging.getLogger(__name__)


async def check_setup(client: Client, settings: TwilioSettings) -> None:
    """Raises `SettingsError`, naming the setting, for a part of TaskRouter that does not exist."""
    if settings.handover_mode != "taskrouter":
        return
    workspace = workspace_of(client, settings)
    parts = {
        "TWILIO_WORKSPACE_SID": workspace,
        "TWILIO_WORKFLOW_SID": workspace.workflows(settings.twilio_workflow_sid),
    }
    for name, part in parts.items():
        try:
            await ask(part.fetch_async())
        except TwilioError as error:
            if error.kind == GONE:
                raise SettingsError(
                    f"{name} names nothing that this account has: "
                    "python -m activities.provision makes it and prints its value"
                ) from None
            _logger.warning("TaskRouter's set-up could not be checked: %s", error.message)
            return
