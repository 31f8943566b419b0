"""blame: by example, and held to a plain walk through random histories in real repositories."""

import random
from collections import Counter
from dataclasses import dataclass, field

import pytest

from datav.errors import FormatError, TableError, UnknownDatasetError, UnknownRevisionError, UsageError
from datav.repo.blame import blame
from datav.tables.predicate import parse_predicate


def ask(repo, name="a.csv", rev="HEAD", **options):
    with repo.open() as repository:
        return blame(repository, name, rev, **options)


def told(found, name="id"):
    """Who made which row, by one of its cells."""
    return {{**row.key, **row.cells}[name]: row.commit.subject for row in found.rows}


def put(repo, content, message, name="a.csv"):
    repo.write(name, content)
    repo.add(name)
    return repo.commit(message)


@pytest.fixture
def history(repo):
    """Three versions of a table with a key."""
    put(repo, b"id,price,city\n1,5,Oslo\n2,6,Rome\n3,7,Bonn\n", "first")
    put(repo, b"id,price,city\n1,5,Oslo\n2,8,Rome\n3,7,Bonn\n4,1,Linz\n", "second")
    put(repo, b"id,price,city\n4,1,Linz\n1,5,Oslo\n2,8,Roma\n3,7,Bonn\n", "third")
    return repo


def test_a_row_belongs_to_the_commit_that_last_changed_it(history):
    found = ask(history, key=("id",))

    assert told(found) == {"1": "first", "2": "third", "3": "first", "4": "second"}
    assert [row.number for row in found.rows] == [1, 2, 3, 4]
    assert found.rows[2].key == {"id": "2"}
    assert found.rows[2].cells == {"price": "8", "city": "Roma"}
    assert all(row.is_certain for row in found.rows)
    assert (found.total, found.key, found.column, found.unread) == (4, ("id",), None, ())
    assert found.commit == history.rev("HEAD")


def test_one_column_belongs_to_the_commit_that_last_changed_its_cell(history):
    found = ask(history, key=("id",), column="price")

    assert told(found) == {"1": "first", "2": "second", "3": "first", "4": "second"}
    assert found.rows[2].cells == {"price": "8"}


def test_without_a_key_a_row_is_what_its_cells_are(history):
    assert told(ask(history)) == {"1": "first", "2": "third", "3": "first", "4": "second"}


def test_an_older_version_is_asked_for_by_its_revision(history):
    assert told(ask(history, rev="HEAD~1", key=("id",))) == {
        "1": "first",
        "2": "second",
        "3": "first",
        "4": "second",
    }


def test_a_condition_and_a_limit_choose_rows(history):
    found = ask(history, key=("id",), where=parse_predicate("price >= 5"), limit=2)

    assert [row.key["id"] for row in found.rows] == ["1", "2"]
    assert found.total == 3
    assert told(found) == {"1": "first", "2": "third"}


def test_the_key_of_the_settings_is_taken(history):
    history.write("datav.toml", history.read("datav.toml") + b'\n[table."*.csv"]\nkey = ["id"]\n')

    assert ask(history).key == ("id",)
    assert ask(history, key=()).key == ()


def test_a_renamed_dataset_is_followed(history):
    history.move("a.csv", "c.csv")
    history.commit("rename")
    put(history, b"id,price,city\n4,1,Linz\n1,5,Oslo\n2,8,Roma\n3,0,Bonn\n", "fourth", "c.csv")

    assert told(ask(history, "c.csv", key=("id",))) == {
        "1": "first",
        "2": "third",
        "3": "fourth",
        "4": "second",
    }


def test_rows_of_equal_cells_are_counted(repo):
    put(repo, b"v\nx\ny\n", "one")
    put(repo, b"v\nx\nx\ny\nx\n", "three")

    found = ask(repo)

    assert Counter((row.cells["v"], row.commit.subject) for row in found.rows) == {
        ("x", "one"): 1,
        ("x", "three"): 2,
        ("y", "one"): 1,
    }


