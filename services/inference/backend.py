"""TensorFlow and Keras, imported without the lines that TensorFlow prints about itself."""

from __future__ import annotations

import gc
import os
import subprocess
import sys
from collections.abc import Iterator
from contextlib import contextmanager, nullcontext, suppress
from functools import cache

# What absl writes before TensorFlow has set its threshold, TF_CPP_MIN_LOG_LEVEL notwithstanding: a warning about that,
# and lines of the level INFO, such as “oneDNN custom operations are on”. Warnings and errors pass.
_SIFT = r"""
import re, sys
chatter = re.compile(rb"I\d{4} |WARNING: All log messages before absl::InitializeLog\(\)")
for line in sys.stdin.buffer:
    if not chatter.match(line):
        sys.stderr.buffer.write(line)
        sys.stderr.buffer.flush()
"""


@cache
def load_backend() -> None:
    """Import Keras with its backend; at once when that was done before. Takes seconds the first time."""
    os.environ.setdefault("TF_CPP_MIN_LOG_LEVEL", "3")
    with nullcontext() if "keras" in sys.modules else _sifted():
        import keras
    # After every run of every page Streamlit clears Keras's session, and with it all that TensorFlow has compiled, so
    # that the next answer would take ten times as long. ``keras.utils.clear_session`` still does what it says.
    keras.backend.clear_session = _keep_session
    # Streamlit then has everything looked through for garbage, while all other threads wait. Most of what there is came
    # with TensorFlow and stays until the process ends.
    gc.collect()
    gc.freeze()


def _keep_session(free_memory: bool = True) -> None:
    """In the place of ``keras.backend.clear_session``."""


@contextmanager
def _sifted() -> Iterator[None]:
    """Lead what native code writes to standard error through a process that drops the chatter.

    A process rather than a thread, because TensorFlow writes why it cannot run on a processor and then aborts.
    """
    try:
        original = os.dup(2)
    except OSError:  # closed, so nothing is printed anyway
        yield
        return
    # In a session of its own, so that Ctrl+C ends the command and not the sieve before it.
    sieve = subprocess.Popen([sys.executable, "-I", "-S", "-c", _SIFT], stdin=subprocess.PIPE, start_new_session=True)
    assert sieve.stdin is not None
    try:
        os.dup2(sieve.stdin.fileno(), 2)
        yield
    finally:
        os.dup2(original, 2)
        os.close(original)
        sieve.stdin.close()
        # A process that was started meanwhile may still write to it; the sieve then ends with that one.
        with suppress(subprocess.TimeoutExpired):
            sieve.wait(5)
