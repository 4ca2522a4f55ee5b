"""What a participant's label may look like (P-04)."""

from simulator.core.ids import CALL_SID

LABEL_LENGTH_MAX = 128


def is_good_label(label: str) -> bool:
    """Not too long, no slash, and not to be mistaken for a Call SID."""
    if not label or len(label) > LABEL_LENGTH_MAX:
        return False
    return "/" not in label and "%2f" not in label.lower() and CALL_SID.match(label) is None
