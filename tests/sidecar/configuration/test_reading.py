"""YAML text to a plain tree."""

import pytest

from sidecar.configuration.reading import DEPTH_MAX, TEXT_MAX, Number, parse, refuse_nulls


@pytest.mark.parametrize(
    "word", ["on", "off", "yes", "no", "y", "n", "1:30", "2026-11-01", "0b1", "1_000", "=", "<<"]
)
def test_what_yaml_1_1_would_convert_stays_text(word: str) -> None:
    """No word, time or date turns into something its writer did not mean."""
    assert parse(f"key: {word}").tree == {"key": word}


@pytest.mark.parametrize("text", ["7", "-7", "0o17", "0xAbC", "0.05", "1e3", ".5", "5.", "0123"])
def test_numbers_stay_as_written(text: str) -> None:
    """Nothing is rounded or re-based before a setting asks."""
    assert parse(f"key: {text}").tree == {"key": Number(text)}


@pytest.mark.parametrize(
    ("text", "value"), [("true", True), ("False", False), ("~", None), ("", None), ("null", None)]
)
def test_switches_and_nothing(text: str, value: object) -> None:
    """The core schema's booleans and nulls are the only ones."""
    assert parse(f"key: {text}").tree == {"key": value}


def test_quotes_make_text() -> None:
    """What is quoted is never a number."""
    assert parse("""{a: "7", b: 'true', c: ""}""").tree == {"a": "7", "b": "true", "c": ""}


def test_keys_are_text_as_written() -> None:
    """A chain id or a switch as a key is just a name."""
    assert parse("{84532: a, on: b, null: c}").tree == {"84532": "a", "on": "b", "null": "c"}


def test_every_value_has_its_line() -> None:
    """Problems can point into the file."""
    source = parse("a:\n  - x\n  - y: 1\n")

    assert source.lines[("a", 1, "y")] == 3


@pytest.mark.parametrize(
    ("text", "path", "code"),
    [
        ("a: 1\na: 2", "a", "duplicate_key"),
        ("{a: {b: 1, b: 1}}", "a.b", "duplicate_key"),
        ("a: [", "", "yaml_syntax"),
        ("a: \x01", "", "yaml_syntax"),
        ("a: 1\n---\nb: 2", "", "yaml_syntax"),
        ("a: *b", "", "yaml_syntax"),
        ("\ta: 1", "", "yaml_syntax"),
        ("a: &x 1\nb: *x", "b", "yaml_alias"),
        ("a: &x [*x]", "a.0", "yaml_alias"),
        ("a: !!python/object:os.system x", "a", "yaml_tag"),
        ("a: !!set {x, y}", "a", "yaml_tag"),
        ("a: !mine [1]", "a", "yaml_tag"),
        ("? [a, b]\n: c", "", "yaml_key"),
        ("[" * (DEPTH_MAX + 1) + "]" * (DEPTH_MAX + 1), "", "yaml_too_deep"),
        ("[" * 100_000, "", "yaml_too_deep"),
        ("#" * (TEXT_MAX + 1), "", "yaml_too_large"),
    ],
)
def test_what_a_config_has_no_use_for_is_refused(text: str, path: str, code: str) -> None:
    """Duplicates, tags, aliases, several documents and abuse are problems, never surprises."""
    found = [(problem.path, problem.code) for problem in parse(text).problems]

    assert found == [(path, code)]


def test_a_duplicate_key_names_both_lines() -> None:
    """The writer finds both places."""
    (problem,) = parse("a: 1\n\na: 2").problems

    assert problem.message == "stands again on line 3 (line 1)"


def test_a_syntax_error_names_its_place() -> None:
    """The writer finds the place."""
    (problem,) = parse("a: 1\nb: }").problems

    assert problem.message.startswith("line 2, column 4:")


def test_missing_values_are_problems() -> None:
    """A key left empty by accident does not silently mean its default; each is reported once."""
    source = parse("a:\nb: [1, ~]\nc: {d: }\ne: !!x 1")
    refuse_nulls(source)

    assert [(problem.path, problem.code) for problem in source.problems] == [
        ("e", "yaml_tag"),
        ("a", "empty"),
        ("b.1", "empty"),
        ("c.d", "empty"),
    ]


def test_an_empty_file_is_one_problem() -> None:
    """Nothing at all is said to be nothing."""
    source = parse("# only a comment\n")
    refuse_nulls(source)

    assert [(problem.path, problem.message) for problem in source.problems] == [("", "the config is empty")]
