"""Moments in ISO 8601 as profiles have them: microseconds since 1970, in UTC where a zone is written."""

from datetime import UTC, datetime, timedelta

_EPOCH = datetime(1970, 1, 1, tzinfo=UTC)
_MICROSECOND = timedelta(microseconds=1)


def parse_moment(text: str) -> int | None:
    """Return a date, which is its first moment, or a timestamp; None: it is neither."""
    try:
        found = datetime.fromisoformat(text.strip())
    except ValueError:
        return None
    return microseconds(found)


def microseconds(moment: datetime) -> int:
    """Return a moment; without a zone it is taken as it stands."""
    zoned = moment.replace(tzinfo=UTC) if moment.tzinfo is None else moment
    return (zoned - _EPOCH) // _MICROSECOND


def moment_text(value: int) -> str:
    """A moment for people; what is beyond the calendar of Python as a number."""
    try:
        moment = _EPOCH + timedelta(microseconds=value)
    except OverflowError:
        return f"{value:,} microseconds since 1970"
    text = moment.replace(tzinfo=None).isoformat(sep=" ")
    return text.removesuffix(" 00:00:00")
