"""datav.toml and the private configuration: what they say of remotes and transfers."""

import re

import pytest
from hypothesis import given
from hypothesis import strategies as st

from datav.errors import UsageError
from datav.settings import (
    ColumnRule,
    HookSettings,
    MergeSettings,
    PrivateSettings,
    RemoteSettings,
    Settings,
    TableSettings,
    TransferSettings,
    combine_settings,
    encode_remote,
    encode_settings,
    find_secret,
    hide_secrets,
    is_remote_name,
    parse_private_settings,
    parse_settings,
    parse_size,
)


def public(text: str) -> Settings:
    return parse_settings(f"datav = 1\n{text}")


def both(text: str, private: str) -> Settings:
    return combine_settings(public(text), parse_private_settings(private))


def test_nothing_said_is_no_remote_and_the_usual_transfer():
    settings = parse_settings(encode_settings(Settings()))

    assert settings == Settings()
    assert settings.transfer == TransferSettings(jobs=8, memory=256 * 2**20, stall_timeout_s=60.0)


def test_a_remote_has_what_its_table_says():
    settings = public(
        '[remote.origin]\nurl = "s3://b/p"\nendpoint = "https://x.example"\nregion = "eu"\n'
        'profile = "me"\nanonymous = true\n'
    )

    assert settings.remotes == {
        "origin": RemoteSettings("origin", "s3://b/p", "https://x.example", "eu", "me", True)
    }


def test_the_only_remote_is_the_default():
    assert public('[remote.a]\nurl = "/a"\n').default_remote == "a"


def test_of_several_remotes_without_a_mark_origin_is_the_default():
    two = '[remote.a]\nurl = "/a"\n[remote.origin]\nurl = "/b"\n'

    assert public(two).default_remote == "origin"
    assert public(f"{two}default = false\n").default_remote is None


def test_of_several_remotes_the_marked_one_is_the_default():
    two = '[remote.a]\nurl = "/a"\n[remote.b]\nurl = "/b"\n'

    assert public(two).default_remote is None
    assert public(f"{two}default = true\n").default_remote == "b"


def test_two_default_remotes_are_refused():
    text = '[remote.a]\nurl = "/a"\ndefault = true\n[remote.b]\nurl = "/b"\ndefault = true\n'

    with pytest.raises(UsageError, match="a and b"):
        public(text)


def test_a_transfer_has_what_its_table_says():
    settings = public('[transfer]\njobs = 3\nmemory = "64MiB"\nstall_timeout = 5\n')

    assert settings.transfer == TransferSettings(3, 64 * 2**20, 5.0)


@pytest.mark.parametrize(
    ("value", "size"),
    [
        (5, 5),
        ("7", 7),
        ("256MB", 256_000_000),
        ("256 mb", 256_000_000),
        ("1.5GiB", 3 * 2**29),
        ("2KiB", 2048),
        ("2KB", 2000),
        ("1TB", 10**12),
        ("", None),
        ("MB", None),
        ("-1MB", None),
        ("1 lot", None),
        (True, None),
        (1.5, None),
        (None, None),
    ],
)
def test_a_size_is_a_number_of_bytes_or_a_text(value, size):
    assert parse_size(value) == size


