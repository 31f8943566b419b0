"""datav diff"""

import io
import sys
from collections.abc import Callable, Iterator, Sequence
from contextlib import ExitStack, contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer

from datav.cli.columns import parse_columns
from datav.cli.context import opened, terminal
from datav.cli.main import NO_REVISION
from datav.cli.outputs import is_standard_output
from datav.cli.terminal import Terminal, complain, writing_output
from datav.errors import NotARepositoryError, UsageError
from datav.relpath import one_line
from datav.report.diff_sections import ALL, Sections
from datav.report.style import PLAIN, Style

if TYPE_CHECKING:
    from datav.repo.diff import Comparison, Depth
    from datav.repo.diffstats import StatsMode
    from datav.settings import TableSettings
    from datav.tables.options import DiffOptions
    from datav.tables.result import RowDiff

FORMS = ("text", "markdown", "json", "html", "csv", "parquet")
# Change feeds: docs/formats/feed.md
_FEEDS = ("csv", "parquet")
_EXTENSIONS = {".csv": "csv", ".parquet": "parquet", ".md": "markdown", ".json": "json", ".html": "html"}

# Of lines that nobody folds.
_FILE_WIDTH = 10_000
DEFAULT_LIMIT = 20
PAGE_LIMIT = 1000


def diff(
    words: Annotated[
        list[str] | None,
        typer.Argument(metavar="[REV [REV]] [-- PATH...]", help="What to compare, and of which data."),
    ] = None,
    files: Annotated[bool, typer.Option("--files", help="Show which files differ.")] = False,
    schema: Annotated[bool, typer.Option("--schema", help="Show how columns differ.")] = False,
    rows: Annotated[bool, typer.Option("--rows", help="Show how rows differ.")] = False,
    stats: Annotated[bool, typer.Option("--stats", help="Show how distributions differ.")] = False,
    stat: Annotated[bool, typer.Option("--stat", help="Show numbers only.")] = False,
    key: Annotated[
        str | None, typer.Option("--key", metavar="A,B", help="Columns that identify a row; '' for none.")
    ] = None,
    columns: Annotated[
        str | None, typer.Option("--columns", metavar="A,B", help="Compare only these.")
    ] = None,
    ignore_columns: Annotated[
        str | None, typer.Option("--ignore-columns", metavar="A,B", help="Do not compare these.")
    ] = None,
    where: Annotated[
        str | None, typer.Option("--where", metavar="CONDITION", help="Only rows that meet it.")
    ] = None,
    tolerance: Annotated[
        list[str] | None,
        typer.Option("--tolerance", metavar="X", help="0.01, 1%, price=0.5: nearer numbers are equal."),
    ] = None,
    typed: Annotated[bool, typer.Option("--typed", help="Compare the cells of texts by value.")] = False,
    ordered: Annotated[bool, typer.Option("--ordered", help="The order of rows matters.")] = False,
    limit: Annotated[
        str | None,
        typer.Option("--limit", metavar="N", help="Rows of a table to show, or `all`; 20, on a page 1000."),
    ] = None,
    form: Annotated[
        str | None, typer.Option("--format", metavar="F", help="text, markdown, json, html, csv, parquet.")
    ] = None,
    out: Annotated[
        Path | None,
        typer.Option("-o", "--output", metavar="FILE", help="Write there; `-`: to standard output."),
    ] = None,
    html: Annotated[
        Path | None, typer.Option("--html", metavar="FILE", help="Write a page with charts there.")
    ] = None,
    exit_code: Annotated[bool, typer.Option("--exit-code", help="Exit with 1 if there are any.")] = False,
    no_index: Annotated[
        bool, typer.Option("--no-index", help="Compare two files or directories, added or not.")
    ] = False,
) -> None:
    """Show what differs between two states of the data.

    Without REV: HEAD and the files on disk. A: A and the files on disk. A B, A..B: both. A...B: where they
    branched off, and B.
    + new. - gone. ~ changed. > elsewhere, or under another name. ? a guess.
    """
    output = terminal()
    if html is not None:
        form, out = _page_form(form, out, html), html
    if output.as_json:
        form = form or "json"
    _check_name(out)
    form = _form(form or ("text" if stat else _form_of(out)))
    is_piped = out is not None and is_standard_output(output.here / out)
    request = _Request(
        words=words or [],
        options=_options(key, columns, ignore_columns, where, tolerance or [], typed, ordered, form),
        sections=_sections(files, schema, rows, stats),
        is_stat=stat,
        limit=_limit(limit, form),
        form=form,
        out=None if is_piped else out,
        to_standard_output=is_piped,
    )
    _check_output(output, request, no_index)
    with _compared(output, request, no_index) as comparison:
        _show(output, request, comparison)
        is_different = exit_code and _has_differences(request, comparison)
        errors = comparison.errors
    for error in errors:
        complain(str(error), error.hint)
    if errors:
        raise typer.Exit(2)
    if is_different:
        raise typer.Exit(1)


