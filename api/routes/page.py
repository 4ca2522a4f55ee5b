"""The agent page: four files, no build step."""

from __future__ import annotations

from pathlib import Path

from fastapi import APIRouter, Response
from fastapi.responses import FileResponse

from api.dependencies import SettingsDep

WEB = Path(__file__).resolve().parents[1] / "web"

router = APIRouter(include_in_schema=False)


def policy(simulator_url: str) -> str:
    """The page's content security policy: our own files, and the simulator's page in a frame."""
    frames = simulator_url or "'none'"
    connect = f"'self' {simulator_url}".strip()
    return (
        "default-src 'none'; script-src 'self'; style-src 'self'; img-src 'self' data:; "
        f"connect-src {connect}; frame-src {frames}; base-uri 'none'; form-action 'self'; "
        "frame-ancestors 'none'"
    )


@router.get("/")
async def page(settings: SettingsDep) -> Response:
    """The page itself."""
    headers = {
        "Content-Security-Policy": policy(settings.handover_simulator_url),
        "Cache-Control": "no-cache",
    }
    return FileResponse(WEB / "index.html", media_type="text/html", headers=headers)


@router.get("/web/agent.js")
async def script() -> Response:
    """The page's script."""
    return _file("agent.js", "text/javascript")


@router.get("/web/hold.js")
async def hold_script() -> Response:
    """The script's part about holds."""
    return _file("hold.js", "text/javascript")


@router.get("/web/supervise.js")
async def supervise() -> Response:
    """The part of the page's script that is about supervisors."""
    return _file("supervise.js", "text/javascript")


@router.get("/web/agent.css")
async def style() -> Response:
    """The page's stylesheet."""
    return _file("agent.css", "text/css")


@router.get("/web/config.json")
async def config(settings: SettingsDep) -> dict[str, str]:
    """What the page has to know besides: where the simulated phones are, if there are any."""
    return {"simulator_url": settings.handover_simulator_url}


def _file(name: str, media_type: str) -> Response:
    return FileResponse(WEB / name, media_type=media_type, headers={"Cache-Control": "no-cache"})
