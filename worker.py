"""The worker process: carries out workflows and activities until told to stop.

    python worker.py            run
    python worker.py --check    check the settings and say so

Exit codes: 0 stopped and drained, 1 a fault, 2 a setting is missing or wrong, 3 Temporal is out of
reach.
"""

from __future__ import annotations

import argparse
import asyncio
import logging
import os
import signal
import socket
import sys
from collections.abc import AsyncIterator, Callable, Sequence
from contextlib import AsyncExitStack, asynccontextmanager, suppress
from dataclasses import dataclass
from datetime import timedelta
from typing import Any, NoReturn

from pydantic import Field, ValidationError
from pydantic_settings import BaseSettings, SettingsConfigDict
from temporalio.client import Client
from temporalio.common import VersioningBehavior, WorkerDeploymentVersion
from temporalio.service import RPCError
from temporalio.worker import (
    PollerBehaviorSimpleMaximum,
    UnsandboxedWorkflowRunner,
    Worker,
    WorkerDeploymentConfig,
    WorkflowRunner,
)
from temporalio.worker.workflow_sandbox import SandboxedWorkflowRunner, SandboxRestrictions

import activities.settings
import workflows.connection
from activities.calls import Calls
from activities.client import open_client
from activities.conferences import Conferences
from activities.guardian.guard import Guard
from activities.guardian.left_tasks import OpenTasks
from activities.guardian.rescue import Rescue
from activities.health import Health
from activities.owners import Owners
from activities.participants import Participants
from activities.patience import Patience
from activities.pulse import PULSE_SECONDS, Pulse
from activities.punctual import Punctual
from activities.recordings import Recordings
from activities.settings import TwilioSettings
from activities.setup import check_setup
from activities.tasks import Tasks
from activities.throttle import Throttle
from activities.voices import Voices
from workflows import logs, telemetry
from workflows.call import CallWorkflow
from workflows.cold_transfer import ColdTransferWorkflow
from workflows.connection import ConnectionSettings, UnreachableError
from workflows.control import AnnounceWorkflow, ControlWorkflow
from workflows.dispatch_guardian import OWNERS
from workflows.guardian import GuardianWorkflow, ensure_guardian
from workflows.hold import HoldWorkflow
from workflows.inbound import InboundWorkflow
from workflows.messages import GUARDIAN_TASK_QUEUE, MEMO_VIEW, TASK_QUEUE
from workflows.provider import ProviderWorkflow, tell_outage
from workflows.recording import RecordingWorkflow
from workflows.supervision import SupervisionWorkflow
from workflows.task import TaskWorkflow
from workflows.warm_transfer import WarmTransferWorkflow

WORKFLOWS: tuple[type, ...] = (
    WarmTransferWorkflow,
    ColdTransferWorkflow,
    ProviderWorkflow,
    HoldWorkflow,
    InboundWorkflow,
    CallWorkflow,
    ControlWorkflow,
    AnnounceWorkflow,
    TaskWorkflow,
    RecordingWorkflow,
    SupervisionWorkflow,
)

OK, FAULT, SETTINGS, UNREACHABLE = 0, 1, 2, 3

STICKY_SECONDS = 1.0
"""After a crash the next task of a transfer waits this long for the dead worker before another
takes it. Temporal's default of ten would be ten seconds of nobody listening to a caller."""
ACTIVITIES_MAX = 100
"""Twilio requests under way at once; the HTTP pool has as many connections."""
WORKFLOW_POLLERS = 10
NONSTICKY_RATIO = 0.5
"""Half of the pollers take new transfers; with the default one in five a burst of calls queues."""
GRACE_SECONDS = 12.0
"""Activities under way may end within this time after a stop was asked for: the longest makes a
few requests of at most 2.5 seconds each."""
STOP_SECONDS_MAX = 15.0
"""The promise: a stopped worker is gone by then. Supervisors kill later (compose: 30 seconds)."""

GUARDIAN_SEEN_SECONDS = 30.0
"""How often each worker sees to it that the guardian runs. It costs nothing while it does."""
GUARDIAN_GRACE_SECONDS = 1.0
"""A look may be cut off at any point: the next one finds what it would have found."""
GUARDIAN_HTTP_SECONDS = 10.0
"""Time limit of one of the guardian's requests: a page of a thousand calls takes its time."""

DEPLOYMENT = "handover"

_logger = logging.getLogger("worker")