def _has_differences(request: "_Request", comparison: "Comparison") -> bool:
    from datav.repo.diffcounting import has_differences

    asked = request.sections
    return has_differences(comparison.diff, files=asked.files, schema=asked.schema, rows=asked.rows)


@dataclass(frozen=True, slots=True)
class _Request:
    """What was asked for."""

    words: Sequence[str]
    options: "DiffOptions"
    sections: Sections
    is_stat: bool
    limit: int | None
    form: str
    out: Path | None
    """None: standard output."""
    to_standard_output: bool
    """Whether that was asked for."""

    @property
    def depth(self) -> "Depth":
        return "tables" if self.sections.schema or self.sections.rows else "files"

    @property
    def stats(self) -> "StatsMode":
        if self.sections.measures:
            return "always"
        return "cheap" if self.sections.stats and not self.is_stat and self.form not in _FEEDS else "never"


@contextmanager
def _compared(output: Terminal, request: _Request, no_index: bool) -> Iterator["Comparison"]:
    """Yield what was found, with everything open that its rows are read from."""
    words = request.words
    if no_index:
        names = [word for word in words if word != NO_REVISION]
        if len(names) != 2:
            raise UsageError("`--no-index` compares two files, or two directories")
        with _compared_paths(output, request, names) as comparison:
            yield comparison
        return
    from datav.repo.diff import comparing
    from datav.repo.diffends import Asked, are_files, read_words

    with ExitStack() as stack:
        try:
            repository = stack.enter_context(opened(output))
        except NotARepositoryError:
            if not are_files(output.here, words):
                _check_are_there(output.here, words)
                raise
            yield stack.enter_context(_compared_paths(output, request, words))
            return
        if NO_REVISION in words:
            at = words.index(NO_REVISION)
            asked = Asked(tuple(words[:at]), tuple(words[at + 1 :]))
        else:
            asked = read_words(repository, words)
            if not asked.revisions and not asked.are_files and are_files(output.here, asked.names):
                _hint_at_no_index(asked.names)
        if asked.are_files:
            yield stack.enter_context(
                _compared_paths(output, request, asked.names, repository.settings.tables)
            )
            return
        yield stack.enter_context(
            comparing(
                repository,
                asked.revisions,
                asked.names,
                options=request.options,
                depth=request.depth,
                stats=request.stats,
            )
        )


def _hint_at_no_index(names: Sequence[str]) -> None:
    one, other = names
    print(
        one_line(
            f"hint: {one} and {other} are each compared with HEAD; `datav diff --no-index {one} {other}`"
            " compares them with each other"
        ),
        file=sys.stderr,
    )


def _check_are_there(here: Path, words: Sequence[str]) -> None:
    """Raise UsageError where two files were meant, outside of any repository, and one is not there."""
    names = [word for word in words if word != NO_REVISION and "\0" not in word]
    missing = [name for name in names if not (here / name).exists()]
    if len(names) == 2 and len(missing) == 1:
        raise UsageError(f"there is no {missing[0]}")


@contextmanager
def _compared_paths(
    output: Terminal, request: _Request, names: Sequence[str], rules: Sequence["TableSettings"] = ()
) -> Iterator["Comparison"]:
    from datav.repo.noindex import comparing_paths

    before, after = names
    with comparing_paths(
        output.here / before,
        output.here / after,
        shown=(before, after),
        options=request.options,
        depth=request.depth,
        rules=rules,
        stats=request.stats,
    ) as comparison:
        yield comparison


def _show(output: Terminal, request: _Request, comparison: "Comparison") -> None:
    if request.form in _FEEDS:
        _write_feed(output, request, comparison)
        return
    if request.out is not None:
        from datav.repo.outputs import writing

        with writing(output.here / request.out) as file:
            text = io.TextIOWrapper(file, "utf-8", errors="surrogateescape", newline="")
            _write(request, comparison, PLAIN, text.write, _FILE_WIDTH)
            text.flush()
            text.detach()
        if request.form == "html" and not output.quiet:
            print(f"wrote {request.out}")
        return
    if output.quiet and request.form != "json":
        return
    with writing_output():
        _write(request, comparison, output.style, sys.stdout.write, _width())


def _write(
    request: _Request, comparison: "Comparison", style: Style, write: Callable[[str], object], width: int
) -> None:
    """Write the result in one of the forms that are text."""
    diff, limit, sections = comparison.diff, request.limit, request.sections
    if request.is_stat:
        limit = 0
    if request.form == "json":
        from datav.report.diff_json import write_diff_json

        encoding = sys.stdout.encoding if request.out is None else "utf-8"
        write_diff_json(diff, write, limit=limit, sections=sections, encoding=encoding or "utf-8")
        write("\n")
    elif request.form == "html":
        from datav.report.diff_page import diff_page
        from datav.report.html.page import render_page

        write(render_page(diff_page(diff, limit=limit)))
    elif request.form == "markdown":
        from datav.report.diff_markdown import diff_markdown

        write(diff_markdown(diff, limit=limit, sections=sections))
    elif request.is_stat:
        from datav.report.diff_stat import diff_stat

        write(diff_stat(diff, style) + "\n")
    else:
        from datav.report.diff_text import diff_lines

        for line in diff_lines(diff, style, width=width, limit=limit, sections=sections):
            write(line + "\n")


