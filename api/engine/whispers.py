"""The whisper of a transfer: its values are kept in the memo, its words in the settings."""

from __future__ import annotations

from api import whisper
from api.engine.records import TransferRecord


async def whisper_of(record: TransferRecord, template: str) -> str:
    """What the target of a transfer hears before it is put through; empty without a template."""
    if not template:
        return ""
    memo = ""
    if record.description is not None:
        memo = await record.description.memo_value(whisper.MEMO_WHISPER, "", type_hint=str)
    attempts = record.view.attempts
    address = attempts[-1].address if attempts else ""
    return whisper.spoken(template, whisper.values_of(memo, address))
