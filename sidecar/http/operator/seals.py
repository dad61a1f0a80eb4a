"""What is sealed in the books: verified, and proven to others."""

import asyncio

from starlette.requests import Request
from starlette.responses import JSONResponse, Response

from ledger.proving import Unproven
from sidecar.adapters.storage.sealed import prove_journal, verify_books
from sidecar.http.operator.problems import Code, Problem
from sidecar.http.operator.resources import Resource, Sources


async def _verify(_: Request, sources: Sources) -> Response:
    async with sources.auditing:
        key = sources.signer.public_key
        return JSONResponse(await asyncio.to_thread(verify_books, sources.audit_place, key))


async def _proof(request: Request, sources: Sources) -> Response:
    journal = request.query_params.get("journal", "")
    key = sources.signer.public_key
    try:
        return JSONResponse(await asyncio.to_thread(prove_journal, sources.audit_place, journal, key))
    except Unproven as why:
        raise Problem(Code.NOT_FOUND, f"{why}.") from why


VERIFY = Resource("/api/v1/ledger/verify", "The first row that is not what was sealed and signed", _verify)
PROOF = Resource(
    "/api/v1/ledger/proof",
    "What proves to anybody that a journal is in the signed books",
    _proof,
    parameters={"journal": "its id"},
)
