"""One frame of a DICOM file to a Slice. dicom_worker calls this in a process of its own; nobody else should."""

from __future__ import annotations

from services.errors import ImagingError
from services.imaging.dicom_display import displayed
from services.imaging.dicom_facts import read_facts, read_geometry, read_patient
from services.imaging.dicom_header import read_layout, text_of
from services.imaging.dicom_parse import parse, reading
from services.imaging.dicom_pixels import frame_values
from services.imaging.limits import Limits
from services.imaging.slice import Slice


def decode_dicom(data: bytes, *, frame: int | None, limits: Limits, sha256: str) -> Slice:
    """Decode one frame as a viewer would show it; None takes the middle one. No other frame is decompressed.

    Raises the classes of ImagingError that services.imaging.decode.decode lists. Hostile content can still crash a
    native decoder or keep it busy; that is what the separate process is for.
    """
    dataset, warnings = parse(data, limits)
    layout = read_layout(dataset, limits)
    index = layout.frames // 2 if frame is None else frame
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
            sha256=sha256,
            frame=index,
            frames=layout.frames,
            modality=text_of(dataset, "Modality", longest=16) or None,
            colourfulness=colourfulness,
            geometry=read_geometry(dataset, index),
            facts=read_facts(dataset, layout, index),
            patient=read_patient(dataset),
            warnings=tuple(warnings),
        )
