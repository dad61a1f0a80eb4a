"""The bundled catalogue: our integers agree with its own arithmetic, and names find what they found there."""

import subprocess
import sys
from datetime import UTC, datetime, timedelta
from decimal import Decimal
from fractions import Fraction

import genai_prices
import pytest
from genai_prices.data import providers
from genai_prices.types import Usage as TheirUsage

from ledger.money import half_even, nano
from pricing.catalogs import genai
from pricing.cost import Basis, cost_of
from pricing.rates import DAY_US
from pricing.usage import Usage

CARDS = genai.load()
AT = datetime(2026, 11, 1, 12, 0, tzinfo=UTC)
AT_US = (AT - datetime(1970, 1, 1, tzinfo=UTC)) // timedelta(microseconds=1)
POPULAR = {
    "openai": """
        gpt-4o gpt-4o-2024-08-06 gpt-4o-2024-05-13 gpt-4o-mini gpt-4.1 gpt-4.1-mini gpt-4.1-nano
        gpt-4-turbo gpt-4 gpt-3.5-turbo gpt-5 gpt-5-mini gpt-5-nano gpt-5.1 gpt-5.2 gpt-5.4
        gpt-5.5 gpt-5-pro o1 o3 o3-mini o4-mini
    """,
    "anthropic": """
        claude-sonnet-4-5 claude-sonnet-4-5-20250929 claude-opus-4-1 claude-opus-4-5
        claude-haiku-4-5 claude-3-5-sonnet-20241022 claude-3-5-haiku-latest
    """,
    "google": """
        gemini-2.5-pro gemini-2.5-flash gemini-2.5-flash-lite gemini-2.0-flash
        gemini-3-pro-preview
    """,
    "mistral": "mistral-large-latest mistral-small-latest codestral-latest",
    "deepseek": "deepseek-chat deepseek-reasoner",
    "x-ai": "grok-4 grok-3 grok-3-mini",
    "groq": "llama-3.3-70b-versatile llama-3.1-8b-instant",
    "cohere": "command-r-plus command-r",
    "openrouter": "openai/gpt-4o anthropic/claude-sonnet-4 deepseek/deepseek-chat",
    "perplexity": "sonar sonar-pro",
    "azure": "gpt-4o",
    "moonshotai": "kimi-k2-0905-preview",
}
NAMES = [(provider, model) for provider, models in POPULAR.items() for model in models.split()]


def a_usage(provider: str | None, model: str, read: int, cached: int, written: int, tier: str = "") -> Usage:
    return Usage(
        provider=provider,
        model=model,
        response_id=None,
        input_tokens=read,
        cached_input_tokens=cached,
        output_tokens=written,
        service_tier=tier,
    )


def theirs(provider: str, model: str, usage: Usage, at: datetime = AT) -> int:
    price = genai_prices.calc_price(
        TheirUsage(
            input_tokens=usage.input_tokens,
            cache_read_tokens=usage.cached_input_tokens,
            output_tokens=usage.output_tokens,
        ),
        model,
        provider_id=provider,
        genai_request_timestamp=at,
        price_context={"service_tier": usage.service_tier} if usage.service_tier else None,
    ).total_price
    return half_even(Fraction(price) * 10**9)


@pytest.mark.parametrize(("read", "cached", "written"), [(1234, 567, 89), (0, 0, 0), (350_000, 100_001, 3)])
@pytest.mark.parametrize(("provider", "model"), NAMES)
def test_a_cost_is_what_the_catalogue_itself_computes(
    provider: str, model: str, read: int, cached: int, written: int
) -> None:
    """For fifty popular models, with cached tokens and beyond the long-context tiers, to the nano-USD."""
    usage = a_usage(provider, model, read, cached, written)

    line = cost_of(usage, CARDS, AT_US)

    assert line.amount == nano(theirs(provider, model, usage))
    assert line.basis is Basis.MEASURED


def test_gpt_4o_with_cached_tokens() -> None:
    """$2.50 in, $1.25 cached and $10 out per million; the line says which card that was."""
    line = cost_of(a_usage(None, "gpt-4o-2024-08-06", 1000, 400, 100), CARDS, AT_US)

    assert line.amount == nano(600 * 2500 + 400 * 1250 + 100 * 10_000)
    assert line.rate == f"genai-prices {genai_prices.__version__} openai/gpt-4o undated"
    assert (line.name, line.provider) == ("gpt-4o-2024-08-06", "openai")


@pytest.mark.parametrize("tier", ["priority", "flex", "default"])
def test_a_service_tier_has_its_own_price(tier: str) -> None:
    """The tier in the answer selects the catalogue's variant, and the line's rate names it."""
    usage = a_usage("openai", "gpt-5", 1000, 400, 100, tier)

    line = cost_of(usage, CARDS, AT_US)

    assert line.amount == nano(theirs("openai", "gpt-5", usage))
    assert line.rate.endswith(tier) is (tier != "default")


