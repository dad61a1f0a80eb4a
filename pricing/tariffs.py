"""Tariffs: what the seller says a cost is where nobody tells a figure. Knows no call and no book."""

from collections.abc import Mapping
from dataclasses import dataclass, field, replace
from typing import Final

from ledger.money import Amount, text
from pricing.cost import Basis, CostLine, Kind

_OF_MODELS: Final = frozenset((Kind.MODEL, Kind.RETRY))


@dataclass(frozen=True, slots=True)
class Tariffs:
    """What one use of a tool costs, by the tool's name; and what a model costs at most, by endpoint."""

    tools: Mapping[str, Amount] = field(default_factory=dict)
    fallbacks: Mapping[str, Amount] = field(default_factory=dict)

    def applied(self, line: CostLine, endpoint: str) -> CostLine:
        """Return *line* with the seller's figure if it has none: a tool's is a price, a model's an estimate.

        What has neither stays unknown. The rate says the figure itself: a config file has no version to name.
        """
        if line.amount is not None:
            return line
        tool = self.tools.get(line.name) if line.kind is Kind.TOOL else None
        if tool is not None:
            rate = f"tool {line.name} undated {text(tool)}"
            return replace(line, amount=tool, basis=Basis.MEASURED, rate=rate)
        model = self.fallbacks.get(endpoint) if line.kind in _OF_MODELS else None
        if model is not None:
            rate = f"fallback {endpoint} undated {text(model)}"
            return replace(line, amount=model, basis=Basis.ESTIMATED, rate=rate)
        return line


NONE: Final = Tariffs()
"""No figure is agreed."""