class WorkerSettings(BaseSettings):
    """Environment variables of the same names in capitals, and `.env`."""

    model_config = SettingsConfigDict(
        env_file=".env", extra="ignore", env_ignore_empty=True, hide_input_in_errors=True
    )

    handover_metrics_address: str = Field(
        default="", pattern=r"^(|[A-Za-z0-9_.:\[\]-]+:[0-9]{1,5})$"
    )
    handover_build_id: str = Field(default="", pattern=r"^[A-Za-z0-9_.+-]*$", max_length=255)
    handover_versioning: bool = False
    handover_cached_workflows: int = Field(default=5000, ge=1)
    """Above the peak of live transfers: one that falls out of the cache is replayed for every
    step. A waiting transfer takes some 50 kB."""
    handover_sandbox: bool = False
    """Whether workflow code runs in Temporal's sandbox, as it does in tests."""
    handover_log_format: str = Field(default="", pattern=r"^(|json|console)$")
    handover_guardian: bool = True
    handover_guardian_seconds: float = Field(default=4.0, ge=1.0, le=15.0)
    """From one look to the next. A lost callback is made up for a second after the next look."""
    handover_guardian_page: int = Field(default=1000, ge=50, le=1000)


@dataclass(frozen=True)
class Settings:
    """All that this process reads from outside."""

    twilio: TwilioSettings
    connection: ConnectionSettings
    worker: WorkerSettings


class SettingsError(Exception):
    """One message that names each setting that is missing or wrong."""


def load_settings() -> Settings:
    """Every setting, or one `SettingsError` that tells all that is wrong at once."""
    problems: list[str] = []

    def tried(load: Callable[[], Any]) -> Any:
        try:
            return load()
        except (activities.settings.SettingsError, workflows.connection.SettingsError) as error:
            problems.append(str(error))
        except ValidationError as error:
            for each in error.errors(include_input=False, include_url=False):
                name = str(each["loc"][0]).upper() if each["loc"] else "settings"
                problems.append(f"{name} is not usable: {each['msg']}")

    twilio = tried(activities.settings.load_settings)
    connection = tried(workflows.connection.load_settings)
    own = tried(WorkerSettings)
    if own is not None and own.handover_versioning and not own.handover_build_id:
        problems.append("HANDOVER_VERSIONING needs HANDOVER_BUILD_ID, the name of this build")
    if problems:
        raise SettingsError("; ".join(problems))
    return Settings(twilio, connection, own)


def workflow_runner(is_sandboxed: bool = True) -> WorkflowRunner:
    """The sandbox, with our own packages passed through: one copy of each class, and no import of
    ours repeated for every workflow.

    It refuses what would not replay, clocks and chance for instance. That is for tests, which run
    in it: in production it would find such a fault while a caller waits, and it costs about as much
    processor time per transfer as all the workflow's own steps.
    """
    if not is_sandboxed:
        return UnsandboxedWorkflowRunner()
    return SandboxedWorkflowRunner(
        restrictions=SandboxRestrictions.default.with_passthrough_modules("workflows", "activities")
    )


def build_worker(client: Client, carried_out: Sequence[Any], settings: WorkerSettings) -> Worker:
    """A worker for our one task queue."""
    return Worker(
        client,
        task_queue=TASK_QUEUE,
        workflows=WORKFLOWS,
        activities=carried_out,
        workflow_runner=workflow_runner(settings.handover_sandbox),
        identity=client.identity,
        max_cached_workflows=settings.handover_cached_workflows,
        sticky_queue_schedule_to_start_timeout=timedelta(seconds=STICKY_SECONDS),
        workflow_task_poller_behavior=PollerBehaviorSimpleMaximum(WORKFLOW_POLLERS),
        nonsticky_to_sticky_poll_ratio=NONSTICKY_RATIO,
        max_concurrent_activities=ACTIVITIES_MAX,
        disable_eager_activity_execution=False,
        graceful_shutdown_timeout=timedelta(seconds=GRACE_SECONDS),
        interceptors=[Punctual(), Patience(), Pulse()],
        max_heartbeat_throttle_interval=timedelta(seconds=PULSE_SECONDS),
        deployment_config=_deployment(settings),
    )


