"""An agent as most are written, with FastAPI: `uvicorn fastapi_agent:app --port 9000`. It knows no money.

It checks that a request came through its sidecar (ORIGIN_SECRET is `origin` in `sidecar.db.secrets`), and
says in a header what a tool cost it. Without ORIGIN_SECRET it trusts whoever reaches its port. Needs
`pip install fastapi uvicorn`.
"""

import hashlib
import hmac
import os
import time
from typing import Any

from fastapi import FastAPI, HTTPException, Request
from fastapi.responses import JSONResponse

SKEW_S = 300
app = FastAPI()


def came_through_the_sidecar(request: Request, body: bytes) -> bool:
    """Check `Sidecar-Signature: t=<unix>,v1=<hex HMAC-SHA256 of t.method.target.sha256(body)>`."""
    secret = os.environ.get("ORIGIN_SECRET", "")
    if not secret:
        return True
    parts = dict(part.partition("=")[::2] for part in request.headers.get("sidecar-signature", "").split(","))
    if not parts.get("t", "").isdecimal() or abs(time.time() - int(parts["t"])) > SKEW_S:
        return False
    query = request.scope["query_string"].decode()
    target = request.scope["raw_path"].decode() + (f"?{query}" if query else "")
    signed = f"{parts['t']}.{request.method}.{target}.{hashlib.sha256(body).hexdigest()}"
    good = hmac.new(bytes.fromhex(secret), signed.encode(), hashlib.sha256).hexdigest()
    return hmac.compare_digest(good, parts.get("v1", ""))


@app.post("/research")
async def research(request: Request) -> JSONResponse:
    """Do the work that is sold."""
    body = await request.body()
    if not came_through_the_sidecar(request, body):
        raise HTTPException(403, "ask through the sidecar")
    found: dict[str, Any] = {"question": body.decode(), "answer": "42", "sources": 3}
    return JSONResponse(found, headers={"Sidecar-Cost": '0.0036;kind=tool;name="web_search"'})
