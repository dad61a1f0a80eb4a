"""Nonces: ours, for one path, for five minutes, once, and never a memory that grows."""

import os

import pytest

from sidecar.http.wallet.nonces import LIFE_S, Nonces

SECRET = bytes(range(32))
PATH = b"/__402/credits"
NOW_S = 1_790_000_000


def some_nonces(spent_max: int = 100) -> Nonces:
    return Nonces(SECRET, os.urandom, spent_max=spent_max)


def test_a_nonce_is_good_until_its_time_is_over() -> None:
    """To the second; letters and digits alone, as a sign-in message wants it."""
    nonces = some_nonces()
    nonce = nonces.issue(PATH, NOW_S)

    assert nonce.isalnum()
    assert nonce.isascii()
    assert nonces.good(nonce, PATH, NOW_S)
    assert nonces.good(nonce, PATH, NOW_S + LIFE_S)
    assert not nonces.good(nonce, PATH, NOW_S + LIFE_S + 1)


def test_a_nonce_is_spent_once() -> None:
    """Spending one leaves those issued in the same second good."""
    nonces = some_nonces()
    first, second = nonces.issue(PATH, NOW_S), nonces.issue(PATH, NOW_S)
    nonces.spend(first, NOW_S)

    assert first != second
    assert not nonces.good(first, PATH, NOW_S)
    assert nonces.good(second, PATH, NOW_S)


def test_a_nonce_is_for_its_path_and_its_secret() -> None:
    """Elsewhere it opens nothing; another process with the secret takes it."""
    nonce = some_nonces().issue(PATH, NOW_S)

    assert not some_nonces().good(nonce, b"/__402/statement", NOW_S)
    assert some_nonces().good(nonce, PATH, NOW_S)
    assert not Nonces(bytes(32), os.urandom).good(nonce, PATH, NOW_S)


@pytest.mark.parametrize("odd", ["", "0" * 66, "x" * 66, "\u0660" * 66, "a", "A" * 10_000])
def test_what_we_did_not_make_is_not_good(odd: str) -> None:
    """Neither is one of ours in which a single character is another one."""
    nonces = some_nonces()
    nonce = nonces.issue(PATH, NOW_S)
    changed = [
        nonce[:place] + ("0" if nonce[place] != "0" else "1") + nonce[place + 1 :]
        for place in range(len(nonce))
    ]

    assert not nonces.good(odd, PATH, NOW_S)
    assert not any(nonces.good(each, PATH, NOW_S) for each in (*changed, nonce + "0", nonce.upper() + "a"))


def test_what_is_over_is_forgotten_first() -> None:
    """Room is made by nonces that are too old to be good; nothing else is lost."""
    nonces = some_nonces(spent_max=4)
    for _ in range(4):
        nonces.spend(nonces.issue(PATH, NOW_S), NOW_S)
    later_s = NOW_S + LIFE_S + 1
    spent, good = nonces.issue(PATH, later_s), nonces.issue(PATH, later_s)
    nonces.spend(spent, later_s)

    assert not nonces.good(spent, PATH, later_s)
    assert nonces.good(good, PATH, later_s)


def test_a_full_memory_takes_no_nonce_twice() -> None:
    """When many are spent within their time, older ones lose their time: one more challenge, no replay."""
    nonces = some_nonces(spent_max=10)
    kept = [nonces.issue(PATH, NOW_S + number) for number in range(40)]
    now_s = NOW_S + 40
    unused = nonces.issue(PATH, NOW_S)
    for nonce in kept:
        if nonces.good(nonce, PATH, now_s):
            nonces.spend(nonce, now_s)

    assert not any(nonces.good(nonce, PATH, now_s) for nonce in kept)
    assert not nonces.good(unused, PATH, now_s)
    assert nonces.good(nonces.issue(PATH, now_s), PATH, now_s)
