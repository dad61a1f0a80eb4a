"""Chat completions and embeddings as others serve them: each with usage in its own dialect."""

from typing import Unpack

from tests.pricing.golden.openai import PLAIN, TEXT, VECTOR, chunks_of
from tests.pricing.golden.shape import Json, More, Shape

MESSAGE = {"role": "assistant", "content": TEXT}


def an_answer(model: str, usage: object, **members: object) -> Json:
    """Answer as plainly as most servers do."""
    return {
        "id": "cmpl-8f3e2d1c0b9a",
        "object": "chat.completion",
        "created": 1_790_000_000,
        "model": model,
        "choices": [{"index": 0, "message": MESSAGE, "finish_reason": "stop"}],
        "usage": usage,
        **members,
    }


def served(
    name: str, seller: str, body: Json, flavor: str = "chat", *, own_chunk: bool = False, **more: Unpack[More]
) -> Shape:
    return Shape(
        name=name,
        body=body,
        stream=chunks_of(body, own_chunk=own_chunk),
        seller=seller,
        flavor=flavor,
        **more,
    )


DEEPSEEK: Json = {
    "prompt_tokens": 1204,
    "completion_tokens": 310,
    "total_tokens": 1514,
    "prompt_tokens_details": {"cached_tokens": 1152},
    "completion_tokens_details": {"reasoning_tokens": 288},
    "prompt_cache_hit_tokens": 1152,
    "prompt_cache_miss_tokens": 52,
}
DEEPSEEK_OLD: Json = {
    "prompt_tokens": 1204,
    "completion_tokens": 310,
    "total_tokens": 1514,
    "prompt_cache_hit_tokens": 1152,
    "prompt_cache_miss_tokens": 52,
}
READ_1204 = {"input_tokens": 1204, "output_tokens": 310, "cached_input_tokens": 1152}
XAI: Json = {
    "prompt_tokens": 32,
    "completion_tokens": 9,
    "total_tokens": 351,
    "prompt_tokens_details": {"text_tokens": 32, "audio_tokens": 0, "image_tokens": 0, "cached_tokens": 6},
    "completion_tokens_details": {"reasoning_tokens": 310, "audio_tokens": 0},
    "num_sources_used": 0,
}
PLAINEST = {"prompt_tokens": 27, "completion_tokens": 64, "total_tokens": 91}
READ_27 = {"input_tokens": 27, "output_tokens": 64}


SHAPES = [
    served("deepseek", "deepseek", an_answer("deepseek-chat", DEEPSEEK), counts=READ_1204),
    served(
        "deepseek, before it used openai's names",
        "deepseek",
        an_answer("deepseek-chat", DEEPSEEK_OLD),
        counts=READ_1204,
        differs="cheaper: they do not know prompt_cache_hit_tokens and charge all as fresh",
    ),
    served(
        "deepseek, reasoner",
        "deepseek",
        an_answer("deepseek-reasoner", {**DEEPSEEK, "completion_tokens": 1310, "total_tokens": 2514}),
        counts={**READ_1204, "output_tokens": 1310},
    ),
    served(
        "mistral",
        "mistral",
        an_answer("mistral-large-latest", PLAINEST),
        "default",
        counts=READ_27,
    ),
    served(
        "mistral, audio told by the second",
        "mistral",
        an_answer("mistral-small-latest", {**PLAINEST, "prompt_audio_seconds": None}),
        "default",
        counts=READ_27,
    ),
    Shape(
        name="mistral, embeddings",
        body={
            "id": "emb-1",
            "object": "list",
            "model": "mistral-embed",
            "data": [{"object": "embedding", "index": 0, "embedding": VECTOR}],
            "usage": {"prompt_tokens": 15, "completion_tokens": 0, "total_tokens": 15},
        },
        counts={"input_tokens": 15},
        seller="mistral",
    ),
    Shape(
        name="voyage, embeddings that tell the total only",
        body={
            "object": "list",
            "data": [{"object": "embedding", "index": 0, "embedding": VECTOR}],
            "model": "voyage-3.5",
            "usage": {"total_tokens": 10},
        },
        counts={"input_tokens": 10},
    ),
    served(
        "vllm",
        "fireworks",
        an_answer(
            "accounts/fireworks/models/llama-v3p1-8b-instruct",
            {**PLAINEST, "prompt_tokens_details": None},
            prompt_logprobs=None,
            kv_transfer_params=None,
        ),
        own_chunk=True,
        counts=READ_27,
    ),
    Shape(
        name="vllm, counting as it goes",
        body=an_answer("accounts/fireworks/models/llama-v3p1-8b-instruct", PLAINEST),
        stream=[
            *(
                {
                    **an_answer("accounts/fireworks/models/llama-v3p1-8b-instruct", None),
                    "object": "chat.completion.chunk",
                    "choices": [{"index": 0, "delta": {"content": "x"}}],
                    "usage": {"prompt_tokens": 27, "completion_tokens": count, "total_tokens": 27 + count},
                }
                for count in (1, 2, 63)
            ),
            *chunks_of(an_answer("accounts/fireworks/models/llama-v3p1-8b-instruct", PLAINEST)),
        ],
        counts=READ_27,
        seller="fireworks",
        flavor="chat",
    ),
    served(
        "llama.cpp, a model of one's own",
        "openai",
        an_answer("qwen3-8b-q4_k_m.gguf", PLAINEST, timings={"prompt_n": 27, "predicted_ms": 812.4}),
        counts=READ_27,
        differs="raises: LookupError for a model without a price",
    ),
    served("groq", "groq", an_answer("llama-3.3-70b-versatile", PLAINEST), "default", counts=READ_27),
    served(
        "xai, reasoning beside the completion",
        "x-ai",
        an_answer("grok-4", XAI),
        counts={"input_tokens": 32, "output_tokens": 319, "cached_input_tokens": 6},
    ),
    served(
        "moonshot, cached told beside the details",
        "moonshotai",
        an_answer("kimi-k2-0905-preview", {**PLAINEST, "prompt_tokens_details": {"cached_tokens": 20}}),
        counts={**READ_27, "cached_input_tokens": 20},
    ),
    served(
        "azure",
        "azure",
        an_answer(
            "gpt-4o-2024-08-06",
            PLAIN,
            prompt_filter_results=[{"prompt_index": 0, "content_filter_results": {}}],
        ),
        own_chunk=True,
        counts={"input_tokens": 19, "output_tokens": 10},
    ),
    Shape(
        name="text completion",
        body={
            "id": "cmpl-1",
            "object": "text_completion",
            "created": 1_790_000_000,
            "model": "gpt-3.5-turbo-instruct",
            "choices": [{"text": TEXT, "index": 0, "logprobs": None, "finish_reason": "length"}],
            "usage": {"prompt_tokens": 5, "completion_tokens": 7, "total_tokens": 12},
        },
        counts={"input_tokens": 5, "output_tokens": 7},
        seller="openai",
        flavor="chat",
    ),
    Shape(
        name="cloudflare, without an object",
        body={
            "id": "id-1790000000000",
            "model": "@cf/meta/llama-3.1-8b-instruct",
            "choices": [{"index": 0, "message": MESSAGE, "finish_reason": "stop"}],
            "usage": PLAINEST,
        },
        counts=READ_27,
        seller="cloudflare",
        flavor="chat",
    ),
]
