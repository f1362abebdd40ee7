"""A decoding plug-in for pydicom: 12-bit lossy JPEG (process 4) by GDCM, which pydicom's own GDCM plug-in leaves out.

The module's names and their meaning are those that pydicom asks of a plug-in ("Decoding plugin requirements" in its
guides): DECODER_DEPENDENCIES, is_available and the decoding function.
"""

from __future__ import annotations

from importlib.util import find_spec

from pydicom.pixels.decoders.base import DecodeRunner
from pydicom.uid import JPEGExtended12Bit

DECODER_DEPENDENCIES = {JPEGExtended12Bit: ("python-gdcm>=3.0.10",)}


def is_available(uid: str) -> bool:
    """Whether this plug-in can decode the transfer syntax ``uid`` on this machine."""
    return uid in DECODER_DEPENDENCIES and find_spec("gdcm") is not None


def decode_frame(src: bytes, runner: DecodeRunner) -> bytes:
    """One frame of 12-bit JPEG as little-endian 16-bit samples; raises ValueError where GDCM cannot read it."""
    import gdcm

    fragment = gdcm.Fragment()
    fragment.SetByteStringValue(src)
    fragments = gdcm.SequenceOfFragments.New()
    fragments.AddFragment(fragment)
    element = gdcm.DataElement(gdcm.Tag(0x7FE0, 0x0010))
    element.SetValue(fragments.__ref__())

    image = gdcm.Image()
    image.SetNumberOfDimensions(2)
    image.SetDimensions((runner.columns, runner.rows, 1))
    image.SetDataElement(element)
    photometric = gdcm.PhotometricInterpretation.GetPIType(str(runner.photometric_interpretation))
    image.SetPhotometricInterpretation(gdcm.PhotometricInterpretation(photometric))
    image.SetTransferSyntax(gdcm.TransferSyntax(gdcm.TransferSyntax.GetTSType(str(runner.transfer_syntax))))
    image.SetPixelFormat(gdcm.PixelFormat(runner.samples_per_pixel, 16, 12, 11, runner.pixel_representation))
    buffer = image.GetBuffer()
    if buffer is None:
        raise ValueError("GDCM could not decode the frame")
    # GDCM hands its char* out as str.
    return bytes(buffer.encode("utf-8", "surrogateescape"))
