"""OpenAI's own chat completions and embeddings."""

from typing import Unpack

from tests.pricing.golden.shape import Event, Json, More, Shape

DONE = "data: [DONE]"
TEXT = 'Zwölf Grad, "leicht" bewölkt \\ – done {[}].'


def a_chat(usage: object, **members: object) -> Json:
    return {
        "id": "chatcmpl-CkQh2vT0pY1sM8uVbR5nE7wXa3LdZ",
        "object": "chat.completion",
        "created": 1_790_000_000,
        "model": "gpt-4o-2024-08-06",
        "choices": [
            {
                "index": 0,
                "message": {"role": "assistant", "content": TEXT, "refusal": None, "annotations": []},
                "logprobs": None,
                "finish_reason": "stop",
            }
        ],
        "usage": usage,
        "service_tier": "default",
        "system_fingerprint": "fp_3f58d112f7",
        **members,
    }


def chunks_of(body: Json, *, own_chunk: bool = True) -> list[Event]:
    """Stream a chat completion: its usage in a chunk without choices, or in the one that ends the answer."""
    head = {name: value for name, value in body.items() if name not in {"choices", "usage"}}
    head["object"] = "chat.completion.chunk"

    def chunk(delta: Json, ending: str | None, **more: object) -> Json:
        return {**head, "choices": [{"index": 0, "delta": delta, "finish_reason": ending}], **more}

    opening: list[Event] = [
        chunk({"role": "assistant", "content": ""}, None),
        chunk({"content": "Zwölf "}, None),
        chunk({"content": 'Grad, "leicht"'}, None),
    ]
    if own_chunk:
        return [*opening, chunk({}, "stop"), {**head, "choices": [], "usage": body["usage"]}, DONE]
    return [*opening, chunk({}, "stop", usage=body["usage"]), DONE]


PLAIN: Json = {
    "prompt_tokens": 19,
    "completion_tokens": 10,
    "total_tokens": 29,
    "prompt_tokens_details": {"cached_tokens": 0, "audio_tokens": 0},
    "completion_tokens_details": {
        "reasoning_tokens": 0,
        "audio_tokens": 0,
        "accepted_prediction_tokens": 0,
        "rejected_prediction_tokens": 0,
    },
}
CACHED: Json = {
    **PLAIN,
    "prompt_tokens": 2006,
    "completion_tokens": 300,
    "total_tokens": 2306,
    "prompt_tokens_details": {"cached_tokens": 1920, "audio_tokens": 0},
}
REASONED: Json = {
    "prompt_tokens": 81,
    "completion_tokens": 1035,
    "total_tokens": 1116,
    "prompt_tokens_details": {"cached_tokens": 0},
    "completion_tokens_details": {"reasoning_tokens": 832},
}
SPOKEN: Json = {
    "prompt_tokens": 138,
    "completion_tokens": 182,
    "total_tokens": 320,
    "prompt_tokens_details": {"audio_tokens": 120, "cached_tokens": 0, "text_tokens": 18},
    "completion_tokens_details": {"audio_tokens": 150, "reasoning_tokens": 0, "text_tokens": 32},
}
TOOL_CALL = {"id": "call_1", "type": "function", "function": {"name": "find", "arguments": '{"q": "\\"}"}'}}
CALLING = [
    {
        "index": 0,
        "message": {"role": "assistant", "content": None, "tool_calls": [TOOL_CALL]},
        "finish_reason": "tool_calls",
    }
]
READ_2006 = {"input_tokens": 2006, "output_tokens": 300, "cached_input_tokens": 1920}
SPOKEN_320 = {
    "input_tokens": 138,
    "output_tokens": 182,
    "audio_input_tokens": 120,
    "audio_output_tokens": 150,
}


def chat(name: str, body: Json, *, own_chunk: bool = True, **more: Unpack[More]) -> Shape:
    return Shape(
        name=f"openai chat, {name}",
        body=body,
        stream=chunks_of(body, own_chunk=own_chunk),
        seller="openai",
        flavor="chat",
        **more,
    )


def embeddings(name: str, body: Json, **more: Unpack[More]) -> Shape:
    return Shape(
        name=f"openai embeddings, {name}",
        body={"object": "list", "data": [{"object": "embedding", "index": 0, "embedding": VECTOR}], **body},
        seller="openai",
        flavor="embeddings",
        **more,
    )


def without_usage(body: Json) -> Json:
    return {name: value for name, value in body.items() if name != "usage"}


VECTOR = [0.0023064255, -0.009327292, -0.0028842222, 1.2e-05]
SHAPES = [
    chat("plain", a_chat(PLAIN), counts={"input_tokens": 19, "output_tokens": 10}),
    chat("cached", a_chat(CACHED), counts=READ_2006),
    chat("usage beside choices", a_chat(CACHED), own_chunk=False, counts=READ_2006),
    chat(
        "reasoning",
        a_chat(REASONED, model="o3-mini-2025-01-31"),
        counts={"input_tokens": 81, "output_tokens": 1035},
    ),
    chat(
        "priority",
        a_chat(CACHED, model="gpt-5-2025-08-07", service_tier="priority"),
        counts=READ_2006,
        tier="priority",
        context={"service_tier": "priority"},
    ),
    chat(
        "flex",
        a_chat(CACHED, model="gpt-5-2025-08-07", service_tier="flex"),
        counts=READ_2006,
        tier="flex",
        context={"service_tier": "flex"},
    ),
    chat(
        "a tier nobody has a price for",
        a_chat(PLAIN, service_tier="scale"),
        counts={"input_tokens": 19, "output_tokens": 10},
        tier="scale",
        differs="unknown: bought capacity is not charged by the token; they take the ordinary price",
    ),
    chat(
        "audio",
        a_chat(SPOKEN, model="gpt-audio-2025-08-28"),
        counts=SPOKEN_320,
    ),
    chat(
        "audio of a model without a rate for it",
        a_chat(SPOKEN),
        counts=SPOKEN_320,
        differs="unknown: audio costs more than text; without a rate for it they charge it as text",
    ),
    chat("tool calls", a_chat(PLAIN, choices=CALLING), counts={"input_tokens": 19, "output_tokens": 10}),
    chat("nothing used", a_chat({"prompt_tokens": 0, "completion_tokens": 0, "total_tokens": 0})),
    chat(
        "a model nobody lists",
        a_chat(PLAIN, model="acme-9000-turbo"),
        counts={"input_tokens": 19, "output_tokens": 10},
        differs="raises: LookupError for a model without a price",
    ),
    Shape(
        name="openai chat, not asked for usage",
        body=without_usage(a_chat(None)),
        stream=[*chunks_of(a_chat(None))[:4], DONE],
        problem="usage",
        seller="openai",
        flavor="chat",
        differs="raises: ValueError for usage that is not there, or contradicts itself",
    ),
    embeddings(
        "plain",
        {"model": "text-embedding-3-small", "usage": {"prompt_tokens": 8, "total_tokens": 8}},
        counts={"input_tokens": 8},
    ),
    embeddings(
        "large",
        {"model": "text-embedding-3-large", "usage": {"prompt_tokens": 8191, "total_tokens": 8191}},
        counts={"input_tokens": 8191},
    ),
    embeddings(
        "nothing used",
        {"model": "text-embedding-ada-002", "usage": {"prompt_tokens": 0, "total_tokens": 0}},
    ),
    embeddings(
        "without usage",
        {"model": "text-embedding-3-small"},
        problem="no usage",
        differs="raises: ValueError for usage that is not there, or contradicts itself",
    ),
]
