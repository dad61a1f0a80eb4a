"""Checked sections to Settings: the last step, where sections are held against each other.

Every problem is noted before anything is given up, so that one run shows all.
"""

from dataclasses import fields
from itertools import combinations
from pathlib import Path
from types import MappingProxyType

from sidecar.configuration import accepting, selling
from sidecar.configuration.checking import Draft
from sidecar.configuration.model import Exposure, Limits, Listen, Operator, Settings
from sidecar.configuration.places import is_local, port_of


def resolve(draft: Draft, folder: Path) -> Settings | None:
    """Return the settings, or None when the source has a problem. *folder* is the config file's, absolute."""
    document = draft.document
    listen = _listen(draft)
    upstream = _upstream(draft, listen)
    public_url = document.public_url or _public_url(draft, listen)
    limits = _limits(draft)
    networks = accepting.networks(draft)
    accept = accepting.accept(draft, networks)
    settlement = accepting.settlement(draft, folder)
    sandbox = accepting.sandbox(draft, {entry.network for entry in accept} | networks.keys())
    routes = selling.routes(draft, folder)
    costs = selling.costs(draft)
    fees = selling.fees(draft)
    if draft.source.problems:
        return None
    return Settings(
        upstream=upstream,
        public_url=public_url,
        storage=folder / document.storage.path,
        database=document.storage.address,
        routes=routes,
        accept=accept,
        settlement=settlement,
        workspace=document.workspace,
        listen=listen,
        networks=MappingProxyType(networks),
        exposure=Exposure(document.exposure.per_payer, document.exposure.per_day),
        costs=costs,
        fees=fees,
        operator=Operator(document.operator.token),
        limits=limits,
        sandbox=sandbox,
        warnings=tuple(draft.warnings),
    )


def _listen(draft: Draft) -> Listen:
    section = draft.document.listen
    listen = Listen(section.buyers, section.agent, section.operator)
    for (name, one), (other, two) in combinations(_listeners(listen).items(), 2):
        if one == two != 0 and not draft.has_lost("listen"):
            draft.refuse(("listen", other), "port_taken", f"has the port of listen.{name}")
    return listen


def _listeners(listen: Listen) -> dict[str, int]:
    return {part.name: getattr(listen, part.name).port for part in fields(listen)}


def _upstream(draft: Draft, listen: Listen) -> str:
    upstream = draft.document.upstream
    if upstream is None:
        if not draft.has_lost("upstream"):
            draft.refuse(("upstream",), "required", "is required: the URL of the agent to stand in front of")
        return ""
    if is_local(upstream) and port_of(upstream) in _listeners(listen).values():
        draft.refuse(("upstream",), "upstream_loop", "this is one of the sidecar's own listeners")
    return upstream


def _public_url(draft: Draft, listen: Listen) -> str:
    url = f"http://127.0.0.1:{listen.buyers.port}"
    if not draft.has_lost("public_url"):
        draft.warn(("public_url",), "public_url_default", f"is not set; buyers are told {url}")
    return url


def _limits(draft: Draft) -> Limits:
    section = draft.document.limits
    for small, large in (("payment_header", "headers"), ("read_ahead", "read_ahead_total")):
        if getattr(section, small) > getattr(section, large):
            draft.refuse(("limits", small), "limits_conflict", f"is above limits.{large}")
    return Limits(
        request_line_bytes=section.request_line,
        headers_bytes=section.headers,
        header_fields=section.header_fields,
        payment_header_bytes=section.payment_header,
        paid_body_bytes=section.paid_body,
        read_ahead_bytes=section.read_ahead,
        read_ahead_total_bytes=section.read_ahead_total,
        stored_answer_bytes=section.stored_answer,
        header_read_s=section.header_read,
        body_idle_s=section.body_idle,
        upstream_connect_s=section.upstream_connect,
        stream_total_s=section.stream_total,
        verify_s=section.verify,
        settle_s=section.settle,
        open_calls=section.open_calls,
        reentries=section.reentries,
        drain_s=section.drain,
        flush_batch=section.flush_batch,
        flush_every_s=section.flush_every,
        flush_concurrency=section.flush_concurrency,
        cost_reports=section.cost_reports,
        close_window_s=section.close_window,
        per_buyer=section.per_buyer,
        per_address=section.per_address,
        uncharged_cost=section.uncharged_cost,
    )
