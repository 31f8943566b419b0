"""verify --signed: nothing between a signature and a byte can be changed unnoticed.

Real git, ssh-keygen and gpg; what an attacker or a disk may do is done to real files.
"""

import shutil
import subprocess
import zlib
from hashlib import sha1
from pathlib import Path

import pytest

from datav.errors import RemoteError, UnknownDatasetError, UnknownRevisionError
from datav.git.process import Output
from datav.git.rawobjects import BrokenObjectError, hash_object, parse_tree
from datav.git.signatures import read_output
from datav.repo.push import push
from datav.repo.remotes import add_remote
from datav.repo.signed import SignedVerification, verify_signed
from datav.report.signed import signed_json, signed_text, signed_warning
from datav.report.style import PLAIN
from datav.settings import RemoteSettings
from tests.support.datasets import DatavRepo, random_bytes
from tests.unit.store.stores import flip

pytestmark = pytest.mark.skipif(shutil.which("ssh-keygen") is None, reason="no ssh-keygen")


@pytest.fixture(scope="module")
def keys(tmp_path_factory) -> Path:
    """A directory with the SSH keys `ann` and `bob`."""
    directory = tmp_path_factory.mktemp("keys")
    for name in ("ann", "bob"):
        command = ["ssh-keygen", "-q", "-t", "ed25519", "-N", "", "-C", name, "-f", str(directory / name)]
        subprocess.run(command, check=True)
    return directory


def allow(repo: DatavRepo, keys: Path, *names: str) -> None:
    lines = [f"{name}@example.org {(keys / f'{name}.pub').read_text()}" for name in names]
    (repo.root / ".git/allowed").write_text("".join(lines))
    repo.git("config", "gpg.ssh.allowedSignersFile", str(repo.root / ".git/allowed"))


@pytest.fixture
def repo(tmp_path, keys) -> DatavRepo:
    """A table with its profile, and a directory, in a commit that Ann has signed; she may."""
    repo = DatavRepo.init(tmp_path / "repo")
    assert isinstance(repo, DatavRepo)
    repo.set_up()
    repo.git("config", "gpg.format", "ssh")
    repo.git("config", "user.signingKey", str(keys / "ann.pub"))
    repo.git("config", "commit.gpgSign", "true")
    allow(repo, keys, "ann")
    repo.write("data/t.csv", b"id,n\n" + b"".join(b"%d,%d\n" % (n, n * n) for n in range(3000)))
    repo.write("pictures/a/one", random_bytes(30_000, 1))
    repo.write("pictures/two", b"two")
    repo.write("pictures/none", b"")
    repo.add("data/t.csv", "pictures")
    repo.commit("data")
    return repo


def verify(repo: DatavRepo, rev: str = "HEAD", *names: str) -> SignedVerification:
    with repo.open() as repository:
        return verify_signed(repository, rev, names)


def rewritten(repo: DatavRepo, rev: str, old: bytes, new: bytes) -> str:
    """Store a commit or a tag with a few bytes changed, and return its name."""
    kind = repo.git("cat-file", "-t", rev).decode().strip()
    data = repo.git("cat-file", kind, rev)
    assert old in data
    return (
        repo.git("hash-object", "-t", kind, "-w", "--stdin", stdin=data.replace(old, new, 1)).decode().strip()
    )


def write_loose(repo: DatavRepo, oid: str, kind: str, data: bytes) -> None:
    """Put other bytes under the name of one of git's objects."""
    path = repo.root / ".git/objects" / oid[:2] / oid[2:]
    path.unlink()
    path.write_bytes(zlib.compress(f"{kind} {len(data)}\0".encode() + data))


