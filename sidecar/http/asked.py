"""What a buyer asked for, whole: becomes the evidence the paid path takes, and the request that leaves."""

import hashlib

from ledger.money import text
from ledger.values import value
from sidecar.domain import chart
from sidecar.domain.call import CallContext, Verified
from sidecar.domain.target import Target
from sidecar.domain.verification import Checked
from sidecar.http import headers as hygiene
from sidecar.http.paid_body import PaidBody
from sidecar.ports import Headers, UpstreamRequest
from sidecar.tokens import Tokens

US_PER_S = 1_000_000


@value
class Asked:
    """One request with its body, read once. Nobody looks at its headers again after this."""

    method: str
    target: Target
    fields: Headers
    body: PaidBody
    call: str
    at_us: int

    @property
    def digest(self) -> bytes:
        """Return what a payment is bound to: SHA-256 over method, canonical target and body."""
        parts = (self.method.encode("ascii"), self.target.target, self.body.digest)
        return hashlib.sha256(b"\0".join(parts)).digest()

    def verified(self, checked: Checked) -> Verified:
        """Return the payment bound to this request, on the terms it pays."""
        context = CallContext(
            call=self.call,
            at_us=self.at_us,
            endpoint=checked.endpoint,
            method=self.method,
            target=self.target.target.decode("ascii"),
            request_digest=self.digest,
            run=hygiene.label(self.fields, b"sidecar-run-id"),
            session=hygiene.label(self.fields, b"sidecar-session-id"),
        )
        return Verified(context, checked.offer, checked.payment, checked.evidence, checked.identifier)

    def outgoing(self, verified: Verified, tokens: Tokens) -> UpstreamRequest:
        """Return the request as it leaves for the agent."""
        context = verified.context
        now_s = self.at_us // US_PER_S
        introduction = hygiene.Introduction(
            call=context.call,
            endpoint=context.endpoint.name,
            payer=chart.hexed(verified.evidence.payer),
            price=text(context.endpoint.price),
            run=context.run,
            session=context.session,
            token=tokens.for_call(context.call, now_s),
        )
        signature = tokens.origin(now_s, self.method, self.target.target, self.body.digest)
        fields = hygiene.paid_request(self.fields, introduction, signature)
        if self.body.size:
            fields.append((b"content-length", b"%d" % self.body.size))
        return UpstreamRequest(
            method=self.method,
            target=self.target.target,
            headers=fields,
            body=self.body.content(),
            headers_timeout_s=context.endpoint.timeout_s,
        )