def test_a_key_that_is_not_unique_is_compared_by_cells(repo):
    put(repo, b"id,v\n1,a\n1,b\n2,c\n", "one")
    put(repo, b"id,v\n1,a\n1,x\n2,c\n", "two")

    found = ask(repo, key=("id",))

    assert [row.commit.subject for row in found.rows] == ["one", "two", "one"]


def test_a_new_column_changes_no_row_but_its_cells_are_new(repo):
    put(repo, b"id,v\n1,a\n2,b\n", "first")
    put(repo, b"id,v,w\n1,a,x\n2,b,y\n", "column")

    assert told(ask(repo, key=("id",))) == {"1": "first", "2": "first"}
    assert told(ask(repo)) == {"1": "first", "2": "first"}
    assert told(ask(repo, key=("id",), column="w")) == {"1": "column", "2": "column"}


def test_a_column_that_is_gone_is_nothing(repo):
    put(repo, b"id,v,w\n1,a,x\n2,b,y\n", "first")
    put(repo, b"id,v,w\n1,a,z\n2,b,y\n", "second")
    put(repo, b"id,v\n1,a\n2,b\n", "third")

    assert told(ask(repo, key=("id",))) == {"1": "first", "2": "first"}


def test_a_key_that_older_versions_lack_came_with_all_rows(repo):
    put(repo, b"v\na\nb\n", "without")
    put(repo, b"id,v\n1,a\n2,b\n", "with")
    put(repo, b"id,v\n1,a\n2,c\n", "changed")

    assert told(ask(repo, key=("id",))) == {"1": "with", "2": "changed"}


def test_another_format_with_the_same_values_changes_no_row(repo):
    import pyarrow as pa
    from pyarrow import parquet

    put(repo, b"id,v\n1,1.0\n2,2.5\n", "text")
    parquet.write_table(pa.table({"id": [1, 2], "v": [1.0, 3.5]}), repo.path("a.csv"))
    repo.add("a.csv")
    repo.commit("parquet")
    parquet.write_table(pa.table({"id": [1, 2, 3], "v": [1.0, 3.5, 0.0]}), repo.path("a.csv"))
    repo.add("a.csv")
    repo.commit("more")
    put(repo, b"id,v\n1,1.00\n2,3.5\n3,1\n", "text again")

    assert told(ask(repo, key=("id",))) == {"1": "text", "2": "parquet", "3": "text again"}


@pytest.mark.parametrize("name", ["a.parquet", "a.jsonl", "a.arrow"])
def test_tables_of_all_formats(repo, name):
    import json

    import pyarrow as pa
    from pyarrow import feather, parquet

    for message, cells in (("first", {1: "x", 2: None}), ("second", {1: "x", 2: "y", 3: None})):
        table = pa.table({"id": list(cells), "v": list(cells.values())})
        if name == "a.jsonl":
            text = "".join(json.dumps(row) + "\n" for row in table.to_pylist())
            repo.write(name, text.encode())
        elif name == "a.arrow":
            feather.write_feather(table, repo.path(name), compression="uncompressed")
        else:
            parquet.write_table(table, repo.path(name))
        repo.add(name)
        repo.commit(message)

    for key in ((), ("id",)):
        by_row = [row.commit.subject for row in ask(repo, name, key=key).rows]
        assert by_row == ["first", "second", "second"]


def test_rows_of_a_branch_belong_to_the_commits_on_it(repo):
    base = put(repo, b"id,v\n1,a\n2,b\n", "base")
    repo.git("checkout", "-q", "-b", "side")
    put(repo, b"id,v\n1,a\n2,b\n3,side\n", "side")
    repo.git("checkout", "-q", "main")
    repo.checkout()
    put(repo, b"id,v\n1,main\n2,b\n", "main")
    repo.git("merge", "-q", "side", "-s", "ours", "--no-commit")
    put(repo, b"id,v\n1,main\n2,b\n3,side\n4,merge\n", "merge")

    assert told(ask(repo, key=("id",))) == {"1": "main", "2": "base", "3": "side", "4": "merge"}
    assert told(ask(repo, rev=base, key=("id",))) == {"1": "base", "2": "base"}


