"""A network per test, and the activities on the real SDK in front of it."""

from __future__ import annotations

import itertools
from collections.abc import AsyncIterator
from dataclasses import replace
from datetime import UTC, datetime
from typing import cast

import pytest
from temporalio.client import Client as Temporal
from temporalio.testing import ActivityEnvironment
from twilio.rest import Client

from activities.calls import Calls
from activities.client import open_client
from activities.conferences import Conferences
from activities.guardian.rescue import Rescue, RescueInput, RescueReport
from activities.participants import Participants
from activities.settings import TwilioSettings
from activities.throttle import Throttle
from tests.activities.believers import TYPES, Act, Believer, Believers
from tests.activities.centre import Centre, provisioned
from tests.activities.settings import settings_for
from tests.activities.telephony import Telephony, telephony

PATIENCE_SECONDS = 0.5
"""Instead of 2.5: some tests wait for a time-out."""


@pytest.fixture
async def phones() -> AsyncIterator[Telephony]:
    async with telephony() as network:
        yield network


@pytest.fixture
def settings(phones: Telephony) -> TwilioSettings:
    return settings_for(phones.url)


@pytest.fixture
async def sdk(settings: TwilioSettings) -> AsyncIterator[Client]:
    # No attempt is made before its time here: by this clock every pause is over.
    throttle = Throttle(clock=itertools.count(0.0, 1000.0).__next__)
    async with open_client(settings, PATIENCE_SECONDS, throttle) as client:
        yield client


@pytest.fixture
def participants(sdk: Client, settings: TwilioSettings) -> Participants:
    return Participants(sdk, settings)


@pytest.fixture
def calls(sdk: Client, settings: TwilioSettings) -> Calls:
    return Calls(sdk, settings)


@pytest.fixture
def conferences(sdk: Client, settings: TwilioSettings) -> Conferences:
    return Conferences(sdk, settings)


@pytest.fixture
async def centre(phones: Telephony, sdk: Client, settings: TwilioSettings) -> Centre:
    return await provisioned(phones, sdk, settings)


@pytest.fixture
def believers() -> Believers:
    return Believers()


@pytest.fixture
def act(sdk: Client, settings: TwilioSettings, believers: Believers) -> Act:
    made = Rescue(sdk, settings, cast(Temporal, believers))

    async def once(
        dead: Believer | None,
        conference_sid: str,
        is_stuck: bool = False,
        scheduled_time: datetime | None = None,
    ) -> RescueReport:
        given = RescueInput(
            conference_sid,
            TYPES,
            "view",
            "task",
            "handover",
            workflow_id=dead.id if dead else "",
            run_id=dead.run_id if dead else "",
            is_stuck=is_stuck,
        )
        environment = ActivityEnvironment()
        environment.info = replace(environment.info, started_time=datetime.now(UTC))
        if scheduled_time is not None:
            environment.info = replace(
                environment.info,
                scheduled_time=scheduled_time,
                current_attempt_scheduled_time=scheduled_time,
            )
        return await environment.run(made.rescue, given)

    return once
