"""Connections are kept, shared and bounded; one that cannot be had proves that nothing was sent."""

import asyncio
import socket
import ssl
import time
from datetime import UTC, datetime, timedelta
from pathlib import Path

import pytest
from cryptography import x509
from cryptography.hazmat.primitives import hashes
from cryptography.hazmat.primitives.asymmetric import ec
from cryptography.hazmat.primitives.serialization import Encoding, NoEncryption, PrivateFormat

from sidecar.adapters import http1
from sidecar.adapters.connecting import Pool, reason
from sidecar.adapters.http1 import ServerConnection
from sidecar.ports import NothingSent
from tests.sidecar.adapters.conftest import Listen, read_request

OK = b"HTTP/1.1 200 OK\r\ncontent-length: 2\r\n\r\nok"
LAST = b"HTTP/1.1 200 OK\r\nconnection: close\r\ncontent-length: 2\r\n\r\nok"


class Server:
    """Answers every request, and counts its connections."""

    def __init__(self, answer: bytes = OK) -> None:
        self.answer = answer
        self.connections = 0
        self.closed = asyncio.Event()

    async def __call__(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        self.connections += 1
        while not reader.at_eof():
            try:
                await read_request(reader)
            except asyncio.IncompleteReadError:
                break
            writer.write(self.answer)
        self.closed.set()


def pool_of(origin: str, *, connections_max: int = 8, pool_timeout_s: float = 0.1) -> Pool:
    return Pool(
        "peer",
        origin,
        connections_max=connections_max,
        connect_timeout_s=1.0,
        pool_timeout_s=pool_timeout_s,
    )


async def asked(connection: ServerConnection) -> bytes:
    """Ask on *connection*, and return the whole body."""
    await connection.ask(b"GET / HTTP/1.1\r\nhost: a\r\n\r\n", None, to_head=False, within_s=5)
    body = b""
    while (piece := await connection.read(5)) is not None:
        body += piece
    return body


async def test_a_connection_is_used_again(listen: Listen) -> None:
    """The newest idle one; two at once are two."""
    server = Server()
    pool = pool_of(await listen(server))
    first, second = await pool.take(), await pool.take()
    for connection in (first, second):
        assert await asked(connection) == b"ok"
        connection.release()

    assert await pool.take() is second
    assert await pool.take() is first
    assert server.connections == 2
    pool.close()


@pytest.mark.parametrize(
    "answer", [LAST, OK + b"more"], ids=["told to be the last", "bytes nobody asked for"]
)
async def test_what_cannot_be_used_again_is_not(answer: bytes, listen: Listen) -> None:
    """What would come next on it could be taken for another answer."""
    server = Server(answer)
    pool = pool_of(await listen(server), connections_max=1)
    for _ in range(2):
        connection = await pool.take()
        assert await asked(connection) == b"ok"
        connection.release()

    assert server.connections == 2
    pool.close()


async def test_one_that_nobody_needs_is_closed(listen: Listen, monkeypatch: pytest.MonkeyPatch) -> None:
    """Before its server closes it: a request must not cross that."""
    monkeypatch.setattr(http1, "IDLE_S", 0.05)
    server = Server()
    pool = pool_of(await listen(server))
    connection = await pool.take()
    await asked(connection)
    connection.release()
    async with asyncio.timeout(5):
        await server.closed.wait()

    assert await asked(await pool.take()) == b"ok"
    assert server.connections == 2
    pool.close()


async def test_one_that_its_server_closed_is_not_given_out(listen: Listen) -> None:
    """Idle, it is forgotten as soon as that is seen."""
    server = Server(OK)
    pool = pool_of(await listen(server), connections_max=1)
    connection = await pool.take()
    await asked(connection)
    connection.release()
    connection._transport.abort()
    await asyncio.sleep(0.01)

    assert await pool.take() is not connection
    pool.close()


async def test_there_are_never_more_than_allowed(listen: Listen) -> None:
    """One more waits for one that is released, in its turn, and not for ever."""
    server = Server()
    pool = pool_of(await listen(server), connections_max=1, pool_timeout_s=5)
    first = await pool.take()
    waiting = [asyncio.create_task(pool.take()) for _ in range(3)]
    await asyncio.sleep(0.01)
    waiting[0].cancel()
    await asked(first)
    first.release()
    assert await waiting[1] is first
    first.close()
    assert await waiting[2] is not first
    assert server.connections == 2
    pool.close()

    impatient = pool_of(await listen(server), connections_max=1, pool_timeout_s=0.05)
    held = await impatient.take()
    with pytest.raises(NothingSent, match="no free connection"):
        await impatient.take()
    held.close()
    await asyncio.sleep(0.01)
    await impatient.take()
    impatient.close()


async def test_a_turn_that_comes_with_the_end_of_the_time_is_taken(listen: Listen) -> None:
    """A loop that was busy learns of both at once; nobody behind is kept waiting for what is free."""
    pool = pool_of(await listen(Server()), connections_max=1, pool_timeout_s=0.05)
    held = await pool.take()
    loop = asyncio.get_running_loop()
    waiting = asyncio.create_task(pool.take())
    await asyncio.sleep(0)
    loop.call_later(0.04, held.release)
    loop.call_soon(time.sleep, 0.1)

    assert await waiting is held
    pool.close()


async def test_no_connection_is_nothing_sent(nobody: str) -> None:
    """And leaves room for the next try."""
    pool = pool_of(nobody, connections_max=1)
    for _ in range(2):
        with pytest.raises(NothingSent, match="refused"):
            await pool.take()


async def test_a_connection_that_takes_too_long_is_nothing_sent() -> None:
    """A full queue of a listener answers nothing."""
    with socket.socket() as full:
        full.bind(("127.0.0.1", 0))
        full.listen(0)
        port = full.getsockname()[1]
        crowd = [socket.socket() for _ in range(8)]
        for each in crowd:
            each.setblocking(False)
            each.connect_ex(("127.0.0.1", port))
        pool = Pool(
            "peer", f"http://127.0.0.1:{port}", connections_max=1, connect_timeout_s=0.1, pool_timeout_s=1
        )
        with pytest.raises(NothingSent, match="in time"):
            await pool.take()
        for each in crowd:
            each.close()


async def test_a_closed_pool_gives_nothing(listen: Listen) -> None:
    """What is in use is closed too."""
    pool = pool_of(await listen(Server()))
    connection = await pool.take()
    pool.close()
    assert not connection.usable
    connection.release()
    with pytest.raises(NothingSent):
        await pool.take()


def self_signed(key: ec.EllipticCurvePrivateKey, name: str) -> bytes:
    """Return a certificate in which *key* vouches for itself."""
    named = x509.Name([x509.NameAttribute(x509.NameOID.COMMON_NAME, name)])
    now = datetime.now(UTC)
    builder = (
        x509.CertificateBuilder()
        .subject_name(named)
        .issuer_name(named)
        .public_key(key.public_key())
        .serial_number(1)
        .not_valid_before(now - timedelta(days=1))
        .not_valid_after(now + timedelta(days=1))
        .add_extension(x509.SubjectAlternativeName([x509.DNSName(name)]), critical=False)
        .add_extension(x509.BasicConstraints(ca=True, path_length=None), critical=True)
    )
    return builder.sign(key, hashes.SHA256()).public_bytes(Encoding.PEM)


@pytest.mark.parametrize("trusted", [True, False])
async def test_a_server_is_known_by_its_certificate(
    trusted: bool, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Of one that nobody vouches for nothing is proven, and nothing is sent to it."""
    key = ec.generate_private_key(ec.SECP256R1())
    pem = key.private_bytes(Encoding.PEM, PrivateFormat.PKCS8, NoEncryption())
    (tmp_path / "key").write_bytes(pem)
    (tmp_path / "certificate").write_bytes(self_signed(key, "localhost"))
    context = ssl.create_default_context(ssl.Purpose.CLIENT_AUTH)
    context.load_cert_chain(tmp_path / "certificate", tmp_path / "key")
    if trusted:
        monkeypatch.setenv("SSL_CERT_FILE", str(tmp_path / "certificate"))
    listener = await asyncio.start_server(Server(), "127.0.0.1", 0, ssl=context)
    pool = pool_of(f"https://localhost:{listener.sockets[0].getsockname()[1]}")

    async with listener:
        if trusted:
            assert await asked(await pool.take()) == b"ok"
        else:
            with pytest.raises(NothingSent, match="certificate verify failed"):
                await pool.take()
        pool.close()


@pytest.mark.parametrize(
    ("error", "text"),
    [
        (OSError(111, "Connect call failed ('::1', 9000)"), "connection refused"),
        (socket.gaierror(-2, "Name or service not known"), "name or service not known"),
        (OSError("Multiple exceptions: one, two"), "multiple exceptions: one, two"),
    ],
)
def test_a_reason_is_the_systems_word(error: OSError, text: str) -> None:
    """Not the loop's, which repeats addresses."""
    assert reason(error) == text