def write_packed(repo: DatavRepo, oid: str, data: bytes) -> None:
    """Put other bytes under the name of a blob, in a pack whose index and checksums are as they should be."""
    loose = repo.root / ".git/objects" / oid[:2] / oid[2:]
    loose.unlink()
    size, head = len(data), bytearray()
    byte, size = 0x30 | size & 15, size >> 4
    while size:
        head.append(byte | 0x80)
        byte, size = size & 127, size >> 7
    head.append(byte)
    frame = bytes(head) + zlib.compress(data)
    pack = b"PACK" + (2).to_bytes(4) + (1).to_bytes(4) + frame
    pack += sha1(pack).digest()
    raw = bytes.fromhex(oid)
    fanout = b"".join(int(number >= raw[0]).to_bytes(4) for number in range(256))
    index = b"\xfftOc" + (2).to_bytes(4) + fanout + raw + zlib.crc32(frame).to_bytes(4) + (12).to_bytes(4)
    index += pack[-20:]
    index += sha1(index).digest()
    place = repo.root / ".git/objects/pack"
    place.mkdir(exist_ok=True)
    (place / f"pack-{pack[-20:].hex()}.pack").write_bytes(pack)
    (place / f"pack-{pack[-20:].hex()}.idx").write_bytes(index)


def send(repo: DatavRepo, place: Path) -> None:
    with repo.open() as repository:
        add_remote(repository, RemoteSettings("origin", str(place)))
    with repo.open() as repository:
        push(repository)


def states(found: SignedVerification) -> dict[str, bool]:
    return {dataset.path.text: dataset.ok for dataset in found.datasets}


def test_a_commit_of_an_allowed_signer_holds_to_the_last_byte(repo):
    found = verify(repo)

    assert found.ok
    assert (found.signature.state, found.signature.kind) == ("good", "ssh")
    assert found.signature.signer == "ann@example.org"
    assert found.signature.fingerprint.startswith("SHA256:")
    assert found.commit == repo.rev("HEAD")
    assert [(d.path.text, d.files, d.profile) for d in found.datasets] == [
        ("data/t.csv", 1, True),
        ("pictures", 3, True),
    ]
    assert [d.bytes for d in found.datasets] == [
        repo.manifest(n).content.size for n in ("data/t.csv", "pictures")
    ]
    # The root, data/; the two manifests and datav.toml.
    assert (found.objects.commits, found.objects.trees, found.objects.blobs) == (1, 2, 3)
    assert "every byte is what was signed" in signed_text(found, PLAIN, 1)


def test_what_lies_on_disk_plays_no_part(repo):
    repo.write("data/t.csv", b"changed")
    repo.write("data/t.csv.datav", b"no manifest")
    repo.git("add", "data/t.csv.datav")

    assert verify(repo).ok


def test_a_signer_who_is_not_allowed_is_refused_and_nothing_is_read(repo, keys):
    allow(repo, keys, "bob")

    found = verify(repo)

    assert (found.ok, found.signature.state, found.was_read, found.datasets) == (
        False,
        "unknown-key",
        False,
        (),
    )
    assert found.signature.fingerprint.startswith("SHA256:")


def test_without_a_list_of_signers_git_cannot_check(repo):
    repo.git("config", "--unset", "gpg.ssh.allowedSignersFile")

    found = verify(repo)

    assert (found.ok, found.signature.state) == (False, "unchecked")
    assert "gpg.ssh.allowedSignersFile" in found.signature.message


def test_a_commit_that_nobody_signed_is_refused(repo):
    repo.git("commit", "-q", "--allow-empty", "--no-gpg-sign", "-m", "unsigned")

    found = verify(repo)

    assert (found.ok, found.signature.state) == (False, "none")
    assert verify(repo, "HEAD~1").ok


def test_the_signature_of_an_amended_commit_does_not_fit_it(repo):
    assert verify(repo, rewritten(repo, "HEAD", b"\n\ndata\n", b"\n\ndate\n")).signature.state == "bad"


def test_a_signature_moved_to_another_tree_does_not_fit_it(repo):
    tree = repo.git("rev-parse", "HEAD^{tree}").strip()
    other = repo.git("rev-parse", "HEAD~1^{tree}").strip()

    assert verify(repo, rewritten(repo, "HEAD", tree, other)).signature.state == "bad"


