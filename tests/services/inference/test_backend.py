"""What a terminal shows while TensorFlow is imported: no chatter, every error."""

from __future__ import annotations

import os
import subprocess
import sys

from services.settings import ROOT


def run(code: str) -> subprocess.CompletedProcess[str]:
    clean = {key: value for key, value in os.environ.items() if not key.startswith("TF_")}
    return subprocess.run([sys.executable, "-c", code], cwd=ROOT, env=clean, capture_output=True, text=True)


def test_keras_comes_without_a_line_of_its_own():
    answer = run(
        "from services.inference.backend import load_backend\n"
        "load_backend()\n"
        "import sys; print('tensorflow' in sys.modules, file=sys.stderr)"
    )
    assert (answer.returncode, answer.stdout, answer.stderr) == (0, "", "True\n")


def test_what_came_with_it_is_not_looked_through_for_garbage():
    answer = run(
        "from services.inference.backend import load_backend\n"
        "load_backend()\n"
        "import gc; print(gc.get_freeze_count() > 100_000 > 10 * len(gc.get_objects()))"
    )
    assert answer.stdout == "True\n"


def test_errors_pass_also_from_a_process_that_aborts():
    answer = run(
        "import os\n"
        "from services.inference.backend import _sifted\n"
        "with _sifted():\n"
        "    os.write(2, b'WARNING: All log messages before absl::InitializeLog() is called ...\\n')\n"
        "    os.write(2, b'I0000 00:00:1 1 port.cc:153] oneDNN custom operations are on.\\n')\n"
        "    os.write(2, b'F0000 00:00:1 1 cpu.cc:1] compiled to use AVX2, which this machine lacks\\nand more\\n')\n"
        "    os.abort()"
    )
    assert answer.returncode < 0
    # The sieve may be a moment behind; it holds the other end of the pipe, so that run() has read all of it.
    assert answer.stderr == "F0000 00:00:1 1 cpu.cc:1] compiled to use AVX2, which this machine lacks\nand more\n"


def test_afterwards_everything_is_printed_as_before():
    answer = run(
        "import os\n"
        "from services.inference.backend import _sifted\n"
        "with _sifted():\n"
        "    pass\n"
        "os.write(2, b'I0000 said later\\n')"
    )
    assert answer.stderr == "I0000 said later\n"
