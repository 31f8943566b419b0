"""Random histories: what any of two clones pushed comes back byte for byte in a third."""

import random
import tempfile
from pathlib import Path

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from datav.errors import RemoteError
from datav.formats.entry import Content
from datav.store import fetching, remoteroots, sending
from datav.store.trees import read_directory
from tests.support.objects import MemoryObjects
from tests.unit.store.remotes import BreakingObjects, TestClone, lacking, verify_place
from tests.unit.store.stores import noise, text

ACTIONS = (
    "edit",
    "edit",
    "edit",
    "directory",
    "push",
    "push",
    "broken push",
    "push all",
    "fetch",
    "broken fetch",
)

Files = dict[bytes, bytes]
"""Path -> bytes; a file is at the empty path."""


class History:
    """Two clones of one remote, and what each content is that either has ever had."""

    def __init__(self, root: Path, seed: int) -> None:
        self.root = root
        self.rng = random.Random(seed)
        self.place = MemoryObjects()
        self.clones = [TestClone(root / name, self.place) for name in ("ann", "bob")]
        self.known: dict[Content, Files] = {}
        self.has: list[list[Content]] = [[], []]
        self.pushed: set[Content] = set()

    def act(self, action: str) -> None:
        number = self.rng.randrange(2)
        verb, _, rest = action.partition(" ")
        if verb == "broken":
            self._break(number, rest)
        else:
            getattr(self, f"do_{action.replace(' ', '_')}")(number)

    def do_edit(self, number: int) -> None:
        olds = [content for content in self.has[number] if b"" in self.known[content]]
        old = self.rng.choice(olds) if olds and self.rng.random() < 0.8 else None
        data = bytearray(self.known[old][b""] if old is not None else self._fresh())
        at = self.rng.randrange(len(data))
        data[at : at + 5] = self.rng.randbytes(self.rng.choice((0, 5, 300)))
        data += b"."
        self._has(number, self.clones[number].add(bytes(data), old), {b"": bytes(data)})

    def do_directory(self, number: int) -> None:
        files = {b"d/%d" % self.rng.randrange(9): self._fresh() for _ in range(4)}
        self._has(number, self.clones[number].add_directory(files), files)

    def do_push(self, number: int) -> None:
        wanted = [content for content in self.has[number] if self.rng.random() < 0.5]
        assert self.clones[number].push(wanted).incomplete == []
        self.pushed.update(wanted)

    def do_push_all(self, number: int) -> None:
        # Also what only the other has: that must not be named unless it is there.
        pushed = self.clones[number].push(list(self.known))
        self.pushed |= self.known.keys() - set(pushed.incomplete)

    def do_fetch(self, number: int) -> None:
        wanted = [content for content in sorted(self.pushed) if self.rng.random() < 0.7]
        if wanted:
            assert self.clones[number].fetch(wanted).missing == []
            for content in wanted:
                self._has(number, content, self.known[content])

    def _break(self, number: int, verb: str) -> None:
        clone, before = self.clones[number], set(self.pushed)
        clone.place = BreakingObjects(self.place, self.rng.randrange(12), is_done=self.rng.random() < 0.5)
        try:
            getattr(self, f"do_{verb}")(number)
        except RemoteError:
            self.pushed = before
        finally:
            clone.place = self.place

    def _has(self, number: int, content: Content, files: Files) -> None:
        self.known[content] = files
        if content not in self.has[number]:
            self.has[number].append(content)

    def _fresh(self) -> bytes:
        make = self.rng.choice((noise, text))
        return make(self.rng.randrange(6), self.rng.randrange(1, 40_000))


def read(clone: TestClone, content: Content, files: Files) -> Files:
    if b"" in files:
        return {b"": clone.read(content)}
    entries, _ = read_directory(clone.store.reader, content)
    return {entry.path: clone.read(entry.content) for entry in entries}


@settings(max_examples=40)
@given(
    seed=st.integers(0, 2**32),
    actions=st.lists(st.sampled_from(ACTIONS), min_size=4, max_size=30),
    window=st.sampled_from([5, 65_536]),
    as_is=st.sampled_from([5_000, 8 * 2**20]),
    roots=st.sampled_from([2, 16]),
)
def test_what_was_pushed_comes_back_elsewhere(seed, actions, window, as_is, roots):
    with tempfile.TemporaryDirectory() as directory, pytest.MonkeyPatch.context() as patch:
        patch.setattr(fetching, "WINDOW", window)
        patch.setattr(sending, "AS_IS_SIZE", as_is)
        patch.setattr(remoteroots, "MAX_ROOTS", roots)
        history = History(Path(directory), seed)
        for action in actions:
            history.act(action)
        look = Path(directory) / "look"

        assert lacking(history.place, look) == []
        found = verify_place(history.place, look)
        assert (found.ok, found.lost_packs) == (True, ())
        third = TestClone(Path(directory) / "third", history.place)
        if history.pushed:
            assert third.fetch(sorted(history.pushed)).missing == []
        for content in history.pushed:
            assert read(third, content, history.known[content]) == history.known[content]
        for clone in (*history.clones, third):
            assert clone.verify().ok
            assert clone.leftovers() == []
        for number, clone in enumerate(history.clones):
            for content in history.has[number]:
                assert read(clone, content, history.known[content]) == history.known[content]
