"""What to do for one supervisor. Commands about one supervisor run one after the other."""

from __future__ import annotations

from dataclasses import dataclass

from workflows.machine.commands import Command


@dataclass(frozen=True)
class ForSupervisor(Command):
    """A command about the leg with this label."""

    label: str = ""

    @property
    def lane(self) -> str:
        """One lane per supervisor."""
        return self.label


@dataclass(frozen=True)
class AddSupervisor(ForSupervisor):
    """The supervisor's phone, into the room, muted, without an exit flag."""


@dataclass(frozen=True)
class Silence(ForSupervisor):
    """Muted, then no aim, then off hold; read back."""


@dataclass(frozen=True)
class Whisper(ForSupervisor):
    """Aimed at the agent while muted, read back, un-muted, read back."""


@dataclass(frozen=True)
class Barge(ForSupervisor):
    """No aim while muted, read back, un-muted, read back."""


@dataclass(frozen=True)
class SetApart(ForSupervisor):
    """Muted, then on hold; read back."""


@dataclass(frozen=True)
class TellTransfer(ForSupervisor):
    """A transfer, should one live, that a supervisor is on the call, or on the way, who is to hear
    nothing of a consult: from then on it says when one begins and ends."""

    @property
    def lane(self) -> str:
        """Beside all others."""
        return ""


@dataclass(frozen=True)
class AskOwners(ForSupervisor):
    """Ask whether a transfer or a hold of the call lives: then the caller is theirs, and nobody may
    take the agent away."""


@dataclass(frozen=True)
class TellTaken(ForSupervisor):
    """The owner of the call learns that this supervisor is the agent now; so does a transfer or a
    hold that has begun since it was asked for. Before the agent goes, so that the agent's leaving
    is not taken for the caller being alone, or for a word of the agent's."""


@dataclass(frozen=True)
class TellTransferTaken(ForSupervisor):
    """The same, to a transfer that turns out to have begun later still, while the agent is being
    released."""

    @property
    def lane(self) -> str:
        """Beside all others: the release may take long, and is what the transfer must know of."""
        return ""


@dataclass(frozen=True)
class ReleaseAgent(ForSupervisor):
    """The agent out of the room and off the task, after a look that caller and supervisor talk."""


@dataclass(frozen=True)
class TellHolder(ForSupervisor):
    """A hold or a transfer, should one have begun in the same moment, learns who is the agent now
    that the one before is gone: it would look for somebody else, or send the caller to the apology.
    """


@dataclass(frozen=True)
class BookSupervisor(ForSupervisor):
    """With TaskRouter: a task of their own for a supervisor who is the agent now, if they are a
    worker, so that they are known to be busy."""


@dataclass(frozen=True)
class TellKept(ForSupervisor):
    """Whoever was told of a take-over learns that the agent is still the agent."""


@dataclass(frozen=True)
class EndSupervisor(ForSupervisor):
    """The supervisor's leg, by `completed`."""


@dataclass(frozen=True)
class ReadSupervised(ForSupervisor):
    """Ask Twilio who is in the room, and how everybody can be heard."""

    @property
    def lane(self) -> str:
        """Beside all others."""
        return ""


COMMANDS: dict[str, type[ForSupervisor]] = {
    cls.__name__: cls
    for cls in (
        AddSupervisor,
        Silence,
        Whisper,
        Barge,
        SetApart,
        TellTransfer,
        AskOwners,
        TellTaken,
        TellTransferTaken,
        ReleaseAgent,
        TellHolder,
        BookSupervisor,
        TellKept,
        EndSupervisor,
        ReadSupervised,
    )
}
VOICES = frozenset({"Silence", "Whisper", "Barge", "SetApart"})
"""Commands that change who hears the supervisor."""
