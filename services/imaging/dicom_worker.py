"""Decodes DICOM in processes of their own: a file that crashes, fills or stalls a decoder takes only its worker along.

Native decoders of rare compressions do crash over flipped bits, and a crash would end every user's session. A worker
is started when the first DICOM file comes and then kept; it has a ceiling of memory, and of processor time per file.
"""

from __future__ import annotations

import atexit
import contextlib
import os
import signal
import socket
import subprocess
import sys
import threading
from collections.abc import Callable, Iterator
from multiprocessing.connection import Connection
from pathlib import Path
from pickle import UnpicklingError
from typing import TypeVar

from services.errors import DamagedFile, ImagingError, TooLarge
from services.imaging.limits import EXPORT_AGAIN, Limits
from services.imaging.slice import Slice

T = TypeVar("T")
_ROOT = Path(__file__).resolve().parents[2]
_MOST_WORKERS = 4
# A native library may leak; a worker is replaced before that adds up.
_REQUESTS_PER_WORKER = 200
# Waited for on the wall clock when a worker neither answers nor dies; processor time ends it long before, as a rule.
_PATIENCE_SECONDS = 30.0


class _WorkerDied(Exception):
    """A worker ended without an answer."""


class _Worker:
    """The near end of one worker process. Used by one thread at a time.

    ``frames`` is how many the file given last holds, 0 where it could not be opened.
    """

    def __init__(self) -> None:
        near, far = socket.socketpair()
        # Single-threaded, and with glibc's own thresholds, so that memory goes back to the system after a large file.
        environment = {k: v for k, v in os.environ.items() if not k.startswith("MALLOC_")}
        environment |= {"OPENBLAS_NUM_THREADS": "1", "OMP_NUM_THREADS": "1"}
        with far:
            self._process = subprocess.Popen(
                [sys.executable, "-m", "services.imaging.dicom_worker_process", str(far.fileno())],
                cwd=_ROOT,
                env=environment,
                stdin=subprocess.DEVNULL,
                stdout=subprocess.DEVNULL,
                pass_fds=(far.fileno(),),
            )
        self._connection = Connection(near.detach())
        self._requests = 0
        self._in_step = True
        self.frames = 0

    @property
    def fresh(self) -> bool:
        """Whether it has been asked for nothing yet."""
        return self._requests == 0

    @property
    def usable(self) -> bool:
        """Whether it can be asked; not while it still owes the answer to something else."""
        return self._in_step and self._requests < _REQUESTS_PER_WORKER and self._process.poll() is None

    def decode(self, data: bytes | None, frame: int | None, limits: Limits, sha256: str, *, keep: bool) -> Slice:
        """One frame of a file, or without ``data`` of the file given last, which was to be kept.

        Raises ImagingError, and _WorkerDied where there is no answer, which need not be the fault of the file.
        """
        return self._ask(Slice, data, frame, limits, sha256, keep)

    def deidentify(self, data: bytes, limits: Limits) -> bytes:
        """A file without identity, as services.imaging.deidentify makes it. Raises what ``decode`` raises."""
        return self._ask(bytes, data, None, limits, "", False)

    def _ask(self, kind: type[T], data: bytes | None, frame: int | None, limits: Limits, sha256: str, keep: bool) -> T:
        self._requests += 1
        self._in_step = False
        try:
            self._connection.send((kind is bytes, frame, limits, sha256, keep, data is not None))
            if data is not None:
                self.frames = 0
                self._connection.send_bytes(data)
                self.frames = self._answer(int, limits)
            return self._answer(kind, limits)
        except TimeoutError as error:
            raise _too_slow(limits) from error
        except (EOFError, OSError, UnpicklingError) as error:
            with contextlib.suppress(subprocess.TimeoutExpired):
                self._process.wait(1)
            if self._process.poll() == -signal.SIGPROF:
                raise _too_slow(limits) from error
            raise _WorkerDied from error

    def _answer(self, kind: type[T], limits: Limits) -> T:
        if not self._connection.poll(_PATIENCE_SECONDS + limits.seconds):
            raise TimeoutError
        answer = self._connection.recv()
        # The number of frames is followed by what was asked for.
        self._in_step = kind is not int or isinstance(answer, ImagingError)
        if isinstance(answer, ImagingError):
            raise answer
        if not isinstance(answer, kind):
            raise UnpicklingError(f"a DICOM worker answered with {type(answer).__name__}")
        return answer

    def close(self) -> None:
        self._connection.close()
        self._process.kill()
        self._process.wait()


def _too_slow(limits: Limits) -> TooLarge:
    return TooLarge(
        f"Decoding the DICOM file takes longer than {limits.seconds:g} seconds; {EXPORT_AGAIN}, uncompressed."
    )


