"""A version that estimates outlines and knows what pictures it was made for."""

from __future__ import annotations

import numpy as np
import pytest

from services.analysis import Upload
from services.imaging.decode import decode
from services.imaging.phantom import as_png
from services.inference.engine import Engine
from services.inference.live import promote
from services.inference.prediction import Verdict
from services.workflow import examine
from tests.services.inference.versions import TASK, equipped_version

UPLOAD = Upload(as_png("axial_t1c_glioma"), "slice.png")


@pytest.fixture
def asked(own_repository):
    """The analysis of a slice by a version to which pictures are known or not, and the reason to overrule, if any."""

    def ask(*, knows: bool, overrule_reason: str = ""):
        promote(own_repository, equipped_version(own_repository, knows=knows))
        engine = Engine(own_repository)
        return examine(engine, UPLOAD, decode(UPLOAD.data), TASK, overrule_reason=overrule_reason)

    return ask


def test_an_answer_brings_an_outline_of_the_slices_own_shape(asked):
    analysis = asked(knows=True)
    assert analysis.gate.accepted
    assert analysis.refused_by is None
    assert analysis.outline is not None
    assert analysis.outline.values.shape == analysis.slice.shape
    assert 0 <= analysis.outline.values.min() <= analysis.outline.values.max() <= 1
    assert np.array_equal(analysis.outline.inside, analysis.outline.values >= 0.04)


def test_what_the_model_does_not_know_gets_no_class(asked):
    analysis = asked(knows=False)
    assert not analysis.gate.accepted
    assert "does not look like a brain MRI slice" in analysis.gate.reasons[0]
    assert (analysis.answer, analysis.prediction, analysis.heat, analysis.outline) == (None,) * 4
    assert analysis.refused_by is not None
    assert analysis.refused_by.task == TASK.key


def test_a_doctor_may_overrule_that_too(asked):
    analysis = asked(knows=False, overrule_reason="A rare sequence.")
    assert not analysis.gate.accepted
    assert analysis.overrule_reason == "A rare sequence."
    assert analysis.prediction is not None
    assert analysis.prediction.verdict in Verdict
