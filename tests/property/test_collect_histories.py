"""Random histories: what a naive walk over git can still reach comes back byte for byte after gc."""

import random
import tempfile
from pathlib import Path

from hypothesis import given, settings
from hypothesis import strategies as st

from datav.formats.manifest import Manifest, parse_manifest
from datav.ids import ID_SIZE
from datav.repo.collect import collect
from datav.repo.verify import verify
from datav.store.store import Store
from datav.store.trees import read_directory, read_file_shape
from tests.support.datasets import DatavRepo, random_bytes
from tests.support.profiles import put_profile

ACTIONS = (
    *("edit", "edit", "edit", "directory", "profile", "profile", "unstaged", "commit", "commit", "amend"),
    *("branch", "switch", "delete", "stash", "expire", "collect"),
)


class History:
    """A repository with a linked work tree, and what each content that was ever added was."""

    def __init__(self, root: Path, seed: int) -> None:
        self.rng = random.Random(seed)
        self.repo = DatavRepo.init(root / "main")
        self.repo.set_up()
        self.repo.git("worktree", "add", "-q", "-b", "side", str(root / "side"))
        self.side = DatavRepo(root / "side")
        self.trees = [self.repo, self.side]
        self.known: dict[bytes, dict[bytes, bytes]] = {}
        """Id of a content -> path -> bytes; a file, and a profile, is at the empty path."""
        self.branches = 0

    def act(self, action: str) -> None:
        tree = self.rng.choice(self.trees)
        getattr(self, f"do_{action}")(tree)

    def do_edit(self, tree: DatavRepo, *, stage: bool = True) -> None:
        name = self.rng.choice(("a.bin", "b.bin"))
        data = bytearray(tree.read(name) if tree.exists(name) and self.rng.random() < 0.7 else self._fresh())
        at = self.rng.randrange(len(data))
        data[at : at + 5] = self.rng.randbytes(5)
        tree.write(name, bytes(data))
        tree.add(name, stage=stage)
        self.known[tree.manifest(name).content.id] = {b"": bytes(data)}

    def do_unstaged(self, tree: DatavRepo) -> None:
        self.do_edit(tree, stage=False)

    def do_directory(self, tree: DatavRepo) -> None:
        for _ in range(3):
            tree.write(f"d/{self.rng.randrange(8)}", self._fresh())
        tree.add("d")
        files = {path.name.encode(): path.read_bytes() for path in tree.path("d").iterdir()}
        self.known[tree.manifest("d").content.id] = files

    def do_profile(self, tree: DatavRepo) -> None:
        names = [name for name in ("a.bin", "b.bin", "d") if tree.exists(f"{name}.datav")]
        if names:
            data = self._fresh()
            self.known[put_profile(tree, self.rng.choice(names), data).id] = {b"": data}

    def do_commit(self, tree: DatavRepo) -> None:
        if self.rng.random() < 0.7:
            # Not the data itself: after a stash no .gitignore may keep it out.
            tree.git("add", "-A", "--", ":(glob)*.datav", ":(glob).gitignore", check=False)
        tree.commit("change", add=False)

    def do_amend(self, tree: DatavRepo) -> None:
        tree.git("commit", "-q", "--amend", "--allow-empty", "-m", "amended")

    def do_branch(self, tree: DatavRepo) -> None:
        self.branches += 1
        tree.git("branch", f"b{self.branches}")

    def do_switch(self, tree: DatavRepo) -> None:
        tree.git("checkout", "-q", f"b{self.rng.randint(1, self.branches + 1)}", check=False)

    def do_delete(self, tree: DatavRepo) -> None:
        tree.git("branch", "-D", f"b{self.rng.randint(1, self.branches + 1)}", check=False)

    def do_stash(self, tree: DatavRepo) -> None:
        tree.git("stash", "-q", check=False)

    def do_expire(self, tree: DatavRepo) -> None:
        tree.git("reflog", "expire", "--expire=now", "--all")

    def do_collect(self, tree: DatavRepo) -> None:
        with tree.open() as repository:
            collect(repository, apply=True)

    def _fresh(self) -> bytes:
        return random_bytes(self.rng.randrange(1, 40_000), self.rng.randrange(12))


def reachable(trees: list[DatavRepo]) -> list[Manifest]:
    """What can be reached, the slow way: every object git lists, the indexes, and the files."""
    texts: list[bytes] = []
    for tree in trees:
        # --all does not go into the stash's older entries and other work trees' HEADs; --reflog does.
        listed = tree.git("rev-list", "--all", "--reflog", "--objects").decode().splitlines()
        listed += tree.git("rev-list", "--objects", "HEAD").decode().splitlines()
        oids = {line.split(" ")[0] for line in listed if line.endswith(".datav")}
        oids |= {line.split()[1] for line in tree.git("ls-files", "-s", "*.datav").decode().splitlines()}
        texts += [tree.git("cat-file", "blob", oid) for oid in sorted(oids)]
        texts += [path.read_bytes() for path in tree.root.rglob("*.datav")]
    return [parse_manifest(text, "oracle") for text in dict.fromkeys(texts)]


def read_file(store: Store, content) -> bytes:
    shape = read_file_shape(store.reader, content)
    ids = [shape.chunk_ids[at : at + ID_SIZE] for at in range(0, len(shape.chunk_ids), ID_SIZE)]
    return b"".join(map(bytes, store.reader.read_many(ids, nodes=False)))


def read_back(store: Store, manifest: Manifest) -> dict[bytes, bytes]:
    if manifest.kind == "file":
        return {b"": read_file(store, manifest.content)}
    entries, _ = read_directory(store.reader, manifest.content)
    return {entry.path: read_file(store, entry.content) for entry in entries}


@settings(max_examples=15)
@given(seed=st.integers(0, 2**32), actions=st.lists(st.sampled_from(ACTIONS), min_size=5, max_size=25))
def test_what_can_be_reached_comes_back_and_the_rest_goes(seed, actions):
    with tempfile.TemporaryDirectory() as directory:
        history = History(Path(directory), seed)
        for action in actions:
            history.act(action)
        needed = reachable(history.trees)

        with history.repo.open() as repository:
            done = collect(repository, apply=True)
            again = collect(repository, apply=True)
            found = verify(repository)
            store = Store(repository.store.layout.root)

        assert found.ok
        assert (found.absent, found.store.unindexed_packs, found.store.lost_packs) == ((), (), ())
        assert done.missing_chunks == 0
        assert (again.bytes_freed, again.packs_rewritten, again.packs_deleted) == (0, 0, 0)
        for manifest in needed:
            assert read_back(store, manifest) == history.known[manifest.content.id]
            if manifest.profile is not None:
                # Or one that `add` made.
                profile = {b"": read_file(store, manifest.profile)}
                assert profile == history.known.get(manifest.profile.id, profile)
        # At most a quarter of a pack is not needed; and what is still listed of that can be read (`verify`).
        for pack in again.plan.packs:
            assert pack.needed >= 0.7 * (pack.size - 4_000)
