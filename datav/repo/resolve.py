"""resolve: what a merge could not decide, decided; when nothing is open any more, the merge finished.

What was decided is a record in the store and a manifest that names it, written anew each time: it survives
whatever the work tree survives.  Until the last step of `mergefinish` the manifest in the work tree names the
conflict, and the same command can be given again.
"""

from collections.abc import Mapping
from dataclasses import dataclass, field, replace
from pathlib import Path

from datav.errors import DataLossError, DatavError, UsageError
from datav.formats.conflict import (
    ConflictItem,
    ConflictRecord,
    Given,
    Side,
    identity,
    open_items,
    with_decisions,
)
from datav.formats.manifest import Manifest, encode_manifest, parse_manifest
from datav.git.repository import IndexEntry, Operation
from datav.merging.result import MergeCounts
from datav.repo.checkout import DatasetPlan, plan_placing
from datav.repo.conflicts import find_trouble, unmerged_stages
from datav.repo.conflictsheet import read_sheet, text_of
from datav.repo.datasets import (
    Dataset,
    Target,
    find_targets,
    list_datasets,
    read_manifest_bytes,
    write_manifest,
)
from datav.repo.disk import look
from datav.repo.mergefinish import finish_merged, plan_merged
from datav.repo.mergerecord import merged_versions, read_record, store_record
from datav.repo.mergeusers import UsersPart, merge_users_part
from datav.repo.merging import MergedDataset, merge_manifest_texts, merge_manifests
from datav.repo.remove import remove
from datav.repo.repository import Repository


@dataclass(frozen=True, slots=True)
class Choice:
    """What the user decides, and about what."""

    take: Side | Given | None = None
    """None: nothing; what there is is merged again."""
    row: Mapping[str, str] = field(default_factory=dict)
    """Only the conflicts of rows that have these cells in their key."""
    column: str | None = None
    """Only those of this column."""
    file: Path | None = None
    """An edited sheet of conflicts, or the resolved file itself."""


@dataclass(frozen=True, slots=True)
class Resolved:
    """What `resolve` did."""

    dataset: Dataset
    decided: int
    """Conflicts that this call decided."""
    open: int
    """Those that nobody has decided yet."""
    merged: MergedDataset | None
    """What was merged again, now that nothing is open; None: nothing was."""
    placed: bool
    """The data on disk is what the manifest says."""
    operation: Operation | None
    """What of git's is under way."""
    unmerged: int
    """Other manifests that git has unmerged."""


def resolve(repository: Repository, name: str, choice: Choice) -> Resolved:
    """Decide conflicts of one dataset, or merge again what git could not.

    Args:
        name: a dataset, or a file in one.

    Raises:
        UnknownDatasetError: it means nothing.
        UsageError: it has no such conflict, or the choice cannot be made there.
        DataLossError: the data on disk is neither of the versions, and stored nowhere; nothing was done.
        MissingChunkError: something that must be read is nowhere.
    """
    targets = find_targets(repository, [name], list_datasets(repository))
    if len(targets) != 1:
        raise UsageError(f"{name} names {len(targets)} datasets", hint="`resolve` takes them one at a time")
    return _Resolving(repository, targets[0], choice).resolve()


