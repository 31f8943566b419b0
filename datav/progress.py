"""How long work tells how far it is.  Who draws it is not known here."""

from typing import Protocol


class Progress(Protocol):
    """Called from any thread; cheap; never raises."""

    def start(self, what: str, total: int | None, unit: str) -> None:
        """A phase begins: `total` of `unit` ("bytes", "files") to do, None if not known."""

    def advance(self, amount: int) -> None:
        """That much more is done in the present phase."""


class Silent:
    """Progress that nobody watches."""

    def start(self, what: str, total: int | None, unit: str) -> None:
        pass

    def advance(self, amount: int) -> None:
        pass


SILENT = Silent()
