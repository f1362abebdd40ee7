"""What a decoded upload is: one two-dimensional image and what its file said about it."""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import Literal

import numpy as np
from numpy.typing import NDArray

FloatImage = NDArray[np.float32]
Plane = Literal["axial", "coronal", "sagittal", "oblique"]
Format = Literal["PNG", "JPEG", "DICOM"]


@dataclass(frozen=True)
class Geometry:
    """Where the pixels lie in the patient; each part is None where the file does not say.

    ``pixel_spacing`` is (between rows, between columns) in mm, ``slice_thickness`` in mm.
    """

    pixel_spacing: tuple[float, float] | None = None
    slice_thickness: float | None = None
    plane: Plane | None = None
    laterality: str | None = None


@dataclass(frozen=True)
class PatientHint:
    """Identity found in a DICOM header; shown for confirmation, never stored unasked.

    ``other_writings`` are the name in other scripts, as Japanese and Korean files have it.
    """

    name: str = ""
    identifier: str = ""
    birth_date: str = ""
    sex: str = ""
    other_writings: tuple[str, ...] = ()


@dataclass(frozen=True, eq=False)
class Slice:
    """One grey image, upright, as a viewer would show it.

    ``pixels`` is float32 of shape (rows, columns) in 0..1, rescale, VOI window and polarity applied, bright is dense.
    ``colourfulness`` is the mean absolute spread between the colour channels in 0..1; 0 for grey files.
    ``frame`` counts from 0 and is below ``frames``. ``sha256`` is the hex digest of the uploaded bytes.
    ``facts`` are (label, value) pairs about sequence and scanner for display, without identity.
    ``taken`` is the day of the acquisition as the file's header says it, YYYY-MM-DD where it is one, or "".
    ``annotated`` is a sentence where text that names the patient may be part of the picture, or "".
    ``warnings`` are sentences, for example that the file had no window and percentiles were used.
    """

    pixels: FloatImage
    format: Format
    sha256: str
    frame: int = 0
    frames: int = 1
    modality: str | None = None
    colourfulness: float = 0.0
    geometry: Geometry = field(default_factory=Geometry)
    facts: tuple[tuple[str, str], ...] = ()
    patient: PatientHint | None = None
    taken: str = ""
    annotated: str = ""
    warnings: tuple[str, ...] = ()

    @property
    def shape(self) -> tuple[int, int]:
        """(rows, columns) in pixels."""
        rows, columns = self.pixels.shape
        return int(rows), int(columns)
