"""Weights that training cannot begin with are one sentence, said before an image is prepared or anything written."""

from __future__ import annotations

import json
import os
import subprocess
import sys
from dataclasses import asdict, replace
from pathlib import Path

import numpy as np
import pytest

from services.errors import ModelDamaged
from services.settings import ROOT
from training.__main__ import KEEP_MEMORY
from training.fit import fit
from training.run import BEST, HEAD, SETTINGS, RunError, RunSettings, check_start


@pytest.fixture
def corpus(tmp_path: Path) -> Path:
    """A corpus whose images cannot be read, so that preparing one would end in another sentence."""
    folder = tmp_path / "corpus"
    folder.mkdir()
    rows = [f"{part}.png,glioma,x,T1,{part},{part}" for part in ("train", "val")]
    (folder / "manifest.csv").write_text("\n".join(["file,label,source,sequence,split,group", *rows]) + "\n")
    return folder


def settings(corpus: Path, weights: Path | str, network: str = "vgg16") -> RunSettings:
    return RunSettings("brain_tumor_type", network, (str(corpus),), str(weights), val_share=1.0)


def earlier_run(folder: Path, made: RunSettings) -> Path:
    folder.mkdir()
    (folder / BEST).write_text("no weights")
    (folder / SETTINGS).write_text(json.dumps(asdict(made)))
    return folder


def typed(corpus: Path, run: Path, weights: str, **environment: str) -> str:
    """The one line on standard error that ``python -m training train`` ends with."""
    words = ["train", "--data", str(corpus), "--val-share", "1", "--model", "vgg16", "--weights", weights]
    answer = subprocess.run(
        [sys.executable, "-m", "training", *words, "--run", str(run), "--cache", str(run / "cache")],
        cwd=ROOT, env=os.environ | KEEP_MEMORY | environment, capture_output=True, text=True, timeout=300,
    )  # fmt: skip
    assert answer.returncode == 2, answer.stderr
    assert len(answer.stderr.splitlines()) == 1, answer.stderr
    assert not run.exists()
    return answer.stderr


def test_a_file_that_holds_no_weights_is_told_in_a_line(corpus, tmp_path):
    assert "README.md is damaged or holds no weights that fit VGG16" in typed(
        corpus, tmp_path / "run", str(ROOT / "README.md")
    )


def test_imagenet_without_a_network_is_told_in_a_line(corpus, tmp_path):
    # Port 9 of this machine answers nobody.
    proxies = dict.fromkeys(("http_proxy", "https_proxy", "HTTP_PROXY", "HTTPS_PROXY"), "http://127.0.0.1:9")
    alone = proxies | {"no_proxy": "", "NO_PROXY": "", "KERAS_HOME": str(tmp_path / "keras")}
    (tmp_path / "keras").mkdir()
    said = typed(corpus, tmp_path / "run", "imagenet", **alone)
    assert said.startswith("Keras cannot fetch its ImageNet weights (URL fetch failure on https://")
    assert said.endswith("Give a file with --weights, or “none”.\n")


def test_weights_of_another_network_write_nothing(corpus, tmp_path):
    np.savez(tmp_path / "resnet50.npz", **{"conv1_conv/bias": np.zeros(64, np.float32)})
    with pytest.raises(ModelDamaged, match="VGG16"):
        fit(settings(corpus, tmp_path / "resnet50.npz"), tmp_path / "run", cache=tmp_path / "cache")
    assert sorted(path.name for path in tmp_path.iterdir()) == ["corpus", "resnet50.npz"]


def test_damaged_weights_of_an_earlier_run_are_told(corpus, tmp_path):
    earlier = earlier_run(tmp_path / "earlier", settings(corpus, "none"))
    check_start(settings(corpus, earlier))
    with pytest.raises(ModelDamaged, match=f"{BEST} is damaged"):
        fit(settings(corpus, earlier), tmp_path / "run", cache=tmp_path / "cache")
    (earlier / HEAD).write_text("no weights")
    with pytest.raises(ModelDamaged, match=f"{HEAD} is damaged"):
        fit(settings(corpus, "none"), earlier, resume=True, cache=tmp_path / "cache")


def test_a_run_does_not_go_on_from_one_of_another_network(corpus, tmp_path):
    earlier = earlier_run(tmp_path / "earlier", settings(corpus, "none", "resnet50"))
    with pytest.raises(RunError, match="trained resnet50, which vgg16 cannot go on from"):
        check_start(settings(corpus, earlier))


def test_places_are_for_one_class_to_detect(corpus):
    with pytest.raises(RunError, match="omit --places"):
        check_start(replace(settings(corpus, "none"), places=True))
