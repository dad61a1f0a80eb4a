"""Authorization: the operator's bearer token. Knows no resource."""

from hashlib import sha256
from hmac import compare_digest

from starlette.requests import Request


def bears(request: Request, token: str) -> bool:
    """Tell whether *request* carries the token; takes as long for a wrong one as for a right one."""
    scheme, _, credentials = request.headers.get("authorization", "").partition(" ")
    right = compare_digest(credentials.strip().encode(), token.encode())
    return right and scheme.lower() == "bearer"


def name_of(token: str) -> str:
    """Return what a journal calls the key that booked it: eight digits that tell nothing of it."""
    return sha256(token.encode()).hexdigest()[:8]