@pytest.mark.parametrize("hour", [0, 2, 5, 8, 12, 20])
def test_a_price_by_time_of_day(hour: int) -> None:
    """Off-peak windows are taken as the catalogue takes them."""
    at = AT.replace(hour=hour)
    usage = a_usage("deepseek", "deepseek-v4-pro", 10_000, 1000, 1000)

    line = cost_of(usage, CARDS, AT_US - 12 * 3_600_000_000 + hour * 3_600_000_000)

    assert line.amount == nano(theirs("deepseek", "deepseek-v4-pro", usage, at))


def test_an_old_call_keeps_its_old_price() -> None:
    """A card is chosen by the time of the call: o3 was dearer before 10 June 2025."""
    june = (datetime(2025, 6, 10, tzinfo=UTC) - datetime(1970, 1, 1, tzinfo=UTC)).days * DAY_US
    old, new = (CARDS.find("openai", "o3", at) for at in (june - 1, june))

    assert old is not None
    assert new is not None
    assert old.id.endswith("undated")
    assert new.id.endswith("2025-06-10")


@pytest.mark.parametrize(
    ("provider", "model", "card"),
    [
        (None, "openai/gpt-4o", "openai/gpt-4o "),
        (None, "GPT-4o", "openai/gpt-4o "),
        (None, "openrouter/openai/gpt-4o", "openrouter/openai/gpt-4o "),
        ("openrouter", "openai/gpt-4o", "openrouter/openai/gpt-4o "),
        ("openai", "openai/gpt-4o", "openai/gpt-4o "),
        ("azure", "gpt-4o", "openai/gpt-4o "),
        ("our-gateway", "gpt-4o", "openai/gpt-4o "),
        (None, "bedrock/anthropic.claude-3-5-sonnet-20241022-v2:0", "aws/"),
        ("groq", "gpt-4o", None),
        (None, "a-model-of-our-own", None),
        (None, "nobody/gpt-4o", "openai/gpt-4o "),
        (None, "", None),
        (None, "/", None),
    ],
)
def test_names_find_their_seller(provider: str | None, model: str, card: str | None) -> None:
    """A seller in front of the model is believed; without one, the model's own maker is the seller."""
    found = CARDS.find(provider, model, AT_US)

    assert (found is None) if card is None else (found is not None and f" {card}" in found.id)


def test_every_listed_id_finds_its_own_card() -> None:
    """The ids of the catalogue are exact: no matching rule of another model comes before."""
    for provider in providers:
        for info in provider.models:
            found = CARDS.find(provider.id, info.id, AT_US)
            assert found is not None
            assert (found.provider, found.model.lower()) == (provider.id, info.id.lower())


def test_a_model_listed_without_prices_is_not_free() -> None:
    """Some models are listed with no price at all; what they cost is unknown."""
    unpriced = next(
        i for p in providers for i in p.models if p.id == "azure" and i.id == "phi-4-reasoning:free"
    )

    line = cost_of(a_usage("azure", unpriced.id, 10, 0, 10), CARDS, AT_US)

    assert line.basis is Basis.UNKNOWN


def test_a_catalogue_price_is_exact() -> None:
    """A decimal price becomes a fraction without passing through anything inexact."""
    card = CARDS.find("openai", "gpt-4o-mini", AT_US)

    assert card is not None
    rates = {unit.value: rate.flat for unit, rate in card.rates.items()}
    assert rates == {
        "input": Fraction(Decimal("0.15")) * 1000,
        "cached_input": Fraction(Decimal("0.075")) * 1000,
        "output": Fraction(Decimal("0.60")) * 1000,
        "web_search": Fraction(Decimal(10)) * 10**6,
    }


@pytest.mark.parametrize(
    ("tier", "context"), [("batch", {"processing": "batch"}), ("fast", {"speed": "fast"})]
)
def test_batches_and_fast_answers_have_their_own_price(tier: str, context: dict[str, str]) -> None:
    """What an answer says of how it was served selects the variant, whatever its key there."""
    model = next(
        info.id
        for provider in providers
        for info in provider.models
        if provider.id == "anthropic"
        and any(variant.when == context for variant in info.price_variants or ())
    )
    usage = a_usage("anthropic", model, 1000, 400, 100, tier)
    price = genai_prices.calc_price(
        TheirUsage(input_tokens=1000, cache_read_tokens=400, output_tokens=100),
        model,
        provider_id="anthropic",
        genai_request_timestamp=AT,
        price_context=context,
    ).total_price

    line = cost_of(usage, CARDS, AT_US)

    assert line.amount == nano(half_even(Fraction(price) * 10**9))
    assert line.rate.endswith(tier)


def test_the_package_is_not_imported_before_it_is_asked_for() -> None:
    """Commands that price nothing do not pay for the catalogue."""
    code = "import sys, pricing.catalogs.genai; sys.exit('genai_prices' in sys.modules)"

    assert subprocess.run([sys.executable, "-c", code], check=False).returncode == 0
