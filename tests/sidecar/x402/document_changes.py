"""What the mutants have wrong, odd or only spelled otherwise in the document, member by member."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any, Final

from sidecar.x402.terms import requirements_members
from tests.sidecar.x402.drafts import OTHER
from tests.sidecar.x402.signing import OFFER

OfValue = Callable[[Any], Any]
OfDocument = Callable[[dict[str, Any]], None]

MESSAGE: Final = "payload.authorization"
UNSET: Final = object()


def at(path: str, change: OfValue) -> OfDocument:
    """Change what stands at *path*; a document that has no such place stays as it is."""

    def edit(document: dict[str, Any]) -> None:
        *parents, name = path.split(".")
        place: Any = document
        for parent in parents:
            place = place.get(parent) if isinstance(place, dict) else None
        if not isinstance(place, dict):
            return
        changed = change(place.get(name))
        if changed is UNSET:
            place.pop(name, None)
        else:
            place[name] = changed

    return edit


def always(value: Any) -> OfValue:
    return lambda _: value


def text_of(change: Callable[[str], Any]) -> OfValue:
    return lambda value: change(value) if isinstance(value, str) else value


def number_of(change: Callable[[int], Any]) -> OfValue:
    """Change a number, or a text of digits; anything else stays as an earlier change left it."""

    def edit(value: Any) -> Any:
        digits = str(value)
        return change(int(digits)) if digits.isascii() and digits.isdigit() and len(digits) < 100 else value

    return edit


ODDITIES: Final[dict[str, OfValue]] = {
    "gone": always(UNSET),
    "null": always(None),
    "a list": lambda value: [value],
    "an object": lambda value: {"value": value},
    "true": always(True),
    "zero": always(0),
    "empty": always(""),
    "spaces": text_of(lambda text: f" {text} "),
    "a line end": text_of(lambda text: text + "\n"),
    "a null byte": text_of(lambda text: text + "\x00"),
    "long": text_of(lambda text: text + "0" * 300),
}
ADDRESS_FORMS: Final[dict[str, OfValue]] = {
    "lower": text_of(str.lower),
    "upper": text_of(lambda text: "0x" + text[2:].upper()),
    "swapped case": text_of(lambda text: "0x" + text[2:].swapcase()),
    "0X": text_of(lambda text: "0X" + text[2:]),
    "bare": text_of(lambda text: text[2:]),
    "one digit less": text_of(lambda text: text[:-1]),
    "one digit more": text_of(lambda text: text + "0"),
    "a name": always("vitalik.eth"),
    "fullwidth": text_of(lambda text: text.replace("0", "０")),
}
NUMBER_FORMS: Final[dict[str, OfValue]] = {
    "bare number": number_of(int),
    "fraction": number_of(float),
    "with .0": text_of(lambda text: text + ".0"),
    "plus": text_of(lambda text: "+" + text),
    "minus": text_of(lambda text: "-" + text),
    "leading zero": text_of(lambda text: "0" + text),
    "underscore": text_of(lambda text: text[:1] + "_" + text[1:]),
    "hex": number_of(hex),
    "exponent": text_of(lambda text: text + "e0"),
    "other digits": text_of(lambda text: text.translate({48 + n: 0x660 + n for n in range(10)})),
    "plus one": number_of(lambda number: str(number + 1)),
    "2**256": always(str(2**256)),
    "minus one": always("-1"),
    "79 digits": always("1" * 79),
    "5000 digits": always("1" * 5000),
}
HEX_FORMS: Final[dict[str, OfValue]] = {
    "upper": text_of(lambda text: "0x" + text[2:].upper()),
    "0X": text_of(lambda text: "0X" + text[2:]),
    "bare": text_of(lambda text: text[2:]),
    "spaced": text_of(lambda text: text[:10] + " " + text[10:]),
    "odd": text_of(lambda text: text[:-1]),
    "not hex": text_of(lambda text: text[:-2] + "zz"),
    "31 bytes": text_of(lambda text: text[:64]),
    "33 bytes": text_of(lambda text: text + "00"),
}
PLACES: Final[dict[str, tuple[dict[str, OfValue], ...]]] = {
    **{f"{MESSAGE}.{name}": (ODDITIES, ADDRESS_FORMS) for name in ("from", "to")},
    **{f"{MESSAGE}.{name}": (ODDITIES, NUMBER_FORMS) for name in ("value", "validAfter", "validBefore")},
    f"{MESSAGE}.nonce": (ODDITIES, HEX_FORMS),
    "payload.signature": (ODDITIES, HEX_FORMS),
    MESSAGE: (ODDITIES,),
    "payload": (ODDITIES,),
}
PLACES_V2: Final = PLACES | {
    "accepted": (ODDITIES,),
    "accepted.asset": (ODDITIES, ADDRESS_FORMS),
    "accepted.payTo": (ODDITIES, ADDRESS_FORMS),
    "accepted.amount": (ODDITIES, NUMBER_FORMS),
    "accepted.scheme": (ODDITIES, {"upto": always("upto"), "Exact": always("Exact")}),
    "accepted.network": (
        ODDITIES,
        {n: always(n) for n in ("base-sepolia", "eip155:1", "eip155:8453", "EIP155:84532", "eip155:084532")},
    ),
    "accepted.maxTimeoutSeconds": (
        ODDITIES,
        {
            "text": number_of(str),
            "fraction": number_of(float),
            "half": always(180.5),
            "181": always(181),
            "-1": always(-1),
        },
    ),
    "accepted.extra": (
        ODDITIES,
        {"none": always({}), "more": lambda extra: dict(extra or {}) | {"paymentFlow": "x"}},
    ),
    "accepted.extra.name": (ODDITIES,),
    "accepted.extra.version": (ODDITIES, {"number": always(2), "fraction": always(2.5)}),
    "resource": (ODDITIES, {"text": always("https://agent.example/"), "other": always({"url": "x:y"})}),
    "resource.url": (ODDITIES, {"very long": always("https://agent.example/" + "x" * 8200)}),
    "resource.description": (ODDITIES,),
    "resource.tags": ({"text": always("x"), "list": always(["x"]), "numbers": always([1])},),
    "extensions": (ODDITIES, {"some": always({"bazaar": {"info": {}}})}),
}
PLACES_V1: Final = PLACES | {
    "scheme": (ODDITIES, {"upto": always("upto"), "Exact": always("Exact")}),
    "network": (
        ODDITIES,
        {
            n: always(n)
            for n in ("base", "base-sepolia", "Base", "eip155:84532", "solana", "story", "ethereum")
        },
    ),
    "accepted": ({"odd": always(5), "terms": always(requirements_members(OFFER))},),
}
ANYWHERE: Final[dict[str, OfDocument]] = {
    **{f"version {v!r}": at("x402Version", always(v)) for v in (0, 1, 2, 3, "1", "2", 1.0, 2.0, True, None)},
    "no version": at("x402Version", always(UNSET)),
    "more members": at("unknown", always({"a": [1, "x", None]})),
    "a fraction aside": at("unknown", always(0.5)),
    "a large number aside": at("unknown", always(2**63)),
    "half a character aside": at("unknown", always("\ud800")),
    "permit2 beside": at("payload.permit2Authorization", always({"from": OTHER})),
    "more in payload": at("payload.unknown", always([1])),
    "more in message": at(f"{MESSAGE}.unknown", always("x")),
    "snake version": lambda d: d.update(x402_version=d.pop("x402Version", 2)),
    "upper payload": lambda d: d.update(Payload=d.pop("payload", None)),
}


def renamed(path: str, name: str, to: str) -> OfDocument:
    def rename(place: Any) -> Any:
        if isinstance(place, dict) and name in place:
            return {to if key == name else key: value for key, value in place.items()}
        return place

    return at(path, rename)


ANYWHERE_V2: Final = ANYWHERE | {
    "snake pay_to": renamed("accepted", "payTo", "pay_to"),
    "snake timeout": renamed("accepted", "maxTimeoutSeconds", "max_timeout_seconds"),
    "upper amount": renamed("accepted", "amount", "Amount"),
    "more in accepted": at("accepted.unknown", always("x")),
}


def document_changes(version: int) -> dict[str, OfDocument]:
    places = PLACES_V1 if version == 1 else PLACES_V2
    edits = dict(ANYWHERE if version == 1 else ANYWHERE_V2)
    for path, tables in places.items():
        for table in tables:
            edits |= {f"{path} {name}": at(path, change) for name, change in table.items()}
    return edits
