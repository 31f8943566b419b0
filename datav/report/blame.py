"""blame: text and JSON."""

import sys
from collections.abc import Mapping
from typing import Any

from datav.repo.blame import Blame, BlamedRow
from datav.report.cells import CELL_WIDTH, display_width, shorten, shown_cell, shown_name
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


def blame_text(result: Blame, style: Style, width: int | None) -> str:
    """A line a row.

    Args:
        width: of the terminal, to which rows are cut, but for the cells of the key; None: nothing is cut.
    """
    if not result.rows:
        return "no rows"
    limit = _AUTHOR_WIDTH if width is not None else sys.maxsize
    authors = [shorten(row.commit.author, limit) for row in result.rows]
    widest = max(map(display_width, authors))
    is_marked = not all(row.is_certain for row in result.rows)
    lines = []
    for row, author in zip(result.rows, authors, strict=True):
        mark = ("" if row.is_certain else "?").ljust(is_marked)
        padded = author + " " * (widest - display_width(author))
        head = f"{row.commit.oid[:10]}{mark}  {row.commit.date:%Y-%m-%d %H:%M}  {padded}"
        room = max(_MIN_WIDTH, width - display_width(head) - 2) if width is not None else None
        lines.append(f"{style.warn(head)}  {_row_text(row, room)}".rstrip())
    left = result.total - len(result.rows)
    return "\n".join([*lines, f"... {count(left, 'more row')}"] if left else lines)


def unread_lines(result: Blame) -> list[str]:
    """What is to be known of versions that were passed over."""
    return [
        f"the version of commit {unread.commit[:10]} cannot be read: {unread.reason}"
        for unread in result.unread
    ]


def _row_text(row: BlamedRow, room: int | None) -> str:
    """The key, whole: without it nobody knows which row it is.  Then as many cells as there is room for."""
    key = _cell_texts(row.key, sys.maxsize)
    if room is None:
        return "  ".join(key + _cell_texts(row.cells, sys.maxsize))
    parts = key + _cell_texts(row.cells, CELL_WIDTH)
    if display_width("  ".join(parts)) <= room:
        return "  ".join(parts)
    kept, least = len(parts), max(1, len(key))
    while kept > least and display_width("  ".join([*parts[:kept], "..."])) > room:
        kept -= 1
    return "  ".join(parts[:kept] if kept == len(parts) else [*parts[:kept], "..."])


def _cell_texts(cells: Mapping[str, object], limit: int) -> list[str]:
    return [f"{shown_name(name)}={shown_cell(cell, limit)}" for name, cell in cells.items()]