def test_a_version_that_cannot_be_read_is_passed_over(history):
    good = history.read("a.csv.datav")
    history.write("a.csv.datav", b"<<<<<<< ours\n")
    broken = history.commit("broken")
    history.write("a.csv.datav", good)
    history.checkout(names=["a.csv"])
    put(history, b"id,price,city\n4,1,Linz\n1,0,Oslo\n2,8,Roma\n3,7,Bonn\n", "fourth")

    found = ask(history, key=("id",))

    assert told(found) == {"1": "fourth", "2": "third", "3": "first", "4": "second"}
    assert {row.key["id"]: row.is_certain for row in found.rows} == {
        "1": False,
        "2": True,
        "3": True,
        "4": True,
    }
    assert [each.commit for each in found.unread] == [broken]


def test_data_that_is_nowhere_is_passed_over(repo):
    put(repo, b"id,v\n1,a\n", "first")
    for path in (repo.root / ".git/datav/store").rglob("*"):
        if path.is_file() and path.name != "format":
            path.chmod(0o600)
            path.unlink()
    put(repo, b"id,v\n1,a\n2,b\n", "second")

    found = ask(repo, key=("id",))

    assert told(found) == {"1": "second", "2": "second"}
    assert not any(row.is_certain for row in found.rows)
    assert [each.commit for each in found.unread] == [repo.rev("HEAD~1")]


def test_the_oldest_commit_of_a_shallow_clone_is_no_certain_answer(history, tmp_path):
    history.git("clone", "-q", "--depth", "2", history.root.as_uri(), str(tmp_path / "clone"))
    clone = type(history)(tmp_path / "clone")
    clone.git("config", "remote.origin.url", "nowhere")
    store = clone.root / ".git/datav"
    store.mkdir()
    (store / "store").symlink_to(history.root / ".git/datav/store")

    found = ask(clone, key=("id",))

    assert told(found) == {"1": "second", "2": "third", "3": "second", "4": "second"}
    assert [row.is_certain for row in found.rows] == [False, False, True, False]


def test_an_empty_table_has_no_rows(repo):
    put(repo, b"id,v\n", "empty")

    assert ask(repo, key=("id",)).rows == ()


@pytest.mark.parametrize(
    ("name", "options", "error"),
    [
        ("a.csv", {"key": ("nope",)}, UsageError),
        ("a.csv", {"key": ("id",), "column": "nope"}, UsageError),
        ("a.csv", {"column": "price"}, UsageError),
        ("a.csv", {"where": parse_predicate("nope = 1")}, UsageError),
        ("d", {}, UsageError),
        ("d/x", {}, UsageError),
        (".", {}, UnknownDatasetError),
        ("b.csv", {}, UnknownDatasetError),
        ("a.csv/x", {}, UnknownDatasetError),
        ("x.bin", {}, TableError),
        ("a.csv", {"rev": "nowhere"}, UnknownRevisionError),
        ("bad.csv", {}, FormatError),
    ],
)
def test_what_cannot_be_told_is_an_error(history, name, options, error):
    history.write("d/x", b"1")
    history.write("x.bin", b"\0\1\2")
    history.add("d", "x.bin")
    history.write("bad.csv.datav", b"what?")
    history.commit("others")

    with pytest.raises(error):
        ask(history, name, **options)


# Random histories, and the plain walk.


@dataclass
class Made:
    """A commit as the test made it."""

    oid: str
    parents: list[int]
    path: str
    columns: tuple[str, ...] | None
    """None: its manifest cannot be read."""
    rows: list[dict[str, str]] = field(default_factory=list)
    blob: str = ""


