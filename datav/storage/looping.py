"""Waiting in a thread for what runs in the event loop of fsspec, as long as something moves."""

import asyncio
import concurrent.futures
import contextlib
import threading
from collections.abc import Coroutine, Iterator
from typing import Any, TypeVar

from datav.storage.attempts import Attempt, Failure, Outcome, Patience

Answer = TypeVar("Answer")


class Waiter:
    """Runs coroutines in a loop that runs in another thread.  Used from several threads."""

    def __init__(self, loop: asyncio.AbstractEventLoop, patience: Patience) -> None:
        self._loop, self._patience = loop, patience
        self._running: set[concurrent.futures.Future[Any]] = set()
        self._lock = threading.Lock()

    def wait(self, coroutine: Coroutine[Any, Any, Answer], attempt: Attempt) -> Answer:
        """Return what the coroutine returns.

        Raises:
            Failure: nothing moved for the stall timeout, or `cancel` was called; the coroutine is cancelled.
        """
        future = asyncio.run_coroutine_threadsafe(coroutine, self._loop)
        with self._noting(future):
            while True:
                left_s = attempt.last_moved + self._patience.stall_timeout_s - self._patience.clock()
                if left_s <= 0:
                    raise Failure(Outcome.AGAIN, f"no byte for {self._patience.stall_timeout_s:g} seconds")
                done, _ = concurrent.futures.wait([future], timeout=left_s)
                if done:
                    return self._result(future)

    def cancel(self) -> None:
        """End all that runs."""
        with self._lock:
            running = list(self._running)
        for future in running:
            future.cancel()

    @staticmethod
    def _result(future: "concurrent.futures.Future[Answer]") -> Answer:
        try:
            return future.result()
        except concurrent.futures.CancelledError as exc:
            raise Failure(Outcome.NEVER, "the connection was closed on our side") from exc

    @contextlib.contextmanager
    def _noting(self, future: "concurrent.futures.Future[Any]") -> Iterator[None]:
        with self._lock:
            self._running.add(future)
        try:
            yield
        finally:
            future.cancel()  # nothing happens to one that is done
            with self._lock:
                self._running.discard(future)
