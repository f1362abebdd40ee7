"""DICOM files to Slices. dicom_worker calls this in a process of its own; nobody else should."""

from __future__ import annotations

from dataclasses import dataclass

from pydicom.dataset import Dataset

from services.errors import ImagingError
from services.imaging.dicom_display import displayed
from services.imaging.dicom_facts import read_annotated, read_facts, read_geometry, read_patient, read_taken
from services.imaging.dicom_header import Layout, read_layout, text_of
from services.imaging.dicom_parse import parse, reading
from services.imaging.dicom_pixels import frame_values
from services.imaging.limits import Limits
from services.imaging.slice import Slice


@dataclass(frozen=True, eq=False)
class OpenDicom:
    """A file whose header is read; ``warnings`` are sentences about all of its frames."""

    dataset: Dataset
    layout: Layout
    warnings: tuple[str, ...]
    sha256: str

    def frame(self, wanted: int | None) -> Slice:
        """One frame as a viewer would show it; None takes the middle one. No other frame is decompressed.

        Raises the classes of ImagingError that services.imaging.decode.decode lists.
        """
        dataset, layout, warnings = self.dataset, self.layout, list(self.warnings)
        index = layout.frames // 2 if wanted is None else wanted
        if not 0 <= index < layout.frames:
            raise ImagingError(
                f"The file holds {layout.frames} frame{'s' if layout.frames > 1 else ''}, counted from 0; "
                f"there is no frame {index}."
            )
        values = frame_values(dataset, layout, index)
        with reading(f"the display settings of frame {index}"):
            pixels, colourfulness = displayed(dataset, layout, values, index, warnings)
        with reading("its description"):
            return Slice(
                pixels=pixels,
                format="DICOM",
                sha256=self.sha256,
                frame=index,
                frames=layout.frames,
                modality=text_of(dataset, "Modality", longest=16) or None,
                colourfulness=colourfulness,
                geometry=read_geometry(dataset, index),
                facts=read_facts(dataset, layout, index),
                patient=read_patient(dataset),
                taken=read_taken(dataset),
                annotated=read_annotated(dataset),
                warnings=tuple(warnings),
            )


def open_dicom(data: bytes, *, limits: Limits, sha256: str) -> OpenDicom:
    """Read the header of a file, so that its frames can be decoded one after the other.

    Raises the classes of ImagingError that services.imaging.decode.decode lists. Hostile content can still crash a
    native decoder or keep it busy; that is what the separate process is for.
    """
    dataset, warnings = parse(data, limits)
    with reading("its header"):
        return OpenDicom(dataset, read_layout(dataset, limits), tuple(warnings), sha256)
