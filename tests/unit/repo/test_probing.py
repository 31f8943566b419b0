"""Probing a remote: each verb is tried, and what is missing is named."""

import pytest

from datav.repo.probing import RemoteCheck, check_remote
from datav.settings import RemoteSettings
from datav.store.layout import FORMAT_LINE
from tests.support.objects import MemoryObjects

S3 = RemoteSettings("origin", "s3://bucket/path")
VERBS = ["put", "list", "read", "delete"]


def outcomes(check: RemoteCheck) -> dict[str, str]:
    return {attempt.verb: attempt.outcome for attempt in check.attempts}


def test_where_everything_is_allowed_nothing_is_left_behind():
    place = MemoryObjects()

    check = check_remote(S3, place)

    assert outcomes(check) == dict.fromkeys(VERBS, "ok")
    assert (check.is_ok, check.left_behind, place.names) == (True, None, set())
    assert (check.remote, check.url) == ("origin", place.shown)


@pytest.mark.parametrize(
    ("verb", "permission"),
    [
        ("put", "s3:PutObject"),
        ("list", "s3:ListBucket"),
        ("read", "s3:GetObject"),
        ("delete", "s3:DeleteObject"),
    ],
)
def test_a_verb_that_is_refused_is_named_with_its_permission(verb, permission):
    check = check_remote(S3, MemoryObjects(refused={verb}))

    (refused,) = [attempt for attempt in check.attempts if attempt.outcome == "refused"]
    assert (refused.verb, refused.permission) == (verb, permission)
    assert "403" in (refused.message or "")
    assert not check.is_ok


@pytest.mark.parametrize(
    ("url", "permission"),
    [
        ("gs://bucket", "storage.objects.create"),
        ("az://box/p", "Microsoft.Storage/storageAccounts/blobServices/containers/blobs/write"),
        ("abfs://box/p", "Microsoft.Storage/storageAccounts/blobServices/containers/blobs/write"),
        ("sftp://host/p", None),
        ("/a/path", None),
    ],
)
def test_each_cloud_has_names_of_its_own_for_permissions(url, permission):
    check = check_remote(RemoteSettings("x", url), MemoryObjects(refused={"put"}))

    assert check.attempts[0].permission == permission


@pytest.mark.parametrize("verb", ["put", "list", "delete"])
def test_a_verb_that_fails_is_no_matter_of_permissions(verb):
    check = check_remote(S3, MemoryObjects(failing={verb}))

    assert outcomes(check)[verb] == "failed"
    assert [attempt.permission for attempt in check.attempts] == [None] * 4


def test_a_place_that_does_not_answer_is_asked_no_more():
    place = MemoryObjects(failing={*VERBS})

    check = check_remote(S3, place)

    assert outcomes(check) == {"put": "skipped", "list": "skipped", "read": "failed", "delete": "skipped"}
    assert (check.is_ok, check.presence) == (False, "unknown")
    assert place.requests == [("read", "format")]


def test_without_a_probe_nothing_is_known_of_deleting():
    check = check_remote(S3, MemoryObjects(refused={"put"}))

    assert outcomes(check) == {"put": "refused", "list": "ok", "read": "ok", "delete": "skipped"}


def test_a_probe_that_cannot_be_deleted_is_named():
    place = MemoryObjects(refused={"delete"})

    check = check_remote(S3, place)

    assert place.names == {check.left_behind}


class Forgetful(MemoryObjects):
    """Lists nothing of what was put."""

    def list(self, directory):
        return {}


class Undying(MemoryObjects):
    """Says that it deleted."""

    def delete(self, name):
        pass


class Garbling(MemoryObjects):
    """Gives a range from somewhere else."""

    def read(self, name, start=0, end=None):
        return super().read(name, 0, None if end is None else end - start)


@pytest.mark.parametrize(("kind", "verb"), [(Forgetful, "list"), (Undying, "delete"), (Garbling, "read")])
def test_a_place_that_does_other_than_it_says_is_found_out(kind, verb):
    check = check_remote(S3, kind())

    assert [attempt.verb for attempt in check.attempts if attempt.outcome == "failed"] == [verb]


def test_a_place_that_is_only_read_is_asked_to_list_and_to_read():
    place = MemoryObjects(can_write=False)

    check = check_remote(RemoteSettings("web", "https://x.example/d"), place)

    assert outcomes(check) == {"list": "ok", "read": "ok"}
    assert (check.can_write, check.is_ok) == (False, True)
    assert {verb for verb, _ in place.requests} == {"list", "read"}


def filled(**objects: bytes) -> MemoryObjects:
    place = MemoryObjects()
    for name, data in objects.items():
        place.put(name.replace("_", "/"), data)
    return place


@pytest.mark.parametrize(
    ("objects", "presence", "version", "is_ok"),
    [
        ({}, "empty", None, True),
        ({"format": FORMAT_LINE}, "store", 1, True),
        ({"format": b"datav store 7\n"}, "store", 7, False),
        ({"format": b"something"}, "other", None, False),
        ({"format": b"datav store 1\n" * 99}, "other", None, False),
        ({"packs_x": b""}, "other", None, False),
        ({"readme": b""}, "empty", None, True),
    ],
)
def test_what_is_there_is_said(objects, presence, version, is_ok):
    check = check_remote(S3, filled(**objects))

    assert (check.presence, check.version, check.is_ok) == (presence, version, is_ok)


def test_what_cannot_be_read_is_not_guessed():
    place = filled(format=FORMAT_LINE)
    place.refused.add("read")

    assert check_remote(S3, place).presence == "unknown"
