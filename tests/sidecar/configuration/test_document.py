"""The shape of the file."""

from sidecar.configuration.document import Document, LimitsSection, ListenSection
from sidecar.configuration.model import Limits, Listen


def test_shape_and_settings_have_the_same_limits() -> None:
    """Every limit can be set, and its default is the settings' own."""
    limits = Limits()

    for key in LimitsSection.model_fields:
        names = [name for name in limits.__slots__ if name in {key, f"{key}_bytes", f"{key}_s"}]
        assert [getattr(limits, name) for name in names] == [getattr(LimitsSection(), key)]
    assert len(LimitsSection.model_fields) == len(limits.__slots__)


def test_shape_and_settings_listen_alike() -> None:
    """The documented ports are the code's."""
    section, listen = ListenSection(), Listen()

    assert (section.buyers, section.agent, section.operator) == (listen.buyers, listen.agent, listen.operator)


def test_an_empty_document_has_every_section() -> None:
    """What is missing is found when sections are held together, after everything else."""
    document = Document.model_validate({})

    assert document.upstream is None
    assert document.routes == {}


def test_defaults_in_the_schema_are_spelled_like_the_file() -> None:
    """An editor may insert a default as it is."""
    limits = Document.model_json_schema()["$defs"]["LimitsSection"]["properties"]

    assert limits["paid_body"]["default"] == "1MiB"
    assert limits["settle"]["default"] == "30s"
