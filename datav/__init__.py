"""datav: versioning data as well as git versions code.

Here is what programs use; `datav.open` and `datav.read_table` read any version in place,
`datav.diff` compares two.
"""

from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from datav.repo.inplace import open_file as open
    from datav.repo.pydiff import diff
    from datav.repo.readtable import read_table

__version__ = "0.1.0"

__all__ = ["diff", "open", "read_table"]


def __getattr__(name: str) -> object:
    """Fetch a public name when it is first used: importing datav alone costs nothing."""
    if name == "diff":
        from datav.repo.pydiff import diff

        return diff
    if name == "open":
        from datav.repo.inplace import open_file

        return open_file
    if name == "read_table":
        from datav.repo.readtable import read_table

        return read_table
    raise AttributeError(f"module {__name__!r} has no attribute {name!r}")
