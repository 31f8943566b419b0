"""What a user may say of how a table is read."""

from dataclasses import dataclass


@dataclass(frozen=True, slots=True)
class TableRules:
    """What is None is found out."""

    format: str | None = None
    """`csv`, `tsv`, `jsonl`, `parquet` or `arrow`."""
    delimiter: str | None = None
    """One ASCII character."""
    encoding: str | None = None
    """Of a text, as Python calls it."""
    quoting: bool | None = None
    """Whether a quote at the start of a cell lets it hold delimiters and line ends."""
    header: bool | None = None
    """Whether the first record holds the names of the columns."""
