"""The tests of datav; `tests.support` is what they share."""
