"""Resources: the registry as a whole."""

from sidecar.http.operator.app import RESOURCES


def test_no_two_resources_share_a_path() -> None:
    """A path and a method mean one thing."""
    paths = [(each.method, each.path) for each in RESOURCES]

    assert len(set(paths)) == len(paths)


def test_everything_says_what_it_is() -> None:
    """Each resource and each parameter has a sentence."""
    assert all(each.summary for each in RESOURCES)
    assert all(sentence for each in RESOURCES for sentence in each.parameters.values())