def _write_feed(output: Terminal, request: _Request, comparison: "Comparison") -> None:
    """Write the rows that changed as a table of their own."""
    from datav.repo.outputs import writing
    from datav.tables.feed import write_feed

    if request.out is None and not request.to_standard_output:
        raise UsageError(
            f"`--format {request.form}` writes a file",
            hint="name it with `-o FILE`; `-o -` is standard output",
        )
    found = _differing_rows(comparison)
    if not found and comparison.diff.is_empty and (same := comparison.compare_same()) is not None:
        # A feed of no rows: whoever applies it every night need not know about quiet days.
        found = [same]
    if len(found) != 1:
        raise UsageError(
            f"`--format {request.form}` is for one table, and there are {len(found)} that differ",
            hint="name one behind `--`",
        )
    target = sys.stdout.buffer if request.out is None else output.here / request.out
    with writing(target) as file:
        write_feed(found[0], file, "csv" if request.form == "csv" else "parquet")


def _differing_rows(comparison: "Comparison") -> list["RowDiff"]:
    """Return the tables that differ in anything that a feed tells of; all, if none does."""
    from datav.repo.diffresult import iter_tables

    tables = [(table.schema, table.rows) for table in iter_tables(comparison.diff) if table.rows is not None]
    differing = [
        rows
        for schema, rows in tables
        if not rows.is_empty or schema.added or schema.removed or schema.reordered
    ]
    return differing or [rows for _, rows in tables]


def _check_output(output: Terminal, request: _Request, no_index: bool) -> None:
    """Refuse to write onto data, before any of it is read."""
    if request.out is None:
        return
    from datav.repo.outputs import refuse_output

    files = [output.here / word for word in request.words if word != NO_REVISION and "\0" not in word]
    # Of words that are revisions nothing lies on disk, and if it does it is not what is compared.
    inputs = [file for file in files if file.exists()] if no_index or len(files) == 2 else []
    refuse_output(output.here / request.out, str(request.out), inputs)


def _width() -> int:
    import shutil

    # What is piped is not folded to the width of a terminal that nobody looks at.
    return shutil.get_terminal_size().columns if sys.stdout.isatty() else _FILE_WIDTH


def _options(
    key: str | None,
    columns: str | None,
    ignored: str | None,
    where: str | None,
    tolerances: Sequence[str],
    typed: bool,
    ordered: bool,
    form: str | None,
) -> "DiffOptions":
    from datav.repo.tolerances import parse_tolerances
    from datav.tables.options import DiffOptions

    return DiffOptions(
        key=None if key is None else parse_columns(key),
        columns=parse_columns(columns or ""),
        ignored=parse_columns(ignored or ""),
        where=where,
        tolerances=parse_tolerances(tolerances),
        typed=typed,
        ordered=ordered,
        # Whoever applies a feed needs to know what stands in new columns, of all rows.
        added_columns=form in _FEEDS,
    )


def _sections(files: bool, schema: bool, rows: bool, stats: bool) -> Sections:
    return Sections(files, schema, rows, stats, stats) if files or schema or rows or stats else ALL


def _limit(text: str | None, form: str) -> int | None:
    if text is None:
        return PAGE_LIMIT if form == "html" else DEFAULT_LIMIT
    if text == "all":
        return None
    if not text.isdecimal():
        raise UsageError(f"{text!r} is no number of rows", hint="`--limit 100`, or `--limit all`")
    return int(text)


def _form_of(out: Path | None) -> str:
    """The format that the name of a file asks for."""
    return "text" if out is None else _EXTENSIONS.get(out.suffix.lower(), "text")


def _check_name(out: Path | None) -> None:
    if out is not None and out.suffix.lower() == ".gz":
        raise UsageError(f"{out} would not be compressed", hint="name it without `.gz`, and run `gzip` on it")


def _page_form(form: str | None, out: Path | None, html: Path) -> str:
    """The format of `--html FILE`, which is short for `--format html -o FILE`."""
    if out is not None or form not in (None, "html"):
        raise UsageError(
            "`--html FILE` says where to write, and in which format", hint="leave one of the two out"
        )
    if is_standard_output(html):
        raise UsageError("a page is written to a file", hint="such as `--html diff.html`")
    return "html"


def _form(text: str) -> str:
    if text not in FORMS:
        raise UsageError(f"there is no format {text!r}", hint=f"there are {', '.join(FORMS)}")
    return text
