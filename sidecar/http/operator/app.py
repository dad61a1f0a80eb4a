"""The operator listener: health, metrics, reports and what a person books, each a resource."""

from collections.abc import Awaitable, Callable, Mapping
from typing import Final

from starlette.applications import Starlette
from starlette.exceptions import HTTPException
from starlette.requests import Request
from starlette.responses import JSONResponse, Response
from starlette.routing import Route
from starlette.types import ASGIApp

from ledger.signing import Signer
from sidecar.adapters.metrics import MetricsObserver
from sidecar.adapters.storage.reading import AnyReader, Place, Unreadable
from sidecar.bookkeeping import Bookkeeping
from sidecar.http.operator import (
    auth,
    buyers,
    calls,
    health,
    ledger,
    margins,
    metrics,
    openapi,
    policies,
    problems,
    reports,
    seals,
    writing,
)
from sidecar.http.operator.parameters import refuse_ambiguous, refuse_unknown
from sidecar.http.operator.problems import Code, Problem
from sidecar.http.operator.resources import Readiness, Resource, Sources
from sidecar.ports import Clock, Storage, StorageUnavailable


async def _description(_: Request, __: Sources) -> Response:
    return JSONResponse(openapi.document(RESOURCES))


RESOURCES: Final = (
    health.LIVE,
    health.READY,
    metrics.METRICS,
    Resource("/openapi.json", "This API", _description, public=True),
    calls.LIST,
    calls.ONE,
    margins.MARGIN,
    buyers.ONE,
    policies.POLICIES,
    ledger.AUDIT,
    ledger.ACCOUNTS,
    ledger.JOURNALS,
    writing.JOURNAL,
    writing.CLOSE,
    reports.TRIAL_BALANCE,
    reports.STATEMENT,
    reports.EXPORT,
    seals.VERIFY,
    seals.PROOF,
)
"""All there is; a new report is a file and a line here."""


def operator_app(
    *,
    reader: AnyReader,
    metrics: MetricsObserver,
    token: str,
    readiness: Readiness,
    clock: Clock,
    audit_place: Place,
    in_force: Mapping[str, object],
    signer: Signer,
    storage: Storage,
) -> ASGIApp:
    """Build the listener. Everything that is not public asks for *token* as a bearer token.

    *audit_place* is the database that *reader* reads; an audit opens it anew. *in_force* are the policies.
    What a person writes goes through *storage* to the same database.
    """
    assert token, "an operator listener has a token"
    bookkeeping = Bookkeeping(storage, audit_place, signer, auth.name_of(token))
    sources = Sources(reader, metrics, readiness, clock, audit_place, in_force, signer, bookkeeping)
    app = Starlette(
        routes=[_route(path, sources, token) for path in dict.fromkeys(each.path for each in RESOURCES)],
        exception_handlers={
            Problem: _problem,
            Unreadable: _unavailable,
            StorageUnavailable: _unavailable,
            HTTPException: _not_routed,
        },
    )
    app.router.redirect_slashes = False  # a trailing slash is another path here too
    return app


def _route(path: str, sources: Sources, token: str) -> Route:
    by_method: dict[str, Resource] = {each.method: each for each in RESOURCES if each.path == path}
    return Route(path, _endpoint(by_method, sources, token), methods=list(by_method))


def _endpoint(
    by_method: Mapping[str, Resource], sources: Sources, token: str
) -> Callable[[Request], Awaitable[Response]]:
    async def endpoint(request: Request) -> Response:
        resource = by_method["GET" if request.method == "HEAD" else request.method]
        if not (resource.public or auth.bears(request, token)):
            raise Problem(Code.UNAUTHORIZED, "This needs the operator's token as a bearer token.")
        refuse_unknown(request, resource.parameters)
        refuse_ambiguous(request)
        response = await resource.answer(request, sources)
        response.headers["Cache-Control"] = "no-store"
        return response

    return endpoint


async def _problem(_: Request, error: Exception) -> Response:
    assert isinstance(error, Problem), "registered for nothing else"
    return problems.reply(error.code, error.detail, error.reason)


async def _unavailable(_: Request, error: Exception) -> Response:
    return problems.reply(Code.STORAGE_UNAVAILABLE, str(error))


async def _not_routed(request: Request, error: Exception) -> Response:
    assert isinstance(error, HTTPException), "registered for nothing else"
    if error.status_code == problems.STATUS[Code.METHOD_NOT_ALLOWED]:
        allow = (error.headers or {}).get("Allow", "")
        methods = ", ".join(sorted(allow.split(", ")))
        return problems.reply(
            Code.METHOD_NOT_ALLOWED, f"{request.scope['path']} takes only {methods}.", allow=methods
        )
    return problems.reply(Code.NOT_FOUND, f"There is nothing at {request.scope['path'][:100]}.")
