"""Anthropic messages, also as others serve and relay them."""

from typing import Unpack

from tests.pricing.golden.shape import Event, Json, More, Shape

TEXT = 'Bonjour « monde » \\ {"done": [true]}'


def a_message(usage: object, **members: object) -> Json:
    return {
        "id": "msg_01XFDUDYJgAACzvnptvVoYEL",
        "type": "message",
        "role": "assistant",
        "model": "claude-sonnet-4-5-20250929",
        "content": [{"type": "text", "text": TEXT}],
        "stop_reason": "end_turn",
        "stop_sequence": None,
        "usage": usage,
        **members,
    }


def events_of(body: Json, start: Json, *deltas: Json) -> list[Event]:
    """Stream a message: usage as it is told at the start and in each delta."""
    begun = {**body, "content": [], "stop_reason": None, "usage": start}
    return [
        {"type": "message_start", "message": begun},
        {"type": "content_block_start", "index": 0, "content_block": {"type": "text", "text": ""}},
        {"type": "ping"},
        {"type": "content_block_delta", "index": 0, "delta": {"type": "text_delta", "text": TEXT}},
        {"type": "content_block_stop", "index": 0},
        *(
            {"type": "message_delta", "delta": {"stop_reason": body["stop_reason"]}, "usage": usage}
            for usage in deltas
        ),
        {"type": "message_stop"},
    ]


def message(
    name: str,
    usage: Json,
    *,
    members: Json | None = None,
    seller: str = "anthropic",
    flavor: str = "default",
    deltas: tuple[Json, ...] = (),
    **more: Unpack[More],
) -> Shape:
    """Make a shape; without *deltas* the stream tells the output last and all else first, as it is done."""
    body = a_message(usage, **(members or {}))
    start = {**usage, "output_tokens": 1}
    return Shape(
        name=f"anthropic messages, {name}",
        body=body,
        stream=events_of(body, start, *(deltas or ({"output_tokens": usage["output_tokens"]},))),
        seller=seller,
        flavor=flavor,
        **more,
    )


PLAIN: Json = {"input_tokens": 2095, "output_tokens": 503}
ORDINARY: Json = {
    "input_tokens": 21,
    "cache_creation_input_tokens": 0,
    "cache_read_input_tokens": 0,
    "cache_creation": {"ephemeral_5m_input_tokens": 0, "ephemeral_1h_input_tokens": 0},
    "output_tokens": 305,
    "service_tier": "standard",
    "inference_geo": "not_available",
}
CACHED: Json = {
    **ORDINARY,
    "cache_creation_input_tokens": 3200,
    "cache_read_input_tokens": 18_400,
    "cache_creation": {"ephemeral_5m_input_tokens": 1200, "ephemeral_1h_input_tokens": 2000},
}
READ_21 = {"input_tokens": 21, "output_tokens": 305}
READ_21621 = {
    "input_tokens": 21_621,
    "output_tokens": 305,
    "cached_input_tokens": 18_400,
    "cache_write_tokens": 3200,
    "cache_write_1h_tokens": 2000,
}
SEARCHED: Json = {**ORDINARY, "input_tokens": 10_682, "server_tool_use": {"web_search_requests": 3}}
COMPACTED: Json = {
    "input_tokens": 23_000,
    "output_tokens": 1000,
    "iterations": [
        {"type": "compaction", "input_tokens": 180_000, "output_tokens": 3500},
        {"type": "message", "input_tokens": 23_000, "output_tokens": 1000},
    ],
}
ADVISED: Json = {
    **PLAIN,
    "iterations": [
        {"type": "message", **PLAIN},
        {"type": "advisor_message", "model": "claude-opus-4-6", "input_tokens": 235, "output_tokens": 90},
    ],
}
OPUS: Json = {"model": "claude-opus-4-6"}
ORDINARY_PRICE = "unknown: they take the ordinary price, and it is another one"

