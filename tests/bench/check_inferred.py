"""Promises inferred from the first half of each shared history: who of the second half keeps them.

    python -m tests.bench.check_inferred

Each broken promise is printed with what it says; what really happened is for people to find out.  Drift is
not looked at.
"""

import tempfile
from collections.abc import Iterator
from datetime import UTC, datetime
from pathlib import Path

from datav.checks.finding import Finding
from datav.repo.check import check
from datav.repo.infer import infer
from datav.settings import Settings, encode_settings
from tests.support.datasets import DatavRepo
from tests.support.shareddata import Series, find_series

NOW = datetime(2026, 1, 1, tzinfo=UTC)


def check_later(series: Series, place: Path) -> Iterator[tuple[str, list[Finding]]]:
    """Yield each version of the second half, and what it breaks of what the first half promised."""
    repo = DatavRepo.init(place)
    assert isinstance(repo, DatavRepo)
    repo.set_up()
    repo.write("datav.toml", encode_settings(Settings()).encode())
    for number, version in enumerate(series.versions):
        repo.write("data.csv", version.read_bytes())
        repo.add("data.csv", **({} if number else {"key": series.key}))
        repo.commit(version.stem)
        if number >= len(series.versions) // 2:
            yield version.stem, find_broken(repo)
        elif number == len(series.versions) // 2 - 1:
            with repo.open() as repository:
                (found,) = infer(repository, ["data.csv"], now=NOW).datasets
            print(f"{series.name}: {found.promised} promises from {number + 1} versions")
            repo.commit("promises")


def find_broken(repo: DatavRepo) -> list[Finding]:
    """Return which promises the last commit breaks."""
    with repo.open() as repository:
        result = check(repository, against="HEAD^", now=NOW).result
    findings = [each for checked in result.datasets for each in checked.findings]
    return [each for each in findings if not each.rule.startswith("drift.")]


def main() -> None:
    versions, alarms = 0, 0
    for series in find_series():
        with tempfile.TemporaryDirectory() as scratch:
            for version, broken in check_later(series, Path(scratch) / "repo"):
                versions += 1
                alarms += bool(broken)
                for finding in broken:
                    print(f"  {version}  {finding.message}")
    print(f"{alarms} of {versions} later versions break a promise")


if __name__ == "__main__":
    main()
