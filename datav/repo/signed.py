"""verify --signed: the chain from a signature to a row.

A signature signs a commit, or a tag that names one; a commit names its tree, a tree its files by their
hashes, a manifest its content by an id, and that every chunk by its own.  Each link is looked at, none is
believed: git checks the signature, its objects are hashed anew, and every byte below them is read.

What is on disk, in the index or in the cache of anybody plays no part in it.
"""

from collections.abc import Callable, Iterable, Iterator, Sequence
from contextlib import ExitStack
from dataclasses import dataclass
from typing import Literal

from datav.errors import FormatError, IntegrityError, RemoteError, UnknownDatasetError, UnsafePathError
from datav.formats.entry import Content
from datav.formats.manifest import Manifest, parse_manifest
from datav.formats.tree import DIRECTORY
from datav.git import MANIFEST_SUFFIX, MAX_MANIFEST_SIZE
from datav.git.rawobjects import (
    MAX_TREE,
    BrokenObjectError,
    HashName,
    RawObject,
    RawObjects,
    hash_name,
    name_object,
    parse_tag,
    parse_tree,
    tree_of_commit,
)
from datav.git.signatures import Signature, check_signature, find_signature
from datav.ids import Id, NodeId
from datav.relpath import RelPath, show_path
from datav.repo.connecting import connected
from datav.repo.datasets import Dataset, Target, dataset_of_manifest, find_targets
from datav.repo.repository import Repository, local_layout
from datav.settings import FILE_NAME
from datav.store.lookup import Lookup
from datav.store.packs import LocalPacks
from datav.store.reading import Reader, Reading
from datav.store.verifycontents import Fault, ReadContent, StrictReader, verify_content

_TAGS = "refs/tags/"
# A tag of a tag of a tag; nobody makes more.
_MOST_TAGS = 10


@dataclass(frozen=True, slots=True)
class BrokenLink:
    """Something between the signature and the manifests that is not what it has to be."""

    where: str
    """A path in the commit, or the name of an object of git's."""
    what: str


@dataclass(frozen=True, slots=True)
class GitObjects:
    """What was read of git's objects, and hashed anew."""

    hash: HashName
    commits: int
    tags: int
    trees: int
    blobs: int
    """The manifests, and `datav.toml`."""
    broken: tuple[BrokenLink, ...]


@dataclass(frozen=True, slots=True)
class SignedDataset:
    """What reading all of a dataset found, its profile included."""

    path: RelPath
    kind: Literal["file", "directory"]
    id: str
    files: int
    bytes: int
    """Of its files, as far as they are what was signed."""
    chunks: int
    profile: bool
    """Whether the manifest names one."""
    damaged: int
    """Chunks and trees."""
    missing: int
    faults: tuple[Fault, ...]
    """The first of them."""

    @property
    def ok(self) -> bool:
        return not (self.damaged or self.missing)


@dataclass(frozen=True, slots=True)
class SignedVerification:
    """What `verify --signed` found."""

    rev: str
    commit: str | None
    """None when a tag that should lead to it is broken."""
    signed: Literal["commit", "tag"]
    """What has the signature."""
    tag: str | None
    """What the tag calls itself; None when the commit has the signature."""
    signature: Signature
    objects: GitObjects
    datasets: tuple[SignedDataset, ...]
    was_read: bool
    """Whether the data was read: it is not when what names it is not signed by anybody that git trusts."""
    nodes: int
    bytes_from_remote: int
    """Of chunks and tree nodes that were not here."""
    remote: str | None
    """Which remote was asked, if something was not here."""
    has_remote: bool

    @property
    def ok(self) -> bool:
        """Whether the chain holds, all of it."""
        return (
            self.signature.ok
            and not self.objects.broken
            and self.was_read
            and all(dataset.ok for dataset in self.datasets)
        )


