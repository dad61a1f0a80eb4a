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
    STORAGE_UNAVAILABLE = "storage_unavailable"


STATUS: Final = {
    Code.UNAUTHORIZED: HTTPStatus.UNAUTHORIZED,
    Code.NOT_FOUND: HTTPStatus.NOT_FOUND,
    Code.METHOD_NOT_ALLOWED: HTTPStatus.METHOD_NOT_ALLOWED,
    Code.PARAMETER_INVALID: HTTPStatus.BAD_REQUEST,
    Code.STORAGE_UNAVAILABLE: HTTPStatus.SERVICE_UNAVAILABLE,
}

HEADERS: Final = {
    Code.UNAUTHORIZED: {"WWW-Authenticate": "Bearer"},
    Code.METHOD_NOT_ALLOWED: {"Allow": "GET, HEAD"},
}


class Problem(Exception):
    """A request that gets no answer of its own; `detail` is one sentence for the operator."""

    def __init__(self, code: Code, detail: str) -> None:
        super().__init__(detail)
        self.code = code
        self.detail = detail


def reply(code: Code, detail: str) -> Response:
    """Return the problem document (RFC 9457)."""
    status = STATUS[code]
    body = {
        "type": "about:blank",
        "title": status.phrase,
        "status": status.value,
        "detail": detail,
        "code": code.value,
    }
    return JSONResponse(body, status.value, headers=HEADERS.get(code), media_type="application/problem+json")
