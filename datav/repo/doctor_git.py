"""doctor, the part about git: its version, how it is told of manifests, what else it does to them.

Each check is a function of its own that changes nothing; what it raises, `doctor` turns into a diagnosis.
"""

from datav.git import GitRepository, inspecting
from datav.git.attributes import ATTRIBUTES_FILE, DRIVER, add_driver, expected_settings
from datav.relpath import RelPath
from datav.repo.diagnosis import Diagnosis, named, typed
from datav.repo.hooks import hooks_status

# `git worktree list -z`, which `gc` asks before it deletes anything.
_LEAST_VERSION = (2, 36)
# Nobody's name: what applies to it applies to any manifest at the top.
_ANY_MANIFEST = RelPath(b"datav-doctor-looks.datav")
# git's own advice is to leave larger files out: they stay in every clone for ever.
_LARGE = 50 * 2**20
# Each is one process.
_MOST_SIZES = 50


def check_version(git: GitRepository) -> Diagnosis:
    found = inspecting.read_version(git)
    if found is None:
        return Diagnosis("git-version", "warn", "git does not say which version it is")
    shown, least = (".".join(map(str, version)) for version in (found, _LEAST_VERSION))
    if found < _LEAST_VERSION:
        return Diagnosis("git-version", "problem", f"git is {shown}", f"upgrade git: datav needs {least}")
    return Diagnosis("git-version", "ok", f"git {shown}")


def check_attributes(git: GitRepository) -> Diagnosis:
    """Whether git compares and merges manifests by our drivers: `.gitattributes`, committed for everybody."""
    attributes, wanted = RelPath(ATTRIBUTES_FILE), DRIVER.decode()
    manifests = [_ANY_MANIFEST, *dict.fromkeys(entry.path for entry in git.list_index())]
    applied = inspecting.read_attributes(git, manifests, ("diff", "merge"))
    path = attributes.on(git.root)
    before = path.read_bytes() if path.exists() else b""
    if add_driver(before) != before:
        what = f"{attributes} does not say how git compares and merges manifests"
        return Diagnosis("attributes", "problem", what, "run `datav init`, and commit it", is_fixable=True)
    other = tuple(path for path, values in applied.items() if {*values.values()} != {wanted})
    if other:
        shown = named([path for path in other if path != _ANY_MANIFEST]) or "manifests"
        what = f"attributes of git's have {shown} compared or merged by something other than datav"
        line = f"*.datav diff={wanted} merge={wanted}"
        hint = f"`git check-attr -a -- x.datav` shows what applies; `{line}` is meant"
        return Diagnosis("attributes", "warn", what, hint, paths=other)
    if not git.find_tracked([attributes]):
        what = f"{attributes} is not in git: others do not have its line for manifests"
        return Diagnosis("attributes", "problem", what, "run `datav init`, and commit it", is_fixable=True)
    return Diagnosis("attributes", "ok", f"{attributes} has git compare and merge manifests by datav")


def check_drivers(git: GitRepository) -> Diagnosis:
    """Whether this clone's configuration has the drivers: git never takes these from a repository."""
    wanted = expected_settings()
    present = inspecting.read_settings(git, r"^(diff|merge)\.datav\.")
    missing = [name for name in wanted if name not in present]
    if missing:
        what = f"git's configuration of this clone lacks {', '.join(missing)}"
        return Diagnosis("drivers", "problem", what, "run `datav init`", is_fixable=True)
    other = [name for name, value in wanted.items() if present[name].value != value]
    if other:
        what = f"{', '.join(other)} in git's configuration is not what this datav would set"
        hint = f"if that is not meant: `git config --unset-all {other[0]}`, then `datav init`"
        return Diagnosis("drivers", "warn", what, hint)
    return Diagnosis("drivers", "ok", "git's configuration has the drivers for manifests")


def check_program(git: GitRepository, program: str | None) -> Diagnosis:
    """Whether git finds datav where it runs the drivers.

    Args:
        program: where `datav` is on the PATH, if it is.
    """
    if program is None:
        what = "datav is not on the PATH: git shows and merges manifests as plain text"
        return Diagnosis("program", "warn", what, "put the directory of `datav` on the PATH")
    return Diagnosis("program", "ok", f"git runs {program}")