def verify_signed(repository: Repository, rev: str, names: Sequence[str] = ()) -> SignedVerification:
    """Follow the chain from the signature of a commit, or a tag, to every byte of its datasets.

    Args:
        names: of these datasets, or paths in them, only; the other manifests are hashed all the same.

    Raises:
        UnknownRevisionError: git does not know `rev`.
        UnknownDatasetError: a name is no dataset of that commit, nor in one.
        RemoteError: something is not here, and the remote cannot be reached.
    """
    oid, reference = name_object(repository.git, rev)
    with RawObjects(repository.git.git) as objects:
        chain = _Chain(repository, objects)
        chain.follow(oid, reference)
    found = GitObjects(
        hash=hash_name(oid),
        commits=objects.read["commit"],
        tags=objects.read["tag"],
        trees=objects.read["tree"],
        blobs=objects.read["blob"],
        broken=tuple(chain.broken),
    )
    signature = chain.signature or Signature("unchecked", message="what it signs cannot be read")
    datasets: tuple[SignedDataset, ...] = ()
    reading = _DataReading(repository)
    if signature.ok:
        targets = _targets(repository, names, chain.manifests)
        with reading:
            datasets = tuple(reading.verify(targets, chain.manifests))
    return SignedVerification(
        rev=rev,
        commit=chain.commit,
        signed=chain.signed,
        tag=chain.tag,
        signature=signature,
        objects=found,
        datasets=datasets,
        was_read=signature.ok,
        nodes=reading.reader.nodes_read if reading.reader else 0,
        bytes_from_remote=reading.reader.far_bytes if reading.reader else 0,
        remote=reading.remote,
        has_remote=bool(repository.settings.remotes),
    )


class _Chain:
    """From a tag or a commit to the manifests."""

    def __init__(self, repository: Repository, objects: RawObjects) -> None:
        self._git = repository.git.git
        self._objects = objects
        self.signature: Signature | None = None
        self.signed: Literal["commit", "tag"] = "commit"
        self.tag: str | None = None
        self.commit: str | None = None
        self.manifests: dict[Dataset, Manifest] = {}
        self.broken: list[BrokenLink] = []

    def follow(self, oid: str, reference: str | None) -> None:
        """Follow the chain as far as it holds."""
        try:
            found = self._follow_tags(oid, reference)
            tree = tree_of_commit(found.data, self.commit or oid)
        except BrokenObjectError as exc:
            self.broken.append(BrokenLink(oid, str(exc)))
            return
        if self.signature is None:
            self.signature = check_signature(self._git, "commit", self.commit or oid, found.data)
        self._walk(tree, b"")

    def _follow_tags(self, oid: str, reference: str | None) -> RawObject:
        """Return the commit that a tag leads to; the outermost signature is the one that counts."""
        found = self._objects.get(oid)
        for _ in range(_MOST_TAGS):
            if found.kind != "tag":
                break
            tag = parse_tag(found.data, oid)
            if self.signature is None and find_signature("tag", found.data) is not None:
                self.signature = check_signature(self._git, "tag", oid, found.data)
                self.signed, self.tag = "tag", tag.name
                self._compare_name(tag.name, reference)
            oid, reference = tag.target, None
            found = self._objects.get(oid)
        if found.kind != "commit":
            raise BrokenObjectError(f"{oid} of git is a {found.kind}, not a commit")
        self.commit = oid
        return found

    def _compare_name(self, name: str, reference: str | None) -> None:
        """A signed tag under another name was moved there by somebody who did not sign that."""
        if reference is not None and reference.startswith(_TAGS) and reference != _TAGS + name:
            asked = reference.removeprefix(_TAGS)
            self.broken.append(BrokenLink(reference, f"the tag that {asked} leads to was signed as {name}"))

    def _walk(self, oid: str, prefix: bytes) -> None:
        """Read a tree and those below it, and the manifests in them."""
        pending = [(oid, prefix)]
        while pending:
            oid, prefix = pending.pop()
            try:
                entries = parse_tree(self._objects.get(oid, "tree", max_size=MAX_TREE).data, oid)
            except BrokenObjectError as exc:
                self.broken.append(BrokenLink(prefix.decode("utf-8", "replace") or ".", str(exc)))
                continue
            for entry in entries:
                path = prefix + entry.name
                if entry.is_tree:
                    pending.append((entry.oid, path + b"/"))
                elif entry.is_file and (path.endswith(MANIFEST_SUFFIX) or path == FILE_NAME.encode()):
                    self._read_file(path, entry.oid)

    def _read_file(self, name: bytes, oid: str) -> None:
        try:
            path = RelPath(name)
            data = self._objects.get(oid, "blob", max_size=MAX_MANIFEST_SIZE).data
            dataset = dataset_of_manifest(path)
            if dataset is not None:
                self.manifests[dataset] = parse_manifest(data, str(path))
        except (BrokenObjectError, FormatError, UnsafePathError) as exc:
            self.broken.append(BrokenLink(name.decode("utf-8", "replace"), str(exc)))


