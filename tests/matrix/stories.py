"""The stories that faults are put into: each is the usual course of one flow."""

from __future__ import annotations

from simulator.core.phones import Behavior
from tests.matrix.moments import Deed, Enters
from tests.matrix.story import Story

AGENT = (Behavior("answer", 1.0), Behavior("answer", 3.0))
"""Takes the caller's call, and later the recall."""
TARGET_RINGS_SECONDS = 4.0
TARGET = (Behavior("answer", TARGET_RINGS_SECONDS),)
CONSULT_SECONDS = 3.0
RINGS = ("target", {"ring_seconds": 10.0})

COLD = Story(
    "cold",
    "cold",
    targets=(RINGS,),
    policy=(("release_agent", "on_ringing"),),
    phones=(("agent", AGENT), ("target", TARGET)),
)
"""The agent goes as soon as the target's phone rings; the target answers."""

COLD_STAYING = Story(
    "cold", "cold", targets=(RINGS,), phones=(("agent", AGENT), ("target", TARGET))
)
"""The agent stays until the target answers, as cold transfers do unless told otherwise."""

RECALL = COLD.but(target=(Behavior("no_answer"),))
"""Nobody answers, and the agent is rung back."""

WARM = Story(
    "warm",
    "warm",
    targets=(RINGS,),
    phones=(("agent", AGENT), ("target", TARGET)),
    deeds=(Deed(Enters("consulting", CONSULT_SECONDS), "complete", "agent", detail="the-button"),),
)
"""The agent talks to the target and completes."""

TAKEN_BACK = WARM.__class__(
    "warm, taken back",
    "warm",
    targets=(RINGS,),
    phones=(("agent", AGENT), ("target", TARGET)),
    deeds=(Deed(Enters("consulting", CONSULT_SECONDS), "cancel", "agent", detail="the-button"),),
)
"""The agent talks to the target and takes the caller back."""

WORKER_RINGS_SECONDS = 5.0
"""Longer than an outage: picking up in the middle of one is a way of its own (Q7)."""
WORKER = (Behavior("answer", WORKER_RINGS_SECONDS),)
WORKERS = (("target", WORKER), ("second", WORKER))
"""The two who can take a call of the queue."""
QUEUE = ("queue:Billing", {"ring_seconds": 60.0})

QUEUE_COLD = Story(
    "cold to a queue",
    "cold",
    targets=(QUEUE,),
    mode="taskrouter",
    policy=(("release_agent", "on_dial"),),
    phones=(("agent", AGENT), *WORKERS),
)
"""The agent goes as soon as the task is made; whoever TaskRouter finds takes the call."""

QUEUE_WARM = Story(
    "warm to a queue",
    "warm",
    targets=(QUEUE,),
    mode="taskrouter",
    phones=(("agent", AGENT), *WORKERS),
    deeds=(Deed(Enters("consulting", CONSULT_SECONDS), "complete", "agent", detail="the-button"),),
)
"""The agent waits for the worker, talks to them and completes."""

QUEUE_TAKEN_BACK = Story(
    "warm to a queue, taken back",
    "warm",
    targets=(QUEUE,),
    mode="taskrouter",
    phones=(("agent", AGENT), *WORKERS),
    deeds=(Deed(Enters("consulting", CONSULT_SECONDS), "cancel", "agent", detail="the-button"),),
)

HOLD = Story(
    "hold",
    "hold",
    targets=(),
    phones=(("agent", AGENT),),
    deeds=(Deed(Enters("held", CONSULT_SECONDS), "resume", "agent", detail="the-button"),),
)
"""The agent puts the caller on hold and takes them back."""

SPOKEN_SECONDS = 2.0
SUPERVISOR = (Behavior("answer", 3.0),)
OBSERVER = (Behavior("answer", 1.0, hangup_after_seconds=4.0),)

WHISPER = Story(
    "supervision",
    "supervise",
    targets=(),
    phones=(("agent", AGENT), ("supervisor", SUPERVISOR), ("observer", OBSERVER)),
    deeds=(
        Deed(Enters("v1 listening", SPOKEN_SECONDS), "whisper", "supervisor", detail="whispers"),
        Deed(Enters("v1 whispering", SPOKEN_SECONDS), "leave", "supervisor", detail="leaves"),
    ),
)
"""A supervisor listens, whispers to the agent and leaves."""

BARGE = Story(
    "supervision, from whisper to barge",
    "supervise",
    targets=(),
    voice="whisper",
    phones=WHISPER.phones,
    deeds=(
        Deed(Enters("v1 whispering", SPOKEN_SECONDS), "barge", "supervisor", detail="barges"),
        Deed(Enters("v1 barging", SPOKEN_SECONDS), "leave", "supervisor", detail="leaves"),
    ),
)
"""A supervisor whispers from the beginning, then talks with everybody, and leaves."""

HUSH = Story(
    "supervision, from barge to whisper",
    "supervise",
    targets=(),
    voice="barge",
    phones=WHISPER.phones,
    deeds=(
        Deed(Enters("v1 barging", SPOKEN_SECONDS), "whisper", "supervisor", detail="whispers"),
        Deed(Enters("v1 whispering", SPOKEN_SECONDS), "leave", "supervisor", detail="leaves"),
    ),
)
"""A supervisor talks with everybody, then whispers to the agent alone, and leaves."""
