"""What callers of the core and both of its implementations agree on."""

LEAD = 512
"""Bytes before the first tested position that make the state exact."""

ABSENT = 0xFFFFFFFF

AT_RECORD = 0
"""The state of count_rows_exact at the start of a file, and behind every record."""


def finish_rows(state: int) -> int:
    """Return how many rows the end of the file closes: 1 inside a row, else 0."""
    return int(state != AT_RECORD)
