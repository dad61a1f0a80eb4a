"""The catalogue that comes with genai-prices, compiled to our rate cards. Asks no network; knows no usage.

The package is imported by `load` and not before: it takes 0.2 s and 36 MB. Only the prices bundled with its
installed version are used, so a rate id names the price for ever; its updater is never started.
"""

from collections.abc import Iterator, Mapping, Sequence
from datetime import date, time, timedelta
from decimal import Decimal
from fractions import Fraction
from functools import lru_cache
from typing import TYPE_CHECKING, Final

from pricing.rates import DAY_US, Card, Rate, Tier, Variant, Window, in_force
from pricing.usage import Unit

if TYPE_CHECKING:
    from genai_prices.types import (
        ConditionalPrice,
        ModelInfo,
        ModelPrice,
        Provider,
        StartDateConstraint,
        TieredPrices,
        TimeOfDateConstraint,
    )

NAMES_MAX: Final = 4096
"""Model names whose card is remembered; the names come from upstream answers."""

_NANO: Final = 10**9
_MILLION: Final = 10**6
# the keys under which the catalogue has what we call a service tier
_TIERS: Final = frozenset({"service_tier", "processing", "speed"})
_PRICES: Final[Mapping[str, tuple[Unit, int]]] = {
    # their key -> our unit, and for how many of it the price is
    "input_mtok": (Unit.INPUT, _MILLION),
    "cache_read_mtok": (Unit.CACHED_INPUT, _MILLION),
    "cache_write_mtok": (Unit.CACHE_WRITE, _MILLION),
    "cache_write_1h_mtok": (Unit.CACHE_WRITE_1H, _MILLION),
    "input_audio_mtok": (Unit.AUDIO_INPUT, _MILLION),
    "input_image_mtok": (Unit.IMAGE_INPUT, _MILLION),
    "input_video_mtok": (Unit.VIDEO_INPUT, _MILLION),
    "output_mtok": (Unit.OUTPUT, _MILLION),
    "output_audio_mtok": (Unit.AUDIO_OUTPUT, _MILLION),
    "output_image_mtok": (Unit.IMAGE_OUTPUT, _MILLION),
    "output_video_mtok": (Unit.VIDEO_OUTPUT, _MILLION),
    "web_searches_kcount": (Unit.WEB_SEARCH, 1000),
    "requests_kcount": (Unit.REQUEST, 1000),
}


def load() -> "GenaiCards":
    """Import the package and compile what is bundled with it; to be called once, at start."""
    from genai_prices import __version__  # noqa: PLC0415  # heavy, and not needed by every command
    from genai_prices.data import providers  # noqa: PLC0415

    return GenaiCards(providers, f"genai-prices {__version__}")


class GenaiCards:
    """Rate cards by seller and model name.

    A name that the catalogue lists is taken exactly; any other goes through the catalogue's own matching
    rules, once. `seller/model` is read as that seller's model when the catalogue knows the seller. A seller
    that is known but does not list the model has no price for it: another seller's price is not borrowed.
    """

    def __init__(self, providers: Sequence["Provider"], source: str) -> None:
        self._providers = providers
        self._exact: dict[tuple[str, str], tuple[Card, ...]] = {}
        # by identity: the catalogue's objects are not hashable
        self._by_info: dict[int, tuple[Card, ...]] = {}
        for provider in providers:
            for info in provider.models:
                cards = tuple(_cards(info, provider.id, source))
                self._by_info[id(info)] = cards
                self._exact.setdefault((provider.id, info.id.lower()), cards)
        self._resolve = lru_cache(NAMES_MAX)(self._look_up)

    def find(self, provider: str | None, model: str, at_us: int) -> Card | None:
        """Find the card in force; see `RateCards`."""
        return in_force(self._resolve(provider, model), at_us)

    def _look_up(self, provider: str | None, model: str) -> tuple[Card, ...]:
        name = model.strip().lower()
        prefix, _, rest = name.partition("/")
        known = self._provider(provider) if provider else None
        if known is not None:
            return self._match(known, name) or self._match(known, rest)
        return (
            self._match(self._provider(prefix) if rest else None, rest)
            or self._match(self._maker_of(name), name)
            or self._match(self._maker_of(rest), rest)
        )

    def _provider(self, name: str) -> "Provider | None":
        name = name.strip().lower()
        exact = (p for p in self._providers if p.id == name)
        alike = (
            p for p in self._providers if p.provider_match is not None and p.provider_match.is_match(name)
        )
        return next(exact, None) or next(alike, None)

    def _maker_of(self, name: str) -> "Provider | None":
        return next(
            (p for p in self._providers if p.model_match is not None and p.model_match.is_match(name)), None
        )

    def _match(self, provider: "Provider | None", name: str) -> tuple[Card, ...]:
        if provider is None or not name:
            return ()
        exact = self._exact.get((provider.id, name))
        if exact is not None:
            return exact
        info = provider.find_model(name, all_providers=list(self._providers))
        return () if info is None else self._by_info[id(info)]


def _cards(info: "ModelInfo", provider: str, source: str) -> Iterator[Card]:
    """Compile one model, in the catalogue's order: of several prices in force the last one counts."""
    variants = tuple(
        Variant(next(iter(variant.when.values())), _rates(variant.prices), _window(variant.constraint))
        for variant in info.price_variants or ()
        if len(variant.when) == 1 and _TIERS.issuperset(variant.when)
    )
    prices: list[tuple[ModelPrice, ConditionalPrice | None]]
    prices = [(p.prices, p) for p in info.prices] if isinstance(info.prices, list) else [(info.prices, None)]
    for price, condition in prices:
        window = _window(None if condition is None else condition.constraint)
        yield Card(
            id=f"{source} {provider}/{info.id} {_window_text(window)}",
            provider=provider,
            model=info.id,
            rates=_rates(price),
            window=window,
            variants=variants,
        )


def _rates(prices: "ModelPrice") -> Mapping[Unit, Rate]:
    found = vars(prices)
    return {
        unit: _rate(found[key], per) for key, (unit, per) in _PRICES.items() if found.get(key) is not None
    }


def _rate(price: "Decimal | TieredPrices", per: int) -> Rate:
    nano = Fraction(_NANO, per)
    if isinstance(price, Decimal):
        return Rate(Fraction(price) * nano)
    # A tier is chosen by the whole input and then holds for every token, as the catalogue documents.
    tiers = tuple(Tier(tier.start, Fraction(tier.price) * nano) for tier in price.tiers)
    return Rate(Fraction(price.base) * nano, tiers)


def _window(constraint: "StartDateConstraint | TimeOfDateConstraint | None") -> Window:
    if constraint is None:
        return Window()
    if hasattr(constraint, "start_date"):
        return Window(from_us=(constraint.start_date - date(1970, 1, 1)).days * DAY_US)
    return Window(daily_us=(_time_us(constraint.start_time), _time_us(constraint.end_time)))


def _time_us(of_day: time) -> int:
    since = timedelta(hours=of_day.hour, minutes=of_day.minute, seconds=of_day.second)
    return (since - (of_day.utcoffset() or timedelta())) // timedelta(microseconds=1) % DAY_US


def _window_text(window: Window) -> str:
    if window.daily_us is not None:
        start, end = (us // 60_000_000 for us in window.daily_us)
        return f"daily {start // 60:02}:{start % 60:02}-{end // 60:02}:{end % 60:02}"
    if window.from_us is None:
        return "undated"
    return (date(1970, 1, 1) + timedelta(microseconds=window.from_us)).isoformat()
