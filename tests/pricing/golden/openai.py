"""OpenAI's own chat completions, responses and embeddings."""

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


def a_response(usage: object, **members: object) -> Json:
    return {
        "id": "resp_68f0a1b2c3d4e5f60718293a4b5c6d7e",
        "object": "response",
        "created_at": 1_790_000_000,
        "status": "completed",
        "error": None,
        "incomplete_details": None,
        "instructions": None,
        "model": "gpt-5-mini-2025-08-07",
        "output": [
            {"id": "rs_1", "type": "reasoning", "summary": []},
            {
                "id": "msg_1",
                "type": "message",
                "status": "completed",
                "role": "assistant",
                "content": [{"type": "output_text", "annotations": [], "text": TEXT}],
            },
        ],
        "parallel_tool_calls": True,
        "reasoning": {"effort": "medium", "summary": None},
        "service_tier": "default",
        "usage": usage,
        "metadata": {},
        **members,
    }


def events_of(body: Json, ending: str = "response.completed") -> list[Event]:
    begun = {**body, "status": "in_progress", "output": [], "usage": None, "service_tier": "auto"}
    return [
        {"type": "response.created", "sequence_number": 0, "response": begun},
        {"type": "response.in_progress", "sequence_number": 1, "response": begun},
        {"type": "response.output_item.added", "sequence_number": 2, "item": {"id": "msg_1"}},
        {"type": "response.output_text.delta", "sequence_number": 3, "item_id": "msg_1", "delta": "Zwölf "},
        {"type": "response.output_text.done", "sequence_number": 4, "item_id": "msg_1", "text": TEXT},
        {"type": ending, "sequence_number": 5, "response": body},
    ]


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
RESPONDED: Json = {
    "input_tokens": 328,
    "input_tokens_details": {"cached_tokens": 256},
    "output_tokens": 452,
    "output_tokens_details": {"reasoning_tokens": 384},
    "total_tokens": 780,
}
LONG: Json = {
    "input_tokens": 300_000,
    "input_tokens_details": {"cached_tokens": 123_904},
    "output_tokens": 20_001,
    "output_tokens_details": {"reasoning_tokens": 0},
    "total_tokens": 320_001,
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
RESPONSE_328 = {"input_tokens": 328, "output_tokens": 452, "cached_input_tokens": 256}


def chat(name: str, body: Json, *, own_chunk: bool = True, **more: Unpack[More]) -> Shape:
    return Shape(
        name=f"openai chat, {name}",
        body=body,
        stream=chunks_of(body, own_chunk=own_chunk),
        seller="openai",
        flavor="chat",
        **more,
    )


def response(name: str, body: Json, ending: str = "response.completed", **more: Unpack[More]) -> Shape:
    return Shape(
        name=f"openai responses, {name}",
        body=body,
        stream=events_of(body, ending),
        seller="openai",
        flavor="responses",
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
    response("cached and reasoning", a_response(RESPONDED), counts=RESPONSE_328),
    response(
        "cut at its longest",
        a_response(RESPONDED, status="incomplete", incomplete_details={"reason": "max_output_tokens"}),
        "response.incomplete",
        counts=RESPONSE_328,
    ),
    response(
        "failed",
        a_response(None, status="failed", error={"code": "server_error", "message": "Try again."}),
        "response.failed",
        problem="usage",
        differs="raises: ValueError for usage that is not there, or contradicts itself",
    ),
    response(
        "still working",
        a_response(None, status="queued", output=[], model="o3-deep-research-2025-06-26"),
        "response.queued",
        problem="usage",
        differs="raises: ValueError for usage that is not there, or contradicts itself",
    ),
    response(
        "priority",
        a_response(RESPONDED, model="gpt-5.1-2025-11-13", service_tier="priority"),
        counts=RESPONSE_328,
        tier="priority",
        context={"service_tier": "priority"},
    ),
    response(
        "a long context",
        a_response(LONG, model="gpt-5.4-2026-03-05"),
        counts={"input_tokens": 300_000, "output_tokens": 20_001, "cached_input_tokens": 123_904},
    ),
    response(
        "written to the cache",
        a_response(
            {
                **RESPONDED,
                "input_tokens_details": {"cached_tokens": 56, "cache_write_tokens": 200},
            },
            model="gpt-6-sol",
        ),
        counts={**RESPONSE_328, "cached_input_tokens": 56, "cache_write_tokens": 200},
    ),
    response(
        "nothing used",
        a_response({"input_tokens": 0, "output_tokens": 0, "total_tokens": 0}),
    ),
    response(
        "details left out",
        a_response({"input_tokens": 12, "input_tokens_details": None, "output_tokens": 7}),
        counts={"input_tokens": 12, "output_tokens": 7},
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
