"""OpenAI's responses."""

from typing import Unpack

from tests.pricing.golden.openai import TEXT
from tests.pricing.golden.shape import Event, Json, More, Shape


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
RESPONSE_328 = {"input_tokens": 328, "output_tokens": 452, "cached_input_tokens": 256}


def response(name: str, body: Json, ending: str = "response.completed", **more: Unpack[More]) -> Shape:
    return Shape(
        name=f"openai responses, {name}",
        body=body,
        stream=events_of(body, ending),
        seller="openai",
        flavor="responses",
        **more,
    )


SHAPES = [
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
]
