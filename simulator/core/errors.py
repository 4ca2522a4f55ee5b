"""The errors of Twilio's REST API, with the codes its dictionary gives them."""

from typing import Any

MORE_INFO = "https://www.twilio.com/docs/errors/"


class TwilioError(Exception):
    """An answer other than success. `body` is what Twilio would send."""

    def __init__(self, status: int, code: int, message: str, detail: str | None = None) -> None:
        super().__init__(f"{code}: {message}")
        self.status = status
        self.code = code
        self.message = message
        self.detail = detail

    def body(self) -> dict[str, Any]:
        body: dict[str, Any] = {
            "code": self.code,
            "message": self.message,
            "more_info": f"{MORE_INFO}{self.code}",
            "status": self.status,
        }
        if self.detail is not None:
            body["detail"] = self.detail
        return body


def not_found(path: str) -> TwilioError:
    return TwilioError(404, 20404, f"The requested resource {path} was not found")


def invalid(code: int, message: str) -> TwilioError:
    return TwilioError(400, code, message)


def unauthenticated(message: str) -> TwilioError:
    return TwilioError(
        401,
        20003,
        f"Authentication Error - {message}",
        detail="Your AccountSid or AuthToken was incorrect.",
    )
