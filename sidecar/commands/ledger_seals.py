"""`sidecar ledger verify` and `prove`: the seals of the books, checked and shown to others. Reads only."""

import argparse
from typing import Final

from sidecar.commands.configured import settings_of
from sidecar.commands.errors import Exit, Sentence
from sidecar.commands.opened import books_place, print_json
from sidecar.commands.progress import Progress
from sidecar.commands.subcommands import Subcommand
from sidecar.commands.tables import printable

KEY_DIGITS: Final = 64


def _configure_verify(parser: argparse.ArgumentParser) -> None:
    parser.add_argument(
        "--public-key",
        type=_key,
        metavar="HEX",
        help="the key that signed the books; default: the one of the secrets beside them",
    )


def _configure_prove(parser: argparse.ArgumentParser) -> None:
    parser.add_argument("journal", help="the id of a journal, as in `/api/v1/ledger/journals`")
    _configure_verify(parser)


def _verify(arguments: argparse.Namespace) -> int:
    from sidecar.adapters.storage.sealed import verify_books  # noqa: PLC0415 - only when books are read

    with books_place(arguments) as place, Progress("verifying the seals"):
        answer = verify_books(place, _public_key(arguments))
    if arguments.json:
        print_json(answer)
    elif answer["verified"]:
        print(f"{answer['journals']} journals are what was sealed, head {answer['head']}")
        print(f"{answer['signed_journals']} of them are signed, with {answer['public_key']}")
    bad = answer["first_bad"]
    if bad is not None:
        where = f"row {bad['row']} of {bad['table']} {bad['what']}"
        raise Sentence(Exit.FOUND_WRONG, f"the books are not what was sealed: {where}")
    return Exit.FINE


def _prove(arguments: argparse.Namespace) -> int:
    from ledger.proving import Unproven  # noqa: PLC0415 - only when books are read
    from sidecar.adapters.storage.sealed import prove_journal  # noqa: PLC0415 - only when books are read

    with books_place(arguments) as place:
        try:
            answer = prove_journal(place, arguments.journal, _public_key(arguments))
        except Unproven as why:
            raise Sentence(Exit.FOUND_WRONG, printable(str(why))) from why
    if arguments.json:
        print_json(answer)
    else:
        print(answer["journal"])
        print(f"is proven by {len(answer['path'])} hashes and the signature of {answer['public_key']}")
        print("--json gives the proof for others; examples/check_proof.py checks it")
    return Exit.FINE


def _public_key(arguments: argparse.Namespace) -> bytes:
    from ledger.signing import Signer  # noqa: PLC0415 - only when books are read
    from sidecar.adapters import secrets  # noqa: PLC0415 - only when books are read

    if arguments.public_key is not None:
        return bytes(arguments.public_key)
    path = settings_of(arguments).storage
    try:
        kept = secrets.existing(path)
    except secrets.SecretsUnusable as fault:
        raise Sentence(Exit.UNREACHABLE, str(fault)) from fault
    if kept is None:
        why = f"there is no key to verify with beside {path}: say --public-key, or start the sidecar once"
        raise Sentence(Exit.UNREACHABLE, why)
    return Signer(kept.checkpoints).public_key


def _key(text: str) -> bytes:
    """Read a public key for argparse, which says itself that the argument is wrong."""
    if len(text) != KEY_DIGITS or not text.isalnum():  # spaces are passed over by what reads the digits
        raise argparse.ArgumentTypeError(f"a public key has {KEY_DIGITS} hexadecimal digits")
    try:
        return bytes.fromhex(text)
    except ValueError:
        raise argparse.ArgumentTypeError(f"a public key has {KEY_DIGITS} hexadecimal digits") from None


SUBCOMMANDS: Final = (
    Subcommand(
        "verify", "find the first row that is not what was sealed and signed", _verify, _configure_verify
    ),
    Subcommand("prove", "show that a journal is in the signed books", _prove, _configure_prove),
)
"""What the seals are for."""
