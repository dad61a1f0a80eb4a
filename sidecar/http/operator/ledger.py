"""The books: the audit, the accounts and the journals."""

import asyncio

from starlette.requests import Request
from starlette.responses import JSONResponse, Response

from sidecar.adapters.storage.auditing import audit_books, audit_object
from sidecar.finops import books
from sidecar.finops.books import LIMIT_DEFAULT, LIMIT_MAX
from sidecar.http.operator import parameters
from sidecar.http.operator.resources import Resource, Sources

_LIMIT = f"how many a page, {LIMIT_DEFAULT} unless told, at most {LIMIT_MAX}"
_CURSOR = "next_cursor of the page before"


async def _audit(_: Request, sources: Sources) -> Response:
    async with sources.auditing:
        report = await asyncio.to_thread(audit_books, sources.audit_place)
    return JSONResponse(audit_object(report))


async def _accounts(request: Request, sources: Sources) -> Response:
    limit = parameters.count(request, "limit", default=LIMIT_DEFAULT, largest=LIMIT_MAX)
    asked = books.accounts_parameters(limit, request.query_params.get("cursor"))
    return JSONResponse(books.accounts_object(await sources.reader.fetch("accounts", asked), limit))


async def _journals(request: Request, sources: Sources) -> Response:
    limit = parameters.count(request, "limit", default=LIMIT_DEFAULT, largest=LIMIT_MAX)
    cursor = parameters.number(request, "cursor")
    asked = books.journals_parameters(limit, cursor, request.query_params.get("subject"))
    return JSONResponse(books.journals_object(await sources.reader.fetch("journals", asked), limit))


AUDIT = Resource("/api/v1/ledger/audit", "Every check of the books, run now", _audit)
ACCOUNTS = Resource(
    "/api/v1/ledger/accounts",
    "Accounts with their balances, by name",
    _accounts,
    parameters={"limit": _LIMIT, "cursor": _CURSOR},
)
JOURNALS = Resource(
    "/api/v1/ledger/journals",
    "Journals with their entries, newest first",
    _journals,
    parameters={"limit": _LIMIT, "cursor": _CURSOR, "subject": "only those about this, such as a call"},
)
