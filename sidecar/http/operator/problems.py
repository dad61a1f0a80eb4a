"""Problems: how the operator listener says no. The only place here where a status is written."""

from enum import StrEnum
from http import HTTPStatus
from typing import Final

from starlette.responses import JSONResponse, Response


class Code(StrEnum):
    """The machine codes operators see."""

    UNAUTHORIZED = "unauthorized"
    NOT_FOUND = "not_found"
    METHOD_NOT_ALLOWED = "method_not_allowed"
    PARAMETER_INVALID = "parameter_invalid"
    BODY_INVALID = "body_invalid"
    BODY_TOO_LARGE = "body_too_large"
    NOT_BOOKED = "not_booked"
    STORAGE_UNAVAILABLE = "storage_unavailable"


STATUS: Final = {
    Code.UNAUTHORIZED: HTTPStatus.UNAUTHORIZED,
    Code.NOT_FOUND: HTTPStatus.NOT_FOUND,
    Code.METHOD_NOT_ALLOWED: HTTPStatus.METHOD_NOT_ALLOWED,
    Code.PARAMETER_INVALID: HTTPStatus.BAD_REQUEST,
    Code.BODY_INVALID: HTTPStatus.BAD_REQUEST,
    Code.BODY_TOO_LARGE: HTTPStatus.REQUEST_ENTITY_TOO_LARGE,
    Code.NOT_BOOKED: HTTPStatus.CONFLICT,
    Code.STORAGE_UNAVAILABLE: HTTPStatus.SERVICE_UNAVAILABLE,
}

HEADERS: Final = {Code.UNAUTHORIZED: {"WWW-Authenticate": "Bearer"}}


class Problem(Exception):
    """A request that gets no answer of its own; `detail` is one sentence for the operator.

    `reason` says more to a machine than the code, where there is more to say.
    """

    def __init__(self, code: Code, detail: str, reason: str = "") -> None:
        super().__init__(detail)
        self.code = code
        self.detail = detail
        self.reason = reason


def reply(code: Code, detail: str, reason: str = "", allow: str = "") -> Response:
    """Return the problem document (RFC 9457); *allow* are the methods that would have been right."""
    status = STATUS[code]
    body = {
        "type": "about:blank",
        "title": status.phrase,
        "status": status.value,
        "detail": detail,
        "code": code.value,
    } | ({"reason": reason} if reason else {})
    headers = {"Allow": allow} if allow else HEADERS.get(code)
    return JSONResponse(body, status.value, headers=headers, media_type="application/problem+json")