WRONG = {
    "no table of remotes": ("remote = 1\n", "`remote`"),
    "a remote that is no table": ('remote.a = "x"\n', "`remote.a`"),
    "no URL": ("[remote.a]\n", "has no URL"),
    "an empty URL": ('[remote.a]\nurl = " "\n', "`remote.a.url`"),
    "a URL of two lines": ('[remote.a]\nurl = "a\\nb"\n', "`remote.a.url`"),
    "a URL that is no text": ("[remote.a]\nurl = 1\n", "`remote.a.url`"),
    "a flag that is a text": ('[remote.a]\nurl = "x"\nanonymous = "yes"\n', "`remote.a.anonymous`"),
    "an unknown setting": ('[remote.a]\nurl = "x"\nregoin = "eu"\n', "`remote.a.regoin`"),
    "a name with a dash in front": ("[remote.-a]\n", "`remote.-a`"),
    "a name with a slash": ('[remote."a/b"]\n', '`remote."a/b"`'),
    "an empty name": ('[remote.""]\n', '`remote.""`'),
    "no jobs": ("[transfer]\njobs = 0\n", "`transfer.jobs`"),
    "jobs that are true": ("[transfer]\njobs = true\n", "`transfer.jobs`"),
    "too little memory": ('[transfer]\nmemory = "1MB"\n', "`transfer.memory`"),
    "memory without a size": ('[transfer]\nmemory = "much"\n', "`transfer.memory`"),
    "no time at all": ("[transfer]\nstall_timeout = 0\n", "`transfer.stall_timeout`"),
    "endless time": ("[transfer]\nstall_timeout = inf\n", "`transfer.stall_timeout`"),
    "time that is no number": ("[transfer]\nstall_timeout = nan\n", "`transfer.stall_timeout`"),
    "an unknown setting of transfers": ("[transfer]\nspeed = 1\n", "`transfer.speed`"),
}


@pytest.mark.parametrize(("text", "said"), WRONG.values(), ids=WRONG)
def test_what_means_nothing_is_refused_and_named(text, said):
    with pytest.raises(UsageError) as error:
        public(text)

    assert said in str(error.value)
    # What is wrong stands in the last line; a URL that is missing stands nowhere.
    where = f"datav.toml:{1 + text.count(chr(10))}: " if said != "has no URL" else "remote a in datav.toml "
    assert str(error.value).startswith(where)


# The rest of the words is Python's.
@pytest.mark.parametrize(
    ("text", "line"),
    [
        ("datav = = 1\n", 1),
        ("datav = 1\r\n\r\na = 1\r\na = 2\r\n", 4),
        ('datav = 1\na = "', 2),
        ("datav = 1\na = [\n", 2),
    ],
)
def test_what_is_no_toml_is_refused_with_its_line(text, line):
    with pytest.raises(UsageError, match=rf"^datav\.toml:{line}: not valid TOML: [a-z][^()]+$"):
        parse_settings(text)


def test_a_table_that_is_there_twice_is_named_as_it_stands():
    text = 'datav = 1\n[check."a.csv"]\nkey_unique = true\n[check."a.csv"]\nrows = { min = 1 }\n'

    with pytest.raises(UsageError) as error:
        parse_settings(text)

    assert str(error.value) == 'datav.toml:4: `[check."a.csv"]` is there already'


def test_a_number_of_thousands_of_digits_is_refused():
    with pytest.raises(UsageError, match=r"datav\.toml is not valid TOML: Exceeds the limit"):
        public(f"[transfer]\njobs = {'1' * 5000}\n")


def test_what_is_wrong_in_the_private_configuration_is_said_with_its_line():
    with pytest.raises(UsageError) as error:
        parse_private_settings("# mine\n[transfer]\njobs = 0\n")

    assert str(error.value) == "config.toml:3: `transfer.jobs` is not a number from 1 to 256"


SECRETS = {
    "key": 'key = "hunter2"',
    "secret": 'secret = "hunter2"',
    "token": 'token = "hunter2"',
    "password": 'password = "hunter2"',
    "account_key": 'account_key = "hunter2"',
    "connection_string": 'connection_string = "hunter2"',
    "sas_token": 'sas_token = "hunter2"',
    "AWS_SECRET_ACCESS_KEY": 'AWS_SECRET_ACCESS_KEY = "hunter2"',
    "options": 'options = {user = "hunter2"}',
    "url": 'url = "sftp://me:hunter2@host/p"',
    "endpoint": 'endpoint = "https://me:hunter2@host"',
}


@pytest.mark.parametrize(("key", "line"), SECRETS.items(), ids=SECRETS)
def test_a_secret_in_the_tracked_file_is_refused_with_where_it_belongs(key, line):
    url = "" if key == "url" else 'url = "s3://b"\n'

    with pytest.raises(UsageError) as error:
        public(f"[remote.a]\n{url}{line}\n")

    assert f"`remote.a.{key}`" in str(error.value)
    assert "hunter2" not in str(error.value)
    assert "environment" in (error.value.hint or "")
    assert "config.toml" in (error.value.hint or "")


