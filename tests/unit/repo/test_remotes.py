"""Remotes: finding, adding, removing, choosing the default."""

import os

import pytest

from datav.errors import UsageError
from datav.repo.connecting import opened_objects
from datav.repo.remotes import (
    RemotesChanged,
    add_remote,
    choose_default,
    find_remote,
    list_remotes,
    remove_remote,
)
from datav.repo.repository import init
from datav.settings import RemoteSettings

PRIVATE = ".git/datav/config.toml"


def add(repo, name: str, url: str, here: str = ".", **options) -> RemotesChanged:
    how = {key: options.pop(key) for key in ("private", "default") if key in options}
    with repo.open(here) as repository:
        return add_remote(repository, RemoteSettings(name, url, **options), **how)


def find(repo, name: str | None = None) -> RemoteSettings:
    with repo.open() as repository:
        return find_remote(repository, name)


def remove(repo, name: str) -> RemotesChanged:
    with repo.open() as repository:
        return remove_remote(repository, name)


def choose(repo, name: str) -> RemotesChanged:
    with repo.open() as repository:
        return choose_default(repository, name)


def listed(repo) -> dict[str, tuple[bool, bool]]:
    """Of each remote whether it is the default, and whether it is private."""
    with repo.open() as repository:
        return {
            remote.settings.name: (remote.is_default, remote.is_private)
            for remote in list_remotes(repository)
        }


def staged(repo) -> list[str]:
    return repo.git("diff", "--cached", "--name-only").decode().split()


def test_without_remotes_the_hint_says_how_to_add_one(repo):
    with pytest.raises(UsageError, match="no remote") as error:
        find(repo)

    assert "`datav remote add origin URL`" in (error.value.hint or "")


def test_a_remote_is_found_by_its_name_and_the_only_one_without(repo):
    add(repo, "origin", "s3://bucket/path", region="eu")

    assert find(repo) == find(repo, "origin") == RemoteSettings("origin", "s3://bucket/path", region="eu")


def test_of_several_remotes_one_must_be_named(repo):
    add(repo, "a", "s3://a")
    add(repo, "b", "s3://b")

    with pytest.raises(UsageError, match="a, b") as error:
        find(repo)

    assert "`datav remote default NAME`" in (error.value.hint or "")


def test_a_name_that_is_misspelt_brings_the_right_one(repo):
    add(repo, "origin", "s3://a")

    with pytest.raises(UsageError, match="no remote orign") as error:
        find(repo, "orign")

    assert error.value.hint == "did you mean origin?"


def test_a_name_that_is_like_no_other_brings_the_list(repo):
    add(repo, "origin", "s3://a")

    with pytest.raises(UsageError) as error:
        find(repo, "zzz")

    assert error.value.hint == "`datav remote list` lists them"


def test_adding_keeps_the_file_and_stages_it(repo):
    before = b"# mine\r\n" + repo.read("datav.toml").replace(b"\n", b"\r\n")
    repo.write("datav.toml", before)
    repo.commit("line ends")

    done = add(repo, "origin", "s3://bucket", endpoint="https://x.example", anonymous=True)

    assert repo.read("datav.toml") == before + (
        b'\r\n[remote.origin]\r\nurl = "s3://bucket"\r\n'
        b'endpoint = "https://x.example"\r\nanonymous = true\r\n'
    )
    assert staged(repo) == ["datav.toml"]
    assert done == RemotesChanged("origin", "s3://bucket", "origin", ("datav.toml",), ("datav.toml",))


def test_removing_what_was_added_gives_the_same_bytes(repo):
    before = repo.read("datav.toml")
    add(repo, "a", "s3://a", default=True)

    done = remove(repo, "a")

    assert repo.read("datav.toml") == before
    assert staged(repo) == []
    assert (done.default, done.staged) == (None, ("datav.toml",))


def test_a_private_remote_is_in_no_tracked_file(repo):
    before = repo.read("datav.toml")

    done = add(repo, "mine", "sftp://me:hunter2@host/p", private=True)

    assert repo.read("datav.toml") == before
    assert staged(repo) == []
    assert (done.url, done.written, done.staged) == ("sftp://me@host/p", ("config.toml",), ())
    assert find(repo, "mine").url == "sftp://me:hunter2@host/p"
    assert listed(repo) == {"mine": (True, True)}


def test_another_store_leaves_private_remotes(repo, tmp_path):
    repo.write(PRIVATE, b'# mine\n[remote.mine]\nurl = "/p"\n')
    (tmp_path / "repo/.git/datav/store/format").unlink()

    init(repo.root, store=tmp_path / "depot")

    assert repo.read(PRIVATE).endswith(b'# mine\n[remote.mine]\nurl = "/p"\n')
    assert find(repo, "mine").url == "/p"


def test_a_name_that_is_taken_is_refused(repo):
    add(repo, "a", "s3://a")

    for private in (False, True):
        with pytest.raises(UsageError, match="already"):
            add(repo, "a", "s3://b", private=private)


