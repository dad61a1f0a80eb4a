"""Buyers: all that the books say of one wallet."""

from starlette.requests import Request
from starlette.responses import JSONResponse, Response

from sidecar.finops import buyers, statements
from sidecar.http.operator.problems import Code, Problem
from sidecar.http.operator.resources import Resource, Sources
from sidecar.x402.evm_text import read_address


async def _one(request: Request, sources: Sources) -> Response:
    named = request.path_params["payer"]
    payer = read_address(named)
    if payer is None:
        raise Problem(Code.PARAMETER_INVALID, "A buyer is named by its address: 0x and 40 hex digits.")
    now_us = sources.clock.now_us()
    (standing,) = await sources.reader.fetch("wallet_standing", buyers.parameters(payer, now_us))
    if not standing["calls"]:
        raise Problem(Code.NOT_FOUND, f"No call of {named} was ever admitted.")
    (credit,) = await sources.reader.fetch("wallet_credit", statements.credit_parameters(payer))
    calls = await sources.reader.fetch("wallet_calls", buyers.calls_parameters(payer))
    return JSONResponse(buyers.buyer_object(payer, now_us, standing, credit, calls))


ONE = Resource("/api/v1/buyers/{payer}", "One buyer: credit, exposure, today, totals, last calls", _one)