@pytest.mark.parametrize(
    ("url", "found"),
    [
        ("s3://bucket/path", False),
        ("sftp://me@host/path", False),
        ("sftp://me:secret@host/path", True),
        ("https://x.example/d?X-Amz-Signature=1&X-Amz-Date=2", True),
        ("https://x.example/d?sv=1&sig=abc", True),
        ("https://x.example/d?access_token=", True),
        ("https://x.example/d?version=3", False),
        ("/a/path:with@signs", False),
        ("http://[broken", False),
    ],
)
def test_secrets_in_urls_are_seen(url, found):
    assert (find_secret(url) is not None) is found


@pytest.mark.parametrize(
    ("url", "shown"),
    [
        ("s3://bucket/path", "s3://bucket/path"),
        ("sftp://me:secret@host:22/a@b", "sftp://me@host:22/a@b"),
        ("https://host/d?sig=secret", "https://host/d"),
        ("https://host?sig=secret", "https://host"),
        ("../place?x", "../place?x"),
    ],
)
def test_secrets_in_urls_are_hidden(url, shown):
    assert hide_secrets(url) == shown


def test_the_private_configuration_may_hold_options_and_secrets():
    private = parse_private_settings(
        'store = "/s"\n[remote.a]\nurl = "sftp://me:hunter2@host/p"\n[remote.a.options]\nsecret = "hunter2"\n'
    )

    remote = combine_settings(Settings(), private).remotes["a"]

    assert private.store == "/s"
    assert remote.options == {"secret": "hunter2"}
    assert remote.shown == "sftp://me@host/p"


def test_what_is_printed_of_settings_shows_no_secrets():
    text = '[remote.a]\nurl = "sftp://me:hunter2@host/p"\n[remote.a.options]\nsecret = "hunter2"\n'
    private = parse_private_settings(text)

    assert "hunter2" not in repr(private)
    assert "hunter2" not in repr(combine_settings(Settings(), private))


def test_a_secret_beside_the_options_is_refused_with_where_it_belongs():
    with pytest.raises(UsageError) as error:
        parse_private_settings('[remote.a]\nsecret = "x"\n')

    assert "`remote.a.secret`" in str(error.value)
    assert "[remote.a.options]" in (error.value.hint or "")


def test_the_private_configuration_overrides_key_by_key():
    settings = both(
        '[remote.a]\nurl = "s3://b"\nregion = "eu"\nprofile = "team"\n'
        "[transfer]\njobs = 3\nstall_timeout = 9\n",
        '[remote.a]\nprofile = "me"\n[transfer]\njobs = 5\n',
    )

    assert settings.remotes["a"] == RemoteSettings("a", "s3://b", region="eu", profile="me")
    assert (settings.transfer.jobs, settings.transfer.stall_timeout_s) == (5, 9.0)


def test_the_private_configuration_may_choose_another_default():
    two = '[remote.a]\nurl = "/a"\ndefault = true\n[remote.b]\nurl = "/b"\n'

    assert both(two, "[remote.b]\ndefault = true\n").default_remote == "b"
    assert both(two, "[remote.a]\ndefault = false\n").default_remote is None
    assert both(two, '[remote.c]\nurl = "/c"\ndefault = true\n').default_remote == "c"


def test_a_private_remote_beside_the_only_one_leaves_that_the_default():
    assert both('[remote.a]\nurl = "/a"\n', '[remote.b]\nurl = "/b"\n').default_remote == "a"


def test_a_private_remote_alone_is_the_default():
    assert both("", '[remote.b]\nurl = "/b"\n').default_remote == "b"


def test_a_remote_without_a_url_in_either_file_is_refused():
    with pytest.raises(UsageError, match=r"remote b in config\.toml has no URL"):
        both("", '[remote.b]\nregion = "eu"\n')


