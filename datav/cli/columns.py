"""Names of columns as options take them."""


def parse_columns(text: str) -> tuple[str, ...]:
    """Return names between commas; written as in CSV, so that double quotes may hold a comma."""
    import csv

    return tuple(next(csv.reader([text], skipinitialspace=True), ()))
