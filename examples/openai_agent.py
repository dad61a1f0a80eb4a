"""An agent that uses the OpenAI SDK: `uvicorn openai_agent:app --port 9000`, OPENAI_API_KEY as usual.

Its own answer says nothing of tokens, so it reports them, with the model's response id, while the call
runs: the sidecar prices them by its rate cards. A model called twice for one answer is two reports. Needs
`pip install openai httpx starlette uvicorn`.
"""

import os
from typing import Any

import httpx
from openai import AsyncOpenAI
from starlette.applications import Starlette
from starlette.requests import Request
from starlette.responses import JSONResponse
from starlette.routing import Route

MODEL = os.environ.get("MODEL", "gpt-4o-mini")
model = AsyncOpenAI()
LISTENER = os.environ.get("AGENT_LISTENER", "http://127.0.0.1:8404")
sidecar = httpx.AsyncClient(base_url=LISTENER, trust_env=False)


async def ask(prompt: str, call_token: str, step: str) -> str:
    """Ask the model, and tell the sidecar what it used."""
    answer = await model.chat.completions.create(model=MODEL, messages=[{"role": "user", "content": prompt}])
    usage = answer.usage
    assert usage is not None, "a completion that is not streamed has its usage"
    cached = usage.prompt_tokens_details.cached_tokens if usage.prompt_tokens_details else 0
    report: dict[str, Any] = {
        "id": answer.id + step,
        "kind": "model",
        "name": answer.model,
        "response_id": answer.id,
        "step": step,
        "usage": {
            "input_tokens": usage.prompt_tokens,
            "cached_input_tokens": cached or 0,
            "output_tokens": usage.completion_tokens,
        },
    }
    told = await sidecar.post("/v1/costs", json=report, headers={"Authorization": f"Bearer {call_token}"})
    told.raise_for_status()
    return answer.choices[0].message.content or ""


async def summary(request: Request) -> JSONResponse:
    """Summarise what was posted."""
    text = (await request.body()).decode()
    token = request.headers.get("sidecar-call-token", "")
    return JSONResponse({"summary": await ask(f"Summarise: {text}", token, "summary")})


app = Starlette(routes=[Route("/summary", summary, methods=["POST"])])
