"""Variables and overrides."""

import pytest

from sidecar.configuration.environment import apply
from sidecar.configuration.reading import Source, parse


def _applied(text: str, **environ: str) -> Source:
    source = parse(text)
    apply(source, environ)
    return source


@pytest.mark.parametrize(
    ("text", "value"),
    [
        ("${A}", "one"),
        ("${A}-${B}", "one-two"),
        ("$${A}", "$one"),
        ("${NO:-x}", "x"),
        ("${EMPTY:-x}", "x"),
        ("${A:-x}", "one"),
        ("${NO:-a:-b}", "a:-b"),
        ("$A", "$A"),
        ("$5", "$5"),
        ("${RAW}", "${A}"),
    ],
)
def test_references_are_replaced_once(text: str, value: str) -> None:
    """Text in a variable is text: it is not searched for references again."""
    source = _applied(f'key: ["{text}"]', A="one", B="two", EMPTY="", RAW="${A}")

    assert source.tree == {"key": [value]}
    assert not source.problems


@pytest.mark.parametrize(
    ("text", "code"),
    [
        ("${NO}", "env_missing"),
        ("${EMPTY}", "env_missing"),
        ("${NO:-}", "env_missing"),
        ("${EMPTY:-}", "env_missing"),
        ("${}", "env_syntax"),
        ("${A", "env_syntax"),
        ("${1A}", "env_syntax"),
        ("${A-b}", "env_syntax"),
        ("${A B}", "env_syntax"),
    ],
)
def test_a_reference_without_a_value_is_a_problem(text: str, code: str) -> None:
    """Unset and empty are the same mistake; a broken reference is not taken for text."""
    source = _applied(f'key: "{text}"', A="one", EMPTY="")

    assert [(problem.path, problem.code) for problem in source.problems] == [("key", code)]
    assert source.tree == {"key": None}


@pytest.mark.parametrize(
    ("name", "value", "tree"),
    [
        ("SIDECAR__A__B", "2", {"a": {"b": "2"}, "list": ["x"], "base-sepolia": {}}),
        ("SIDECAR__A__NEW", "2", {"a": {"b": "old", "new": "2"}, "list": ["x"], "base-sepolia": {}}),
        ("SIDECAR__LIST__0", "y", {"a": {"b": "old"}, "list": ["y"], "base-sepolia": {}}),
        ("SIDECAR__LIST__1", "y", {"a": {"b": "old"}, "list": ["x", "y"], "base-sepolia": {}}),
        ("SIDECAR__LIST__1__K", "y", {"a": {"b": "old"}, "list": ["x", {"k": "y"}], "base-sepolia": {}}),
        ("SIDECAR__BASE_SEPOLIA__K", "y", {"a": {"b": "old"}, "list": ["x"], "base-sepolia": {"k": "y"}}),
        ("SIDECAR__N__K", "${A}", {"a": {"b": "old"}, "list": ["x"], "base-sepolia": {}, "n": {"k": "${A}"}}),
    ],
)
def test_an_override_sets_one_value(name: str, value: str, tree: object) -> None:
    """Names have no case and no hyphens; lists are reached by position and grow; values are literal."""
    source = _applied("{a: {b: old}, list: [x], base-sepolia: {}}", **{name: value})

    assert source.tree == tree
    assert not source.problems


def test_an_override_spares_the_variable_it_replaces() -> None:
    """What is overridden need not be set."""
    source = _applied("key: ${UNSET}", SIDECAR__KEY="value")

    assert source.tree == {"key": "value"}
    assert not source.problems


def test_overrides_can_be_the_whole_config() -> None:
    """An empty file and variables are a config."""
    assert _applied("", SIDECAR__UPSTREAM="http://a").tree == {"upstream": "http://a"}


@pytest.mark.parametrize(
    ("name", "value", "code"),
    [
        ("SIDECAR__KEY", "", "env_empty"),
        ("SIDECAR__", "x", "env_override"),
        ("SIDECAR__A____B", "x", "env_override"),
        ("SIDECAR__KEY__BELOW", "x", "env_override"),
        ("SIDECAR__LIST__2", "x", "env_override"),
        ("SIDECAR__LIST__FIRST", "x", "env_override"),
    ],
)
def test_an_override_that_cannot_be_applied_is_a_problem(name: str, value: str, code: str) -> None:
    """A variable that was meant for us is never silently ignored."""
    source = _applied("{key: text, list: [x]}", **{name: value})

    assert [problem.code for problem in source.problems] == [code]
    assert name in source.problems[0].message


def test_other_variables_are_left_alone() -> None:
    """Only the prefix with two underscores is ours."""
    assert _applied("key: x", SIDECAR_KEY="y", SIDECAR_OPERATOR_TOKEN="").tree == {"key": "x"}


def test_a_key_may_be_a_variable_too() -> None:
    """A fee goes by its facilitator's URL, so what names the one names the other."""
    source = Source(tree={"facilitator": {"${URL}": "$0.001"}, "${NONE}": "x"})

    apply(source, {"URL": "https://facilitator.example.com"})

    assert source.tree == {"facilitator": {"https://facilitator.example.com": "$0.001"}}
    assert [(problem.path, problem.code) for problem in source.problems] == [("${NONE}", "env_missing")]