SHAPES = [
    message("plain", PLAIN, counts={"input_tokens": 2095, "output_tokens": 503}),
    message("as it is today", ORDINARY, counts=READ_21),
    message("cached, for minutes and for an hour", CACHED, counts=READ_21621),
    message(
        "cached, for how long is not said",
        {"input_tokens": 21, "cache_creation_input_tokens": 3200, "output_tokens": 305},
        counts={"input_tokens": 3221, "output_tokens": 305, "cache_write_tokens": 3200},
    ),
    message(
        "cached, for how long is said of a part",
        {**CACHED, "cache_creation": {"ephemeral_5m_input_tokens": 1200}},
        counts=READ_21621,
        differs="dearer: what is left over they take as the cheaper kind, we as the dearer",
    ),
    message(
        "more for an hour than in all",
        {**CACHED, "cache_creation_input_tokens": 100},
        problem="cache writes",
        differs="raises: ValueError for usage that is not there, or contradicts itself",
    ),
    message(
        "nulls",
        {**PLAIN, "cache_creation_input_tokens": None, "cache_creation": None},
        counts={
            "input_tokens": 2095,
            "output_tokens": 503,
        },
    ),
    message("nothing used", {**ORDINARY, "input_tokens": 0, "output_tokens": 0}),
    message(
        "thinking",
        {**ORDINARY, "output_tokens": 2400, "output_tokens_details": {"thinking_tokens": 2100}},
        counts={"input_tokens": 21, "output_tokens": 2400},
    ),
    message(
        "web searches, whose results are read on the way",
        SEARCHED,
        deltas=(
            {
                "input_tokens": 10_682,
                "cache_read_input_tokens": 0,
                "output_tokens": 305,
                "server_tool_use": {"web_search_requests": 3},
            },
        ),
        counts={"input_tokens": 10_682, "output_tokens": 305, "web_searches": 3},
    ),
    message(
        "several deltas",
        PLAIN,
        deltas=({"output_tokens": 100}, {"output_tokens": 503}),
        counts={"input_tokens": 2095, "output_tokens": 503},
    ),
    message(
        "a long context at its old price",
        {**ORDINARY, "input_tokens": 180_000, "cache_read_input_tokens": 30_000},
        counts={"input_tokens": 210_000, "output_tokens": 305, "cached_input_tokens": 30_000},
    ),
    message(
        "priority",
        {**ORDINARY, "service_tier": "priority"},
        counts=READ_21,
        tier="priority",
        differs=ORDINARY_PRICE,
    ),
    message(
        "batch",
        {**ORDINARY, "service_tier": "batch"},
        counts=READ_21,
        tier="batch",
        context={"processing": "batch"},
    ),
    message(
        "fast",
        {**ORDINARY, "speed": "fast"},
        members={"model": "claude-opus-5"},
        counts=READ_21,
        tier="fast",
        context={"speed": "fast"},
    ),
    message(
        "kept in one country",
        {**ORDINARY, "inference_geo": "us"},
        members=OPUS,
        counts=READ_21,
        tier="us",
        differs=ORDINARY_PRICE,
    ),
    message(
        "kept nowhere",
        {**ORDINARY, "inference_geo": "global", "speed": "standard"},
        members=OPUS,
        counts=READ_21,
    ),
    message(
        "a compaction on the way",
        COMPACTED,
        members=OPUS,
        deltas=(COMPACTED,),
        counts={"input_tokens": 203_000, "output_tokens": 4500},
        differs="dearer: they leave out what the compaction used, which is most of it",
    ),
    message(
        "advice of another model",
        ADVISED,
        deltas=(ADVISED,),
        problem="iterations",
        differs="unknown: they leave out what the other model used",
    ),
    message(
        "litellm, its cost in the stream",
        {**PLAIN, "cost": 0.01383},
        deltas=({"output_tokens": 503, "cost": 0.01383},),
        counts={"input_tokens": 2095, "output_tokens": 503},
        reported=13_830_000,
    ),
    message(
        "bedrock",
        {**PLAIN, "cache_read_input_tokens": 100, "cache_creation_input_tokens": 50},
        members={"id": "msg_bdrk_01", "model": "claude-3-5-sonnet-20241022"},
        seller="aws",
        flavor="anthropic",
        counts={
            "input_tokens": 2245,
            "output_tokens": 503,
            "cached_input_tokens": 100,
            "cache_write_tokens": 50,
        },
    ),
    message(
        "another maker's model behind this format",
        {**ORDINARY, "input_tokens": 99},
        members={"model": "deepseek-chat"},
        seller="deepseek",
        flavor="",
        counts={"input_tokens": 99, "output_tokens": 305},
    ),
    Shape(
        name="anthropic messages, broken off by an error",
        body=a_message(None),
        stream=[
            *events_of(a_message(None), {**ORDINARY, "output_tokens": 3})[:4],
            {"type": "error", "error": {"type": "overloaded_error", "message": "Overloaded"}},
        ],
        problem="usage",
        differs="raises: ValueError for usage that is not there, or contradicts itself",
    ),
]
