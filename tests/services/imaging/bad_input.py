"""What every bad file must end in."""

from __future__ import annotations

import warnings
from typing import Any

import numpy as np
import pytest

from services.errors import ImagingError
from services.imaging.decode import decode
from services.imaging.slice import Slice


def refusal(data: bytes, kind: type[ImagingError] = ImagingError, **keywords: Any) -> str:
    """The sentence with which ``data`` are refused; fails where they are not, or not as ``kind``."""
    with pytest.raises(kind) as caught:
        decode(data, **keywords)
    text = str(caught.value)
    assert text.endswith(".")
    assert len(text) < 400
    assert "Traceback" not in text
    return text


def slice_or_sentence(data: bytes) -> Slice | str:
    """A sound Slice or the sentence of an ImagingError; fails on anything else, a warning included."""
    with warnings.catch_warnings():
        warnings.simplefilter("error")
        try:
            decoded = decode(data)
        except ImagingError as error:
            sentence = str(error)
        else:
            assert decoded.pixels.dtype == np.float32
            assert decoded.pixels.ndim == 2
            assert np.isfinite(decoded.pixels).all()
            assert 0 <= decoded.pixels.min() <= decoded.pixels.max() <= 1
            assert 0 <= decoded.colourfulness <= 1
            assert 0 <= decoded.frame < decoded.frames
            return decoded
    assert sentence.endswith(".")
    return sentence
