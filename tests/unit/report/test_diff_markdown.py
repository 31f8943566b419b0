"""What `diff` gives for a pull request."""

import re

import pyarrow as pa
import pytest
from markdown_it import MarkdownIt

from datav.formats.manifest import ColumnInfo
from datav.repo.diffresult import FileItem, FilesDiff
from datav.report.diff_markdown import diff_markdown, escape
from datav.tables.result import ChangeBatch, ColumnChange, ColumnRename, DuplicateKeys, RowDiff, SchemaDiff
from tests.support.diffs import changed_batch, diff_of, row_diff, table_dataset, text_table

HOSTILE = [
    "a | b",
    "a\nb\r\n\n# heading",
    "</code></td></table></details><script>alert(1)</script>",
    "`code` `` ` ``",
    "![x](http://evil.example/x.png)",
    "[x](javascript:alert(1)) <img src=x onerror=y>",
    "http://evil.example www.evil.example",
    "@octocat #1 owner/repo#2",
    "**b** __b__ ~~d~~ $x$ :smile: &lt;",
    "\\| \\\\",
    "\u202egnp.exe",
]


def test_a_table_is_told_in_tables():
    rows = row_diff(
        ChangeBatch("removed", text_table(id=["1"], n=["a"]), None, {}),
        changed_batch(text_table(id=["2", "3"], n=["b", "c"]), text_table(id=["2", "3"], n=["x", "y"])),
        from_rows=3,
        to_rows=2,
    )
    schema = SchemaDiff(
        added=(ColumnInfo("new", "text"),),
        changed=(ColumnChange("n", "integer", "float"),),
        renamed=(ColumnRename("old", "new", 0.9),),
        reordered=True,
    )

    assert (
        diff_markdown(diff_of(table_dataset(rows, schema)), limit=2)
        == """\
`datav diff`: <code>HEAD</code> → <code>the work tree</code>

### <code>a.csv</code> (modified)

|  | before | after |
| --- | --- | --- |
| rows | 3 | 2 |
| size | 1.0 KB | 1.2 KB |

| column |  | before | after |
| --- | --- | --- | --- |
| <code>new</code> | added |  | <code>text</code> |
| <code>n</code> | changed | <code>integer</code> | <code>float</code> |

Column <code>old</code> was probably renamed to <code>new</code> (90% of the cells are equal).

The columns stand in another order.

| rows added | rows removed | rows changed | key |
| --- | --- | --- | --- |
| 0 | 1 | 2 | <code>id</code> |

| column | changed cells |
| --- | --- |
| <code>n</code> | 2 |

<details><summary>2 of 3 rows</summary>

|  | <code>id</code> | changed |
| --- | --- | --- |
| ~ | <code>2</code> | <code>n</code>: <del><code>b</code></del> <b><code>x</code></b> |

|  | <code>id</code> | <code>n</code> |
| --- | --- | --- |
| &#45; | <code>1</code> | <code>a</code> |

</details>
"""
    )


@pytest.mark.parametrize("text", HOSTILE)
def test_no_cell_name_or_path_breaks_out_of_its_place(text):
    def page(text):
        rows = row_diff(
            ChangeBatch("added", None, text_table(id=["1"], **{text: [text]}), {}),
            changed_batch(text_table(id=[text], n=["a"]), text_table(id=[text], n=[text])),
            refused=text,
        )
        files = FilesDiff((FileItem(text.encode(), "added", None, None, 1, None, text),))
        schema = SchemaDiff(added=(ColumnInfo(text, text),), renamed=(ColumnRename(text, text, 1.0),))
        dataset = table_dataset(rows, schema, path=text.replace("/", "_").encode(), files=files, reason=text)
        return diff_markdown(diff_of(dataset), limit=None)

    markdown = MarkdownIt().enable("table")
    html, harmless = markdown.render(page(text)), markdown.render(page("harmless"))

    tags = r"</?[a-zA-Z][^>]*>"
    assert re.findall(tags, html) == re.findall(tags, harmless)
    assert "http://" not in page(text)
    assert "www." not in page(text)
    # GitHub looks for mentions in what was rendered, but not in code.
    outside = re.sub(r"<code>.*?</code>", "", html)
    assert "@" not in outside
    assert "#1" not in outside


def test_text_reads_as_it_was():
    text = "a | b * <c> `d` \\ \\n & ~e~"

    html = MarkdownIt().render(escape(text))

    assert html == "<p>a | b * &lt;c&gt; `d` \\ \\n &amp; ~e~</p>\n"


def test_wide_rows_and_rows_without_a_key_are_shown_in_part():
    names = {f"c{n}": ["x"] for n in range(20)}
    batch = ChangeBatch("added", None, text_table(**names), {}, pa.array([3]), has_key=False)

    text = diff_markdown(diff_of(table_dataset(row_diff(batch))), limit=None)

    assert "| 8 more columns | times |" in text
    assert "| ... | 3 |" in text
    assert "<summary>3 rows</summary>" in text


def test_nothing_that_changed_is_one_line():
    assert diff_markdown(diff_of(), limit=None) == "no differences\n"


def test_keys_that_are_not_unique_are_one_line():
    duplicates = DuplicateKeys(1, 2, ({"id": "7"}, {"id": "8|9"}))
    rows = RowDiff(
        key=("id",), from_rows=9, to_rows=10, duplicates=duplicates, refused="the key is not unique: so"
    )

    text = diff_markdown(diff_of(table_dataset(rows)), limit=1)

    assert (
        "**Keys that are not unique:** 1 → 2, such as <code>id</code> <code>7</code>; "
        "<code>id</code> <code>8&#124;9</code>; their rows count as added or removed."
    ) in text
    assert "ot compared" not in text
