"""Which image leads a study: the one that must not be missed."""

from __future__ import annotations

import pytest

from services.inference.leading import leading
from services.inference.prediction import ModelRef, Prediction, Verdict
from services.tasks import get_task

TASK = get_task("brain_tumor_type")


def said(label: str, confidence: float) -> Prediction:
    """The confidence for the label, all else for “no tumour”, or for pituitary where that is the label."""
    rest = "pituitary" if label == "notumor" else "notumor"
    shares = {label: confidence, rest: 1 - confidence}
    return Prediction(
        ModelRef(TASK.key, "efficientnet", "1"), TASK.class_keys,
        tuple(shares.get(key, 0.0) for key in TASK.class_keys),
        label, confidence, 0.7, Verdict.ANSWERED if confidence >= 0.7 else Verdict.UNCERTAIN, 1.0,
    )  # fmt: skip


SURE, LIKELY = said("glioma", 0.98), said("meningioma", 0.75)
UNSURE, HEALTHY, LESS = said("glioma", 0.6), said("notumor", 0.99), said("notumor", 0.8)
TORN = said("glioma", 0.52)


@pytest.mark.parametrize(
    ("answers", "index"),
    [
        ([HEALTHY], 0),
        ([None], 0),
        ([HEALTHY, LIKELY], 1),
        ([LIKELY, SURE], 1),
        ([UNSURE, LIKELY], 1),
        ([HEALTHY, UNSURE, None], 1),
        ([TORN, UNSURE], 1),
        ([HEALTHY, None, LESS], 1),
        ([HEALTHY, LESS], 1),
        ([LIKELY, LIKELY], 0),
        ([None, HEALTHY, UNSURE, LIKELY, SURE], 4),
    ],
)
def test_the_most_serious_leads(answers, index):
    assert leading(TASK, answers) == index
