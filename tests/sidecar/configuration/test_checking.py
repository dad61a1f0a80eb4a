"""The tree against the shape."""

import pytest
from pydantic import BaseModel

from sidecar.configuration import document
from sidecar.configuration.checking import SECTIONS, UNSUPPORTED, Draft, check
from sidecar.configuration.environment import apply
from sidecar.configuration.reading import parse


def _checked(text: str, **environ: str) -> Draft:
    source = parse(text)
    apply(source, environ)
    return check(source)


def _messages(draft: Draft) -> list[str]:
    return [problem.message for problem in draft.source.problems]


def test_every_section_has_its_place() -> None:
    """An unknown key gets advice wherever it stands."""
    sections = {
        value
        for value in vars(document).values()
        if isinstance(value, type)
        and issubclass(value, BaseModel)
        and value not in {BaseModel, document.Section}
    }

    assert sections == set(SECTIONS.values())


@pytest.mark.parametrize("path", UNSUPPORTED)
def test_what_is_not_done_is_not_a_known_key(path: tuple[str, ...]) -> None:
    """The list of things to come is taken off it when they come."""
    assert path[-1] not in SECTIONS[path[:-1]].model_fields


def test_an_unknown_key_gets_advice_for_its_place() -> None:
    """The words offered are those of the section."""
    draft = _checked('routes: {"GET /a": {prise: "$1", price: "$1"}}')

    assert _messages(draft) == ["this version has no such key; did you mean 'price'? (line 1)"]


def test_a_harmless_value_is_repeated() -> None:
    """Who wrote it recognises it."""
    assert _messages(_checked("limits: {drain: 3}"))[0].endswith(", not '3' (line 1)")


def test_a_value_from_the_environment_is_only_named() -> None:
    """The variable is told, its content is not."""
    message = _messages(_checked("limits: {drain: '${A}'}", A="3secret"))[0]

    assert message.endswith("(from A)")
    assert "3secret" not in message


def test_what_is_wrong_is_set_aside_and_the_rest_kept() -> None:
    """One wrong entry does not hide the others, and the others know their place in the file."""
    draft = _checked(
        'accept: [{network: x}, {network: base, asset: USDC, pay_to: "0x' + "ab" * 20 + '"}]\n'
        "limits: {drain: 3, verify: 3s}\nupstream: x"
    )

    assert draft.positions == (1,)
    assert len(draft.document.accept) == 1
    assert (draft.document.limits.drain, draft.document.limits.verify) == (30, 3)
    assert draft.has_lost("accept")
    assert draft.has_lost("limits", "drain")
    assert not draft.has_lost("limits", "verify")
    assert not draft.has_lost("routes")


def test_routes_are_named_even_when_wrong() -> None:
    """A cost of a route with a mistake is not itself a mistake."""
    assert _checked('routes: {"GET /a": 1, "GET /b": free}').route_keys() == ("GET /a", "GET /b")
    assert _checked("routes: 1").route_keys() == ()


def test_warnings_do_not_stop_anything() -> None:
    """A warning is told beside the settings."""
    draft = _checked("")
    draft.warn(("networks",), "network_unused", "no accept entry is on it")

    assert not draft.source.problems
    assert [warning.path for warning in draft.warnings] == ["networks"]
