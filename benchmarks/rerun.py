"""What a loaded model costs every page, and every page an answer: Streamlit clears up after each run of a page.

``python -m benchmarks.rerun`` prints, as JSON, the seconds of a page's run and an answer as they are served, and as
they are where Streamlit may clear Keras's session and look through all of memory (``services/inference/backend.py``).
"""

from __future__ import annotations

import gc
import json

from benchmarks.measure import Result, milliseconds, pair_ratios, seconds
from benchmarks.start import draw, said_by
from services.settings import ROOT

PAIRS = 20


def result() -> Result:
    """The sign-in page and an upload's answer, one after the other, in a process that has a model loaded."""
    ours, theirs = said_by("benchmarks.rerun")
    return Result(
        "A page's run and an answer / with Keras cleared",
        "a run of the sign-in page, its clean-up included, and then an upload's answer with heat map, over the same "
        "where the clean-up throws away what TensorFlow has compiled and looks through all that came with it",
        pair_ratios(ours, theirs),
        0.5,
        milliseconds(ours),
        milliseconds(theirs),
        "ms",
    )


def main() -> None:
    """Load the model, then draw and answer."""
    from streamlit.testing.v1 import AppTest

    from benchmarks.subjects import TASK, the_engine, uploads
    from services.workflow import look

    engine, app = the_engine(), AppTest.from_file(str(ROOT / "app.py"), default_timeout=60)
    import keras

    def once() -> None:
        draw(app)
        look(engine, uploads()[0], task_key=TASK)

    once()
    ours = [seconds(once) for _ in range(PAIRS)]
    # There is no way back, so the sides take no turns.
    keras.backend.clear_session = keras.utils.clear_session
    gc.unfreeze()
    once()
    theirs = [seconds(once) for _ in range(PAIRS)]
    print(json.dumps([ours, theirs]))


if __name__ == "__main__":
    main()
