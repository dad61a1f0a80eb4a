"""Problems and how they are shown."""

import pytest

from sidecar.configuration.problems import Problem, Problems, did_you_mean, path_text


def test_a_path_is_shown_with_dots() -> None:
    """Keys and positions read like one address in the file."""
    assert path_text(("accept", 0, "pay_to")) == "accept.0.pay_to"
    assert path_text(("routes", "POST /research", "price")) == "routes.POST /research.price"


@pytest.mark.parametrize(
    ("word", "advice"),
    [
        ("upsteam", "did you mean 'upstream'?"),
        ("ROUTES", "did you mean 'routes'?"),
        ("xyz", "known here: upstream, routes"),
    ],
)
def test_the_nearest_word_is_offered(word: str, advice: str) -> None:
    """A typo is answered with the word that was meant, anything else with all there are."""
    assert did_you_mean(word, ("upstream", "routes")) == advice


def test_nothing_known_is_said_so() -> None:
    """Advice is never an empty list."""
    assert did_you_mean("x", ()) == "nothing is known here"


def test_problems_are_one_line_each() -> None:
    """A person sees path, sentence and code; a problem of the whole file has no path."""
    problems = Problems((Problem("a.b", "empty", "has no value"), Problem("", "yaml_syntax", "not YAML")))

    assert problems.text() == "a.b: has no value [empty]\nnot YAML [yaml_syntax]"
