"""The whole stack as real processes: Temporal's server, the simulator, the api and the workers.

Everything listens on free ports of 127.0.0.1, logs into a folder of its own, and is gone after.
"""

from __future__ import annotations

import asyncio
import base64
import hashlib
import os
import secrets
import shutil
import sys
import tempfile
from collections.abc import Mapping
from dataclasses import dataclass, field
from pathlib import Path
from types import TracebackType
from typing import Literal, Self

import httpx
from temporalio.client import Client
from temporalio.service import RPCError

from tests.e2e.processes import ROOT, Process, StackError, free_ports, program
from tests.e2e.provisioning import CENTRE, provision
from workflows.connection import SEARCH_ATTRIBUTES, data_converter
from workflows.encryption import CodecKeys

ACCOUNT = "AC" + "5" * 32
NUMBER = "+15550100000"
"""Our number: what callers dial, and what phones show when we dial them."""

AGENTS = tuple(f"client:{name}" for name in ("alice", "bea", "carl", "dora", "emil", "faye"))
"""The agents an inbound call is offered to, in this order. Each has an API key of its own."""
COLLEAGUE = "client:bob"
"""An agent who is not in the line for inbound calls."""

CALLS_RUNNING = 'ExecutionStatus = "Running" AND WorkflowType != "GuardianWorkflow"'
"""Lists whatever still looks after a call. The guardian runs for ever."""

UNTHROTTLED = [
    argument
    for queue in ("transfer", "timer", "visibility")
    for limit in ("MaxPollRPS", "MaxPollHostRPS")
    for argument in ("--dynamic-config-value", f"history.{queue}Processor{limit}=3000")
]
"""The development server has one shard and reads it 20 times a second at most, unless told."""


@dataclass(frozen=True)
class Options:
    """What may differ between stacks."""

    mode: Literal["direct", "taskrouter"] = "direct"
    """`taskrouter`: a contact centre is provisioned, and calls come in through its queues."""
    centre: str = CENTRE
    """The file that it is provisioned from."""
    workers: int = 1
    apis: int = 1
    """Several listen on ports of their own; whoever asks for them puts a balancer before them."""
    web_ui: bool = False
    is_durable: bool = False
    """Temporal keeps its state in a file, so that its server can be killed and started again."""
    is_encrypted: bool = True
    """What Temporal stores is encrypted, as in production."""
    agents: tuple[str, ...] = AGENTS
    simulated_in_page: bool = False
    """The agent page shows the simulated phones beside it."""
    settings: Mapping[str, str] = field(default_factory=dict)
    """Further environment of api and worker."""


