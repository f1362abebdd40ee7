"""The far end of services.imaging.dicom_worker: a process that reads DICOM files, one after the other."""

from __future__ import annotations

import contextlib
import logging
import os
import resource
import signal
import sys
from multiprocessing.connection import Connection

from services.errors import ImagingError, TooLarge
from services.imaging.deidentify import deidentify
from services.imaging.dicom import OpenDicom, open_dicom
from services.imaging.limits import Limits
from services.imaging.slice import Slice

_BASE_MEMORY = 768 * 2**20


def bound_memory(limits: Limits) -> None:
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
    # Decoders chatter on stderr and pydicom logs what is answered as a sentence anyway.
    logging.disable(logging.CRITICAL)
    os.dup2(os.open(os.devnull, os.O_WRONLY), 2)
    file: OpenDicom | None = None
    while True:
        data = b""
        try:
            clean, wanted, limits, sha256, keep, another = connection.recv()
            if another:
                file, data = None, connection.recv_bytes()
        except EOFError:
            return
        bound_memory(limits)
        # The default action of SIGPROF ends the process, even inside a native decoder.
        signal.setitimer(signal.ITIMER_PROF, limits.seconds)
        answer: Slice | bytes | ImagingError
        try:
            if file is None:
                file = open_dicom(data, limits=limits, sha256=sha256)
                del data
                connection.send(file.layout.frames)
            answer = deidentify(file.dataset) if clean else file.frame(wanted)
        except ImagingError as error:
            answer = type(error)(str(error))
        except MemoryError:
            answer = TooLarge("The DICOM file needs more memory than one file may take. Export single images.")
        finally:
            signal.setitimer(signal.ITIMER_PROF, 0)
        if not keep or file is None or wanted is None or wanted + 1 >= file.layout.frames:
            file = None
        connection.send(answer)
        del answer


if __name__ == "__main__":
    _serve(Connection(int(sys.argv[1])))
