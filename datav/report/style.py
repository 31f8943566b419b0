"""How things are written: colours where they are wanted, sizes, counts.  Readable without colour."""

from collections.abc import Sequence
from dataclasses import dataclass

_UNITS = ("B", "KB", "MB", "GB", "TB", "PB", "EB")


@dataclass(frozen=True, slots=True)
class Style:
    """Adds colour, or does not."""

    has_color: bool

    def good(self, text: str) -> str:
        return self._wrap(text, "32")

    def bad(self, text: str) -> str:
        return self._wrap(text, "31")

    def warn(self, text: str) -> str:
        return self._wrap(text, "33")

    def strong(self, text: str) -> str:
        return self._wrap(text, "1")

    def faint(self, text: str) -> str:
        return self._wrap(text, "2")

    def _wrap(self, text: str, code: str) -> str:
        return f"\x1b[{code}m{text}\x1b[0m" if self.has_color and text else text


PLAIN = Style(False)


def size(number: int) -> str:
    """`number` bytes for people: three digits and a decimal unit."""
    value = float(number)
    for unit in _UNITS:
        if abs(value) < 999.5 or unit == _UNITS[-1]:
            break
        value /= 1000
    if unit == "B":
        return f"{number} B"
    return f"{value:.0f} {unit}" if abs(value) >= 99.5 else f"{value:.1f} {unit}"


def count(number: int, one: str, many: str | None = None) -> str:
    """`1 file`, `3 files`, `12,000 files`."""
    return f"{number:,} {one if number == 1 else many or one + 's'}"


def percent(share: float) -> str:
    """`98 %`; 99.96 % is not all; what is gained may be more than all there was."""
    if share > 1:
        return f"{significant(share * 100)} %"
    return "100 %" if share == 1 else f"{min(99.9, share * 100):.3g} %"


def significant(value: float, digits: int = 4) -> str:
    """Return a real number with so many significant digits, and with all that stand before its point."""
    size = abs(value)
    if not 1000 <= size < 1e15:
        return f"{value:.{digits}g}"
    text = f"{value:,.{max(0, digits - len(str(int(size))))}f}"
    return text.rstrip("0").rstrip(".") if "." in text else text


def seconds(value: float) -> str:
    if value < 0.095:
        return f"{value * 1000:.0f} ms"
    return f"{value:.1f} s" if value < 100 else f"{value:.0f} s"


def columns(rows: Sequence[tuple[str, ...]]) -> list[str]:
    """Left-align cells under each other; the last cell of a row is not padded."""
    if not rows:
        return []
    widths = [0] * max(map(len, rows))
    for row in rows:
        for number, cell in enumerate(row[:-1]):
            widths[number] = max(widths[number], len(cell))
    return [
        "  ".join([cell.ljust(widths[n]) for n, cell in enumerate(row[:-1])] + list(row[-1:])).rstrip()
        for row in rows
    ]
