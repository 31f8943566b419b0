"""A few seconds of tests/fuzz/fuzz_formats.py, another few each day."""

import datetime

from tests.fuzz.fuzz_formats import fuzz, make_targets


def test_no_decoder_crashes_on_damaged_bytes():
    targets, seed = make_targets(), datetime.date.today().toordinal()

    fuzz(targets, 3, seed)

    crashes = [f"{name}: {crash}" for name, target in targets.items() for crash in target.crashes]
    assert not crashes, f"seed {seed}: {crashes[0]}"
    for name, target in targets.items():
        assert target.refused > 0, name
        assert target.refused < target.inputs, name
