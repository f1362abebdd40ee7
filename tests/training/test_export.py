"""An exported version answers its self-test in plain Keras, without a line of Falx."""

from __future__ import annotations

import json
import subprocess
import sys
from pathlib import Path

import pytest
from typer.testing import CliRunner

from services.inference.repository import ModelRepository
from services.settings import ROOT
from training.__main__ import app
from training.export import export
from training.run import RunError

ELSEWHERE = """
import json, sys
import keras, numpy as np
model = keras.models.load_model("model.keras", safe_mode=True)
card = json.load(open("card.json"))
squares = np.load("self_test.npz")["squares"].astype("float32") / 255
found = np.asarray(model.predict(squares[..., None], verbose=0))
print(json.dumps(float(np.abs(found - np.array(card["self_test_probabilities"])).max())))
print("services" in sys.modules)
"""


def test_the_file_answers_as_the_card_says(tmp_path: Path):
    repository = ModelRepository(ROOT / "saved_models")
    ref = repository.live_ref("brain_tumor_type")
    result = CliRunner().invoke(app, ["export", str(ref), "--out", str(tmp_path / "out")], catch_exceptions=False)
    assert result.exit_code == 0, result.output
    answer = subprocess.run(
        [sys.executable, "-c", ELSEWHERE], cwd=tmp_path / "out", capture_output=True, text=True, check=True
    )
    furthest, falx = answer.stdout.split()[-2:]
    assert json.loads(furthest) < 0.01
    assert falx == "False"
    with pytest.raises(RunError, match="holds something already"):
        export(repository, ref, tmp_path / "out")
