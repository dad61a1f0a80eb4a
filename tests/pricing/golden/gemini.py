"""Gemini's generateContent: whole, as events, and as one array."""

from collections.abc import Sequence
from typing import Unpack

from tests.pricing.golden.shape import Json, More, Shape

ENDED = {"finishReason": "STOP", "index": 0}


def a_content(usage: object, **members: object) -> Json:
    return {
        "candidates": [{"content": {"parts": [{"text": 'Olá, "mundo" ☀'}], "role": "model"}, **ENDED}],
        "usageMetadata": usage,
        "modelVersion": "gemini-2.5-flash",
        "responseId": "pQ_kaPOhKpWmz7IPtqLPuAE",
        **members,
    }


def chunks_of(body: Json, *usages: object) -> list[Json]:
    """Stream an answer: usage so far with each chunk, the whole of it with the one that ends the answer."""
    spoken = {"content": {"parts": [{"text": "Olá"}], "role": "model"}, "index": 0}
    opening = [{**body, "candidates": [spoken], "usageMetadata": usage} for usage in usages]
    return [*opening, body]


def content(
    name: str,
    usage: Json,
    *,
    members: Json | None = None,
    before: Sequence[object] | None = None,
    array: bool = False,
    **more: Unpack[More],
) -> Shape:
    body = a_content(usage, **(members or {}))
    growing = before
    if growing is None:
        growing = (
            {"promptTokenCount": usage.get("promptTokenCount"), "totalTokenCount": 1},
            {**usage, "candidatesTokenCount": 1},
        )
    return Shape(
        name=f"gemini, {name}",
        body=body,
        stream=chunks_of(body, *growing),
        array=array,
        seller="google",
        **more,
    )


def modal(**counts: int) -> list[Json]:
    return [{"modality": name.upper(), "tokenCount": count} for name, count in counts.items()]


PLAIN: Json = {
    "promptTokenCount": 264,
    "candidatesTokenCount": 40,
    "totalTokenCount": 304,
    "promptTokensDetails": modal(text=264),
}
READ_264 = {"input_tokens": 264, "output_tokens": 40}
THOUGHT: Json = {**PLAIN, "thoughtsTokenCount": 911, "totalTokenCount": 1215}
CACHED: Json = {
    "promptTokenCount": 100_020,
    "cachedContentTokenCount": 100_000,
    "candidatesTokenCount": 70,
    "totalTokenCount": 100_090,
    "promptTokensDetails": modal(text=100_020),
    "cacheTokensDetails": modal(text=100_000),
}
READ_100020 = {"input_tokens": 100_020, "output_tokens": 70, "cached_input_tokens": 100_000}
FED_BACK: Json = {
    **PLAIN,
    "toolUsePromptTokenCount": 1000,
    "toolUsePromptTokensDetails": modal(text=1000),
    "totalTokenCount": 1304,
}
HEARD: Json = {
    **PLAIN,
    "promptTokenCount": 1264,
    "totalTokenCount": 1304,
    "promptTokensDetails": modal(text=264, audio=1000),
}
SEEN: Json = {
    **PLAIN,
    "promptTokenCount": 2600,
    "totalTokenCount": 2640,
    "promptTokensDetails": modal(text=20, image=258, video=1290, document=1032),
}
DRAWN: Json = {
    "promptTokenCount": 12,
    "candidatesTokenCount": 1290,
    "totalTokenCount": 1302,
    "promptTokensDetails": modal(text=12),
    "candidatesTokensDetails": modal(image=1290),
}
BOTH: Json = {**HEARD, "cachedContentTokenCount": 800}
VERTEX: Json = {**PLAIN, "trafficType": "ON_DEMAND"}
WAITING = {"trafficType": "ON_DEMAND"}

