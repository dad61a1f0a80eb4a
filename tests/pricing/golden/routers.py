"""Chat completions from routers and gateways, which tell their own figure for the cost."""

from dataclasses import replace
from typing import Unpack

from tests.pricing.golden.compatible import an_answer, served
from tests.pricing.golden.openai import PLAIN, a_chat
from tests.pricing.golden.shape import Json, More, Shape

OPENROUTER: Json = {
    "prompt_tokens": 2340,
    "completion_tokens": 202,
    "total_tokens": 2542,
    "cost": 0.00011018,
    "is_byok": False,
    "prompt_tokens_details": {
        "cached_tokens": 0,
        "cache_write_tokens": 0,
        "audio_tokens": 0,
        "video_tokens": 0,
    },
    "cost_details": {
        "upstream_inference_cost": 0.00011018,
        "upstream_inference_prompt_cost": 8.19e-05,
        "upstream_inference_completions_cost": 2.828e-05,
    },
    "completion_tokens_details": {"reasoning_tokens": 0, "image_tokens": 0},
}
READ_2340 = {"input_tokens": 2340, "output_tokens": 202}
ROUTED: Json = {
    "id": "gen-1790000000-Ur8hqOkvR8eq7ABsUuOt",
    "provider": "Amazon Bedrock",
}
PERPLEXITY: Json = {
    "prompt_tokens": 18,
    "completion_tokens": 170,
    "total_tokens": 188,
    "search_context_size": "low",
    "cost": {
        "input_tokens_cost": 5e-05,
        "output_tokens_cost": 0.00255,
        "request_cost": 0.006,
        "total_cost": 0.0086,
    },
}


def routed(name: str, model: str, usage: Json, **more: Unpack[More]) -> Shape:
    body = an_answer(model, {**OPENROUTER, **usage}, **ROUTED)
    shape = served(f"openrouter, {name}", "openrouter", body, own_chunk=True, **more)
    return replace(shape, stream=[": OPENROUTER PROCESSING", *shape.stream])


SHAPES = [
    routed("its own cost", "amazon/nova-micro-v1", {}, counts=READ_2340, reported=110_180),
    routed(
        "a free model",
        "deepseek/deepseek-chat-v3-0324:free",
        {"cost": 0, "cost_details": {"upstream_inference_cost": None}},
        counts=READ_2340,
        reported=0,
        differs="unknown: a model that is listed without any price costs nothing to them",
    ),
    routed(
        "a cost below a nano-dollar",
        "mistralai/mistral-nemo",
        {"cost": 1.5e-09},
        counts=READ_2340,
        reported=2,
    ),
    routed(
        "a key of one's own",
        "openai/gpt-4o",
        {"cost": 0.000393, "is_byok": True, "cost_details": {"upstream_inference_cost": 0.00787}},
        counts=READ_2340,
        reported=8_263_000,
    ),
    routed(
        "a key of one's own, as it was told once",
        "openai/gpt-4o",
        {"cost": 0.95, "is_byok": None, "cost_details": {"upstream_inference_cost": 19}},
        counts=READ_2340,
        reported=19_950_000_000,
    ),
    routed(
        "a key of one's own whose bill is not told",
        "openai/gpt-4o",
        {"cost": 0.000393, "is_byok": True, "cost_details": None},
        counts=READ_2340,
    ),
    routed(
        "written to the cache, no cost",
        "anthropic/claude-sonnet-4.5",
        {"cost": None, "prompt_tokens_details": {"cached_tokens": 1000, "cache_write_tokens": 500}},
        counts={**READ_2340, "cached_input_tokens": 1000, "cache_write_tokens": 500},
    ),
    routed(
        "a picture, no cost",
        "google/gemini-2.5-flash-image",
        {
            "cost": None,
            "completion_tokens": 1302,
            "total_tokens": 3642,
            "completion_tokens_details": {"image_tokens": 1290},
        },
        counts={"input_tokens": 2340, "output_tokens": 1302, "image_output_tokens": 1290},
    ),
    served(
        "litellm, its cost in the stream",
        "openai",
        a_chat({**PLAIN, "cost": 0.00014750000000000003}),
        own_chunk=True,
        counts={"input_tokens": 19, "output_tokens": 10},
        reported=147_500,
    ),
    served(
        "perplexity, its own cost",
        "perplexity",
        an_answer("sonar-pro", PERPLEXITY, citations=["one", "two"]),
        "default",
        counts={"input_tokens": 18, "output_tokens": 170},
        reported=8_600_000,
    ),
]
