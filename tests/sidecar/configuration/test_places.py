"""URLs, listeners, the database."""

from pathlib import Path

import pytest

from sidecar.configuration import places
from sidecar.configuration.model import Address
from sidecar.configuration.problems import WrongValue
from sidecar.configuration.reading import Number


@pytest.mark.parametrize(
    ("written", "url"),
    [
        ("http://127.0.0.1:9000", "http://127.0.0.1:9000"),
        ("https://Agent.Example.com/", "https://agent.example.com"),
        ("https://a.example/base/v1/", "https://a.example/base/v1"),
        ("http://[::1]:9000", "http://[::1]:9000"),
        ("http://upstream_1:80", "http://upstream_1:80"),
    ],
)
def test_a_base_url_has_one_spelling(written: str, url: str) -> None:
    """Hosts are lower case and nothing trails."""
    assert places.base_url(written) == url


@pytest.mark.parametrize(
    ("written", "code"),
    [
        ("htp://a.example", "url_scheme"),
        ("https:/a.example", "url_scheme"),
        ("a.example:9000", "url_scheme"),
        ("unix:///run/x", "url_scheme"),
        ("ftp://a.example", "url_scheme"),
        ("HTTPS://a.example", "url_scheme"),
        ("https://", "url"),
        ("https://a b", "url"),
        ("https://bücher.example", "url"),
        ("https://a.example:99999", "url"),
        ("https://a.example:0", "url"),
        ("https://a.example:x", "url"),
        ("https://[::1", "url"),
        ("https://-a", "url"),
        ("https://user:secret@a.example", "url_credentials"),
        ("https://user@a.example", "url_credentials"),
        ("https://a.example?key=1", "url_query"),
        ("https://a.example?", "url_query"),
        ("https://a.example/#x", "url_query"),
        ("https://a.example/a//b", "url_path"),
        ("https://a.example/../b", "url_path"),
        ("https://a.example/%2e", "url_path"),
        ("", "url"),
        (Number("9000"), "url"),
        (None, "url"),
    ],
)
def test_what_is_no_base_url_is_refused(written: object, code: str) -> None:
    """Calls go to one plain place; a secret in the URL is not repeated."""
    with pytest.raises(WrongValue) as caught:
        places.base_url(written)
    assert caught.value.code == code
    assert "secret" not in caught.value.sentence


def test_a_node_may_have_a_key_in_its_url() -> None:
    """Providers put keys into paths and queries; the URL is used as it is."""
    url = "https://user:pass@node.example/v2/KEY?also=KEY"

    assert places.rpc_url(url) == url


@pytest.mark.parametrize(
    ("url", "local"),
    [
        ("http://127.0.0.1:1", True),
        ("http://127.8.8.8", True),
        ("http://localhost", True),
        ("http://[::1]:1", True),
        ("http://10.0.0.1", False),
        ("http://localhost.example", False),
    ],
)
def test_this_machine_is_known(url: str, local: bool) -> None:
    """Loopback addresses and localhost are here, all else is not."""
    assert places.is_local(url) is local


@pytest.mark.parametrize(("url", "port"), [("http://a", 80), ("https://a", 443), ("https://a:8443/x", 8443)])
def test_a_url_has_a_port(url: str, port: int) -> None:
    """The scheme's own port counts."""
    assert places.port_of(url) == port


@pytest.mark.parametrize(
    ("written", "listen"),
    [
        ("0.0.0.0:8402", Address("0.0.0.0", 8402)),
        ("[::]:0", Address("::", 0)),
        ("localhost:65535", Address("localhost", 65535)),
    ],
)
def test_listeners(written: str, listen: Address) -> None:
    """A listener is a host and a port."""
    assert places.listen(written) == listen


@pytest.mark.parametrize(
    "written", [":8402", "8402", "127.0.0.1", "127.0.0.1:65536", "300.0.0.1:1", "[127.0.0]:1", "http://a:1",
                Number("8402"), None]
)  # fmt: skip
def test_what_is_no_listener_is_refused(written: object) -> None:
    """A port alone does not say who may connect."""
    with pytest.raises(WrongValue) as caught:
        places.listen(written)
    assert caught.value.code == "listen"


@pytest.mark.parametrize(
    ("written", "path"),
    [
        ("sqlite:///sidecar.db", "sidecar.db"),
        ("sqlite:///data/a b.db", "data/a b.db"),
        ("sqlite:////var/lib/sidecar.db", "/var/lib/sidecar.db"),
    ],
)
def test_storage(written: str, path: str) -> None:
    """Three slashes are relative, four are absolute."""
    assert places.storage(written) == places.Database(Path(path))


@pytest.mark.parametrize(
    "written",
    [
        "postgresql://user:secret@host:5432/db",
        "postgres://host/db?sslmode=require",
        "postgresql:///db?host=/run/postgresql",
    ],
)
def test_a_postgresql_is_kept_as_written(written: str) -> None:
    """It is the driver's to read; the sidecar's own files lie beside the config, and it is never shown."""
    found = places.storage(written)

    assert (found.address, found.path) == (written, Path("sidecar.db"))
    assert written not in repr(found)


@pytest.mark.parametrize(
    ("written", "code"),
    [
        ("postgresql://user:secret@host", "storage"),
        ("postgresql://user:se cret@host/db", "storage"),
        ("postgresql:host/db", "storage"),
        ("postgresql://host/db/more", "storage"),
        ("sqlite://sidecar.db", "storage"),
        ("sqlite:///", "storage"),
        ("sqlite:///data/", "storage"),
        ("sqlite:///:memory:", "storage"),
        ("sqlite:///a.db?mode=ro", "storage"),
        ("sidecar.db", "storage"),
        (None, "storage"),
    ],
)
def test_other_storage_is_refused(written: object, code: str) -> None:
    """The books are one SQLite file, or one PostgreSQL database."""
    with pytest.raises(WrongValue) as caught:
        places.storage(written)
    assert caught.value.code == code
    assert "secret" not in caught.value.sentence


@pytest.mark.parametrize("written", ["", "a\x00b", "x" * 1001, None, Number("1")])
def test_a_file_has_a_name(written: object) -> None:
    """Any path goes, relative or absolute; whether there is a file, is found out where it is read."""
    assert places.file_name("/etc/keys/us.pem") == Path("/etc/keys/us.pem")
    with pytest.raises(WrongValue) as caught:
        places.file_name(written)
    assert caught.value.code == "file_name"
