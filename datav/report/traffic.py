"""How what went over a line is told."""

from datav.report.style import count, seconds


def versions(number: int) -> str:
    return count(number, "version")


def requests(number: int, elapsed_s: float) -> str:
    return f"{count(number, 'request')} in {seconds(elapsed_s)}"


def ratio(moved: int, data: int) -> str:
    """How much went for the data that it was for, in parentheses; nothing where that was next to nothing."""
    return f" ({100 * moved / data:.3g} %)" if moved < 10 * data else ""
