"""Authorization: the token, all of it, and nothing else."""

import pytest
from starlette.requests import Request

from sidecar.http.operator.auth import bears

TOKEN = "operator-token-1"


def request(authorization: str | None) -> Request:
    headers = [] if authorization is None else [(b"authorization", authorization.encode("latin-1"))]
    return Request({"type": "http", "headers": headers})


@pytest.mark.parametrize("authorization", [f"Bearer {TOKEN}", f"bearer {TOKEN}", f"BEARER  {TOKEN} "])
def test_the_token_opens(authorization: str) -> None:
    """The scheme's case does not matter (RFC 9110 section 11.1)."""
    assert bears(request(authorization), TOKEN)


@pytest.mark.parametrize(
    "authorization",
    [
        None,
        "",
        TOKEN,
        "Bearer",
        "Bearer ",
        f"Bearer {TOKEN}x",
        f"Bearer {TOKEN[:-1]}",
        f"Bearer {TOKEN.upper()}",
        f"Basic {TOKEN}",
        "Bearer t\u00f6ken",
    ],
)
def test_anything_else_does_not(authorization: str | None) -> None:
    """No part of the token, no other scheme, and no character breaks the check."""
    assert not bears(request(authorization), TOKEN)