def build_guardian(
    client: Client, guard: Guard, rescue: Rescue, settings: WorkerSettings
) -> Worker:
    """A worker for the guardian's queue alone."""
    return Worker(
        client,
        task_queue=GUARDIAN_TASK_QUEUE,
        workflows=[GuardianWorkflow],
        activities=[guard.guard, rescue.rescue, rescue.end_strays, rescue.tasks.end_task],
        workflow_runner=workflow_runner(settings.handover_sandbox),
        interceptors=[Punctual(), Pulse()],
        identity=client.identity,
        sticky_queue_schedule_to_start_timeout=timedelta(seconds=STICKY_SECONDS),
        graceful_shutdown_timeout=timedelta(seconds=GUARDIAN_GRACE_SECONDS),
        # Its one workflow never ends, so it goes on with whichever build works.
        deployment_config=_deployment(settings, VersioningBehavior.AUTO_UPGRADE),
    )


async def keep_guardian(client: Client) -> None:
    """See to it that the guardian runs, again and again."""
    while True:
        try:
            await ensure_guardian(client)
        except RPCError as error:
            _logger.warning("whether the guardian runs is not known: %s", error)
        await asyncio.sleep(GUARDIAN_SEEN_SECONDS)


def _deployment(
    settings: WorkerSettings, behavior: VersioningBehavior = VersioningBehavior.PINNED
) -> WorkerDeploymentConfig | None:
    """Which build carried a transfer out, for whoever reads its history; with versioning, transfers
    also end on the build they began with."""
    if not settings.handover_build_id:
        return None
    is_pinned = settings.handover_versioning
    return WorkerDeploymentConfig(
        version=WorkerDeploymentVersion(DEPLOYMENT, settings.handover_build_id),
        use_worker_versioning=is_pinned,
        default_versioning_behavior=(behavior if is_pinned else VersioningBehavior.UNSPECIFIED),
    )


async def run(settings: Settings) -> int:
    """Connect, work, drain. Answers the exit code."""
    stop = asyncio.Event()
    loop = asyncio.get_running_loop()
    for number in (signal.SIGTERM, signal.SIGINT):
        loop.add_signal_handler(number, stop.set)
    connecting = asyncio.create_task(_connect(settings))
    stopping = asyncio.create_task(stop.wait())
    await asyncio.wait({connecting, stopping}, return_when=asyncio.FIRST_COMPLETED)
    if not connecting.done():
        connecting.cancel()
        with suppress(asyncio.CancelledError):
            await connecting
        return OK
    client = connecting.result()
    throttle = Throttle()
    async with open_client(settings.twilio, throttle=throttle) as twilio:
        await check_setup(twilio, settings.twilio)
        participants = Participants(twilio, settings.twilio)
        owners = Owners(client, OWNERS, MEMO_VIEW, TASK_QUEUE)
        calls = Calls(twilio, settings.twilio, owners)
        conferences = Conferences(twilio, settings.twilio)
        tasks = Tasks(twilio, settings.twilio)
        recordings = Recordings(twilio, settings.twilio)
        health = Health(twilio, throttle)
        voices = Voices(twilio, settings.twilio)
        carried_out = activities_of(participants, calls, conferences, tasks, recordings, voices)
        worker = build_worker(client, [*carried_out, health.probe_twilio], settings.worker)
        async with AsyncExitStack() as beside:
            await beside.enter_async_context(watching(client, health))
            if settings.worker.handover_guardian:
                await beside.enter_async_context(guarding(client, settings, throttle))
            return await _work(worker, stopping)


@asynccontextmanager
async def watching(client: Client, health: Health) -> AsyncIterator[None]:
    """Twilio's health is watched, and an outage made known, as long as the block lasts."""

    async def tell() -> None:
        try:
            await tell_outage(client)
        except RPCError as error:
            _logger.warning("the outage could not be made known: %s", error)

    watch = asyncio.create_task(health.watch(tell))
    try:
        yield
    finally:
        watch.cancel()
        await asyncio.gather(watch, return_exceptions=True)


@asynccontextmanager
async def guarding(client: Client, settings: Settings, throttle: Throttle) -> AsyncIterator[None]:
    """The guardian is worked for and kept running, as long as the block lasts.

    On its own queue and with its own connections to Twilio, and what befalls it is logged: it must
    never be what ends a worker.
    """
    async with open_client(settings.twilio, GUARDIAN_HTTP_SECONDS, throttle) as twilio:
        own = settings.worker
        has_tasks = bool(settings.twilio.twilio_workspace_sid)
        guard = Guard(
            twilio,
            client,
            own.handover_guardian_seconds,
            own.handover_guardian_page,
            OpenTasks(twilio, settings.twilio) if has_tasks else None,
        )
        rescue = Rescue(twilio, settings.twilio, client)
        worker = build_guardian(client, guard, rescue, own)
        working = asyncio.create_task(worker.run())
        keeping = asyncio.create_task(keep_guardian(client))
        working.add_done_callback(_say_why)
        try:
            yield
        finally:
            keeping.cancel()
            with suppress(Exception):
                await worker.shutdown()
            await asyncio.gather(working, keeping, return_exceptions=True)


