"""One full report content that the tests vary."""

from __future__ import annotations

from datetime import UTC, date, datetime

import numpy as np
import pytest

from services.imaging.phantom import draw
from services.imaging.slice import Geometry, Slice
from services.inference.prediction import HeatMap, ModelRef, Prediction, Verdict
from services.reports.content import Figure, ImageDetails, ModelEvidence, PatientDetails, ReportContent, StudyDetails
from services.tasks import get_task


@pytest.fixture(scope="session")
def content() -> ReportContent:
    task = get_task("brain_tumor_type")
    model = ModelRef(task.key, "efficientnet", "7")
    pixels = draw("axial_t1c_glioma", size=256).astype(np.float32) / 255
    rows, columns = np.indices(pixels.shape)
    heat = np.exp(-(((rows - 60) / 20.0) ** 2 + ((columns - 180) / 20.0) ** 2)).astype(np.float32)
    heat[heat < 0.05] = 0
    return ReportContent(
        task=task,
        patient=PatientDetails("Zoë Grünwald", "PAT-0815", date(1961, 3, 14), "female"),
        study=StudyDetails(
            identifier="3f2b8e1c-9a4d-4c7e-8b1a-0d5e6f7a8b9c",
            created=datetime(2024, 5, 1, 10, 22, 33, tzinfo=UTC),
            date=date(2024, 4, 30),
            description="Headache for three weeks",
            notes="Compare with 2022.",
            reader="Dr. Ann Smith",
        ),
        lead=ImageDetails(
            image=Slice(
                pixels,
                "DICOM",
                "0123456789abcdef" * 4,
                frame=4,
                frames=9,
                modality="MR",
                geometry=Geometry((0.9, 0.9), 5.0, "axial", None),
                facts=(("Scanner", "Falx Phantom"), ("Echo time", "10 ms")),
                warnings=("The file had no window.",),
            ),
            prediction=Prediction(
                model, task.class_keys, (0.931, 0.052, 0.0132, 0.0038), "glioma", 0.931, 0.7, Verdict.ANSWERED, 412.0
            ),
            heat=HeatMap(heat / heat.max(), "glioma", "top_activation", "Grad-CAM"),
        ),
        evidence=ModelEvidence(
            model=model,
            title="EfficientNetV2B0",
            trained_on="4,480 slices.",
            tested_on="759 slices of 118 other patients.",
            accuracy=Figure(0.947, 0.925, 0.965),
            precision=Figure(0.944, 0.921, 0.961),
            recall=Figure(0.943, 0.918, 0.962),
            macro_f1=Figure(0.941, 0.917, 0.96),
            classes=task.class_keys,
            confusion=((270, 10, 3, 2), (6, 131, 4, 2), (1, 3, 1180, 1), (2, 5, 1, 140)),
            calibration_error=Figure(0.021),
        ),
    )