def check_hooks(git: GitRepository, python: str) -> Diagnosis:
    """Whether git places, checks and pushes data by itself: no problem if not, hooks are for who wants them.

    Args:
        python: which one `hooks install` would note.
    """
    found = hooks_status(git, python)
    if found.is_complete:
        return Diagnosis("hooks", "ok", f"git runs datav by the hooks in {found.directory}")
    if found.owner != "clone" and not found.directory.is_dir():
        what = f"git runs no hooks at all: core.hooksPath is {found.directory}, which is no directory"
        return Diagnosis(
            "hooks", "warn", what, "`git config --show-origin core.hooksPath` says where that is set"
        )
    if found.owner != "clone":
        what = f"git runs the hooks in {found.directory}, which others share, and datav's are not there"
        hint = f"`datav hooks install --into {found.directory}` puts them there all the same"
        return Diagnosis("hooks", "warn", what, hint)
    names = [hook.name for hook in found.hooks if not hook.runs or hook.state not in ("installed", "called")]
    hint = "run `datav hooks install`"
    if len(names) == len(found.hooks):
        what = "git does not run datav by itself: after a `git checkout` data is as it was before"
    else:
        what = f"not all of datav's hooks are there and up to date: {', '.join(names)}"
    return Diagnosis("hooks", "warn", what, hint, is_fixable=True)


def check_line_ends(git: GitRepository) -> Diagnosis:
    """Whether git turns the line ends of manifests: harmless to read, but `core.safecrlf` stops `add`."""
    settings = inspecting.read_settings(git, r"^core\.(autocrlf|eol|safecrlf)$")
    values = {name: setting.value.lower() for name, setting in settings.items()}
    applied = inspecting.read_attributes(git, [_ANY_MANIFEST], ("text", "eol"))[_ANY_MANIFEST]
    is_turned = values.get("core.autocrlf") in ("true", "yes", "on", "1")
    is_turned |= values.get("core.eol") == "crlf" and applied["text"] in ("set", "auto")
    if applied["text"] == "unset" or applied["eol"] == "lf" or not is_turned:
        return Diagnosis("line-ends", "ok", "git leaves the line ends of manifests as they are")
    hint = "add `*.datav text eol=lf` to .gitattributes, and commit it"
    if values.get("core.safecrlf") in ("true", "yes", "on", "1"):
        what = "core.autocrlf and core.safecrlf are set: git refuses to stage the manifests that datav writes"
        return Diagnosis("line-ends", "problem", what, hint)
    what = "git writes manifests with CRLF here: datav reads them, and writes LF"
    return Diagnosis("line-ends", "warn", what, hint)


def check_history(git: GitRepository) -> Diagnosis:
    if git.is_shallow():
        what = "this clone is shallow: `log` and `blame` see only the history that is here"
        return Diagnosis("history", "ok", what, "`git fetch --unshallow` brings the rest")
    return Diagnosis("history", "ok", "git has the whole history")


def check_submodules(git: GitRepository) -> Diagnosis:
    found = tuple(inspecting.list_submodules(git))
    if found:
        what = f"{named(found)}: repositories in this one, each with datasets of its own"
        return Diagnosis(
            "submodules", "ok", what, f"`datav -C {typed(found[0])} doctor` looks at one", paths=found
        )
    return Diagnosis("submodules", "ok", "there are no submodules")


def check_large_files(git: GitRepository) -> Diagnosis:
    """Whether git itself keeps large files.  Cost: one look at each tracked file."""
    found = []
    for path in git.list_tracked_under():
        try:
            size = path.on(git.root).lstat().st_size
        except OSError:
            # Not on disk, or not to be looked at: then it is not told how large it is.
            continue
        if size > _LARGE:
            found.append((size, path))
    found = sorted(found, reverse=True)[:_MOST_SIZES]
    # What git has may be a pointer of Git LFS, which is small.
    large = tuple(path for _, path in found if (inspecting.read_staged_size(git, path) or 0) > _LARGE)
    if large:
        what = f"git itself keeps files of over {_LARGE >> 20} MiB: {named(large)}"
        first = typed(large[0])
        hint = f"`git rm --cached -- {first}`, then `datav add {first}`; old commits keep it"
        return Diagnosis("large-files", "warn", what, hint, paths=large)
    return Diagnosis("large-files", "ok", f"git itself keeps no file of over {_LARGE >> 20} MiB")
