"""A paid body leaves as it came, however large it is."""

import hashlib
from collections.abc import AsyncIterator

import pytest

from sidecar.http import paid_body as module
from sidecar.http.paid_body import PaidBody


async def pieces(body: PaidBody) -> tuple[bytes, bool]:
    """Return what leaves for the agent, and whether it leaves in one."""
    content = body.content()
    if content is None or isinstance(content, bytes):
        return content or b"", True
    assert isinstance(content, AsyncIterator)
    return b"".join([piece async for piece in content]), False


@pytest.mark.parametrize("size", [0, 1, module.SPOOL_BYTES, module.SPOOL_BYTES + 1, 3 * module.SPOOL_BYTES])
async def test_a_body_leaves_as_it_came(size: int) -> None:
    """However large, it is hashed, kept, and given back byte for byte, also a second time."""
    content = bytes(n % 251 for n in range(size))
    body = PaidBody()
    for start in range(0, size, 40_000):
        body.add(content[start : start + 40_000])

    for _ in range(2):
        assert await pieces(body) == (content, size <= module.SPOOL_BYTES)
    assert (body.content() is None) == (size == 0)
    assert (body.size, body.digest) == (size, hashlib.sha256(content).digest())
    body.close()
