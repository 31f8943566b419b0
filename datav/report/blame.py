"""blame: text and JSON."""

from typing import Any

from datav.repo.blame import Blame, BlamedRow
from datav.report.cells import display_width, shorten, shown_cell, shown_name
from datav.report.log import commit_json
from datav.report.style import Style, count
from datav.tables.cellvalues import json_cell

_AUTHOR_WIDTH = 20
# A row is on one line; nobody reads a table of which a line shows less.
_MIN_WIDTH = 40


def blame_json(result: Blame) -> dict[str, Any]:
    made_by = {row.commit.oid: row.commit for row in result.rows}
    return {
        "format": 1,
        "path": result.path.text,
        "rev": result.rev,
        "commit": result.commit,
        "key": list(result.key),
        "column": result.column,
        "total": result.total,
        "rows": [
            {
                "row": row.number,
                "commit": row.commit.oid,
                "is_certain": row.is_certain,
                "key": json_cell(row.key),
                "cells": json_cell(row.cells),
            }
            for row in result.rows
        ],
        "commits": [commit_json(commit) for commit in made_by.values()],
        "unread": [{"commit": unread.commit, "reason": unread.reason} for unread in result.unread],
    }


def blame_text(result: Blame, style: Style, width: int) -> str:
    if not result.rows:
        return "no rows"
    authors = [shorten(row.commit.author, _AUTHOR_WIDTH) for row in result.rows]
    widest = max(map(display_width, authors))
    is_marked = not all(row.is_certain for row in result.rows)
    lines = []
    for row, author in zip(result.rows, authors, strict=True):
        mark = ("" if row.is_certain else "?").ljust(is_marked)
        padded = author + " " * (widest - display_width(author))
        head = f"{row.commit.oid[:10]}{mark}  {row.commit.date:%Y-%m-%d %H:%M}  {padded}"
        room = max(_MIN_WIDTH, width - display_width(head) - 2)
        lines.append(f"{style.warn(head)}  {_row_text(row, room)}".rstrip())
    left = result.total - len(result.rows)
    return "\n".join([*lines, f"... {count(left, 'more row')}"] if left else lines)


def unread_lines(result: Blame) -> list[str]:
    """What is to be known of versions that were passed over."""
    return [
        f"the version of commit {unread.commit[:10]} cannot be read: {unread.reason}"
        for unread in result.unread
    ]


def _row_text(row: BlamedRow, room: int) -> str:
    """As many cells as there is room for, the key first."""
    parts = [f"{shown_name(name)}={shown_cell(cell)}" for name, cell in {**row.key, **row.cells}.items()]
    if display_width("  ".join(parts)) <= room:
        return "  ".join(parts)
    kept = len(parts)
    while kept > 1 and display_width("  ".join([*parts[:kept], "..."])) > room:
        kept -= 1
    return "  ".join([*parts[:kept], "..."])
