"""What grey levels the standard asks for, computed pixel by pixel."""

from __future__ import annotations

import numpy as np

from services.imaging.decode import decode
from tests.services.imaging.dicom_files import HEAD

STORED = HEAD.astype(np.float64)


def linear(values, centre, width):
    """PS3.3, C.11.2.1.2.1, pixel by pixel as the standard writes it, for outputs 0 to 1."""
    out = np.empty(values.shape)
    for at, x in np.ndenumerate(values):
        if x <= centre - 0.5 - (width - 1) / 2:
            out[at] = 0
        elif x > centre - 0.5 + (width - 1) / 2:
            out[at] = 1
        else:
            out[at] = (x - (centre - 0.5)) / (width - 1) + 0.5
    return out


def shown(data, **keywords):
    return decode(data, **keywords).pixels
