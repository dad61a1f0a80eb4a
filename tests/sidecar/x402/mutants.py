"""Thousands of payments, each a good one with one to four changes. Seeded: every run sees the same ones."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from random import Random
from typing import Any, Final

from sidecar.x402.version1 import network_name
from tests.sidecar.x402.changes import HEADERS, SIGNATURES, SIGNED, TEXTS, Change
from tests.sidecar.x402.document_changes import document_changes
from tests.sidecar.x402.drafts import OFFERS, Draft, a_draft

# How often each stage is picked for a combination: what spoils the reading hides everything else.
WEIGHTS: Final = (5, 2, 5, 1, 1)
REPEATABLE: Final = (0, 2)


def stages(version: int) -> list[dict[str, Change]]:
    """Per stage, every single change by name."""
    return [
        SIGNED,
        _adding("signature", SIGNATURES),
        _adding("document", document_changes(version)),
        _adding("text", TEXTS),
        _adding("header", HEADERS),
    ]


def _adding(stage: str, changes: Mapping[str, Any]) -> dict[str, Change]:
    def adds(change: Any) -> Change:
        return lambda draft: getattr(draft, f"of_{stage}").append(change)

    return {f"{stage} {name}": adds(change) for name, change in changes.items()}


def mutants(seed: int, combined: int) -> Iterator[Draft]:
    """Good payments, every single change twice, and *combined* payments with several; in both versions."""
    random = Random(seed)
    for version in (1, 2):
        payable = [offer for offer in OFFERS if version == 2 or network_name(offer.network)]
        for offer in payable:
            yield a_draft(random, version, offer)
        table = stages(version)
        for changes in table:
            for name, change in changes.items():
                for offer in (payable[0], random.choice(payable[1:])):
                    yield _changed(a_draft(random, version, offer), [(name, change)])
        for _ in range(combined // 2):
            draft = a_draft(random, version, random.choice(payable))
            picked = random.choices(range(len(table)), WEIGHTS, k=random.choice((2, 2, 3, 4)))
            kept = [stage for n, stage in enumerate(picked) if stage in REPEATABLE or stage not in picked[:n]]
            yield _changed(draft, [random.choice(list(table[stage].items())) for stage in kept])


def _changed(draft: Draft, changes: list[tuple[str, Change]]) -> Draft:
    for name, change in changes:
        change(draft)
        draft.changed.append(name)
    return draft
