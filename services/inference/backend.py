"""TensorFlow and Keras, imported without the lines that TensorFlow prints about itself."""

from __future__ import annotations

import os
import subprocess
import sys
from collections.abc import Iterator
from contextlib import contextmanager, suppress

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


def load_backend() -> None:
    """Import Keras with its backend; at once when that was done before. Takes seconds the first time."""
    if "keras" in sys.modules:
        return
    os.environ.setdefault("TF_CPP_MIN_LOG_LEVEL", "3")
    with _sifted():
        import keras  # noqa: F401


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
