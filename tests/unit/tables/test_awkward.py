"""datav.tables over a collection of files that trip readers, where there is one.

DATAV_TEST_DATA names the folder; without it, ../shared/data beside the repository is looked for.
"""

import csv
import io
import os
from pathlib import Path

import pytest

from datav.formats.entry import Content
from datav.formats.manifest import Manifest, TableInfo, encode_manifest
from datav.tables.counting import count_records_slow
from datav.tables.describe import describe
from datav.tables.dialect import HEAD_SIZE, TextDialect, text_dialect
from datav.tables.source import NotATable

DATA = Path(os.environ.get("DATAV_TEST_DATA") or Path(__file__).resolve().parents[4] / "shared" / "data")
FILES = sorted(path for path in DATA.glob("awkward/*/*") if path.is_file())
VERSIONS = sorted(DATA.glob("*/v*.csv"))

pytestmark = pytest.mark.skipif(
    not FILES, reason=f"no awkward files in {DATA}; DATAV_TEST_DATA names a folder with them"
)


def count_with_csv(data: bytes, dialect: TextDialect) -> int:
    text = data[dialect.bom_size :].decode(dialect.encoding.replace("-sig", ""))
    if dialect.format == "jsonl":
        return sum(1 for line in text.replace("\r", "\n").split("\n") if line.strip(" \t"))
    rules = csv.QUOTE_MINIMAL if dialect.quoting else csv.QUOTE_NONE
    reader = csv.reader(io.StringIO(text, newline=""), delimiter=dialect.delimiter, quoting=rules)
    return sum(1 for record in reader if record)


@pytest.mark.parametrize("path", FILES + VERSIONS, ids=lambda path: f"{path.parent.name}/{path.name}")
def test_every_file_is_described_or_says_why_not(in_memory, path):
    data = path.read_bytes()
    dialect = text_dialect(path.name, data[:HEAD_SIZE])
    records = None
    if dialect is not None:
        records = count_records_slow((data[i : i + 99_991] for i in range(0, len(data), 99_991)), dialect)
        assert records == count_with_csv(data, dialect)

    found = describe(path.name, in_memory(data), records)

    if isinstance(found, NotATable):
        assert found.reason.isprintable()
    elif isinstance(found, TableInfo):
        encode_manifest(Manifest("file", Content(b"x" * 32, 1, len(data)), 1, table=found))
    else:
        assert path.suffix not in (".csv", ".tsv", ".jsonl", ".ndjson", ".parquet")
