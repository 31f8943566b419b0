"""What `datav demo` works on: a table that changes, and a folder of files, made here, always the same."""

from pathlib import Path

from datav.git import GitRepository

ROWS = 20_000
CITIES = ("Oslo", "Porto", "Quito", "Riga", "Sofia", "Tunis", "Ulm", "Vienna")
AUTHOR = ("datav demo", "demo@datav.example")


def readings(*, corrected: bool = False) -> bytes:
    """A CSV of sensor readings; corrected, three rows are different and two are new."""
    lines = ["id,city,day,temperature,note"]
    state = 12345
    for number in range(ROWS):
        state = (state * 1103515245 + 12345) % 2**31
        city = CITIES[state % len(CITIES)]
        temperature = (state >> 8) % 700 / 10 - 20
        note = "checked" if state % 11 == 0 else ""
        lines.append(
            f"{number},{city},2026-{state % 12 + 1:02d}-{state % 28 + 1:02d},{temperature:.1f},{note}"
        )
    if corrected:
        for number in (1_000, 9_000, 17_000):
            lines[number] = lines[number].rpartition(",")[0] + ",corrected by hand"
        lines += [f"{ROWS},Oslo,2026-11-20,3.5,late", f"{ROWS + 1},Riga,2026-11-20,1.0,late"]
    return "\n".join(lines).encode() + b"\n"


def photos(directory: Path) -> None:
    """A folder of small files that do not compress, as pictures do."""
    state = 987654321
    directory.mkdir()
    for number in range(40):
        words = []
        for _ in range(1500):
            state = (state * 6364136223846793005 + 1442695040888963407) % 2**64
            words.append((state >> 32).to_bytes(4, "little"))
        (directory / f"{number:03d}.raw").write_bytes(b"".join(words))


def make_repository(directory: Path) -> GitRepository:
    """A git repository to play in."""
    return GitRepository.init(directory)


def commit(repository: GitRepository, message: str) -> str:
    """Commit what is staged, as nobody in particular, so that git needs no configuration."""
    return repository.commit(message, author=AUTHOR)