@pytest.mark.parametrize("name", ["", "-x", "a b", "..", "a/b"])
def test_a_name_that_cannot_be_is_refused(repo, name):
    before = repo.read("datav.toml")

    with pytest.raises(UsageError, match="cannot be called"):
        add(repo, name, "s3://a")

    assert repo.read("datav.toml") == before


@pytest.mark.parametrize(
    "url", ["", " ", "a\nb", "/\udcff", "s4://bucket", "host:path", "file://relative/path"]
)
def test_a_url_that_means_nothing_is_refused(repo, url):
    with pytest.raises(UsageError):
        add(repo, "a", url)

    assert listed(repo) == {}


def test_a_secret_that_everybody_would_see_is_refused_with_another_way(repo):
    with pytest.raises(UsageError, match="a password") as error:
        add(repo, "a", "sftp://me:hunter2@host/p")

    assert "hunter2" not in str(error.value)
    assert "`--private`" in (error.value.hint or "")


@pytest.mark.parametrize(
    ("typed", "here", "stored"),
    [
        ("place", ".", "place"),
        ("place", "sub", "sub/place"),
        ("../place", "sub", "place"),
        ("../place", ".", "../place"),
        ("../../place", "sub", "../place"),
        ("./a:b/c", ".", "./a:b/c"),
        ("/somewhere/else", ".", "/somewhere/else"),
        ("file:///somewhere/else", "sub", "file:///somewhere/else"),
    ],
)
def test_a_path_is_stored_from_the_root(repo, typed, here, stored):
    repo.path("sub").mkdir()

    add(repo, "a", typed, here=here)

    assert find(repo).url == stored


def test_a_path_that_is_far_from_the_root_is_stored_absolute(repo):
    add(repo, "a", "../../../place")

    assert find(repo).url == os.path.normpath(repo.root.resolve() / "../../../place")


def test_a_path_typed_in_a_directory_leads_there(repo):
    repo.path("sub").mkdir()
    add(repo, "a", "../../place", here="sub")

    with repo.open() as repository, opened_objects(repository, find_remote(repository, None)) as objects:
        objects.put("packs/x", b"1")

    assert (repo.root.parent / "place/packs/x").read_bytes() == b"1"


def test_the_default_of_the_project_is_chosen_in_its_file(repo):
    add(repo, "a", "s3://a")
    add(repo, "b", "s3://b", default=True)

    done = choose(repo, "a")

    assert listed(repo) == {"a": (True, False), "b": (False, False)}
    assert repo.read("datav.toml").count(b"default = true") == 1
    assert (done.default, done.staged) == ("a", ("datav.toml",))


def test_a_private_remote_is_the_default_of_this_clone_alone(repo):
    add(repo, "a", "s3://a")
    add(repo, "mine", "s3://b", private=True)

    done = choose(repo, "mine")

    assert listed(repo) == {"a": (False, False), "mine": (True, True)}
    assert done.staged == ()


def test_the_default_of_the_project_is_not_overruled_by_a_private_mark(repo):
    add(repo, "a", "s3://a")
    add(repo, "mine", "s3://b", private=True, default=True)

    choose(repo, "a")

    assert listed(repo) == {"a": (True, False), "mine": (False, True)}


def test_removing_a_remote_takes_what_the_clone_says_of_it_too(repo):
    add(repo, "a", "s3://a")
    repo.write(PRIVATE, b'# mine\n\n[remote.a]\nprofile = "me"\n\n[remote.a.options]\nkey = "x"\n')

    done = remove(repo, "a")

    assert listed(repo) == {}
    assert repo.read(PRIVATE) == b"# mine\n"
    assert done.written == ("datav.toml", "config.toml")


def test_a_remote_that_is_written_in_another_way_is_left_to_the_user(repo):
    text = repo.read("datav.toml") + b'\n[remote]\na = {url = "/a"}\n'
    repo.write("datav.toml", text)

    with pytest.raises(UsageError, match="cannot edit"):
        remove(repo, "a")

    assert repo.read("datav.toml") == text


def test_a_file_that_changes_meanwhile_is_not_overwritten(repo):
    """O8"""
    theirs = repo.read("datav.toml") + b"\n# theirs\n"

    with repo.open() as repository:
        editing = repository.editing

        def editing_late():
            repo.write("datav.toml", theirs)
            return editing()

        repository.editing = editing_late
        with pytest.raises(UsageError, match="meanwhile"):
            add_remote(repository, RemoteSettings("a", "s3://a"))

    assert repo.read("datav.toml") == theirs


def test_two_commands_at_once_lose_no_remote(repo):
    with repo.open() as one, repo.open() as two:
        add_remote(one, RemoteSettings("a", "s3://a"))
        add_remote(two, RemoteSettings("b", "s3://b"))

    assert set(listed(repo)) == {"a", "b"}
