"""Decodes DICOM in processes of their own: a file that crashes, fills or stalls a decoder takes only its worker along.

Native decoders of rare compressions do crash over flipped bits, and a crash would end every user's session. A worker
is started when the first DICOM file comes and then kept; it has a ceiling of memory, and of processor time per file.
"""

from __future__ import annotations

import atexit
import contextlib
import logging
import os
import resource
import signal
import socket
import subprocess
import sys
import threading
from multiprocessing.connection import Connection
from pathlib import Path

from services.errors import DamagedFile, ImagingError, TooLarge
from services.imaging.limits import EXPORT_AGAIN, Limits
from services.imaging.slice import Slice

_ROOT = Path(__file__).resolve().parents[2]
_MOST_WORKERS = 4
# A native library may leak; a worker is replaced before that adds up.
_FILES_PER_WORKER = 200
# Waited for on the wall clock when a worker neither answers nor dies; processor time ends it long before, as a rule.
_PATIENCE_SECONDS = 30.0
_BASE_MEMORY = 768 * 2**20


class _WorkerDied(Exception):
    """A worker ended without an answer."""


class _Worker:
    """The near end of one worker process. Used by one thread at a time."""

    def __init__(self) -> None:
        near, far = socket.socketpair()
        # Single-threaded, and with glibc's own thresholds, so that memory goes back to the system after a large file.
        environment = {k: v for k, v in os.environ.items() if not k.startswith("MALLOC_")}
        environment |= {"OPENBLAS_NUM_THREADS": "1", "OMP_NUM_THREADS": "1"}
        with far:
            self._process = subprocess.Popen(
                [sys.executable, "-m", "services.imaging.dicom_worker", str(far.fileno())],
                cwd=_ROOT,
                env=environment,
                stdin=subprocess.DEVNULL,
                stdout=subprocess.DEVNULL,
                pass_fds=(far.fileno(),),
            )
        self._connection = Connection(near.detach())
        self._files = 0
        self._in_step = True

    @property
    def fresh(self) -> bool:
        """Whether it has been given no file yet."""
        return self._files == 0

    @property
    def usable(self) -> bool:
        """Whether it can be given a file; not while it still owes the answer to another."""
        return self._in_step and self._files < _FILES_PER_WORKER and self._process.poll() is None

    def decode(self, data: bytes, frame: int | None, limits: Limits, sha256: str) -> Slice:
        """The worker's answer; raises _WorkerDied where there is none, which need not be the fault of the file."""
        self._files += 1
        self._in_step = False
        try:
            self._connection.send((frame, limits, sha256))
            self._connection.send_bytes(data)
            if not self._connection.poll(_PATIENCE_SECONDS + limits.seconds):
                raise TimeoutError
            answer = self._connection.recv()
            self._in_step = True
        except TimeoutError as error:
            raise _too_slow(limits) from error
        except (EOFError, OSError) as error:
            with contextlib.suppress(subprocess.TimeoutExpired):
                self._process.wait(1)
            if self._process.poll() == -signal.SIGPROF:
                raise _too_slow(limits) from error
            raise _WorkerDied from error
        if isinstance(answer, ImagingError):
            raise answer
        if not isinstance(answer, Slice):
            raise TypeError(f"a DICOM worker answered with {type(answer).__name__}")
        return answer

    def close(self) -> None:
        self._connection.close()
        self._process.kill()
        self._process.wait()


def _too_slow(limits: Limits) -> TooLarge:
    return TooLarge(
        f"Decoding the DICOM file takes longer than {limits.seconds:g} seconds; {EXPORT_AGAIN}, uncompressed."
    )


class _Pool:
    """At most _MOST_WORKERS workers; a file waits for its turn."""

    def __init__(self) -> None:
        self._idle: list[_Worker] = []
        self._lock = threading.Lock()
        self._turns = threading.BoundedSemaphore(_MOST_WORKERS)

    def decode(self, data: bytes, frame: int | None, limits: Limits, sha256: str) -> Slice:
        with self._turns:
            worker = self._take()
            while True:
                fresh = worker.fresh
                try:
                    return worker.decode(data, frame, limits, sha256)
                except _WorkerDied as error:
                    # A worker may have been killed while it waited; only one started for this file accuses the file.
                    if fresh:
                        raise DamagedFile(
                            f"The DICOM file's pixel data is damaged: its decoder failed; {EXPORT_AGAIN}."
                        ) from error
                finally:
                    self._give_back(worker)
                worker = _Worker()

    def _take(self) -> _Worker:
        while True:
            with self._lock:
                worker = self._idle.pop() if self._idle else None
            if worker is None:
                return _Worker()
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
    """services.imaging.dicom.decode_dicom in a worker process; same result, same errors.

    Raises also DamagedFile where the file crashed its decoder, and TooLarge where it took more than ``limits.seconds``
    of processor time. Safe to call from several threads; at most four files are decoded at once.
    """
    return _pool.decode(data, frame, limits, sha256)


def _bound_memory(limits: Limits) -> None:
    """Set the ceiling of this process: room for the file twice and for a decoder's planes of the largest frame."""
    _, hard = resource.getrlimit(resource.RLIMIT_AS)
    ceiling = _BASE_MEMORY + 2 * limits.max_bytes + 24 * limits.max_pixels
    # Some systems know no such limit; the bounds on size and time still hold there.
    with contextlib.suppress(ValueError, OSError):
        resource.setrlimit(
            resource.RLIMIT_AS, (ceiling if hard == resource.RLIM_INFINITY else min(ceiling, hard), hard)
        )


def _serve(connection: Connection) -> None:
    """Answer one request after the other until the near end is closed."""
    from services.imaging.dicom import decode_dicom

    # Decoders chatter on stderr and pydicom logs what is answered as a sentence anyway.
    logging.disable(logging.CRITICAL)
    os.dup2(os.open(os.devnull, os.O_WRONLY), 2)
    while True:
        try:
            frame, limits, sha256 = connection.recv()
            data = connection.recv_bytes()
        except EOFError:
            return
        _bound_memory(limits)
        # The default action of SIGPROF ends the process, even inside a native decoder.
        signal.setitimer(signal.ITIMER_PROF, limits.seconds)
        answer: Slice | ImagingError
        try:
            answer = decode_dicom(data, frame=frame, limits=limits, sha256=sha256)
        except ImagingError as error:
            answer = type(error)(str(error))
        except MemoryError:
            answer = TooLarge("The DICOM file needs more memory than one file may take. Export single images.")
        finally:
            signal.setitimer(signal.ITIMER_PROF, 0)
        del data
        connection.send(answer)
        del answer


if __name__ == "__main__":
    _serve(Connection(int(sys.argv[1])))
