"""Holding answers against Twilio's OpenAPI document.

The document is OpenAPI 3.0: `nullable` stands beside a type, and a `$ref` with neighbours hides
them. Both are rewritten to plain JSON Schema, and every object is closed, so that a field Twilio
does not have is found as well as one that is missing.
"""

import json
import re
from functools import cache
from pathlib import Path
from typing import Any
from urllib.parse import urlsplit

from jsonschema import Draft202012Validator

DATA = Path(__file__).parents[1] / "data" / "twilio"
RFC2822 = r"^[A-Z][a-z]{2}, \d{2} [A-Z][a-z]{2} \d{4} \d{2}:\d{2}:\d{2} \+0000$"
ERROR_KEYS = {"code", "message", "more_info", "status"}
# Schemas without a type in the document: the values are in the text beside them.
UNTYPED = {
    "conference_enum_status": ["init", "in-progress", "completed"],
    "participant_enum_status": [
        "queued", "connecting", "ringing", "connected", "complete", "failed",
    ],
    "conference_enum_reason_conference_ended": [
        None,
        "conference-ended-via-api",
        "participant-with-end-conference-on-exit-left",
        "participant-with-end-conference-on-exit-kicked",
        "last-participant-kicked",
        "last-participant-left",
    ],
}  # fmt: skip


class OpenApi:
    def __init__(self, name: str) -> None:
        self.document = json.loads((DATA / "openapi" / name).read_text())
        self.checked: set[tuple[str, str, int]] = set()
        self._paths = [
            (re.compile(re.sub(r"\\{\w+\\}", "[^/]+", re.escape(path)) + "$"), path)
            for path in self.document["paths"]
        ]

    def path_of(self, path: str) -> str:
        """Literal parts win over parameters: `Calls.json` is not an account called `Calls`."""
        bare = urlsplit(path).path
        found = [template for pattern, template in self._paths if pattern.match(bare)]
        assert found, f"{bare} is not in the OpenAPI document"
        return max(found, key=lambda template: len(template) - 10 * template.count("{"))

    def check(self, method: str, path: str, status: int, body: bytes) -> None:
        """Raises AssertionError when this answer is not one that Twilio would give."""
        if status >= 400:
            error = json.loads(body)
            assert set(error) - {"detail"} == ERROR_KEYS, error
            assert error["status"] == status
            return
        template = self.path_of(path)
        responses = self.document["paths"][template][method.lower()]["responses"]
        assert str(status) in responses, f"{method} {template} never answers {status}"
        self.checked.add((method, template, status))
        if status == 204:
            assert body == b""
            return
        problems = [
            f"{'/'.join(map(str, error.absolute_path))}: {error.message}"
            for error in self._validator(template, method.lower(), status).iter_errors(
                json.loads(body)
            )
        ]
        assert not problems, f"{method} {template}: {problems}"

    @cache  # noqa: B019 - one object for the whole run
    def _validator(self, template: str, method: str, status: int) -> Draft202012Validator:
        response = self.document["paths"][template][method]["responses"][str(status)]
        schema = response["content"]["application/json"]["schema"]
        return Draft202012Validator(self._plain(schema))

    def _plain(self, schema: dict[str, Any]) -> dict[str, Any]:
        if "$ref" in schema:
            name = schema["$ref"].rsplit("/", 1)[1]
            if name in UNTYPED:
                return {"enum": UNTYPED[name]}
            return self._plain(self.document["components"]["schemas"][name])
        plain = {k: schema[k] for k in ("enum", "pattern", "minLength", "maxLength") if k in schema}
        if "type" in schema:
            plain["type"] = schema["type"]
        if schema.get("format") == "date-time-rfc-2822":
            plain["pattern"] = RFC2822
        if "items" in schema:
            plain["items"] = self._plain(schema["items"])
        if "properties" in schema:
            plain["properties"] = {k: self._plain(v) for k, v in schema["properties"].items()}
            plain["required"] = list(schema["properties"])
            plain["additionalProperties"] = False
        if schema.get("nullable") and plain:
            plain = {"anyOf": [plain, {"type": "null"}]}
        return plain


OPENAPI = OpenApi("twilio_api_v2010.voice-slice.json")