class History:
    """Makes commits on any parents, through git's plumbing."""

    def __init__(self, repo, seed):
        self.repo = repo
        self.random = random.Random(seed)
        self.commits: list[Made] = []

    def grow(self, size):
        self._commit([], "t.csv", ("id", "a", "b"), [self._row(n) for n in range(4)])
        while len(self.commits) < size:
            self._add_one()

    def _add_one(self):
        tips = [self.random.randrange(max(0, len(self.commits) - 4), len(self.commits)) for _ in range(2)]
        readable = self._last_readable(tips[0])
        dice = self.random.random()
        if dice < 0.1 and self.commits[tips[0]].columns is not None:
            path = self.random.choice(["t.csv", "u.csv", "d/v.csv"])
            self._commit([tips[0]], path, readable.columns, readable.rows, rename=True)
        elif dice < 0.2:
            self._commit([tips[0]], readable.path, None, [])
        elif dice < 0.55 and tips[0] != tips[1]:
            self._merge(tips, readable, self._last_readable(tips[1]))
        else:
            self._commit([tips[0]], readable.path, *self._changed(readable))

    def _last_readable(self, number):
        while self.commits[number].columns is None:
            number = self.commits[number].parents[0]
        return self.commits[number]

    def _merge(self, tips, ours, theirs):
        """Take each row from one side; now and then change one, or take one side as a whole."""
        columns, rows = ours.columns, list(ours.rows)
        if self.random.random() < 0.6:
            for row in theirs.rows:
                if self.random.random() < 0.5:
                    rows = [mine for mine in rows if mine["id"] != row["id"]]
                    rows.append({name: row.get(name, "new") for name in columns})
        made = (columns, rows)
        if self.random.random() < 0.3:
            made = self._changed(ours)
        self._commit(tips, ours.path, *made)

    def _row(self, number):
        return {"id": str(number), "a": self.random.choice("xyz"), "b": self.random.choice("pq")}

    def _changed(self, made):
        columns, rows = made.columns, [dict(row) for row in made.rows]
        for _ in range(self.random.randrange(3)):
            match self.random.choice(["cell", "cell", "add", "drop", "twin", "shuffle", "column"]):
                case "cell" if rows:
                    self.random.choice(rows)[self.random.choice(["a", "b"])] = self.random.choice("xyzpq")
                case "add":
                    row = self._row(self.random.randrange(8))
                    rows.append({name: row.get(name, "c") for name in columns})
                case "drop" if rows:
                    rows.pop(self.random.randrange(len(rows)))
                case "twin" if rows:
                    rows.append(dict(self.random.choice(rows)))
                case "shuffle":
                    self.random.shuffle(rows)
                case "column":
                    columns = ("id", "a", "b") if "c" in columns else ("id", "c", "a", "b")
                    rows = [{name: row.get(name, "c") for name in columns} for row in rows]
        return columns, rows

    def _commit(self, parents, path, columns, rows, *, rename=False):
        repo, number = self.repo, len(self.commits)
        self._read_tree(parents)
        if columns is None:
            manifest = b"broken %d\n" % number
        elif rename:
            manifest = repo.git(
                "show", f"{self.commits[parents[0]].oid}:{self.commits[parents[0]].path}.datav"
            )
        else:
            lines = [",".join(columns), *(",".join(row[name] for name in columns) for row in rows)]
            repo.write(path, "".join(f"{line}\n" for line in lines).encode())
            repo.add(path)
            manifest = repo.read(f"{path}.datav")
        blob = repo.git("hash-object", "-w", "--stdin", stdin=manifest).decode().strip()
        for old in {self.commits[parent].path for parent in parents} - {path}:
            repo.git("update-index", "--force-remove", f"{old}.datav")
        repo.git("update-index", "--add", "--cacheinfo", f"100644,{blob},{path}.datav")
        tree = repo.git("write-tree").decode().strip()
        before = [argument for parent in parents for argument in ("-p", self.commits[parent].oid)]
        oid = repo.git("commit-tree", tree, *before, "-m", str(number)).decode().strip()
        self.commits.append(Made(oid, parents, path, columns, [dict(row) for row in rows], blob))

    def _read_tree(self, parents):
        self.repo.git("read-tree", self.commits[parents[0]].oid if parents else "HEAD")


