"""The map of docs and style, as a test: who may import whom, and who may touch the world.

`ROWS` is the same table as in the development guide; change both together.
"""

import ast
import shutil
import subprocess
from collections.abc import Iterator
from pathlib import Path
from typing import NamedTuple

import pytest

ROOT = Path(__file__).resolve().parents[2]
PACKAGE = ROOT / "datav"

# A part imports from the rows above its own.  Parts of one row do not import each other, except in the
# first, where each may import those before it.
ROWS = (
    ("errors", "ids", "relpath", "settings", "progress"),
    ("core", "formats", "git"),
    ("storage",),
    ("store", "tables", "workspace"),
    ("profiles", "merging"),
    ("drift",),
    ("checks", "lineage"),
    ("repo",),
    ("report",),
    ("cli",),
)

# `core` is computing and nothing else, so it may serve `formats` beside it: looking an id up in an index
# and cutting a node's entries are loops over bytes that need native code.
ALSO_ALLOWED = {("formats", "core")}

# The public face: `datav.Repo` and the like, fetched from `repo` when they are first used.
FACE = "datav"
FACE_MAY_IMPORT = {"errors", "ids", "relpath", "settings", "progress", "repo"}
# `python -m datav`.
MAIN = "__main__"

PURE = {"core", "formats"}
# fmt: off
IMPURE_MODULES = frozenset({
    "asyncio", "concurrent", "fcntl", "fsspec", "getpass", "glob", "http", "io", "logging", "mmap", "msvcrt",
    "multiprocessing", "os", "pathlib", "platform", "pyarrow.fs", "random", "s3fs", "sched", "secrets",
    "select", "selectors", "shutil", "signal", "socket", "sqlite3", "ssl", "subprocess", "tempfile",
    "threading", "time", "urllib.request", "uuid",
})
# fmt: on
# Facts of the machine that no run changes; the rest of `sys` is the process.
PURE_FACTS = {"sys", "sys.byteorder", "sys.maxsize"}
IMPURE_CALLS = frozenset({"open", "input", "print", "exit", "quit", "breakpoint"})

STARTS_PROCESSES = {"git"}
PROCESS_CALLS = ("os.system", "os.popen", "os.exec", "os.spawn", "os.posix_spawn", "os.fork", "os.startfile")

READS_ENVIRONMENT = {"cli"}
# Not to read it, but to hand it on to the process it starts.
PASSES_ENVIRONMENT = {"git"}
ENVIRONMENT = ("os.environ", "os.environb", "os.getenv", "os.getenvb", "os.putenv", "os.unsetenv")

TOP_LEVEL = {"pyproject.toml", "README.md", "LICENSE", "datav", "tests", "docs"}


class Source(NamedTuple):
    """One module of datav, parsed."""

    path: Path
    part: str
    """The first name below `datav`."""
    tree: ast.Module

    def at(self, node: ast.AST) -> str:
        return f"{self.path.relative_to(ROOT)}:{getattr(node, 'lineno', 0)}"


def read_source(path: Path) -> Source:
    relative = path.relative_to(PACKAGE)
    part = relative.parts[0] if len(relative.parts) > 1 else relative.stem
    return Source(path, FACE if part == "__init__" else part, ast.parse(path.read_bytes(), str(path)))


SOURCES = [read_source(path) for path in sorted(PACKAGE.rglob("*.py"))]


def iter_imports(source: Source) -> Iterator[tuple[ast.stmt, str]]:
    """Yield each imported dotted name, wherever in the module the import stands."""
    package = ["datav", *source.path.relative_to(PACKAGE).parts[:-1]]
    for node in ast.walk(source.tree):
        if isinstance(node, ast.Import):
            yield from ((node, alias.name) for alias in node.names)
        elif isinstance(node, ast.ImportFrom):
            base = package[: len(package) - node.level + 1] if node.level else []
            module = ".".join([*base, *(node.module.split(".") if node.module else [])])
            yield from ((node, f"{module}.{alias.name}") for alias in node.names)


def iter_parts(source: Source) -> Iterator[tuple[ast.stmt, str]]:
    """Yield the parts of datav that a module imports; `datav` itself for what is in its `__init__`."""
    for node, name in iter_imports(source):
        if name == "datav" or name.startswith("datav."):
            below = name.split(".")[1:2]
            is_part = bool(below) and (
                (PACKAGE / below[0]).is_dir() or (PACKAGE / f"{below[0]}.py").is_file()
            )
            yield node, below[0] if is_part else FACE


def dotted(node: ast.expr) -> str:
    """Return `a.b.c` for an attribute of a name, else nothing."""
    if isinstance(node, ast.Name):
        return node.id
    if isinstance(node, ast.Attribute):
        base = dotted(node.value)
        return f"{base}.{node.attr}" if base else ""
    return ""


def iter_uses(source: Source) -> Iterator[tuple[ast.AST, str]]:
    """Yield dotted names that are used or imported."""
    yield from iter_imports(source)
    for node in ast.walk(source.tree):
        if isinstance(node, ast.Attribute):
            yield node, dotted(node)