class _DataReading:
    """Reads datasets; the remote is asked when something is not here.  Used in a `with`."""

    def __init__(self, repository: Repository) -> None:
        self._repository = repository
        self._opened = ExitStack()
        self._far: Reading | None = None
        self._seen: dict[tuple[Content, bool, bytes], ReadContent] = {}
        self.remote: str | None = None
        self.reader: StrictReader | None = None

    def __enter__(self) -> "_DataReading":
        layout = local_layout(self._repository.private)
        lookup = Lookup(layout, checked=True)
        self.reader = StrictReader(lookup, Reader(LocalPacks(layout), lookup), self._connect)
        return self

    def __exit__(self, *_: object) -> None:
        self._opened.close()

    def verify(
        self, targets: Sequence[Target], manifests: dict[Dataset, Manifest]
    ) -> Iterator[SignedDataset]:
        """Read the data of targets; one value for each dataset."""
        insides: dict[Dataset, list[bytes]] = {}
        for target in targets:
            insides.setdefault(target.dataset, []).append(target.inside)
        total = sum(manifests[dataset].content.size for dataset in insides)
        self._repository.progress.start("reading what is signed", total, "bytes")
        for dataset, inside in insides.items():
            yield self._verify_dataset(dataset, manifests[dataset], () if b"" in inside else inside)

    def _verify_dataset(self, dataset: Dataset, manifest: Manifest, inside: Sequence[bytes]) -> SignedDataset:
        is_directory = manifest.kind == "directory"
        data = self._read(manifest.content, is_directory=is_directory, inside=inside)
        parts = [data]
        if inside and data.ok and not data.files:
            shown = show_path(bytes(dataset.path) + b"/" + inside[0])
            raise UnknownDatasetError(f"{shown} is not in that dataset")
        if not inside and data.ok and data.files != manifest.files:
            wrong = ReadContent()
            wrong.note(b"", FormatError(f"it has {data.files} files, and its manifest says {manifest.files}"))
            parts.append(wrong)
        for content in manifest.contents[1:]:
            is_tree = is_directory and content != manifest.profile and self._is_directory(content)
            parts.append(self._read(content, is_directory=is_tree))
        return SignedDataset(
            path=dataset.path,
            kind=manifest.kind,
            id=Id(manifest.content.id).text,
            files=data.files,
            bytes=data.size,
            chunks=sum(part.chunks for part in parts),
            profile=manifest.profile is not None,
            damaged=sum(part.damaged for part in parts),
            missing=sum(part.missing for part in parts),
            faults=tuple(fault for part in parts for fault in part.faults),
        )

    def _read(self, content: Content, *, is_directory: bool, inside: Sequence[bytes] = ()) -> ReadContent:
        assert self.reader is not None
        key = (content, is_directory, b"\0".join(inside))
        if key not in self._seen:
            self._seen[key] = verify_content(
                self.reader,
                content,
                self._repository.executor,
                is_directory=is_directory,
                only=_is_below(inside) if inside else None,
                progress=self._repository.progress,
            )
        return self._seen[key]

    def _is_directory(self, content: Content) -> bool:
        """Whether a side of a conflict, or its record, is a tree of a directory: its top says so itself."""
        assert self.reader is not None
        if content.depth == 0:
            return False
        try:
            return self.reader.read_node(NodeId(content.id))[:1] == bytes([DIRECTORY])
        except (FormatError, IntegrityError):
            return False

    def _connect(self) -> Reading | None:
        if self._far is None and self._repository.settings.remotes:
            remote = self._opened.enter_context(connected(self._repository, None))
            try:
                remote.refresh()
            except FormatError as exc:
                # Of the remote as a whole: nothing is said of what was signed.
                raise RemoteError(str(exc), hint=exc.hint) from exc
            self.remote = remote.name
            self._far = remote.reader
        return self._far


def _is_below(insides: Iterable[bytes]) -> Callable[[bytes], bool]:
    wanted = tuple(insides)
    return lambda path: any(path == inside or path.startswith(inside + b"/") for inside in wanted)


def _targets(
    repository: Repository, names: Sequence[str], manifests: dict[Dataset, Manifest]
) -> list[Target]:
    ordered = sorted(manifests, key=lambda dataset: dataset.path)
    if not names:
        return [Target(dataset, b"") for dataset in ordered]
    targets = find_targets(repository, names, ordered)
    for target in targets:
        if target.inside and manifests[target.dataset].kind == "file":
            raise UnknownDatasetError(f"{target.dataset} is a file, nothing lies in it")
    return targets
