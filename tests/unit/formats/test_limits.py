"""Files of limits: what is refused, and that all else comes back as it was."""

import random
import string

import pytest

from datav.errors import FormatError
from datav.formats.limits import Habit, Limits, Measured, Unusual, encode_limits, parse_limits

GOOD = encode_limits(
    Limits(
        9,
        9,
        30,
        "a" * 40,
        "b" * 40,
        {"x": 3},
        {Measured("x", "ks"): Habit(0.5, "c" * 40), Measured(None, "rows lost"): Habit(0.25, "c" * 40)},
        (Unusual("b3:" + "0" * 64, "b3:" + "1" * 64, "c" * 40, Measured("x", "nulls"), 2.0),),
    )
).decode()


@pytest.mark.parametrize(
    ("old", "new", "message"),
    [
        ("datav_limits = 1", "datav_limits = 2", "was written by a newer datav"),
        ("datav_limits = 1", "", "has no `datav_limits`"),
        ("steps = 9", 'steps = "9"', "`steps` is not an integer"),
        ("steps = 9", "steps = -1", "`steps` is not between"),
        ("measures = 30", "measures = 30\nother = 1", 'has "other", which is not a field'),
        ('name = "x"', 'name = "x"\nsize = 1', 'has "column.size", which is not a field'),
        ("greatest = 0.5", "greatest = 0.0", "`greatest` is not a number above 0"),
        ("greatest = 0.5", "greatest = -1", "`greatest` is not a number above 0"),
        ("greatest = 0.5", "greatest = nan", "`greatest` is not a number above 0"),
        ("greatest = 0.5", "greatest = inf", "`greatest` is not a number above 0"),
        ("greatest = 0.5", "greatest = 1" + "0" * 400, "`greatest` is not a number above 0"),
        ("greatest = 0.5", 'greatest = "1"', "`column.moved.greatest` is not a number"),
        ("window = 1, greatest = 0.5", "window = 0, greatest = 0.5", "`column.moved.window` is not between"),
        ('[[column]]\nname = "x"', '[[column]]\nname = "x"\n[[column]]\nname = "x"', "has a column twice"),
        ('[[column]]\nname = "x"\nsteps', "[[column]]\nsteps", "has a column twice"),
        ("value = 2.0", "value = 2.0\nvalue = 3.0", "is not TOML"),
        ("value = 2.0", "value = 2.0\nwhy = 3.0", 'has "unusual.why", which is not a field'),
        ("datav_limits = 1", "<<<<<<< HEAD\ndatav_limits = 1", "has git conflict markers"),
    ],
)
def test_what_is_no_file_of_limits_is_refused(old, new, message):
    assert old in GOOD
    with pytest.raises(FormatError, match="limits of x") as caught:
        parse_limits(GOOD.replace(old, new, 1).encode(), "of x")
    assert message in str(caught.value)


def test_a_text_that_is_not_utf8_or_too_long_is_refused():
    with pytest.raises(FormatError, match="not UTF-8"):
        parse_limits(b"\xff", "of x")
    with pytest.raises(FormatError, match="longer than"):
        parse_limits(b"#" * (2**23 + 1), "of x")


def test_random_limits_come_back_as_they_were():
    random_ = random.Random(7)
    for _ in range(100):
        limits = random_limits(random_)
        data = encode_limits(limits)
        read = parse_limits(data, "of x")
        assert encode_limits(read) == data
        assert read.habits == limits.habits
        assert read.younger == limits.younger
        assert set(read.unusual) == set(limits.unusual)


def random_limits(random_: random.Random) -> Limits:
    def text() -> str:
        return "".join(random_.choices(string.printable + 'é日\u202e"\\', k=random_.randrange(8)))

    def number() -> float:
        return float(f"{random_.uniform(0.001, 10) * 10 ** random_.randrange(-9, 9):.4g}")

    def measured() -> Measured:
        column = None if random_.random() < 0.2 else text()
        return Measured(column, text(), random_.choice([1, 4, 16]))

    ids = ["b3:" + f"{random_.randrange(16**8):064x}" for _ in range(4)]
    return Limits(
        random_.randrange(100),
        random_.randrange(100),
        random_.randrange(1000),
        text(),
        text(),
        {text(): random_.randrange(100) for _ in range(random_.randrange(4))},
        {measured(): Habit(number(), text()) for _ in range(random_.randrange(12))},
        tuple(
            Unusual(random_.choice(ids), random_.choice(ids), text(), measured(), number())
            for _ in range(random_.randrange(4))
        ),
    )


def test_noise_in_a_file_of_limits_is_read_or_refused():
    """A hostile file never ends in anything but a FormatError."""
    random_ = random.Random(11)
    pieces = [
        "[[",
        "]]",
        "=",
        '"',
        "\n",
        "\\u0000",
        "9" * 30,
        "nan",
        "[[column]]",
        "moved = [",
        "}",
        "é",
        "#",
    ]
    for _ in range(500):
        text = list(GOOD)
        for _ in range(random_.randrange(1, 5)):
            at = random_.randrange(len(text))
            text[at : at + random_.randrange(3)] = [random_.choice(pieces)]
        try:
            limits = parse_limits("".join(text).encode(), "of x")
        except FormatError:
            continue
        assert parse_limits(encode_limits(limits), "of x").habits.keys() == limits.habits.keys()


def test_numbers_have_four_digits():
    limits = Limits(1, 1, 1, "", "", {}, {Measured("x", "ks"): Habit(123456.0, "")})
    assert "greatest = 123500.0," in encode_limits(limits).decode()