class PlainBlame:
    """The walk over dictionaries: for each row of a version its commit, and whether that is certain."""

    def __init__(self, commits, number, key, column):
        self.commits = commits
        self.asked = commits[number]
        self.key = key
        self.column = column
        self.answers: dict[int, tuple[int, bool]] = {}
        start = (*self._source(number, self.asked.path), ("id", column) if column else self.asked.columns)
        self.waiting = {start: set(range(len(self.asked.rows)))}
        # Parents were made before their children.
        for at in reversed(range(len(commits))):
            for place in [place for place in self.waiting if place[0] == at]:
                self._settle(*place, self.waiting.pop(place))

    def _blob(self, number, path):
        return self.commits[number].blob if self.commits[number].path == path else None

    def _source(self, number, path):
        """The commit that a version is from: back along parents that have the same."""
        for parent in self.commits[number].parents:
            if self._blob(parent, path) == self._blob(number, path):
                return self._source(parent, path)
        return number, path

    def _parents(self, number, path):
        sources = [self._source(parent, path) for parent in self.commits[number].parents]
        there = [source for source in dict.fromkeys(sources) if self._blob(*source) is not None]
        if there:
            return there
        return [
            self._source(parent, self.commits[parent].path)
            for parent in self.commits[number].parents
            if self.commits[parent].blob == self.commits[number].blob
        ]

    def _settle(self, number, path, names, rows):
        is_certain = True
        parents = self._parents(number, path)
        while parents and rows:
            parent, before_path = parents.pop(0)
            if self.commits[parent].columns is None:
                is_certain = False
                parents = self._parents(parent, before_path) + parents
                continue
            # A column counts back to where it is missing for the first time.
            shared = tuple(name for name in names if name in self.commits[parent].columns)
            changed = self._changed(self.commits[parent], self.commits[number], shared, rows)
            self.waiting.setdefault((parent, before_path, shared), set()).update(rows - changed)
            rows = changed
        for row in rows:
            self.answers[row] = (number, is_certain)

    def _changed(self, before, after, names, rows):
        if self.column and self.column not in names:
            return set(rows)
        old, new = ([tuple(row[name] for name in names) for row in side.rows] for side in (before, after))
        asked = {row: tuple(self.asked.rows[row][name] for name in names) for row in rows}
        if not self.key:
            return self._surplus(asked, Counter(new) - Counter(old))
        place = names.index("id")
        keys = [Counter(row[place] for row in side) for side in (old, new)]
        twins = {key for side in keys for key, count in side.items() if count > 1}
        alone = {row for row in old if row[place] not in twins}
        changed = {row for row, cells in asked.items() if cells[place] not in twins and cells not in alone}
        among = {row: cells for row, cells in asked.items() if cells[place] in twins}
        return changed | self._surplus(among, Counter(new) - Counter(old))

    def _surplus(self, asked, more):
        left, found = Counter(more), set()
        for row in sorted(asked, reverse=True):
            if left[asked[row]] > 0:
                left[asked[row]] -= 1
                found.add(row)
        return found


@pytest.mark.parametrize("seed", range(8))
def test_random_histories_are_blamed_as_by_the_plain_walk(repo, seed):
    history = History(repo, seed)
    history.grow(14)
    newest = [number for number, made in enumerate(history.commits) if made.columns is not None][-4:]

    for number in newest:
        made = history.commits[number]
        columns = [None, "a", *({"c"} & set(made.columns))]
        for key, column in [((), None), *((("id",), column) for column in columns)]:
            found = ask(repo, made.path, made.oid, key=key, column=column)
            plain = PlainBlame(history.commits, number, key, column)

            answers = [(int(row.commit.subject), row.is_certain) for row in found.rows]
            wanted = [plain.answers[row] for row in range(len(made.rows))]
            assert answers == wanted, (seed, number, key, column)
