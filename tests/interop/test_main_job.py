"""The main job on the first versions of every shared dataset; the whole is `main_job.py` run as a script."""

import pytest

from tests.interop import main_job

needs_data = pytest.mark.skipif(
    not (main_job.DATA / "awkward").is_dir(),
    reason=f"there is no shared data in {main_job.DATA}: say where with DATAV_TEST_DATA",
)


@pytest.mark.slow
@needs_data
def test_every_commit_is_checked_out_as_its_data_was(tmp_path):
    outcome = main_job.do_all(main_job.DATA.resolve(), tmp_path, limit=2)

    assert outcome.mismatches == []
    assert outcome.checkouts == outcome.commits == 2 * outcome.datasets - 1  # `awkward` has one version.
    assert outcome.files_compared > 0


@needs_data
def test_a_byte_that_differs_is_a_mismatch(tmp_path):
    series = main_job.find_series(main_job.DATA.resolve(), 1)
    table = series[0]
    main_job.put_version(tmp_path, main_job.Step(table, 0))
    placed = tmp_path / table.path
    placed.write_bytes(placed.read_bytes()[:-1] + b"\0")
    outcome = main_job.Outcome()

    commit = main_job.Commit("0" * 40, {table.path: table.versions[0]})
    main_job.compare(tmp_path, commit, [table.path, "awkward"], outcome)

    assert len(outcome.mismatches) == 1
    assert "differs" in outcome.mismatches[0]
