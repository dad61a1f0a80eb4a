"""The style of the house, tested: sizes, mirrors, banned calls, money without floats, nothing unreached."""

import ast
import json
import re
import subprocess
import tomllib
from collections.abc import Iterator
from pathlib import Path

import pytest

ROOT = Path(__file__).resolve().parent.parent
PACKAGES = ("ledger", "pricing", "sidecar")
MODULES = sorted(path for package in PACKAGES for path in (ROOT / package).rglob("*.py"))
MIRRORED = sorted(path for package in PACKAGES for path in (ROOT / "tests" / package).rglob("test_*.py"))
FUNCTION_LINES_MAX = 70
MODULE_LINES_MAX = 300
BANNED_NAMES = {"utils", "helpers", "common", "base", "manager", "misc"}
# Only these ask the machine for time or randomness; everything else is told.
SOURCES = ("sidecar/adapters/system.py", "sidecar/sandbox/", "sidecar/commands/")
BANNED_CALLS = re.compile(
    r"\b(?:datetime\.(?:now|utcnow|today)|date\.today|time\.(?:time|time_ns|monotonic|monotonic_ns|perf_counter)"
    r"|uuid\.uuid[14]|uuid[14]\(|random\.|secrets\.(?:token|choice|rand|below)\w*|os\.urandom)\b"
)
REQUEST_URL = re.compile(r"\brequest\.url\b")


def name_of(path: Path) -> str:
    return path.relative_to(ROOT).as_posix()


def tree_of(path: Path) -> ast.Module:
    return ast.parse(path.read_text(encoding="utf-8"), filename=str(path))


def functions(path: Path) -> Iterator[ast.FunctionDef | ast.AsyncFunctionDef]:
    for node in ast.walk(tree_of(path)):
        if isinstance(node, ast.FunctionDef | ast.AsyncFunctionDef):
            yield node


def joins_a_path(node: ast.BinOp) -> bool:
    return isinstance(node.right, ast.Constant) and isinstance(node.right.value, str)


def only_declares(path: Path) -> bool:
    """Whether a module holds nothing that runs: constants, enums, dataclasses and protocols."""

    def runs(node: ast.stmt) -> bool:
        if isinstance(node, ast.FunctionDef | ast.AsyncFunctionDef):
            body = [part for part in node.body if not isinstance(part, ast.Expr)]
            return bool(body)
        return isinstance(node, ast.ClassDef) and any(runs(part) for part in node.body)

    return not any(runs(node) for node in tree_of(path).body)


@pytest.mark.parametrize("path", MODULES, ids=name_of)
def test_a_module_has_one_idea_that_it_names_first(path: Path) -> None:
    """A module opens with its job, is not named for nothing, and stays within its size."""
    text = path.read_text(encoding="utf-8")

    assert ast.get_docstring(tree_of(path)) is not None
    assert path.stem not in BANNED_NAMES
    assert text.count("\n") <= MODULE_LINES_MAX


@pytest.mark.parametrize("path", MODULES, ids=name_of)
def test_a_function_fits_a_screen(path: Path) -> None:
    """No function is longer than a screen."""
    long = {
        f.name: size
        for f in functions(path)
        if (size := (f.end_lineno or 0) - f.lineno + 1) > FUNCTION_LINES_MAX
    }

    assert long == {}


@pytest.mark.parametrize("path", MODULES, ids=name_of)
def test_time_and_chance_come_in_from_outside(path: Path) -> None:
    """Nobody but the system adapter asks for the time or for randomness, and nobody trusts `request.url`."""
    text = path.read_text(encoding="utf-8")

    assert REQUEST_URL.findall(text) == []
    if not name_of(path).startswith(SOURCES):
        assert BANNED_CALLS.findall(text) == []


@pytest.mark.parametrize(
    "path", [p for p in MODULES if name_of(p).startswith(("ledger/", "pricing/"))], ids=name_of
)
def test_money_knows_no_float(path: Path) -> None:
    """No float, float literal, true division or round() where money is reckoned."""
    found = [
        ast.unparse(node)
        for node in ast.walk(tree_of(path))
        if (isinstance(node, ast.Constant) and isinstance(node.value, float))
        or (isinstance(node, ast.BinOp) and isinstance(node.op, ast.Div) and not joins_a_path(node))
        or (isinstance(node, ast.AugAssign) and isinstance(node.op, ast.Div))
        or (isinstance(node, ast.Name) and node.id in {"float", "round"})
    ]

    assert found == []


def mirror_of(path: Path) -> Path:
    """The test file of a module; a package's own is named after its folder."""
    module = path.relative_to(ROOT)
    place = module.parent if path.stem == "__init__" else module.with_suffix("")
    return ROOT / "tests" / place.parent / f"test_{place.name}.py"