def _say_why(working: asyncio.Task[None]) -> None:
    if not working.cancelled() and working.exception() is not None:
        _logger.error("the guardian's worker failed", exc_info=working.exception())


def activities_of(
    participants: Participants,
    calls: Calls,
    conferences: Conferences,
    tasks: Tasks,
    recordings: Recordings,
    voices: Voices,
) -> list[Any]:
    """All activities, by their home."""
    return [
        participants.hold_participant,
        participants.resume_participant,
        participants.mute_participant,
        participants.add_participant,
        participants.remove_participant,
        voices.set_voice,
        calls.create_call,
        calls.end_leg,
        calls.find_leg,
        calls.divert_call,
        conferences.find_room,
        conferences.read_room,
        conferences.announce,
        conferences.end_room,
        tasks.create_task,
        tasks.book_worker,
        tasks.end_task,
        tasks.end_tasks_of_room,
        tasks.accept_reservation,
        tasks.reject_reservation,
        tasks.read_task,
        tasks.restore_worker,
        recordings.read_recordings,
        recordings.pause_recordings,
        recordings.resume_recordings,
    ]


async def _connect(settings: Settings) -> Client:
    client = await workflows.connection.connect(
        telemetry.runtime(settings.worker.handover_metrics_address),
        settings=settings.connection,
        identity=f"handover-worker@{socket.gethostname()}/{os.getpid()}",
    )
    await workflows.connection.ensure_search_attributes(client)
    await workflows.connection.check_keys(client)
    keys = settings.connection.codec_keys
    if keys is None:
        _logger.warning("payloads are not encrypted: HANDOVER_CODEC_KEYS is not set")
    else:
        mark = keys.fingerprint(keys.active)
        _logger.info("payloads are encrypted", extra={"key": keys.active, "fingerprint": mark})
    return client


async def _work(worker: Worker, stopping: asyncio.Task[Any]) -> int:
    working = asyncio.create_task(worker.run())
    # The namespace is being checked; the SDK tells the end of it by this property alone.
    while not worker.is_running and not working.done():  # noqa: ASYNC110
        await asyncio.sleep(0.01)
    if not working.done():
        _logger.info("worker ready", extra={"task_queue": TASK_QUEUE})
        await asyncio.wait({working, stopping}, return_when=asyncio.FIRST_COMPLETED)
    if not working.done():
        _logger.info("worker stops: no new work, what is under way ends first")
        try:
            async with asyncio.timeout(STOP_SECONDS_MAX):
                await worker.shutdown()
                await working
        except TimeoutError:
            _logger.error("worker stopped with work under way")
            return FAULT
        _logger.info("worker stopped")
        return OK
    _logger.error("worker failed", exc_info=working.exception())
    return FAULT


def main(arguments: Sequence[str] | None = None) -> int:
    """Run the process; answers the exit code."""
    parser = argparse.ArgumentParser(description="Carries out Handover's workflows.")
    parser.add_argument("--check", action="store_true", help="check the settings and leave")
    options = parser.parse_args(arguments)
    try:
        settings = load_settings()
    except SettingsError as error:
        sys.stderr.write(f"worker: {error}\n")
        return SETTINGS
    if options.check:
        sys.stdout.write("worker: the settings are complete\n")
        return OK
    logs.configure(settings.worker.handover_log_format)
    try:
        return asyncio.run(run(settings))
    except UnreachableError as error:
        sys.stderr.write(f"worker: {error}\n")
        return UNREACHABLE
    except (workflows.connection.SettingsError, activities.settings.SettingsError) as error:
        sys.stderr.write(f"worker: {error}\n")
        return SETTINGS
    except (RuntimeError, RPCError) as error:
        _logger.error("worker failed: %s", error)
        return FAULT


def leave(code: int) -> NoReturn:
    """End the process now that everything has ended.

    Not `sys.exit`: threads of Temporal's runtime outlive the event loop, and while the interpreter
    winds down one of them now and then aborts the process with `PyGILState_Release` and makes a
    clean stop look like a crash (github.com/temporalio/sdk-python/issues/300).
    """
    logging.shutdown()
    sys.stdout.flush()
    sys.stderr.flush()
    os._exit(code)


if __name__ == "__main__":
    leave(main())
