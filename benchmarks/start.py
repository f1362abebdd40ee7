"""What the sign-in page loads: it is drawn in a fresh process, whose modules are then counted.

``python -m benchmarks.start`` prints, as JSON, how many modules of TensorFlow and Keras the process holds.
"""

from __future__ import annotations

import json
import os
import subprocess
import sys
import tempfile
from pathlib import Path
from typing import TYPE_CHECKING, Any

from benchmarks.measure import Result
from services.settings import ROOT

if TYPE_CHECKING:
    from streamlit.testing.v1 import AppTest

HEAVY = ("tensorflow", "keras")


def modules_after_sign_in_page() -> dict[str, int]:
    """Number of loaded modules of each heavy package after a fresh process has drawn the sign-in page.

    Raises RuntimeError where the page is not drawn.
    """
    counted: dict[str, int] = said_by("benchmarks.start")
    return counted


def said_by(module: str) -> Any:
    """What ``python -m module`` prints last, as JSON, in a demo with an empty database of its own.

    Raises RuntimeError where it fails.
    """
    with tempfile.TemporaryDirectory() as folder:
        environment = {
            **os.environ,
            "DEMO": "1",
            "VAR_DIR": folder,
            "VAULT_DIR": str(Path(folder) / "vault"),
            "DATABASE_URL": f"sqlite:///{folder}/falx.db",
        }
        migrate = [sys.executable, "-m", "services.records", "migrate"]
        subprocess.run(migrate, cwd=ROOT, env=environment, check=True, capture_output=True)
        command = [sys.executable, "-m", module]
        answer = subprocess.run(command, cwd=ROOT, env=environment, capture_output=True, text=True)
    if answer.returncode != 0:
        raise RuntimeError(f"the sign-in page could not be drawn:\n{answer.stderr[-3000:]}")
    return json.loads(answer.stdout.splitlines()[-1])


def result() -> Result:
    """Modules of TensorFlow and Keras in the process that drew the sign-in page, against none."""
    count = sum(modules_after_sign_in_page().values())
    return Result(
        "TensorFlow on the sign-in page",
        "modules of TensorFlow and Keras loaded in a fresh process that has drawn the sign-in page",
        (float(count),),
        0.0,
        float(count),
        0.0,
        "modules",
    )


def draw(app: AppTest) -> None:
    """Let the app run once; ends the process where it does not show the sign-in form."""
    app.run()
    if app.exception:
        sys.exit(f"the page raised: {[error.value for error in app.exception]}")
    if not app.text_input:
        sys.exit("no sign-in form was drawn")


def main() -> None:
    """Draw the page in this process and print the count."""
    from streamlit.testing.v1 import AppTest

    draw(AppTest.from_file(str(ROOT / "app.py"), default_timeout=60))
    print(json.dumps({name: sum(key.split(".")[0] == name for key in sys.modules) for name in HEAVY}))


if __name__ == "__main__":
    main()