@pytest.mark.parametrize("name", ["origin", "a.b", "A-1_x", "0", "x" * 100])
def test_names_of_remotes(name):
    assert is_remote_name(name)


@pytest.mark.parametrize("name", ["", "-a", ".", "..", "a b", "a/b", "ä", "a\n", "x" * 101])
def test_what_no_remote_can_be_called(name):
    assert not is_remote_name(name)


texts = st.text(st.characters(exclude_categories=("C", "Z")), min_size=1).filter(
    lambda text: find_secret(text) is None
)
names = st.from_regex(r"[A-Za-z0-9_.][A-Za-z0-9_.-]{0,20}", fullmatch=True).filter(is_remote_name)
remotes = st.builds(
    RemoteSettings, names, texts, st.none() | texts, st.none() | texts, st.none() | texts, st.booleans()
)


@given(remote=remotes, is_default=st.booleans())
def test_an_encoded_remote_is_parsed_to_the_same(remote, is_default):
    settings = public(encode_remote(remote, is_default=is_default))

    assert settings == Settings(remotes={remote.name: remote}, default_remote=remote.name)


def test_an_empty_private_configuration_says_nothing():
    assert parse_private_settings("") == PrivateSettings()


# --- tables


def test_a_table_has_what_is_said_of_its_paths_in_the_order_of_the_file():
    settings = public(
        '[table."raw/*.csv"]\nkey = ["id", "day"]\nformat = "csv"\ndelimiter = ";"\nencoding = "latin-1"\n'
        'quoting = false\nheader = true\n[table."*.csv"]\nkey = "id"\n'
    )

    assert settings.tables == (
        TableSettings("raw/*.csv", ("id", "day"), "csv", ";", "latin-1", False, True),
        TableSettings("*.csv", ("id",)),
    )


def test_a_table_may_be_said_to_have_no_key():
    assert public('[table."*.csv"]\nkey = []\n').tables == (TableSettings("*.csv", ()),)


def test_a_table_may_have_a_label():
    settings = public('[table."*.csv"]\nkey = "id"\nlabel = "class"\n')

    assert settings.tables == (TableSettings("*.csv", ("id",), label="class"),)


def test_what_is_no_label_is_refused_with_one_that_is():
    with pytest.raises(UsageError) as error:
        public('[table."*.csv"]\nlabel = ["class"]\n')

    assert str(error.value) == 'datav.toml:3: `table."*.csv".label` is no name of a column'
    assert error.value.hint == 'such as `label = "species"`'


@pytest.mark.parametrize(
    ("line", "named"),
    [
        ('format = "xls"', "`table.x.format`"),
        ('delimiter = ";;"', "`table.x.delimiter`"),
        ('delimiter = "\\n"', "`table.x.delimiter`"),
        ("delimiter = 1", "`table.x.delimiter`"),
        ('encoding = "klingon"', "`table.x.encoding`"),
        ("encoding = 8", "`table.x.encoding`"),
        ("quoting = 1", "`table.x.quoting`"),
        ('header = "yes"', "`table.x.header`"),
        ("key = 3", "`table.x.key`"),
        ('key = ["a", "a"]', "`table.x.key`"),
        ("label = 3", "`table.x.label`"),
        ('label = ""', "`table.x.label`"),
        ('label = ["a"]', "`table.x.label`"),
        ('key = "a"\nlabel = "a"', "`table.x.label`"),
    ],
)
def test_what_means_nothing_for_a_table_is_refused_and_named(line, named):
    with pytest.raises(UsageError) as error:
        public(f"[table.x]\n{line}\n")

    assert named in str(error.value)


def test_a_setting_of_a_table_that_is_not_known_is_refused_with_those_that_are():
    with pytest.raises(UsageError) as error:
        public('[table."*.csv"]\nkeys = ["id"]\n')

    assert '`table."*.csv".keys`' in str(error.value)
    assert (
        error.value.hint == "of a table there are key, label, format, delimiter, encoding, quoting and header"
    )