def iter_calls(source: Source) -> Iterator[tuple[ast.Call, str]]:
    for node in ast.walk(source.tree):
        if isinstance(node, ast.Call):
            yield node, dotted(node.func)


def may_import(importer: str, imported: str) -> bool:
    if importer in (imported, MAIN) or (importer, imported) in ALSO_ALLOWED:
        return True
    if imported == FACE:
        return True  # only for `__version__`: see the test on the face below
    if importer == FACE:
        return imported in FACE_MAY_IMPORT
    rows = {part: number for number, row in enumerate(ROWS) for part in row}
    if rows[importer] == rows[imported] == 0:
        return ROWS[0].index(importer) != ROWS[0].index(imported)  # that it is acyclic is tested below
    return rows[imported] < rows[importer]


def is_module(name: str, modules: frozenset[str]) -> bool:
    return any(name == module or name.startswith(f"{module}.") for module in modules)


def test_every_part_is_on_the_map():
    known = {part for row in ROWS for part in row} | {FACE, MAIN}

    assert sorted({source.part for source in SOURCES} - known) == []


def test_imports_go_up_the_map():
    wrong = [
        f"{source.at(node)} {source.part} imports {part}"
        for source in SOURCES
        for node, part in iter_parts(source)
        if not may_import(source.part, part)
    ]

    assert wrong == []


def test_the_first_row_is_acyclic():
    imports = {
        part: {to for source in SOURCES if source.part == part for _, to in iter_parts(source)} - {part}
        for part in ROWS[0]
    }

    while free := [part for part, needed in imports.items() if not needed & imports.keys()]:
        for part in free:
            del imports[part]
    assert imports == {}


def test_nobody_imports_the_public_face_but_for_the_version():
    wrong = [
        f"{source.at(node)} {name}"
        for source in SOURCES
        if source.part != FACE
        for node, name in iter_imports(source)
        if name == "datav" or (name.startswith("datav.__") and name != "datav.__version__")
    ]

    assert wrong == []


def test_the_public_face_imports_lazily():
    (face,) = (source for source in SOURCES if source.part == FACE)
    eager = {
        part
        for statement in face.tree.body
        if isinstance(statement, ast.Import | ast.ImportFrom)
        for _, part in iter_parts(face._replace(tree=ast.Module([statement], [])))
    }

    assert eager & {"repo"} == set()


def test_core_and_formats_are_pure():
    wrong = [
        f"{source.at(node)} {name}"
        for source in SOURCES
        if source.part in PURE
        for node, name in [
            *((node, name) for node, name in iter_imports(source) if is_module(name, IMPURE_MODULES)),
            *(
                (node, name)
                for node, name in iter_uses(source)
                if name.startswith("sys.") and name not in PURE_FACTS
            ),
            *((node, name) for node, name in iter_calls(source) if name in IMPURE_CALLS),
            *(
                (node, name)
                for node, name in iter_calls(source)
                if name.endswith((".now", ".today", ".utcnow"))
            ),
        ]
    ]

    assert wrong == []


def test_only_git_starts_processes():
    wrong = [
        f"{source.at(node)} {name}"
        for source in SOURCES
        if source.part not in STARTS_PROCESSES
        for node, name in iter_uses(source)
        if is_module(name, frozenset({"subprocess"})) or name.startswith(PROCESS_CALLS)
    ]

    assert wrong == []


def test_only_repo_starts_pools():
    wrong = [
        f"{source.at(node)} {name}"
        for source in SOURCES
        if source.part != "repo"
        for node, name in iter_calls(source)
        if name.endswith(("ThreadPoolExecutor", "ProcessPoolExecutor"))
    ]

    assert wrong == []


def test_only_cli_reads_the_environment():
    wrong = [
        f"{source.at(node)} {name}"
        for source in SOURCES
        if source.part not in READS_ENVIRONMENT | PASSES_ENVIRONMENT
        for node, name in iter_uses(source)
        if name in ENVIRONMENT
    ]

    assert wrong == []


def test_only_cli_prints_asks_and_exits():
    wrong = [
        f"{source.at(node)} {name}"
        for source in SOURCES
        if source.part != "cli"
        for node, name in iter_calls(source)
        if name in ("print", "input", "exit", "quit", "breakpoint", "sys.exit", "os._exit", "os.abort")
    ]

    assert wrong == []


def test_nothing_else_lies_at_the_top():
    if shutil.which("git") is None or not (ROOT / ".git").exists():
        pytest.skip("not a checkout")
    # The checkout may belong to somebody else, as in a container.
    command = ["git", "-c", f"safe.directory={ROOT}", "ls-files", "-z"]
    listed = subprocess.run(command, cwd=ROOT, capture_output=True, check=True).stdout.decode().split("\0")

    top = {name.split("/")[0] for name in listed if name}

    assert sorted(name for name in top - TOP_LEVEL if not name.startswith(".")) == []
