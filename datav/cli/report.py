"""datav report"""

from datetime import UTC, datetime
from pathlib import Path
from typing import Annotated

import typer

from datav.cli.context import opened, terminal
from datav.cli.outputs import is_standard_output


def report(
    base: Annotated[str, typer.Option("--base", metavar="REV", help="What the change is to be merged into.")],
    paths: Annotated[
        list[str] | None, typer.Argument(metavar="[PATH...]", help="Of which data; without, of all.")
    ] = None,
    head: Annotated[str, typer.Option("--head", metavar="REV", help="The change.")] = "HEAD",
    out: Annotated[Path | None, typer.Option("-o", "--output", metavar="FILE", help="Write there.")] = None,
) -> None:
    """Say in Markdown what a change does to data, for its pull request: schema, rows, drift, findings.

    Compared is the head with where it left the base. What it finds fails nothing: `datav check` does.
    """
    from datav.repo.outputs import refuse_output, writing
    from datav.repo.report import reporting
    from datav.report.pull_request import pull_request
    from datav.report.report_json import report_json

    output = terminal()
    if out is not None and is_standard_output(output.here / out):
        out = None
    if out is not None:
        refuse_output(output.here / out, str(out), [])
    with (
        opened(output) as repository,
        reporting(repository, base, head, paths or [], now=datetime.now(UTC)) as found,
    ):
        text = pull_request(found)
        document = report_json(found) if output.as_json else {}
        problems = [str(error) for error in found.errors]
    if out is not None:
        with writing(output.here / out) as file:
            file.write(text.encode("utf-8", "backslashreplace"))
        text = f"wrote {out}"
    output.show(text.rstrip("\n"), document)
    output.warn(problems)