class _Reading:
    """A file and the worker that reads it; a worker that ends is replaced.

    ``frames`` is how many the file holds, 0 until it could be opened.
    """

    def __init__(self, worker: _Worker, data: bytes, limits: Limits, sha256: str) -> None:
        self.worker = worker
        self.frames = 0
        self._file = (data, limits, sha256)
        self._given = False

    def frame(self, wanted: int | None, *, keep: bool = False) -> Slice:
        """One frame; with ``keep`` the file stays open for more, until its last. Raises ImagingError."""
        data, limits, sha256 = self._file
        return self._answered(
            lambda given: self.worker.decode(None if given else data, wanted, limits, sha256, keep=keep), keep
        )

    def deidentified(self) -> bytes:
        """The file without identity. Raises ImagingError."""
        data, limits, _ = self._file
        return self._answered(lambda _: self.worker.deidentify(data, limits), keep=False)

    def _answered(self, ask: Callable[[bool], T], keep: bool) -> T:
        """What a worker answers; ``ask`` is told whether the file is with the worker already."""
        while True:
            if not self.worker.usable:
                self.worker.close()
                self.worker, self._given = _started(), False
            fresh, given = self.worker.fresh, self._given
            self._given = keep
            try:
                return ask(given)
            except _WorkerDied as error:
                # A worker may have been killed while it waited; only one started for this frame accuses the file.
                if fresh:
                    raise DamagedFile(
                        f"The DICOM file's pixel data is damaged: its decoder failed; {EXPORT_AGAIN}."
                    ) from error
            finally:
                self.frames = max(self.frames, self.worker.frames)


def _started() -> _Worker:
    try:
        return _Worker()
    except OSError as error:
        raise ImagingError(
            f"No process that decodes DICOM can be started now ({error.strerror}). Try again in a minute; if it stays "
            "like this, let an administrator see what the machine is short of."
        ) from error


class _Pool:
    """At most _MOST_WORKERS workers; a file waits for its turn."""

    def __init__(self) -> None:
        self._idle: list[_Worker] = []
        self._lock = threading.Lock()
        self._turns = threading.BoundedSemaphore(_MOST_WORKERS)

    @contextlib.contextmanager
    def opened(self, data: bytes, limits: Limits, sha256: str) -> Iterator[_Reading]:
        """A worker of one's own for a file."""
        with self._turns:
            found = _Reading(self._take(), data, limits, sha256)
            try:
                yield found
            finally:
                self._give_back(found.worker)

    def _take(self) -> _Worker:
        while True:
            with self._lock:
                worker = self._idle.pop() if self._idle else None
            if worker is None:
                return _started()
            if worker.usable:
                return worker
            worker.close()

    def _give_back(self, worker: _Worker) -> None:
        if not worker.usable:
            worker.close()
            return
        with self._lock:
            self._idle.append(worker)

    def close(self) -> None:
        with self._lock:
            workers, self._idle = self._idle, []
        for worker in workers:
            worker.close()


_pool = _Pool()
atexit.register(lambda: _pool.close())


def _forget_after_fork() -> None:
    """A forked child must not talk over its parent's connections."""
    global _pool
    _pool = _Pool()


os.register_at_fork(after_in_child=_forget_after_fork)


def decode_dicom_apart(data: bytes, *, frame: int | None, limits: Limits, sha256: str) -> Slice:
    """One frame as services.imaging.dicom decodes it, by a worker process; same result, same errors.

    Raises also DamagedFile where the file crashed its decoder, TooLarge where it took more than ``limits.seconds`` of
    processor time, and ImagingError where no process can be started. Safe to call from several threads; at most four
    files are decoded at once.
    """
    with _pool.opened(data, limits, sha256) as reading:
        return reading.frame(frame)


def decode_dicom_frames_apart(data: bytes, *, limits: Limits, sha256: str) -> Iterator[Slice | ImagingError]:
    """Every frame in turn, the file opened once; in the place of a frame that cannot be decoded, its error.

    A file that cannot be opened is one error. ``limits.seconds`` count for each frame. One worker stays taken until the
    iteration ends, and one frame at a time is in memory.
    """
    with _pool.opened(data, limits, sha256) as reading:
        index = 0
        while index < max(reading.frames, 1):
            found: Slice | ImagingError
            try:
                found = reading.frame(index, keep=True)
            except ImagingError as error:
                found = error
            yield found
            index += 1


def deidentify_dicom_apart(data: bytes, *, limits: Limits) -> bytes:
    """The file as services.imaging.deidentify leaves it, made by a worker process. Raises what decoding raises."""
    with _pool.opened(data, limits, "") as reading:
        return reading.deidentified()
