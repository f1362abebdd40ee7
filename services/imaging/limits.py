"""How much of an uploaded file is decoded at most, so that one file cannot take the machine from the other users."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass

from services.errors import TooLarge

# What every sentence about a DICOM file that cannot be read advises.
EXPORT_AGAIN = "export the image again from the scanner or PACS"


@dataclass(frozen=True)
class Limits:
    """What decoding refuses to go past; the first three equal the defaults of services.settings.

    ``max_bytes`` bounds the file, and a deflated DICOM data set once more after inflating. ``max_pixels`` bounds
    rows x columns of a frame and ``max_side`` each of the two, ``max_frames`` the frames of a file, ``max_nesting``
    DICOM sequences within sequences. ``seconds`` is the processor time that one DICOM file may take.
    """

    max_bytes: int = 100 * 2**20
    max_pixels: int = 32_000_000
    max_side: int = 65_535
    max_frames: int = 2000
    max_nesting: int = 32
    seconds: float = 2.5


DEFAULT_LIMITS = Limits()


@contextmanager
def enough_memory() -> Iterator[None]:
    """Say in a sentence that an image, though within the limits, is too large for what is free now."""
    try:
        yield
    except MemoryError as error:
        raise TooLarge(
            "There is not enough memory for this image now. Try again later, or export it smaller."
        ) from error
