"""Completion scripts, written from the parsers themselves: what a shell offers is what a command takes.

Pure. bash and zsh run the same function; fish has rules of its own.
"""

import argparse
import shlex
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import Final

PROGRAM: Final = "sidecar"


@dataclass(frozen=True, slots=True)
class Option:
    """An option by its names; `choices` of its value are known, or it `takes` one that is not."""

    names: tuple[str, ...]
    help: str
    takes: bool = False
    choices: tuple[str, ...] = ()
    file: bool = False


@dataclass(frozen=True, slots=True)
class Words:
    """What may follow a command: its options, words of a fixed set or a file, and the commands below it."""

    help: str
    options: tuple[Option, ...] = ()
    choices: tuple[str, ...] = ()
    below: Mapping[str, "Words"] = field(default_factory=dict)
    file: bool = False


def words_of(parser: argparse.ArgumentParser, actions: Sequence[argparse.Action]) -> Words:
    """Read what *parser*, whose arguments are *actions*, takes."""
    options: list[Option] = []
    choices: list[str] = []
    below: dict[str, Words] = {}
    file = False
    for action in actions:
        known = action.choices
        if action.help == argparse.SUPPRESS:
            continue
        if action.option_strings:
            options.append(_option(action))
        elif isinstance(known, Mapping):
            below |= {name: words_of(each, each.actions()) for name, each in known.items()}
        elif known is not None:
            choices += map(str, known)
        else:
            file |= action.type is Path
    return Words(parser.description or "", tuple(options), tuple(choices), below, file)


def _option(action: argparse.Action) -> Option:
    return Option(
        names=tuple(action.option_strings),
        help=action.help or "",
        takes=action.nargs != 0,
        choices=tuple(map(str, action.choices or ())),
        file=action.type is Path,
    )


def bash(top: Words) -> str:
    """Return the script for bash."""
    return _BASH.format(
        program=PROGRAM,
        steps="|".join(_quoted(f"{path} {name}") for path, words in _walk(top) for name in words.below),
        values="\n".join(_bash_values(top)),
        words="\n".join(
            f'        {_quoted(path)}) offered="{" ".join(_offered(words))}" ;;' for path, words in _walk(top)
        ),
    )


def zsh(top: Words) -> str:
    """Return the script for zsh, which can run bash's."""
    return f"autoload -U +X compinit && compinit\nautoload -U +X bashcompinit && bashcompinit\n{bash(top)}"


def fish(top: Words) -> str:
    """Return the script for fish."""
    lines = [f"# Completion of {PROGRAM} for fish", f"complete -c {PROGRAM} -f"]
    for path, words in _walk(top):
        seen = [f"__fish_seen_subcommand_from {word}" for word in path.split()]
        none = f"not __fish_seen_subcommand_from {' '.join(words.below)}" if words.below else ""
        here = "; and ".join(filter(None, (*seen, none)))
        for name, below in words.below.items():
            lines.append(_fish_rule(here, f"-a {name}", below.help))
        if words.choices:
            lines.append(_fish_rule(here, f"-a {shlex.quote(' '.join(words.choices))}", ""))
        if words.file:  # bash and zsh offer files by themselves where nothing of ours begins so
            lines.append(_fish_rule(here, "-F", ""))
        if path:
            lines += [
                _fish_rule("; and ".join(seen), _fish_option(each), each.help) for each in words.options
            ]
    return "\n".join(lines) + "\n"


def _walk(words: Words, path: str = "") -> Iterator[tuple[str, Words]]:
    """Give every command with the words that lead to it, the top first."""
    yield path, words
    for name, below in words.below.items():
        yield from _walk(below, f"{path} {name}".strip())


def _offered(words: Words) -> list[str]:
    return [*words.below, *words.choices, *(name for option in words.options for name in option.names)]


def _bash_values(top: Words) -> Iterator[str]:
    for path, words in _walk(top):
        for option in words.options:
            if option.takes:
                names = "|".join(_quoted(f"{path} {name}") for name in option.names)
                # Where nothing is offered by us the shell offers files.
                offer = f'offered="{" ".join(option.choices)}"' if option.choices else "return"
                yield f"        {names}) {offer} ;;"


def _quoted(text: str) -> str:
    return f'"{text}"'


def _fish_option(option: Option) -> str:
    names = [
        f"-l {name.removeprefix('--')}" if name.startswith("--") else f"-s {name[1:]}"
        for name in option.names
    ]
    if option.choices:
        names.append(f"-x -a {shlex.quote(' '.join(option.choices))}")
    elif option.takes:
        names.append("-r -F" if option.file else "-x")
    return " ".join(names)


def _fish_rule(here: str, rule: str, text: str) -> str:
    told = f" -d {shlex.quote(text)}" if text else ""
    return f"complete -c {PROGRAM} -n {shlex.quote(here)} {rule}{told}"


_BASH: Final = """\
# Completion of {program} for bash
_{program}() {{
    local current="${{COMP_WORDS[COMP_CWORD]}}" previous="${{COMP_WORDS[COMP_CWORD-1]}}"
    local place="" offered="" index
    COMPREPLY=()
    for ((index = 1; index < COMP_CWORD; index++)); do
        case "$place ${{COMP_WORDS[index]}}" in
        {steps}) place="${{place:+$place }}${{COMP_WORDS[index]}}" ;;
        esac
    done
    case "$place $previous" in
{values}
    *)
        case "$place" in
{words}
        esac
        ;;
    esac
    COMPREPLY=($(compgen -W "$offered" -- "$current"))
}}
complete -o default -F _{program} {program}
"""
