"""The 402 of a call that nobody pays for, from prepared bytes: only path, call and length are put in.

Says what `BuyerExchange.refuse` says for `payment_required`, field by field and byte by byte; a test
holds both to it. It needs no task, no app and no JSON.
"""

from typing import Final

from sidecar.domain.refusals import Code, Refusal
from sidecar.http import headers, replies
from sidecar.http.whole import Whole, lines
from sidecar.x402.challenge import Challenge

REQUIRED: Final = Refusal(Code.PAYMENT_REQUIRED)
OUTCOME: Final = f"refused:{REQUIRED.code}"
STATUS: Final = replies.REPLIES[REQUIRED.code].status
_ERROR: Final = REQUIRED.code.value.encode("ascii")
_PROBLEM: Final = replies.opened(REQUIRED)
_TYPE: Final = lines([(b"content-type", replies.JSON)])
_SAME: Final = lines(replies.fields(REQUIRED))
_SHARED: Final = lines(headers.SHARED)


def asking(challenge: Challenge, path: bytes, call: str, *, cross_origin: bool) -> Whole:
    """Return the 402 of *challenge* for the canonical *path*; *cross_origin*: a browser's page asks."""
    name = call.encode("ascii")
    body = challenge.body(path, _ERROR, b'%b%b"}' % (_PROBLEM, name))
    fields = b"%bcontent-length: %d\r\nsidecar-call-id: %b\r\n%bpayment-required: %b\r\n%b" % (
        _TYPE,
        len(body),
        name,
        _SAME,
        challenge.header(path, _ERROR),
        _SHARED if cross_origin else b"",
    )
    return Whole(STATUS, fields, body)