SHAPES = [
    content("plain", PLAIN, counts=READ_264),
    content("plain, as an array", PLAIN, array=True, counts=READ_264),
    content("thoughts", THOUGHT, counts={"input_tokens": 264, "output_tokens": 951}),
    content("thoughts, as an array", THOUGHT, array=True, counts={"input_tokens": 264, "output_tokens": 951}),
    content("cached", CACHED, counts=READ_100020),
    content(
        "a long context",
        {**CACHED, "promptTokenCount": 250_000, "totalTokenCount": 250_070},
        members={"modelVersion": "gemini-2.5-pro"},
        counts={"input_tokens": 250_000, "output_tokens": 70, "cached_input_tokens": 100_000},
    ),
    content("results of tools", FED_BACK, counts={"input_tokens": 1264, "output_tokens": 40}),
    content(
        "audio",
        HEARD,
        counts={"input_tokens": 1264, "output_tokens": 40, "audio_input_tokens": 1000},
    ),
    content(
        "audio and cached tokens",
        BOTH,
        counts={
            "input_tokens": 1264,
            "output_tokens": 40,
            "audio_input_tokens": 1000,
            "cached_input_tokens": 800,
        },
        differs="raises: ValueError; we take the text as what was cached, which is the dearer reading",
    ),
    content(
        "pictures, video and documents",
        SEEN,
        counts={
            "input_tokens": 2600,
            "output_tokens": 40,
            "image_input_tokens": 1290,
            "video_input_tokens": 1290,
        },
    ),
    content(
        "a picture drawn",
        DRAWN,
        members={"modelVersion": "gemini-2.5-flash-image"},
        counts={"input_tokens": 12, "output_tokens": 1290, "image_output_tokens": 1290},
    ),
    content(
        "vertex, usage at the end only",
        VERTEX,
        before=(WAITING, WAITING),
        counts=READ_264,
    ),
    content(
        "vertex, priority",
        {**PLAIN, "trafficType": "ON_DEMAND_PRIORITY"},
        counts=READ_264,
        tier="priority",
        context={"service_tier": "priority"},
        differs="unknown: they take the ordinary price where the tier has none listed",
    ),
    content(
        "vertex, bought throughput",
        {**PLAIN, "trafficType": "PROVISIONED_THROUGHPUT"},
        counts=READ_264,
        tier="provisioned_throughput",
        differs="unknown: bought throughput is not charged by the token; they take the ordinary price",
    ),
    content(
        "flex",
        {**PLAIN, "serviceTier": "flex"},
        members={"modelVersion": "gemini-3.8-flash-tts"},
        counts=READ_264,
        tier="flex",
        context={"service_tier": "flex"},
    ),
    content("standard", {**PLAIN, "serviceTier": "SERVICE_TIER_STANDARD"}, counts=READ_264),
    content(
        "all thought and nothing said",
        {"promptTokenCount": 10, "thoughtsTokenCount": 65, "totalTokenCount": 75},
        members={"candidates": [{"finishReason": "MAX_TOKENS", "index": 0}]},
        before=({"promptTokenCount": 10, "totalTokenCount": 10},),
        counts={"input_tokens": 10, "output_tokens": 65},
    ),
    content(
        "a prompt that was refused",
        {"promptTokenCount": 10, "totalTokenCount": 10},
        members={"candidates": [], "promptFeedback": {"blockReason": "SAFETY"}},
        before=(),
        counts={"input_tokens": 10},
    ),
    content("nothing used", {"promptTokenCount": 0, "candidatesTokenCount": 0, "totalTokenCount": 0}),
    content(
        "no count of what was said",
        {"promptTokenCount": 10},
        before=({"promptTokenCount": 10},),
        problem="output_tokens",
        differs="unknown: they take a missing count as zero",
    ),
    content(
        "a model nobody lists",
        PLAIN,
        members={"modelVersion": "acme-nano-9"},
        counts=READ_264,
        differs="raises: LookupError for a model without a price",
    ),
    Shape(
        name="gemini, without usage",
        body={name: value for name, value in a_content(None).items() if name != "usageMetadata"},
        stream=[{name: value for name, value in a_content(None).items() if name != "usageMetadata"}],
        problem="usage",
        seller="google",
        differs="raises: ValueError for usage that is not there, or contradicts itself",
    ),
]
