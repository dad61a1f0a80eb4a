"""Kept answers: for a while, for their call alone, readable by nobody else, and within their room."""

import asyncio
import stat
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from pathlib import Path
from typing import Any, Final

import pytest

from sidecar.adapters.answers import AnswersFile
from sidecar.ports import Answers, Kept
from tests.sidecar.fakes import MemoryAnswers

NOW_US: Final = 1_790_000_000_000_000
LIFETIME_S: Final = 900
ROOM: Final = 100_000
KEY: Final = bytes(range(32))
ODD: Final = Kept(
    206,
    ((b"content-type", b"text/plain"), (b"x-odd", b"\xe9\xff"), (b"x-twice", b"1"), (b"x-twice", b"2")),
    bytes(range(256)),
)


@asynccontextmanager
async def a_file(path: Path, **changes: Any) -> AsyncIterator[AnswersFile]:
    named: dict[str, Any] = {"key": KEY, "lifetime_s": LIFETIME_S, "total_bytes_max": ROOM, **changes}
    answers = AnswersFile(path / "answers", **named)
    try:
        yield answers
    finally:
        await answers.close()


@pytest.fixture(params=["file", "memory"])
async def answers(request: pytest.FixtureRequest, tmp_path: Path) -> AsyncIterator[Answers]:
    """Give the real thing, and the stand-in that is held to the same promises."""
    if request.param == "memory":
        yield MemoryAnswers(LIFETIME_S)
    else:
        async with a_file(tmp_path) as real:
            yield real


def on_disk(folder: Path) -> bytes:
    return b"".join(path.read_bytes() for path in sorted(folder.iterdir()))


def modes(folder: Path) -> set[int]:
    return {stat.S_IMODE(path.stat().st_mode) for path in folder.iterdir()}


async def test_an_answer_is_found_before_it_is_written(answers: Answers) -> None:
    """Whoever asks again at once gets what is still on its way to the file, and then the newest of it."""
    newer = Kept(200, (), b"newer")
    writing = [answers.keep("call_1", ODD, NOW_US), answers.keep("call_1", newer, NOW_US)]

    assert await answers.find("call_1", NOW_US) == newer
    await asyncio.gather(*writing)
    assert await answers.find("call_1", NOW_US) == newer


async def test_an_answer_comes_back_as_it_was(answers: Answers) -> None:
    """Status, every field in its order and every byte; nothing for a call that kept none."""
    await answers.keep("call_1", ODD, NOW_US)

    assert await answers.find("call_1", NOW_US) == ODD
    assert await answers.find("call_2", NOW_US) is None


async def test_an_answer_is_gone_after_its_time(answers: Answers) -> None:
    """To the microsecond, and for good."""
    await answers.keep("call_1", ODD, NOW_US)
    end_us = NOW_US + LIFETIME_S * 1_000_000

    assert await answers.find("call_1", end_us - 1) == ODD
    assert await answers.find("call_1", end_us) is None


async def test_the_newest_answer_of_a_call_is_its_answer(answers: Answers) -> None:
    """Kept again, it lives from then on."""
    newer = Kept(200, (), b"newer")
    await answers.keep("call_1", ODD, NOW_US)
    await answers.keep("call_1", newer, NOW_US + 1)

    assert await answers.find("call_1", NOW_US + LIFETIME_S * 1_000_000) == newer


async def test_what_is_kept_outlives_the_process(tmp_path: Path) -> None:
    """A buyer may ask again after a restart."""
    async with a_file(tmp_path) as before:
        await before.keep("call_1", ODD, NOW_US)
    async with a_file(tmp_path) as after:
        assert await after.find("call_1", NOW_US) == ODD


async def test_nobody_reads_an_answer_on_disk(tmp_path: Path) -> None:
    """Neither body nor fields are there in the clear, before or after the file is closed; mode 0600."""
    kept = Kept(200, ((b"x-canary", b"field-canary"),), b"body-canary" * 99)
    async with a_file(tmp_path) as answers:
        await answers.keep("call_1", kept, NOW_US)
        assert b"canary" not in on_disk(tmp_path)
        assert modes(tmp_path) == {0o600}

    assert b"canary" not in on_disk(tmp_path)
    assert b"call_1" in on_disk(tmp_path)


async def test_an_answer_is_sealed_for_its_call(tmp_path: Path) -> None:
    """A row moved to another call, or read with another key, is no answer."""
    async with a_file(tmp_path) as answers:
        await answers.keep("call_1", ODD, NOW_US)
        answers._open().execute("UPDATE answers SET call_id = 'call_2'")
        assert await answers.find("call_2", NOW_US) is None
        await answers.keep("call_1", ODD, NOW_US)
    async with a_file(tmp_path, key=bytes(32)) as other:
        assert await other.find("call_1", NOW_US) is None


