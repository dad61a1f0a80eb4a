"""The agent's listener says that it is there, and refuses everything else in one form."""

from collections.abc import AsyncIterator

import httpx
import pytest

from sidecar.http.agent import agent_app


@pytest.fixture
async def agent() -> AsyncIterator[httpx.AsyncClient]:
    transport = httpx.ASGITransport(agent_app())
    async with httpx.AsyncClient(transport=transport, base_url="http://agent") as client:
        yield client


async def test_it_says_that_it_is_there(agent: httpx.AsyncClient) -> None:
    """GET and HEAD, without any token."""
    assert (await agent.get("/healthz")).json() == {"status": "ok"}
    assert (await agent.head("/healthz")).status_code == 200


@pytest.mark.parametrize("path", ["/", "/healthz/", "/nothing", "/v1/costs/x", "/__402/health"])
async def test_what_is_not_here_is_a_problem_document(agent: httpx.AsyncClient, path: str) -> None:
    """No redirect, no page: a client reads one form."""
    answer = await agent.get(path)

    assert answer.status_code == 404
    assert answer.headers["content-type"] == "application/problem+json"
    assert answer.json() == {"type": "about:blank", "title": "Not Found", "status": 404, "code": "not_found"}


async def test_another_method_is_told_which_there_are(agent: httpx.AsyncClient) -> None:
    """405 names the allowed ones (RFC 9110 section 15.5.6)."""
    answer = await agent.post("/healthz")

    assert (answer.status_code, answer.json()["code"]) == (405, "method_not_allowed")
    assert {method.strip() for method in answer.headers["allow"].split(",")} == {"GET", "HEAD"}
