"""TwiML documents: from text to verbs. Knows XML, knows nothing of calls."""

from dataclasses import dataclass, field

from lxml import etree

AUDIO_TYPES = ("audio/",)
# Verbs of Twilio that this network knows by name but cannot play; the debugger says so.
NOT_SIMULATED = frozenset(
    {"Connect", "Start", "Stop", "Stream", "Siprec", "Transcription", "Pay", "Prompt", "Refer",
     "Sms", "Message", "Echo", "Queue", "Conference", "Number", "Client", "Sip", "Sim", "Task"}
)  # fmt: skip


class DocumentError(Exception):
    """A document that cannot be run, with the code of Twilio's dictionary."""

    def __init__(self, code: int, message: str) -> None:
        super().__init__(message)
        self.code = code
        self.message = message


@dataclass(slots=True)
class Verb:
    """One element: a verb or a noun."""

    name: str
    attributes: dict[str, str] = field(default_factory=dict)
    text: str = ""
    children: list["Verb"] = field(default_factory=list)

    def get(self, name: str, default: str = "") -> str:
        return self.attributes.get(name, default)

    def has(self, name: str) -> bool:
        return name in self.attributes

    def flag(self, name: str, default: bool = False) -> bool:
        value = self.attributes.get(name, "").strip().lower()
        return {"true": True, "false": False}.get(value, default)

    def number(self, name: str, default: float) -> float:
        """The attribute as a number of seconds; the default when absent or nonsense."""
        try:
            return max(0.0, float(self.attributes[name]))
        except (KeyError, ValueError):
            return default

    def child(self, name: str) -> "Verb | None":
        return next((c for c in self.children if c.name == name), None)


def parse(text: str) -> list[Verb]:
    """The verbs of a document. Raises DocumentError; entities and DTDs are never resolved."""
    parser = etree.XMLParser(
        resolve_entities=False,
        no_network=True,
        load_dtd=False,
        remove_comments=True,
        remove_pis=True,
    )
    try:
        root = etree.fromstring(text.strip().encode(), parser)
    except (etree.XMLSyntaxError, ValueError) as error:
        raise DocumentError(12100, f"Document parse failure: {error}") from error
    if root.tag != "Response":
        raise DocumentError(12102, "The root element must be Response")
    return [_verb(element) for element in root if isinstance(element.tag, str)]


def _verb(element: "etree._Element") -> Verb:
    return Verb(
        name=str(element.tag),
        attributes={str(k): str(v) for k, v in element.attrib.items()},
        text="".join(str(part) for part in element.itertext()).strip(),
        children=[_verb(child) for child in element if isinstance(child.tag, str)],
    )