class Stack:
    """`async with Stack() as stack`: all processes are up inside, and gone outside."""

    def __init__(self, options: Options | None = None) -> None:
        self.options = options or Options()
        self.folder = Path(tempfile.mkdtemp(prefix="handover-"))
        self.processes: dict[str, Process] = {}
        self.keys = _keys(self.options.agents)
        """API keys by the name of who shows them: alice, bob, …, supervisor, service."""
        ports = free_ports(4 + self.options.apis)
        self.temporal_address = f"127.0.0.1:{ports[0]}"
        self.web_ui_url = f"http://127.0.0.1:{ports[1]}"
        self.simulator_url = f"http://127.0.0.1:{ports[2]}"
        self.api_url = f"http://127.0.0.1:{ports[3]}"
        apis = {f"api-{number}": port for number, port in enumerate(ports[4:], 1)}
        self.api_ports = apis if len(apis) > 1 else {"api": ports[3]}
        self.metrics_urls = {
            name: f"http://127.0.0.1:{port}/metrics" for name, port in self.api_ports.items()
        }
        self.settings = self._settings()
        self.http = httpx.AsyncClient(timeout=15)
        self._client: Client | None = None

    async def __aenter__(self) -> Self:
        try:
            await self._start()
        except BaseException:
            await self.stop()
            raise
        return self

    async def __aexit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        trace: TracebackType | None,
    ) -> None:
        await self.stop()

    # --- up and down ---

    async def _start(self) -> None:
        self._add("temporal", self._temporal_command(), {}).start()
        port = self.simulator_url.rpartition(":")[2]
        simulator = [sys.executable, "-m", "simulator", "--port", port]
        self._add("simulator", simulator, self.environment_of("simulator")).start()
        if self.options.mode == "taskrouter":
            # What api and workers are told of the workspace is known only once it is there.
            await self.ready("simulator")
            await self._own_number()
            self.settings |= await provision(self.settings, self.folder, self.options.centre)
        for name, api_port in self.api_ports.items():
            self._add(name, self._api_command(api_port), self.environment_of(name)).start()
        for process in [self._add_worker() for _ in range(self.options.workers)]:
            process.start()
        await self.ready(*self.processes)
        if self.options.mode == "direct":
            await self._own_number()

    async def stop(self) -> None:
        """End every process that was started here, and clean up."""
        await self.http.aclose()
        after = [self.processes.pop("temporal")] if "temporal" in self.processes else []
        # The worker first has to say farewell to Temporal.
        await asyncio.gather(*(process.stop() for process in self.processes.values()))
        for process in after:
            await process.stop()
        shutil.rmtree(self.folder, ignore_errors=True)

    async def ready(self, *names: str) -> None:
        """Wait until these processes do their work."""
        await asyncio.gather(*(self._ready(name) for name in names))

    async def _ready(self, name: str) -> None:
        process = self.processes[name]
        if name == "temporal":
            await process.until(self._temporal_serves)
        elif name == "simulator":
            await process.until(lambda: self._answers(f"{self.simulator_url}/healthz"))
        elif name in self.api_ports:
            url = f"http://127.0.0.1:{self.api_ports[name]}/readyz"
            await process.until(lambda: self._answers(url))
        else:
            await process.until(lambda: _truth(process.said("worker ready")))

    async def start_again(self, name: str) -> None:
        """Start a process that was killed, with the same settings, and wait until it works."""
        self.processes[name].start()
        await self.ready(name)

    @property
    def workers(self) -> list[str]:
        """The names of the workers that are alive."""
        return [
            name
            for name, process in self.processes.items()
            if name.startswith("worker") and process.is_running
        ]

    def worker_with(self, pid: int) -> str:
        """The name of the worker that has this process id, alive or not."""
        for name, process in self.processes.items():
            if name.startswith(("worker", "next")) and process.pid == pid:
                return name
        return f"process {pid}"

    def log_tails(self) -> str:
        """The ends of all logs, for whoever looks for the reason of a failure."""
        shown = [each for name, each in self.processes.items() if name != "temporal"]
        return "\n\n".join(f"--- {each.log.name}\n{each.tail()}" for each in shown)

    # --- Temporal, from outside ---

    async def temporal(self) -> Client:
        """A client that can read payloads."""
        if self._client is None:
            keys = CodecKeys.parse(self.settings["HANDOVER_CODEC_KEYS"])
            self._client = await Client.connect(
                self.temporal_address, data_converter=data_converter(keys)
            )
        return self._client

    async def _temporal_serves(self) -> bool:
        try:
            client = await Client.connect(self.temporal_address)
            await client.service_client.check_health()
            # The namespace is made a moment after the server answers.
            await client.count_workflows()
        except (RuntimeError, RPCError):
            return False
        return True

    # --- the pieces ---

    def _add(self, name: str, command: list[str], settings: Mapping[str, str]) -> Process:
        self.processes[name] = Process(name, command, settings, self.folder)
        return self.processes[name]

    def _add_worker(self) -> Process:
        number = sum(1 for name in self.processes if name.startswith("worker")) + 1
        (port,) = free_ports(1)
        metrics = {"HANDOVER_METRICS_ADDRESS": f"127.0.0.1:{port}"}
        self.metrics_urls[f"worker-{number}"] = f"http://127.0.0.1:{port}/metrics"
        name = f"worker-{number}"
        command = [sys.executable, str(ROOT / "worker.py")]
        return self._add(name, command, self.environment_of(name) | metrics)

    async def start_worker(self) -> str:
        """One more worker; answers its name."""
        process = self._add_worker()
        process.start()
        await self.ready(process.name)
        return process.name

    def _temporal_command(self) -> list[str]:
        host, _, port = self.temporal_address.partition(":")
        command = [program("temporal"), "server", "start-dev", "--ip", host, "--port", port]
        command += ["--log-level", "error", *UNTHROTTLED]
        for name in SEARCH_ATTRIBUTES:
            command += ["--search-attribute", f"{name}=Keyword"]
        if self.options.is_durable:
            command += ["--db-filename", str(self.folder / "temporal.db")]
        if self.options.web_ui:
            ui_port = self.web_ui_url.rpartition(":")[2]
            command += ["--ui-ip", host, "--ui-port", ui_port]
            if self.options.is_encrypted:
                command += ["--ui-codec-endpoint", f"{self.api_url}/codec"]
            return command
        return [*command, "--headless"]

    def _api_command(self, port: int) -> list[str]:
        return [
            *(sys.executable, "-m", "uvicorn", "--factory", "api.app:create_app"),
            *("--host", "127.0.0.1", "--port", str(port)),
            *("--no-access-log", "--log-level", "warning"),
        ]

    def environment_of(self, name: str) -> dict[str, str]:
        """The settings that this process is started with."""
        return self.settings

    def _settings(self) -> dict[str, str]:
        return {
            "TWILIO_ACCOUNT_SID": ACCOUNT,
            "TWILIO_AUTH_TOKEN": secrets.token_hex(16),
            "TWILIO_API_KEY_SID": "SK" + secrets.token_hex(16),
            "TWILIO_API_KEY_SECRET": secrets.token_hex(16),
            "TWILIO_NUMBER": NUMBER,
            "TWILIO_BASE_URL": self.simulator_url,
            "PUBLIC_BASE_URL": self.api_url,
            "TEMPORAL_ADDRESS": self.temporal_address,
            "HANDOVER_AGENTS": ",".join(self.options.agents),
            "HANDOVER_API_KEYS": ",".join(_key_settings(self.keys)),
            "HANDOVER_CODEC_KEYS": _codec_keys() if self.options.is_encrypted else "",
            "HANDOVER_STARTS_PER_MINUTE": "1000",
            "HANDOVER_DIALS_PER_MINUTE": "10000",
            "HANDOVER_ALLOWED_SIP_DOMAINS": "example.com",
            "HANDOVER_SIMULATOR_URL": self.simulator_url if self.options.simulated_in_page else "",
            "HANDOVER_WEB_UI_ORIGINS": self.web_ui_url if self.options.web_ui else "",
            "SIMULATOR_SWITCHES": '{"calls_per_second": 0}',
            **self.options.settings,
        }

    async def _own_number(self) -> None:
        """What Twilio's console would be told: who answers for our number."""
        body = {"phone_number": NUMBER, "voice_url": f"{self.api_url}/twilio/voice/inbound"}
        answer = await self.http.post(f"{self.simulator_url}/simulator/v1/numbers", json=body)
        if answer.status_code != 201:
            raise StackError(f"the simulator took no number: {answer.text}")

    async def _answers(self, url: str) -> bool:
        try:
            return (await self.http.get(url, timeout=2)).status_code == 200
        except httpx.TransportError:
            return False


async def _truth(value: bool) -> bool:
    return value


def _codec_keys() -> str:
    return "stack:" + base64.b64encode(os.urandom(32)).decode()


def _keys(agents: tuple[str, ...]) -> dict[str, str]:
    names = [address.partition(":")[2] for address in (*agents, COLLEAGUE)]
    everyone = dict.fromkeys([*names, "supervisor", "service"])
    return {name: secrets.token_urlsafe(24) for name in everyone}


def _key_settings(keys: Mapping[str, str]) -> list[str]:
    """`name:role:sha256` of each key; an agent's address follows from its name."""
    roles = {"supervisor": "supervisor", "service": "service"}
    return [
        f"{name}:{roles.get(name, 'agent')}:{hashlib.sha256(secret.encode()).hexdigest()}"
        for name, secret in keys.items()
    ]
