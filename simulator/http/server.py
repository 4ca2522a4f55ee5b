"""Running the application with uvicorn, and saying in one line where it listens."""

import json
import logging
import socket
import sys

import structlog
import uvicorn

from simulator.http.app import create_app
from simulator.settings import Settings


def listen(host: str, port: int) -> socket.socket:
    """Bind first, so that a free port is known before anything is started."""
    family = socket.AF_INET6 if ":" in host else socket.AF_INET
    # Naming the protocol matters: asyncio turns Nagle's algorithm off only for declared TCP.
    bound = socket.socket(family, socket.SOCK_STREAM, socket.IPPROTO_TCP)
    bound.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
    bound.bind((host, port))
    bound.listen(1024)
    return bound


class AnnouncingServer(uvicorn.Server):
    """Prints one line of JSON as soon as requests are accepted."""

    def __init__(self, config: uvicorn.Config, announcement: dict[str, str]) -> None:
        super().__init__(config)
        self._announcement = announcement

    async def startup(self, sockets: list[socket.socket] | None = None) -> None:
        await super().startup(sockets)
        if self.started:
            print(json.dumps(self._announcement), flush=True)  # noqa: T201


def configure_logs() -> None:
    """One JSON object per line, on the error stream, and only when something is wrong."""
    structlog.configure(
        wrapper_class=structlog.make_filtering_bound_logger(logging.WARNING),
        processors=[
            structlog.processors.add_log_level,
            structlog.processors.TimeStamper(fmt="iso"),
            structlog.processors.format_exc_info,
            structlog.processors.JSONRenderer(),
        ],
        logger_factory=structlog.PrintLoggerFactory(sys.stderr),
    )


def serve(settings: Settings) -> int:
    configure_logs()
    try:
        bound = listen(settings.host, settings.port)
    except OSError as error:
        print(f"simulator: cannot listen on {settings.host}:{settings.port}: {error}", flush=True)  # noqa: T201
        return 1
    host = f"[{settings.host}]" if ":" in settings.host else settings.host
    address = f"http://{host}:{bound.getsockname()[1]}"
    config = uvicorn.Config(
        create_app(settings),
        log_level="warning",
        access_log=False,
        date_header=False,  # the network has a clock of its own
        timeout_graceful_shutdown=2,
        timeout_keep_alive=65,
    )
    announcement = {
        "event": "simulator_ready",
        "address": address,
        "control": f"{address}/simulator/v1",
        "phones_page": f"{address}/",
        "account_sid": settings.account_sid,
        "clock": settings.clock,
        "seed": settings.seed,
    }
    AnnouncingServer(config, announcement).run(sockets=[bound])
    return 0