# --- merges


def test_a_merge_has_what_is_said_of_its_paths_in_the_order_of_the_file():
    settings = public(
        '[merge."raw/*.csv"]\ntake = "union"\nrenumber = "id"\n'
        '[merge."raw/*.csv".columns]\nstock = "sum-of-changes"\n"a.b" = "newest by up to"\nn = "min"\n'
        '[merge."*.csv"]\ntake = "ours"\n'
    )

    columns = {
        "stock": ColumnRule("sum-of-changes"),
        "a.b": ColumnRule("newest", "up to"),
        "n": ColumnRule("min"),
    }
    assert settings.merges == (
        MergeSettings("raw/*.csv", "union", columns, "id"),
        MergeSettings("*.csv", "ours"),
    )
    assert public("").merges == ()


@pytest.mark.parametrize(
    ("lines", "named", "hint"),
    [
        ('take = "mine"', "`merge.x.take`", '"ours", "theirs" and "union"'),
        ('take = ["ours"]', "`merge.x.take`", '"ours", "theirs" and "union"'),
        ("take = 1", "`merge.x.take`", '"ours", "theirs" and "union"'),
        ("renumber = true", "`merge.x.renumber`", 'renumber = "id"'),
        ('renumber = ""', "`merge.x.renumber`", 'renumber = "id"'),
        ('columns = "max"', "datav.toml:3: `merge.x.columns` is not a table", None),
        ('columns."a b" = "largest"', '`merge.x.columns."a b"`', '"newest by COLUMN"'),
        ('columns.a = "newest by "', "`merge.x.columns.a`", '"newest by COLUMN"'),
        ('columns.a = "newest"', "`merge.x.columns.a`", '"newest by COLUMN"'),
        ('columns.a = ["max"]', "`merge.x.columns.a`", '"newest by COLUMN"'),
        (
            'keep = "ours"',
            "datav.toml:3: `merge.x.keep` is not a setting that datav knows",
            "take, columns and renumber",
        ),
    ],
)
def test_what_means_nothing_for_a_merge_is_refused_and_named(lines, named, hint):
    with pytest.raises(UsageError) as error:
        public(f"[merge.x]\n{lines}\n")

    assert named in str(error.value)
    assert hint is None or hint in (error.value.hint or "")


@pytest.mark.parametrize("text", ["merge = 1\n", "merge.x = 1\n", '[merge.""]\ntake = "ours"\n'])
def test_rules_of_merges_without_paths_are_refused(text):
    with pytest.raises(UsageError, match="merge"):
        public(text)


# --- hooks


def test_hooks_do_what_is_said_and_else_the_careful_thing():
    assert public("").hooks == HookSettings("refuse", place=True, pre_push=True)
    assert public('[hooks]\npre-commit = "add"\nplace = false\npre-push = false\n').hooks == HookSettings(
        "add", place=False, pre_push=False
    )


def test_the_private_configuration_overrides_hooks_key_by_key():
    settings = public('[hooks]\npre-commit = "add"\nplace = false\n')
    private = parse_private_settings('[hooks]\npre-commit = "off"\npre-push = false\n')

    assert combine_settings(settings, private).hooks == HookSettings("off", place=False, pre_push=False)


@pytest.mark.parametrize(
    ("line", "named"),
    [
        ('pre-commit = "ask"', "`hooks.pre-commit`"),
        ("pre-commit = true", "`hooks.pre-commit`"),
        ('pre-commit = ["add"]', "`hooks.pre-commit`"),
        ("place = 1", "`hooks.place`"),
        ('pre-push = "no"', "`hooks.pre-push`"),
        ("post-merge = true", "`hooks.post-merge`"),
    ],
)
def test_what_means_nothing_for_hooks_is_refused_and_named(line, named):
    with pytest.raises(UsageError, match=re.escape(named)):
        public(f"[hooks]\n{line}\n")
    with pytest.raises(UsageError, match=re.escape(named)):
        parse_private_settings(f"[hooks]\n{line}\n")
