"""The agent listener's replies: THE table that turns its refusals into HTTP. No other place names a status.

Errors are RFC 9457 problem documents, with what the agent should do next.
"""

from http import HTTPStatus
from typing import Final

from starlette.responses import JSONResponse, Response

from sidecar.domain.report_refusals import Code, ReportsRefused
from sidecar.http.replies import Action, Reply

RETRY_AFTER_S: Final = 2


def _reply(status: HTTPStatus, detail: str, action: Action) -> Reply:
    return Reply(status.value, status.phrase, detail, action, retryable=action is Action.RETRY)


REPLIES: Final[dict[Code, Reply]] = {
    Code.UNAUTHORIZED: _reply(
        HTTPStatus.UNAUTHORIZED, "Send the call's Sidecar-Call-Token as a bearer token.", Action.FIX
    ),
    Code.EXPIRED: _reply(HTTPStatus.UNAUTHORIZED, "The time of this call token is over.", Action.STOP),
    Code.CALL_UNKNOWN: _reply(HTTPStatus.NOT_FOUND, "There is no such call in these books.", Action.STOP),
    Code.CLOSE_WINDOW_OVER: _reply(
        HTTPStatus.GONE, "The call was closed too long ago to report its costs.", Action.STOP
    ),
    Code.REPORTS_MALFORMED: _reply(
        HTTPStatus.BAD_REQUEST, "Nothing of the request was taken; correct it and send it again.", Action.FIX
    ),
    Code.REPORTS_TOO_LARGE: _reply(
        HTTPStatus.REQUEST_ENTITY_TOO_LARGE, "Send fewer reports in one request.", Action.FIX
    ),
    Code.REPORTS_TOO_MANY: _reply(
        HTTPStatus.TOO_MANY_REQUESTS, "A call may not have so many reports; sum them up.", Action.STOP
    ),
    Code.REPORT_CONFLICT: _reply(
        HTTPStatus.CONFLICT, "Another report was taken under this id; ids are used once a call.", Action.FIX
    ),
    Code.STORAGE_UNAVAILABLE: _reply(
        HTTPStatus.SERVICE_UNAVAILABLE, "Nothing can be booked now; send the same again.", Action.RETRY
    ),
    Code.NOT_FOUND: _reply(HTTPStatus.NOT_FOUND, "There is nothing here.", Action.FIX),
    Code.METHOD_NOT_ALLOWED: _reply(
        HTTPStatus.METHOD_NOT_ALLOWED, "This path is asked by the methods in Allow.", Action.FIX
    ),
}


def reply(refusal: ReportsRefused, call: str = "", allow: str = "") -> Response:
    """Return the problem document of *refusal*; `call` and `report` are there when it is about one."""
    found = REPLIES[refusal.code]
    members: dict[str, object] = {
        "type": "about:blank",
        "title": found.title,
        "status": found.status,
        "detail": found.detail,
        "code": refusal.code.value,
        "retryable": found.retryable,
        "action": found.action.value,
    }
    named = {"reason": refusal.reason, "call": call, "report": refusal.report}
    members |= {name: value for name, value in named.items() if value}
    response = JSONResponse(members, found.status, media_type="application/problem+json")
    if found.status == HTTPStatus.UNAUTHORIZED:
        response.headers["WWW-Authenticate"] = "Bearer"
    if found.retryable:
        response.headers["Retry-After"] = str(RETRY_AFTER_S)
    if allow:
        response.headers["Allow"] = allow
    return response
