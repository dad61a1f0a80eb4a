"""Answers of the OpenAI chat shape as providers send them, and usage nobody should believe."""

import json

Json = dict[str, object]

OPENAI: Json = {
    "prompt_tokens": 1000,
    "completion_tokens": 50,
    "total_tokens": 1050,
    "prompt_tokens_details": {"cached_tokens": 400, "audio_tokens": 0},
    "completion_tokens_details": {"reasoning_tokens": 32, "audio_tokens": 0},
}
SHAPES: list[tuple[str, object, dict[str, int]]] = [
    ("openai", OPENAI, {"input_tokens": 1000, "output_tokens": 50, "cached_input_tokens": 400}),
    (
        "vllm",
        {"prompt_tokens": 9, "completion_tokens": 2, "total_tokens": 11},
        {"input_tokens": 9, "output_tokens": 2},
    ),
    (
        "details null",
        {"prompt_tokens": 9, "completion_tokens": 2, "prompt_tokens_details": None},
        {"input_tokens": 9, "output_tokens": 2},
    ),
    ("zero", {"prompt_tokens": 0, "completion_tokens": 0}, {"input_tokens": 0, "output_tokens": 0}),
    (
        "audio",
        {
            "prompt_tokens": 9,
            "completion_tokens": 8,
            "prompt_tokens_details": {"audio_tokens": 5},
            "completion_tokens_details": {"audio_tokens": 6},
        },
        {"input_tokens": 9, "output_tokens": 8, "audio_input_tokens": 5, "audio_output_tokens": 6},
    ),
    (
        "openrouter cache write",
        {"prompt_tokens": 9, "completion_tokens": 2, "prompt_tokens_details": {"cache_write_tokens": 7}},
        {"input_tokens": 9, "output_tokens": 2, "cache_write_tokens": 7},
    ),
    (
        "deepseek",
        {
            "prompt_tokens": 9,
            "completion_tokens": 2,
            "prompt_cache_hit_tokens": 4,
            "prompt_cache_miss_tokens": 5,
        },
        {"input_tokens": 9, "output_tokens": 2, "cached_input_tokens": 4},
    ),
    (
        "xai, reasoning beside the completion",
        {
            "prompt_tokens": 9,
            "completion_tokens": 2,
            "total_tokens": 111,
            "completion_tokens_details": {"reasoning_tokens": 100},
        },
        {"input_tokens": 9, "output_tokens": 102},
    ),
]
BROKEN: list[object] = [
    {},
    [],
    "much",
    {"prompt_tokens": 5},
    {"completion_tokens": 5},
    {"prompt_tokens": -5, "completion_tokens": 5},
    {"prompt_tokens": "5", "completion_tokens": 5},
    {"prompt_tokens": 5.0, "completion_tokens": 5},
    {"prompt_tokens": True, "completion_tokens": 5},
    {"prompt_tokens": 5, "completion_tokens": None},
    {"prompt_tokens": 10**30, "completion_tokens": 5},
    {"prompt_tokens": 5, "completion_tokens": 5, "prompt_tokens_details": {"cached_tokens": 6}},
    {"prompt_tokens": 5, "completion_tokens": 5, "prompt_tokens_details": [6]},
    {"prompt_tokens": 5, "completion_tokens": 5, "x": "y" * 9000},
]


def an_answer(**members: object) -> Json:
    message = {"role": "assistant", "content": 'a "quoted" \\ line\n – done {[}]'}
    return {
        "id": "chatcmpl-1",
        "object": "chat.completion",
        "created": 1_790_000_000,
        "model": "gpt-4o-2024-08-06",
        "choices": [{"index": 0, "message": message, "finish_reason": "stop"}],
        **members,
    }


def a_chunk(**members: object) -> Json:
    choices = [{"index": 0, "delta": {"content": "hé"}, "finish_reason": None}]
    return {
        "id": "chatcmpl-1",
        "object": "chat.completion.chunk",
        "model": "gpt-4o-2024-08-06",
        "choices": choices,
        **members,
    }


def written(answer: object) -> bytes:
    return json.dumps(answer, ensure_ascii=False).encode()


def a_stream(*events: object, line_end: bytes = b"\n") -> bytes:
    lines = [
        b"data: " + (event if isinstance(event, bytes) else written(event)) for event in (*events, b"[DONE]")
    ]
    return (line_end * 2).join([*lines, b""])
