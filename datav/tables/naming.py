"""Names of columns, each for one of them."""

from collections.abc import Iterable


def unique_names(names: Iterable[str]) -> list[str]:
    """Return names of which no two are the same: the second of two is called `NAME.2`, and so on."""
    taken: set[str] = set()
    unique = []
    for name in names:
        number, found = 1, name
        while found in taken:
            number += 1
            found = f"{name}.{number}"
        taken.add(found)
        unique.append(found)
    return unique