async def test_two_answers_alike_do_not_look_alike(tmp_path: Path) -> None:
    """Each is sealed with a nonce of its own."""
    async with a_file(tmp_path) as answers:
        for call in ("call_1", "call_2"):
            await answers.keep(call, ODD, NOW_US)
        rows = answers._open().execute("SELECT substr(sealed, 1, 12) FROM answers").fetchall()

        assert len(set(rows)) == 2


async def test_the_oldest_give_way(tmp_path: Path) -> None:
    """All of them together stay within their room, also what an earlier run has kept."""
    body = b"x" * (ROOM // 4)
    async with a_file(tmp_path) as answers:
        for number in range(3):
            await answers.keep(f"call_{number}", Kept(200, (), body), NOW_US + number)
    async with a_file(tmp_path) as answers:
        for number in (3, 4, 4):
            await answers.keep(f"call_{number}", Kept(200, (), body), NOW_US + number)
        (size,) = answers._open().execute("SELECT sum(length(sealed)) FROM answers").fetchone()

        assert size <= ROOM
        found = [await answers.find(f"call_{number}", NOW_US) is not None for number in range(5)]
        assert found == [False, False, True, True, True]


async def test_an_answer_larger_than_the_room_is_not_kept(tmp_path: Path) -> None:
    """It is let go, and what comes later is kept again."""
    async with a_file(tmp_path) as answers:
        await answers.keep("call_1", Kept(200, (), b"x" * ROOM), NOW_US)
        assert await answers.find("call_1", NOW_US) is None
        await answers.keep("call_2", ODD, NOW_US)
        assert await answers.find("call_2", NOW_US) == ODD


async def test_what_is_over_leaves_the_file(tmp_path: Path) -> None:
    """The next answer takes its place, whether or not anybody asked for it."""
    async with a_file(tmp_path) as answers:
        await answers.keep("call_1", ODD, NOW_US)
        await answers.keep("call_2", ODD, NOW_US + LIFETIME_S * 1_000_000)
        rows = answers._open().execute("SELECT call_id FROM answers").fetchall()

        assert rows == [("call_2",)]


@pytest.mark.parametrize("trouble", ["no folder", "not a database"])
async def test_a_file_that_cannot_be_used_is_a_missing_answer(tmp_path: Path, trouble: str) -> None:
    """Nothing here raises: losing an answer costs a repeat, never money."""
    folder = tmp_path / "none" if trouble == "no folder" else tmp_path
    if trouble == "not a database":
        (tmp_path / "answers").write_bytes(b"something else" * 999)
    async with a_file(folder) as answers:
        await answers.keep("call_1", ODD, NOW_US)
        assert await answers.find("call_1", NOW_US) is None


async def test_many_at_once_do_not_disturb_each_other(tmp_path: Path) -> None:
    """Answers are kept and found by calls that run at the same time."""
    async with a_file(tmp_path) as answers:
        calls = [f"call_{number}" for number in range(50)]
        await asyncio.gather(*(answers.keep(call, Kept(200, (), call.encode()), NOW_US) for call in calls))
        found = await asyncio.gather(*(answers.find(call, NOW_US) for call in calls))

        assert [kept.body.decode() for kept in found if kept] == calls


async def test_answers_that_come_together_are_written_together(tmp_path: Path) -> None:
    """Each is there once its keeper was told, also one that is kept again; the last word on a call counts."""
    async with a_file(tmp_path) as answers:
        keeping = [
            answers.keep(f"call_{number % 7}", Kept(200, (), b"%d" % number), NOW_US) for number in range(20)
        ]
        await asyncio.gather(*keeping)
        found = [await answers.find(f"call_{number}", NOW_US) for number in range(7)]
        (size,) = answers._open().execute("SELECT sum(length(sealed)) FROM answers").fetchone()

        assert [each.body for each in found if each] == [b"14", b"15", b"16", b"17", b"18", b"19", b"13"]
        assert answers._total_bytes == size


async def test_what_waits_is_written_before_the_file_is_closed(tmp_path: Path) -> None:
    """The end of the process loses nothing that was on its way."""
    async with a_file(tmp_path) as answers:
        keeping = answers.keep("call_1", ODD, NOW_US)
    await keeping
    async with a_file(tmp_path) as answers:
        assert await answers.find("call_1", NOW_US) == ODD