def test_every_module_has_its_test_and_back() -> None:
    """What runs is tested in the file that mirrors it, and no test mirrors nothing."""
    doors = {"__init__", "__main__"}  # what they open is tested where it is
    running = {mirror_of(path) for path in MODULES if not only_declares(path) and path.stem not in doors}
    every = {mirror_of(path) for path in MODULES}

    assert sorted(map(name_of, running - set(MIRRORED))) == []
    assert sorted(map(name_of, set(MIRRORED) - every)) == []


def test_every_module_is_reached() -> None:
    """Every module is imported by another, is a command of the registry, or is an entry point."""
    imported = set()
    for path in MODULES:
        for node in ast.walk(tree_of(path)):
            if isinstance(node, ast.ImportFrom) and node.module:
                imported |= {node.module, *(f"{node.module}.{alias.name}" for alias in node.names)}
            elif isinstance(node, ast.Import):
                imported |= {alias.name for alias in node.names}
    text = (ROOT / "sidecar/cli.py").read_text(encoding="utf-8")
    sandbox = (ROOT / "sidecar/sandbox/child.py").read_text(encoding="utf-8")
    unreached = []
    for path in MODULES:
        module = name_of(path).removesuffix(".py").replace("/", ".").removesuffix(".__init__")
        by_name = f'"{path.stem}"' in text or f'"{path.stem}"' in sandbox or f"sandbox.{path.stem}" in sandbox
        if module not in imported and not by_name and path.stem not in {"__main__", "__init__"}:
            unreached.append(module)

    # Entry points, the store that others are held against, and the one that is loaded late.
    apart = {"sidecar.cli", "sidecar.sandbox.child", "ledger.stores.memory", "ledger.stores.postgres.store"}
    assert set(unreached) - apart == set()


def test_no_file_names_a_machine_or_a_package_host() -> None:
    """What is committed works anywhere: no absolute path of a machine, no package host."""
    files = subprocess.run(
        ["git", "ls-files", "--cached", "--others", "--exclude-standard"],
        cwd=ROOT,
        capture_output=True,
        text=True,
        check=True,
    ).stdout.split("\n")
    hosts = re.compile("files.python" + "hosted|py" + r"pi\.org|registry\.npm" + r"js|deb\.debian")
    paths = re.compile(r"(?:^|[^A-Za-z0-9_.])/(?:ro" + r"ot|wo" + r"rk|home/[a-z]+)/")
    wrong = []
    for name in filter(None, files):
        path = ROOT / name
        if path.is_file() and path.suffix not in {".png", ".db"}:
            text = path.read_text(encoding="utf-8", errors="replace")
            if hosts.search(text) or paths.search(text):
                wrong.append(name)

    assert wrong == []


def test_the_lock_holds_what_the_project_asks_for() -> None:
    """Every dependency that pyproject.toml names is pinned, with hashes, in the lock that installs it."""
    project = tomllib.loads((ROOT / "pyproject.toml").read_text(encoding="utf-8"))["project"]
    extras = project["optional-dependencies"]
    wanted = {
        "runtime": project["dependencies"],
        "demo": [*project["dependencies"], *extras["sandbox"]],
        "dev": [*project["dependencies"], *extras["sandbox"], *extras["dev"], *extras["postgres"]],
        "bench": extras["bench"],
        "image": [*project["dependencies"], *extras["sqlite"], *extras["postgres"]],
    }
    for lock, requirements in wanted.items():
        text = (ROOT / "lock" / f"{lock}.txt").read_text(encoding="utf-8")
        names = {re.split(r"[\[<>=; ]", requirement)[0].lower() for requirement in requirements}
        missing = {
            name for name in names if not re.search(rf"^{re.escape(name)}(\[.*\])?==", text, re.MULTILINE)
        }

        assert missing - {"x402-sidecar"} == set(), lock
        assert text.count("==") <= text.count("--hash=sha256:")


def test_the_npm_lock_names_hashes_and_no_place() -> None:
    """What the acceptance tests install is known by its hash, wherever this machine's npm looks for it."""
    packages = json.loads((ROOT / "tests/accept/package-lock.json").read_text(encoding="utf-8"))["packages"]

    del packages[""]
    assert {name for name, package in packages.items() if "integrity" not in package} == set()
    assert {name for name, package in packages.items() if "resolved" in package} == set()


def test_every_dependency_has_its_line() -> None:
    """Each package the project asks for by name has its reason, size and licence written down."""
    project = tomllib.loads((ROOT / "pyproject.toml").read_text(encoding="utf-8"))["project"]
    extras = project["optional-dependencies"]
    written = (ROOT / "docs/decisions/0001-dependencies.md").read_text(encoding="utf-8").lower()
    names = {
        re.split(r"[\[<>=; ]", requirement)[0].lower()
        for requirement in [*project["dependencies"], *(each for extra in extras.values() for each in extra)]
    }

    assert {name for name in names if f"| {name} |" not in written} - {"x402-sidecar"} == set()
