"""What became of an upload, and how a report prints it and a study stores it."""

from __future__ import annotations

import uuid
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import date
from types import MappingProxyType

import numpy as np

from services.errors import InvalidRecord
from services.imaging.decode import shows, without_identity
from services.imaging.gate import GateDecision
from services.imaging.limits import DEFAULT_LIMITS, Limits
from services.imaging.overlay import to_png
from services.imaging.prepare import Prepared
from services.imaging.slice import PatientHint, Slice
from services.inference.prediction import Answer, HeatMap, ModelRef, Outline, Prediction
from services.records.parts import File, NewImage
from services.records.patients import differences
from services.records.tables import ImageCreate
from services.records.views import HEAT_MAP, OUTLINE, UPLOAD
from services.reports import content
from services.tasks.task import Task

MEDIA_TYPES: Mapping[str, str] = MappingProxyType(
    {"PNG": "image/png", "JPEG": "image/jpeg", "DICOM": "application/dicom"}
)
SUFFIXES: Mapping[str, str] = MappingProxyType({"PNG": ".png", "JPEG": ".jpg", "DICOM": ".dcm"})


@dataclass(frozen=True, eq=False)
class Upload:
    """A file as it came: its bytes and the name it had, which is shown and never trusted."""

    data: bytes
    name: str


@dataclass(frozen=True, eq=False)
class Analysis:
    """What became of one upload. ``prepared`` and ``answer`` are None where the gate refused.

    ``refused_by`` is the version that knows no such picture, None where it was not asked or does.
    """

    upload: Upload
    task: Task
    slice: Slice
    gate: GateDecision
    overrule_reason: str
    prepared: Prepared | None
    answer: Answer | None
    refused_by: ModelRef | None = None

    @property
    def prediction(self) -> Prediction | None:
        """The calibrated answer."""
        return self.answer.prediction if self.answer else None

    @property
    def heat(self) -> HeatMap | None:
        """The heat map of the answer."""
        return self.answer.heat if self.answer else None

    @property
    def outline(self) -> Outline | None:
        """The estimated outline, also None where the model has learnt none."""
        return self.answer.outline if self.answer else None


def reported(analysis: Analysis, number: int) -> content.ImageDetails:
    """An analysis as a report prints it."""
    return content.ImageDetails(
        number=number,
        image=analysis.slice,
        prediction=analysis.prediction,
        heat=analysis.heat,
        gate_reasons=analysis.gate.reasons,
        overruled=bool(analysis.overrule_reason),
    )


def all_different(slices: Sequence[Slice]) -> None:
    """Raise InvalidRecord where two of a study's images are the same picture."""
    for place, one in enumerate(slices):
        for other in range(place):
            if np.array_equal(one.pixels, slices[other].pixels):
                raise InvalidRecord(
                    f"Images {other + 1} and {place + 1} are the same picture. Leave one of them out of the study."
                )


def one_patient(headers: Sequence[PatientHint | None]) -> None:
    """Raise InvalidRecord where two files' headers name different people: a study is of one patient."""
    known = [header for header in headers if header is not None]
    for header in known[1:]:
        found = differences(known[0], header)
        if found:
            raise InvalidRecord(
                f"The files' headers name different patients: the {' and '.join(found)} differs. Leave the images of "
                "the other patient out, or choose a patient from the records and confirm that it is the same person."
            )


def new_images(
    analyses: Sequence[Analysis], stem: str, *, first: int = 1, limits: Limits = DEFAULT_LIMITS
) -> tuple[NewImage, ...]:
    """The analyses as images to be stored, numbered from ``first`` on; their files' names begin with ``stem``.

    A file is stored without what names anybody beside its picture, and under a name that nobody gave it. Raises
    ImagingError where that cannot be done.
    """
    clean: dict[str, bytes] = {}
    return tuple(
        _new_image(analysis, image_stem(stem, number), clean, limits)
        for number, analysis in enumerate(analyses, start=first)
    )


def _new_image(analysis: Analysis, stem: str, clean: dict[str, bytes], limits: Limits) -> NewImage:
    image, gate, upload = analysis.slice, analysis.gate, analysis.upload
    # Frames of one file are one file in the vault too, if each of them still shows what was examined.
    known = clean.get(image.sha256)
    if known is None or not shows(known, image, limits=limits):
        known = clean[image.sha256] = without_identity(upload.data, image, limits=limits)
    files: dict[str, File] = {UPLOAD: (known, MEDIA_TYPES[image.format], f"{stem}{SUFFIXES[image.format]}")}
    if analysis.heat is not None:
        files[HEAT_MAP] = (to_png(analysis.heat.values), "image/png", f"{stem}-heat-map.png")
    if analysis.outline is not None:
        files[OUTLINE] = (to_png(analysis.outline.inside.astype(np.float32)), "image/png", f"{stem}-outline.png")
    return NewImage(
        image=ImageCreate(
            format=image.format,
            frame=image.frame,
            frames=image.frames,
            modality=image.modality,
            gate_accepted=gate.accepted,
            gate_reasons=gate.reasons,
            overrule_reason=analysis.overrule_reason,
        ),
        prediction=analysis.prediction,
        files=files,
        heat_map_method=analysis.heat.method if analysis.heat else "",
        heat_map_layer=analysis.heat.layer if analysis.heat else "",
    )


def file_stem(study_date: date, public_id: uuid.UUID) -> str:
    """How the files of a study begin; it names nobody."""
    return f"falx-{study_date:%Y%m%d}-{str(public_id)[:8]}"


def image_stem(stem: str, number: int) -> str:
    """How the files of an image begin, from the ``stem`` of its study's; the first's like the study's own."""
    return f"{stem}-image-{number}" if number > 1 else stem