def test_a_flipped_byte_of_a_pack_is_damage_of_the_dataset_that_it_is_in(repo):
    packs = sorted(
        (repo.root / ".git/datav/store/packs").rglob("*.pack"), key=lambda path: path.stat().st_size
    )
    flip(packs[-1], packs[-1].stat().st_size // 2)

    found = verify(repo)

    assert not found.ok
    assert states(found) == {"data/t.csv": True, "pictures": False}
    assert (found.datasets[1].damaged, found.datasets[1].missing) == (1, 0)
    assert found.datasets[1].faults[0].path == b"a/one"
    assert "a/one" in signed_text(found, PLAIN, 1)
    assert verify(repo, "HEAD", "data").ok


def test_damage_here_is_damage_though_the_remote_has_a_good_copy(repo, tmp_path):
    send(repo, tmp_path / "remote")
    (pack,) = (repo.root / ".git/datav/store/packs").rglob("*.pack")
    flip(pack, pack.stat().st_size // 2)

    found = verify(repo)

    assert (found.ok, found.bytes_from_remote) == (False, 0)


@pytest.mark.parametrize("put", ["loose", "packed"])
def test_another_manifest_under_the_same_name_is_found(repo, put):
    oid = repo.rev("HEAD:data/t.csv.datav")
    data = repo.read("data/t.csv.datav")
    other = data.replace(b"rows = 3000", b"rows = 2999")
    assert other != data
    if put == "loose":
        write_loose(repo, oid, "blob", other)
    else:
        write_packed(repo, oid, other)
    # git believes it.
    assert repo.git("show", "HEAD:data/t.csv.datav") == other

    found = verify(repo)

    assert not found.ok
    assert [(link.where, oid in link.what) for link in found.objects.broken] == [("data/t.csv.datav", True)]
    assert states(found) == {"pictures": True}


def test_an_object_that_git_cannot_read_is_damage_and_the_rest_is_looked_at(repo):
    oid = repo.rev("HEAD:data/t.csv.datav")
    path = repo.root / ".git/objects" / oid[:2] / oid[2:]
    path.chmod(0o600)
    path.write_bytes(b"rot")

    found = verify(repo)

    assert [link.where for link in found.objects.broken] == ["data/t.csv.datav"]
    assert states(found) == {"pictures": True}


def test_a_tree_that_is_gone_is_told(repo):
    oid = repo.rev("HEAD:data")
    (repo.root / ".git/objects" / oid[:2] / oid[2:]).unlink()

    found = verify(repo)

    assert ([link.where for link in found.objects.broken], found.ok) == ([("data/")], False)


def test_replacements_fool_nobody(repo):
    tree, blob = repo.rev("HEAD^{tree}"), repo.rev("HEAD:data/t.csv.datav")
    signed = repo.rev("HEAD")
    repo.git("replace", tree, repo.rev("HEAD~1^{tree}"))
    other = repo.git("hash-object", "-w", "--stdin", stdin=b"not a manifest").decode().strip()
    repo.git("replace", blob, other)

    assert [d.path.text for d in verify(repo, signed).datasets] == ["data/t.csv", "pictures"]
    assert verify(repo, signed).ok

    repo.git("commit", "-q", "--allow-empty", "--no-gpg-sign", "-m", "unsigned")
    unsigned = repo.rev("HEAD")
    repo.git("replace", unsigned, signed)

    assert verify(repo, unsigned).signature.state == "none"


def test_a_signed_tag_signs_the_commit_that_it_names(repo):
    repo.git("commit", "-q", "--allow-empty", "--no-gpg-sign", "-m", "unsigned")
    repo.git("tag", "-s", "-m", "first", "v1")

    found = verify(repo, "v1")

    assert found.ok
    assert (found.signed, found.tag, found.commit) == ("tag", "v1", repo.rev("HEAD"))
    assert found.objects.tags == 1
    assert verify(repo, "v1^{commit}").signature.state == "none"


def test_a_tag_without_a_signature_leads_to_that_of_the_commit(repo):
    repo.git("tag", "-a", "-m", "first", "v1")

    found = verify(repo, "v1")

    assert (found.ok, found.signed, found.tag) == (True, "commit", None)


def test_a_bad_tag_of_a_good_commit_is_refused(repo):
    repo.git("tag", "-s", "-m", "first", "v1")
    repo.git("tag", "-f", "v2", rewritten(repo, "v1", b"\n\nfirst\n", b"\n\nthird\n"))

    assert (verify(repo, "v2").ok, verify(repo, "v2").signature.state) == (False, "bad")


def test_a_signed_tag_under_another_name_is_refused(repo):
    repo.git("tag", "-s", "-m", "first", "v1")
    repo.git("update-ref", "refs/tags/v2", repo.rev("v1"))

    found = verify(repo, "v2")

    assert (found.ok, found.signature.state) == (False, "good")
    assert "signed as v1" in found.objects.broken[0].what


def test_data_that_is_only_on_the_remote_is_read_from_there_and_not_kept(repo, tmp_path):
    send(repo, tmp_path / "remote")
    repo.commit("remote")
    clone = DatavRepo(tmp_path / "clone")
    repo.git("clone", "-q", str(repo.root), str(clone.root))
    clone.git("config", "gpg.ssh.allowedSignersFile", str(repo.root / ".git/allowed"))

    found = verify(clone)

    assert (found.ok, found.remote) == (True, "origin")
    assert found.bytes_from_remote > sum(dataset.bytes for dataset in found.datasets)
    assert list((clone.root / ".git/datav/store/packs").rglob("*.pack")) == []

    # The biggest pack has the picture.
    packs = sorted((tmp_path / "remote/packs").rglob("*"), key=lambda path: path.stat().st_size)
    flip(packs[-1], packs[-1].stat().st_size // 2)

    assert [d.damaged for d in verify(clone).datasets].count(0) == 1


def test_data_that_is_nowhere_is_missing(repo, tmp_path):
    clone = DatavRepo(tmp_path / "clone")
    repo.git("clone", "-q", str(repo.root), str(clone.root))
    clone.git("config", "gpg.ssh.allowedSignersFile", str(repo.root / ".git/allowed"))

    found = verify(clone)

    assert (found.ok, found.has_remote) == (False, False)
    assert all(dataset.missing and not dataset.damaged for dataset in found.datasets)


def test_a_remote_that_cannot_be_read_is_an_error_and_no_verdict(repo, tmp_path):
    send(repo, tmp_path / "remote")
    (tmp_path / "remote/format").write_bytes(b"datav remote 99\n")
    shutil.rmtree(repo.root / ".git/datav/store")

    with pytest.raises(RemoteError):
        verify(repo)


def test_a_file_that_only_looks_like_a_manifest_is_told(repo):
    repo.write("broken.datav", b"id = 3\n")
    repo.commit("broken")

    found = verify(repo)

    assert [link.where for link in found.objects.broken] == ["broken.datav"]
    assert states(found) == {"data/t.csv": True, "pictures": True}


def test_a_part_of_a_dataset_is_read_alone(repo):
    found = verify(repo, "HEAD", "pictures/a")

    assert [(d.path.text, d.files, d.bytes) for d in found.datasets] == [("pictures", 1, 30_000)]
    with pytest.raises(UnknownDatasetError):
        verify(repo, "HEAD", "pictures/c")
    with pytest.raises(UnknownDatasetError):
        verify(repo, "HEAD", "nothing")


def test_a_revision_that_is_none_is_an_error(repo):
    with pytest.raises(UnknownRevisionError):
        verify(repo, "nothing")


@pytest.mark.skipif(shutil.which("gpg") is None, reason="no gpg")
def test_keys_of_gnupg_are_trusted_as_far_as_git_trusts_them(repo, tmp_path_factory, monkeypatch):
    # A socket's path must be short.
    home = tmp_path_factory.mktemp("g")
    home.chmod(0o700)
    monkeypatch.setenv("GNUPGHOME", str(home))
    made = ["--passphrase", "", "--quick-gen-key", "Gina <gina@example.org>", "ed25519", "sign", "never"]
    subprocess.run(["gpg", "--batch", "--quiet", *made], check=True, capture_output=True)
    listed = subprocess.run(
        ["gpg", "--list-keys", "--with-colons"], check=True, capture_output=True, text=True
    )
    key = next(line.split(":")[9] for line in listed.stdout.splitlines() if line.startswith("fpr"))
    repo.git("config", "gpg.format", "openpgp")
    repo.git("config", "user.signingKey", key)
    repo.commit("by gpg")
    try:
        found = verify(repo)

        assert (found.ok, found.signature.state, found.signature.kind) == (True, "good", "openpgp")
        assert (found.signature.signer, found.signature.fingerprint) == ("Gina <gina@example.org>", key)
        assert signed_warning(found) is None

        # Nobody says whose it is any more.
        lowered = ["gpg", "--batch", "--import-ownertrust"]
        subprocess.run(lowered, input=f"{key}:2:\n".encode(), check=True, capture_output=True)
        told = verify(repo)
        assert (told.ok, told.signature.state) == (True, "unknown-trust")
        assert signed_warning(told) is not None

        repo.git("config", "gpg.minTrustLevel", "marginal")
        assert (verify(repo).ok, verify(repo).signature.state) == (False, "low-trust")

        monkeypatch.setenv("GNUPGHOME", str(tmp_path_factory.mktemp("h")))
        assert verify(repo).signature.state == "unknown-key"
    finally:
        subprocess.run(["gpgconf", "--homedir", str(home), "--kill", "all"], check=False)


@pytest.mark.parametrize(
    ("said", "status", "state"),
    [
        ("GOODSIG F4 Gina\n[GNUPG:] TRUST_FULLY 0 pgp", 0, "good"),
        ("GOODSIG F4 Gina\n[GNUPG:] TRUST_FULLY 0 pgp", 1, "low-trust"),
        ("GOODSIG F4 Gina\n[GNUPG:] TRUST_NEVER 0 pgp", 0, "low-trust"),
        ("GOODSIG F4 Gina", 0, "unknown-trust"),
        ("EXPSIG F4 Gina", 1, "expired"),
        ("EXPKEYSIG F4 Gina", 1, "expired-key"),
        ("REVKEYSIG F4 Gina", 1, "revoked-key"),
        ("BADSIG F4 Gina", 1, "bad"),
        ("ERRSIG F4 22 8 00 1 9 ABCD", 1, "unknown-key"),
        ("ERRSIG F4 22 8 00 1 4 ABCD", 1, "unchecked"),
        # Two signatures in one: which of them is meant nobody can say.
        ("GOODSIG F4 Gina\n[GNUPG:] EXPKEYSIG F5 Bob", 0, "bad"),
        ("NODATA 4", 1, "unchecked"),
        ("NODATA 4", 0, "unchecked"),
    ],
)
def test_what_gnupg_says_is_a_state(said, status, state):
    output = Output(status, b"", f"[GNUPG:] NEWSIG\n[GNUPG:] {said}\n".encode())

    assert read_output(output, "openpgp").state == state


def test_what_git_advises_is_not_what_is_wrong_with_a_signature():
    said = b"hint: Support for <GIT_DIR>/info/grafts is deprecated\nhint:\nNo principal matched.\n"

    assert read_output(Output(1, b"", said), "ssh").message == "No principal matched."


def test_objects_are_named_as_git_names_them(repo):
    data = repo.git("cat-file", "commit", "HEAD")

    assert hash_object("commit", data, "sha1") == repo.rev("HEAD")


@pytest.mark.parametrize(
    "data",
    [
        b"100644 a\0" + bytes(19),
        b"100644 a",
        b"100644 a\0" + bytes(20) + b"40000 a\0" + bytes(20),
        b"100644 a/b\0" + bytes(20),
        b"40000 ..\0" + bytes(20),
        b" a\0" + bytes(20),
    ],
)
def test_a_tree_that_could_be_read_in_two_ways_is_none(data):
    with pytest.raises(BrokenObjectError):
        parse_tree(data, "0" * 40)


def test_a_repository_of_sha256_holds_too(tmp_path, keys):
    repo = DatavRepo.init(tmp_path / "new", "--object-format=sha256")
    assert isinstance(repo, DatavRepo)
    repo.set_up()
    repo.git("config", "gpg.format", "ssh")
    repo.git("config", "user.signingKey", str(keys / "ann.pub"))
    allow(repo, keys, "ann")
    repo.write("a.bin", random_bytes(10_000, 1))
    repo.add("a.bin")
    repo.git("add", "-A")
    repo.git("commit", "-q", "-S", "-m", "data")

    found = verify(repo)

    assert (found.ok, found.objects.hash, len(found.datasets)) == (True, "sha256", 1)


def test_json_says_all_of_it(repo):
    document = signed_json(verify(repo), 1.5)

    assert document["ok"] is True
    assert document["signature"]["signer"] == "ann@example.org"
    assert document["git"]["broken"] == []
    assert [dataset["path"] for dataset in document["datasets"]] == ["data/t.csv", "pictures"]
    assert document["bytes"] == sum(dataset["bytes"] for dataset in document["datasets"])
