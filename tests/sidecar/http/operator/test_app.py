"""The operator listener: what is public, what is not, and how it says no."""

import httpx
import pytest

from sidecar.adapters.storage.reading import Reader
from sidecar.http.operator.app import RESOURCES

PRIVATE = [
    (each.method, each.path.format(id="call_1", payer="0x" + "aa" * 20))
    for each in RESOURCES
    if not each.public
]


def test_only_health_metrics_and_the_description_are_public() -> None:
    """Every report needs the token."""
    assert [each.path for each in RESOURCES if each.public] == [
        "/healthz",
        "/readyz",
        "/metrics",
        "/openapi.json",
    ]
    assert all(path.startswith("/api/v1/") for _, path in PRIVATE)


@pytest.mark.parametrize(("method", "path"), PRIVATE)
async def test_reports_need_the_token(anybody: httpx.AsyncClient, method: str, path: str) -> None:
    """Without the token nothing is read or written, and the answer says how to ask."""
    answer = await anybody.request(method, path)

    assert answer.status_code == 401
    assert answer.headers["www-authenticate"] == "Bearer"
    assert answer.headers["content-type"] == "application/problem+json"
    assert answer.json() == {
        "type": "about:blank",
        "title": "Unauthorized",
        "status": 401,
        "detail": "This needs the operator's token as a bearer token.",
        "code": "unauthorized",
    }


async def test_the_right_token_reads(operator: httpx.AsyncClient) -> None:
    """An answer is JSON and is not to be stored on the way."""
    answer = await operator.get("/api/v1/calls")

    assert answer.status_code == 200
    assert answer.headers["cache-control"] == "no-store"
    assert answer.json() == {"items": [], "next_cursor": None}


@pytest.mark.parametrize("path", ["/", "/api/v1/nothing", "/healthz/", "/api/v1/calls/"])
async def test_other_paths_are_not_there(operator: httpx.AsyncClient, path: str) -> None:
    """An unknown path is a problem document, and a trailing slash another path."""
    answer = await operator.get(path)

    assert (answer.status_code, answer.json()["code"]) == (404, "not_found")


@pytest.mark.parametrize("method", ["POST", "PUT", "DELETE", "PATCH"])
async def test_what_is_only_read_cannot_be_written(operator: httpx.AsyncClient, method: str) -> None:
    """Other methods are refused with those that are allowed."""
    answer = await operator.request(method, "/api/v1/calls")

    assert (answer.status_code, answer.json()["code"]) == (405, "method_not_allowed")
    assert answer.json()["detail"] == "/api/v1/calls takes only GET, HEAD."
    assert answer.headers["allow"] == "GET, HEAD"


@pytest.mark.parametrize(
    ("method", "path", "allow"),
    [
        ("GET", "/api/v1/ledger/close", "POST"),
        ("DELETE", "/api/v1/ledger/journals", "GET, HEAD, POST"),
    ],
)
async def test_what_is_written_is_posted(
    operator: httpx.AsyncClient, method: str, path: str, allow: str
) -> None:
    """A path that is read and written says so."""
    answer = await operator.request(method, path)

    assert (answer.status_code, answer.headers["allow"]) == (405, allow)


@pytest.mark.parametrize(
    ("query", "detail"),
    [
        ("form=2026-05-01", "There is no parameter form here."),
        ("by=day&by=run", "A parameter is given once."),
    ],
)
async def test_a_parameter_that_would_be_passed_over_is_refused(
    operator: httpx.AsyncClient, query: str, detail: str
) -> None:
    """A report that ignores what was asked for would be a wrong report."""
    answer = await operator.get(f"/api/v1/margin?{query}")

    assert (answer.status_code, answer.json()["detail"]) == (400, detail)


async def test_books_that_cannot_be_read_are_503(operator: httpx.AsyncClient, reader: Reader) -> None:
    """A fault of the storage is one sentence and may pass."""
    await reader.close()
    answer = await operator.get("/api/v1/margin")

    assert (answer.status_code, answer.json()["code"]) == (503, "storage_unavailable")
    assert answer.json()["detail"] == "the books are not open"


async def test_the_description_lists_every_resource(anybody: httpx.AsyncClient) -> None:
    """The API describes itself from its registry."""
    described = (await anybody.get("/openapi.json")).json()

    assert [(method.upper(), path) for path, methods in described["paths"].items() for method in methods] == [
        (each.method, each.path) for each in RESOURCES
    ]
