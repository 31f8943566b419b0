"""Whether to try again, when, and whether an answer is the one that was asked for."""

import pytest

from datav.storage.attempts import Attempt, Failure, Outcome, Patience, expected_length, outcome_of_status
from datav.storage.objects import Traffic


def test_waits_grow_up_to_the_longest():
    patience = Patience(attempts=6, first_s=1, factor=3, longest_s=10)

    assert [patience.delay_s(failed, 1.0) for failed in range(1, 6)] == [1, 3, 9, 10, 10]


def test_chance_halves_a_wait_at_most():
    patience = Patience(first_s=1)

    assert [patience.delay_s(1, chance) for chance in (0, 0.5, 1)] == [0.5, 0.75, 1]


def test_the_last_attempt_is_not_waited_for():
    patience = Patience(attempts=3)

    assert [patience.delay_s(failed, 0.5) is None for failed in (1, 2, 3, 4)] == [False, False, True, True]


def test_nobody_is_kept_waiting_for_long():
    patience = Patience()

    waits = [patience.delay_s(failed, 1.0) for failed in range(1, patience.attempts)]

    assert 5 < sum(waits) < 20


@pytest.mark.parametrize(
    ("outcome", "statuses"),
    [
        (Outcome.AGAIN, [408, 425, 429, 500, 502, 503, 504, 507, 520]),
        (Outcome.REFUSED, [401, 403, 407]),
        (Outcome.MISSING, [404, 410]),
        (Outcome.NEVER, [301, 400, 405, 409, 411, 412, 413, 416, 501]),
    ],
)
def test_a_status_says_whether_there_is_hope(outcome, statuses):
    assert {outcome_of_status(status) for status in statuses} == {outcome}


@pytest.mark.parametrize(
    ("start", "end", "content_range", "length"),
    [
        (0, 10, "bytes 0-9/100", 10),
        (5, 10, "bytes 5-9/*", 5),
        (90, 200, "bytes 90-99/100", 10),
        (90, None, "bytes 90-99/100", 10),
        (0, 10, " Bytes 0-9/100", 10),
    ],
)
def test_the_part_that_was_asked_for_is_taken(start, end, content_range, length):
    assert expected_length(start, end, content_range=content_range, content_length=None) == length


@pytest.mark.parametrize(
    ("start", "end", "content_range"),
    [
        (0, 10, "bytes 1-10/100"),
        (0, 10, "bytes 0-8/100"),
        (0, 10, "bytes 0-10/100"),
        (90, 200, "bytes 90-98/100"),
        (90, None, "bytes 90-98/100"),
        (0, 10, "bytes */100"),
        (0, 10, "lines 0-9/100"),
        (0, 10, "bytes 9-0/100"),
        (0, 10, ""),
    ],
)
def test_another_part_is_not(start, end, content_range):
    with pytest.raises(Failure):
        expected_length(start, end, content_range=content_range, content_length=None)


@pytest.mark.parametrize(
    ("start", "end", "length", "expected"),
    [(0, None, 7, 7), (0, None, None, None), (0, 10, 7, 7), (0, 10, 10, 10)],
)
def test_the_whole_is_taken_where_it_is_what_was_asked_for(start, end, length, expected):
    assert expected_length(start, end, content_range=None, content_length=length) == expected


@pytest.mark.parametrize(("start", "end", "length"), [(0, 10, 11), (0, 10, None), (3, 10, 7), (3, None, 7)])
def test_the_whole_is_not_taken_for_a_part(start, end, length):
    with pytest.raises(Failure) as failure:
        expected_length(start, end, content_range=None, content_length=length)

    assert failure.value.outcome is Outcome.NEVER
    assert "range" in failure.value.hint


def test_an_attempt_knows_when_something_last_moved():
    now = [100.0]
    attempt = Attempt(Traffic(), lambda: now[0])

    now[0] = 150.0
    attempt.received(10)

    assert attempt.last_moved == 150.0


def test_what_comes_at_once_is_given_time():
    attempt = Attempt(Traffic(), lambda: 100.0)

    attempt.allow(2**20)

    assert attempt.last_moved == 164.0


def test_a_failure_is_one_short_line():
    failure = Failure(Outcome.AGAIN, "a page\n of   words\n" + "x" * 10_000)

    assert str(failure).startswith("a page of words xxx")
    assert len(str(failure)) < 400
