"""What `remote check` says in words."""

from datav.repo.probing import check_remote
from datav.report.remotes import check_text
from datav.report.style import PLAIN
from datav.settings import RemoteSettings
from tests.support.objects import MemoryObjects

S3 = RemoteSettings("origin", "s3://bucket/path")


def said(place: MemoryObjects) -> list[str]:
    return check_text(check_remote(S3, place), PLAIN).splitlines()


def test_what_is_refused_is_said_with_the_permission_and_who_needs_it():
    lines = said(MemoryObjects(refused={"put"}))

    assert lines[1] == "  put     refused  push needs s3:PutObject"
    assert "says 403" in lines[2]
    assert lines[-2] == "  delete  skipped  there was no probe to delete"


def test_where_everything_is_refused_credentials_come_first():
    lines = said(MemoryObjects(refused={"put", "list", "read", "delete"}))

    assert any("credentials first" in line for line in lines)


def test_a_probe_that_is_left_behind_is_named():
    place = MemoryObjects(refused={"delete"})

    assert said(place)[-1] == f"the probe is still there: {min(place.names)}"


def test_a_place_that_is_only_read_is_said_to_be():
    assert said(MemoryObjects(can_write=False))[-1].startswith("it can be read only")