class _Resolving:
    """One call of `resolve`."""

    def __init__(self, repository: Repository, target: Target, choice: Choice) -> None:
        self._repository = repository
        self._dataset, self._inside = target.dataset, target.inside
        self._choice = choice
        self._stages = unmerged_stages(repository)
        self._before = read_manifest_bytes(repository, self._dataset)

    def resolve(self) -> Resolved:
        own = self._stages.get(self._dataset.manifest_path, {})
        trouble, manifest = find_trouble(self._repository, self._dataset, own)
        if trouble is None:
            raise UsageError(
                f"{self._dataset} has no conflict", hint="`datav conflicts` lists those that there are"
            )
        if trouble in ("removed here", "removed there"):
            return self._keep_or_remove(own)
        if trouble == "not merged" or manifest is None:
            merged = self._merge_again(own)
            if merged.manifest.conflict is None:
                return self._finish(merged, 0)
            manifest = merged.manifest
            write_manifest(self._repository, self._dataset, manifest, self._before)
            self._before = encode_manifest(manifest)
            if self._is_nothing_chosen:
                return self._result(0, merged.open, merged, placed=False)
        return self._decide(manifest)

    @property
    def _is_nothing_chosen(self) -> bool:
        return self._choice.take is None and self._choice.file is None

    def _merge_again(self, own: Mapping[int, IndexEntry]) -> MergedDataset:
        """Merge the three manifests that git has."""
        if not own:
            raise UsageError(
                f"the manifest of {self._dataset} has conflict markers, and git knows of no merge",
                hint="`git checkout REV -- MANIFEST` takes one that was committed",
            )
        blobs = self._repository.git.read_blobs(entry.oid for entry in own.values())
        base, ours, theirs = (blobs[own[stage].oid] if stage in own else b"" for stage in (1, 2, 3))
        return merge_manifest_texts(self._repository, self._dataset.manifest_path, base, ours, theirs)

    # --- deciding

    def _decide(self, manifest: Manifest) -> Resolved:
        repository, choice = self._repository, self._choice
        record = read_record(repository, self._dataset, manifest)
        if choice.file is not None:
            sheet = read_sheet(choice.file)
            if sheet is None:
                return self._take_file(record, manifest, choice.file)
            decisions = self._of_sheet(record, sheet)
        elif choice.take is not None:
            decisions = self._of_choice(record, choice.take)
        else:
            decisions = {}
        decided = with_decisions(record, decisions)
        if open_items(decided) and not self._is_nothing_chosen:
            return self._write_record(manifest, decided, len(decisions))
        merged = self._merge_decided(manifest, decided)
        if merged.manifest.conflict is not None:
            # By another key there are others, and by rules that were changed since.
            write_manifest(repository, self._dataset, merged.manifest, self._before)
            return self._result(len(decisions), merged.open, merged, placed=False)
        return self._finish(merged, len(decisions))

    def _of_sheet(
        self, record: ConflictRecord, sheet: Mapping[str, Mapping[str, Side | Given]]
    ) -> dict[str, Side | Given]:
        decisions = dict(sheet.get(self._dataset.path.text, {}))
        if not decisions:
            raise UsageError(
                f"the sheet decides nothing of {self._dataset}",
                hint="write ours, theirs, base or value into its column `take`",
            )
        known = {identity(item): item for item in record.items}
        for name, taken in decisions.items():
            if name not in known:
                raise UsageError(
                    f"the sheet decides {name[:60]!r}, and {self._dataset} has no such conflict",
                    hint="the column `conflict` must stay as it is; `datav conflicts -o FILE` writes it anew",
                )
            self._check(known[name], taken)
        return decisions

    def _of_choice(self, record: ConflictRecord, take: Side | Given) -> dict[str, Side | Given]:
        chosen = [item for item in record.items if self._is_meant(item)]
        narrowed = bool(self._choice.row or self._choice.column is not None or isinstance(take, Given))
        # One by one a decision may be taken back; of all that are left, only those are meant.
        if not narrowed:
            chosen = [item for item in chosen if item.taken is None]
        if not chosen and (narrowed or self._inside):
            raise UsageError(
                f"{self._dataset} has no such conflict", hint="`datav conflicts` lists those that there are"
            )
        if isinstance(take, Given) and len({identity(item) for item in chosen}) > 1:
            raise UsageError(
                f"a value is for one conflict, and these are {len(chosen)}",
                hint="`--row` and `--column` name one",
            )
        for item in chosen:
            self._check(item, take)
        return {identity(item): take for item in chosen}

    def _is_meant(self, item: ConflictItem) -> bool:
        if self._inside and item.path != self._inside and not item.path.startswith(self._inside + b"/"):
            return False
        if self._choice.column is not None and item.column != self._choice.column:
            return False
        cells = {column: text_of(cell) for column, cell in item.key}
        return all(cells.get(column) == cell for column, cell in self._choice.row.items())

    def _check(self, item: ConflictItem, take: Side | Given) -> None:
        if isinstance(take, Given):
            if item.kind not in ("cell", "add_add", "meta"):
                raise UsageError("a value can be given for a cell, and for nothing else")
        elif take == "base" and item.base is None and item.kind in ("add_add", "file"):
            raise UsageError("it was added on both sides: there is no base", hint="take ours or theirs")

    def _write_record(self, manifest: Manifest, record: ConflictRecord, decided: int) -> Resolved:
        repository = self._repository
        left = len(open_items(record))
        if decided:
            with repository.store.writing(repository.executor) as writer:
                stored = store_record(repository, writer, record)
            assert manifest.conflict is not None, "it has a record"
            conflict = replace(manifest.conflict, record=stored, open=left)
            write_manifest(repository, self._dataset, replace(manifest, conflict=conflict), self._before)
        return self._result(decided, left, None, placed=False)

    def _merge_decided(self, manifest: Manifest, record: ConflictRecord) -> MergedDataset:
        """Merge again, with all that was decided, and what the user wrote into the manifest since."""
        base, ours, theirs = merged_versions(self._dataset, record)
        decisions = {identity(item): item.taken for item in record.items if item.taken is not None}
        users = self._users_part(manifest, base, ours, theirs, decisions)
        return merge_manifests(
            self._repository, self._dataset, base, ours, theirs, decided=record.items, users=users
        )

    def _users_part(
        self,
        manifest: Manifest,
        base: Manifest | None,
        ours: Manifest,
        theirs: Manifest,
        decisions: Mapping[str, Side | Given],
    ) -> UsersPart:
        merge_texts = self._repository.git.merge_texts
        undecided = merge_users_part(base, ours, theirs, merge_texts, {})
        users = merge_users_part(base, ours, theirs, merge_texts, decisions)
        if manifest.meta != undecided.meta:
            users = replace(users, meta=manifest.meta)
        if manifest.table is not None and manifest.table.key != undecided.key:
            users = replace(users, key=manifest.table.key)
        return users

    def _take_file(self, record: ConflictRecord, manifest: Manifest, file: Path) -> Resolved:
        """Take a file as what the dataset is to hold."""
        if self._inside or manifest.kind != "file":
            raise UsageError(
                f"{file.name} is no sheet of conflicts, and {self._dataset} is a directory",
                hint="take a side; then edit the file and `datav add` the dataset, before you commit",
            )
        if self._choice.row or self._choice.column is not None:
            raise UsageError(f"{file.name} is no sheet of conflicts: it would take the place of all rows")
        self._refuse_edits_of_ours(manifest, file)
        # Only here: what reads files takes long to import.
        from datav.repo.takingfile import take_file

        taken = take_file(self._repository, self._dataset, file, manifest)
        if not _may_be_meant(manifest, taken):
            raise UsageError(
                f"{file.name} is neither a sheet of conflicts nor a table with columns of {self._dataset}",
                hint="if it is meant, take a side; put it in place and `datav add` it before you commit",
            )
        items = tuple(item for item in record.items if item.taken is None)
        merged = MergedDataset(self._dataset, taken, "merged", (), MergeCounts())
        return self._finish(merged, len(items))

    def _refuse_edits_of_ours(self, manifest: Manifest, file: Path) -> None:
        """Refuse what lies in the dataset's place where it came from another version than what was merged."""
        place = self._dataset.path.on(self._repository.root)
        if not file.is_file() or not place.is_file() or not file.samefile(place):
            return
        disk = look(self._repository, self._dataset)
        if disk is None or disk.cache.dataset in (None, manifest.content):
            return
        copy = f"`datav resolve {self._repository.shown(self._dataset.path)} --with COPY`"
        raise UsageError(
            f"{self._dataset} on disk lacks what was merged: a merge leaves the data as it was",
            hint=f"move it away, edit what `datav checkout` brings, and take that; or take yours with {copy}",
        )

    # --- finishing

    def _finish(self, merged: MergedDataset, decided: int) -> Resolved:
        repository, dataset = self._repository, self._dataset
        try:
            plans = self._plan_here(merged.manifest)
        except DataLossError as exc:
            copy = f"`datav resolve {repository.shown(dataset.path)} --with COPY`"
            hint = f"move it away, or take it with {copy}"
            if merged.manifest.kind == "directory":
                hint = "move what you changed away; once the merge is finished it can be put back and added"
            raise DataLossError(str(exc), hint=hint) from exc
        finish_merged(repository, dataset, encode_manifest(merged.manifest), self._before, plans)
        return self._result(decided, 0, merged, placed=plans is not None)

    def _plan_here(self, manifest: Manifest) -> list[DatasetPlan] | None:
        """Return how the data comes to disk, fetched if it is not here and was on disk before."""
        repository = self._repository
        plans = plan_merged(repository, self._dataset, manifest)
        if plans is not None or not repository.settings.remotes or look(repository, self._dataset) is None:
            return plans
        # Only here: hardly ever is anything to be fetched.
        from datav.repo.fetch import fetch_content

        try:
            fetch_content(repository, manifest.content)
        except DatavError:
            return None  # as without a remote: the manifest says what belongs there
        return plan_merged(repository, self._dataset, manifest)

    def _keep_or_remove(self, own: Mapping[int, IndexEntry]) -> Resolved:
        """Take one version of a dataset that one side changed, and the other removed."""
        choice = self._choice
        if choice.take is None or isinstance(choice.take, Given) or choice.row or choice.column is not None:
            raise UsageError(
                f"one side changed {self._dataset}, and the other removed it",
                hint="`--ours` or `--theirs` takes the one or the other",
            )
        stage = {"base": 1, "ours": 2, "theirs": 3}[choice.take]
        if stage in own:
            oid = own[stage].oid
            text = self._repository.git.read_blobs([oid])[oid]
            manifest = parse_manifest(text, str(self._dataset.manifest_path))
            return self._finish(MergedDataset(self._dataset, manifest, "ours", (), MergeCounts()), 1)
        plan_placing(self._repository, {self._dataset: None})  # raises where data would be lost
        remove(self._repository, [f"{self._repository.root}/{self._dataset.path.text}"], force=True)
        return self._result(1, 0, None, placed=True)

    def _result(self, decided: int, left: int, merged: MergedDataset | None, *, placed: bool) -> Resolved:
        git = self._repository.git
        others = unmerged_stages(self._repository).keys() - {self._dataset.manifest_path}
        return Resolved(self._dataset, decided, left, merged, placed, git.find_operation(), len(others))


def _may_be_meant(before: Manifest, taken: Manifest) -> bool:
    """Whether a file may be what a dataset is to hold, and is not named by mistake."""
    if before.table is None or not before.table.columns:
        return True
    table = taken.table
    return table is not None and not {column.name for column in before.table.columns}.isdisjoint(
        column.name for column in table.columns
    )
