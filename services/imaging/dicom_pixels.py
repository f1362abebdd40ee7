"""One frame's stored values out of a DICOM data set, by pydicom and the plug-in that suits the transfer syntax."""

from __future__ import annotations

from typing import Any

from numpy.typing import NDArray
from pydicom.dataset import Dataset
from pydicom.encaps import get_frame
from pydicom.pixels.decoders.base import JPEGExtended12BitDecoder, get_decoder
from pydicom.uid import (
    HTJ2K,
    JPEG2000,
    DeflatedExplicitVRLittleEndian,
    ExplicitVRBigEndian,
    ExplicitVRLittleEndian,
    HTJ2KLossless,
    HTJ2KLosslessRPCL,
    ImplicitVRLittleEndian,
    JPEG2000Lossless,
    JPEGBaseline8Bit,
    JPEGExtended12Bit,
    JPEGLossless,
    JPEGLosslessSV1,
    JPEGLSLossless,
    JPEGLSNearLossless,
    RLELossless,
)

from services.errors import DamagedFile, UnsupportedFormat
from services.imaging.containers import Codestream, read_codestream
from services.imaging.dicom_header import Layout
from services.imaging.dicom_parse import named, reading
from services.imaging.limits import EXPORT_AGAIN

_TWELVE_BIT = "gdcm12"
# One decoder a syntax, so that the same file gives the same values on every machine: (pydicom's label, package).
_PLUGINS = {
    RLELossless: ("pydicom", "pydicom"),
    JPEGBaseline8Bit: ("pillow", "pillow"),
    JPEGExtended12Bit: (_TWELVE_BIT, "python-gdcm"),
    JPEGLossless: ("gdcm", "python-gdcm"),
    JPEGLosslessSV1: ("gdcm", "python-gdcm"),
    JPEGLSLossless: ("pyjpegls", "pyjpegls"),
    JPEGLSNearLossless: ("pyjpegls", "pyjpegls"),
    JPEG2000Lossless: ("pylibjpeg", "pylibjpeg and pylibjpeg-openjpeg"),
    JPEG2000: ("pylibjpeg", "pylibjpeg and pylibjpeg-openjpeg"),
    HTJ2KLossless: ("pylibjpeg", "pylibjpeg and pylibjpeg-openjpeg"),
    HTJ2KLosslessRPCL: ("pylibjpeg", "pylibjpeg and pylibjpeg-openjpeg"),
    HTJ2K: ("pylibjpeg", "pylibjpeg and pylibjpeg-openjpeg"),
}
_NATIVE = {ImplicitVRLittleEndian, ExplicitVRLittleEndian, ExplicitVRBigEndian, DeflatedExplicitVRLittleEndian}
_COLOURS = {"RGB", "YBR_FULL", "YBR_FULL_422", "YBR_ICT", "YBR_RCT"}
_GREYS = {"MONOCHROME1", "MONOCHROME2", "PALETTE COLOR"}

JPEGExtended12BitDecoder.add_plugin(_TWELVE_BIT, ("services.imaging.dicom_gdcm12", "decode_frame"))


def frame_values(dataset: Dataset, layout: Layout, index: int) -> NDArray[Any]:
    """Decode frame ``index`` alone.

    Returns (rows, columns) integers or floats as stored, or (rows, columns, 3) unsigned RGB, YBR converted.
    Raises UnsupportedFormat naming what is not read or which package is missing, DamagedFile where header and data
    differ.
    """
    _check_colours(layout)
    _complete(dataset, layout)
    # A HighBit above BitsStored - 1 is left to the shift below; pydicom takes it to be BitsStored - 1 always.
    native = layout.syntax in _NATIVE
    shifted = native and layout.keyword == "PixelData" and layout.high_bit != layout.bits_stored - 1
    options: dict[str, Any] = {"allow_excess_frames": False}
    plugin = ""
    if native:
        _check_length(dataset, layout)
        options["correct_unused_bits"] = not shifted
    else:
        plugin = _check_codestream(dataset, layout, index)
    with reading(f"the pixel data of frame {index}"):
        values, meta = get_decoder(layout.syntax).as_array(dataset, index=index, decoding_plugin=plugin, **options)
    if layout.samples == 3 and str(meta["photometric_interpretation"]) != "RGB":
        raise UnsupportedFormat(
            f"The file's {named('PhotometricInterpretation')} is {layout.photometric}, which is not read as "
            f"{layout.syntax.name}; {EXPORT_AGAIN} as RGB or grey."
        )
    expected = (layout.rows, layout.columns) if layout.samples == 1 else (layout.rows, layout.columns, 3)
    if values.shape != expected:
        raise DamagedFile(f"The file's pixel data has another shape than its header says; {EXPORT_AGAIN}.")
    if shifted:
        values = values << (layout.bits_allocated - 1 - layout.high_bit) >> (layout.bits_allocated - layout.bits_stored)
    return values if values.dtype.isnative else values.astype(values.dtype.newbyteorder("="))


def _check_colours(layout: Layout) -> None:
    known = _GREYS if layout.samples == 1 else _COLOURS if layout.samples == 3 else set()
    if layout.photometric not in known:
        raise UnsupportedFormat(
            f"The file's {named('PhotometricInterpretation')} is {layout.photometric} with {layout.samples} "
            f"{named('SamplesPerPixel')}, which is not read; {EXPORT_AGAIN} as grey or RGB."
        )
    if layout.samples == 3 and layout.bits_allocated not in (8, 16):
        raise UnsupportedFormat(
            f"The file's {named('BitsAllocated')} is {layout.bits_allocated} for a colour image, which is not read; "
            f"{EXPORT_AGAIN}."
        )
    if layout.samples == 3 and layout.bits_allocated == 16 and layout.photometric.startswith("YBR_FULL"):
        raise UnsupportedFormat(
            f"The file's {named('PhotometricInterpretation')} is {layout.photometric} with 16 bits, which is not read; "
            f"{EXPORT_AGAIN} as RGB or grey."
        )
    if layout.keyword != "PixelData" and (layout.samples != 1 or layout.photometric == "PALETTE COLOR"):
        raise UnsupportedFormat(
            f"The file stores colours as {named(layout.keyword)}, which is not read; {EXPORT_AGAIN}."
        )


def _complete(dataset: Dataset, layout: Layout) -> None:
    """Write the checked layout back, so that pydicom reads what was checked and not, say, an empty element."""
    dataset.Rows, dataset.Columns, dataset.NumberOfFrames = layout.rows, layout.columns, layout.frames
    dataset.SamplesPerPixel, dataset.PhotometricInterpretation = layout.samples, layout.photometric
    dataset.BitsAllocated = layout.bits_allocated
    if layout.keyword == "PixelData":
        dataset.BitsStored, dataset.PixelRepresentation = layout.bits_stored, int(layout.signed)
    if layout.samples == 3 and dataset.get("PlanarConfiguration") not in (0, 1):
        dataset.PlanarConfiguration = 0


def _check_length(dataset: Dataset, layout: Layout) -> None:
    """Uncompressed data must have the length that the header asks for, give or take less than a row or a column."""
    bits = layout.rows * layout.columns * layout.samples * layout.bits_allocated * layout.frames
    if layout.photometric == "YBR_FULL_422":
        bits = bits * 2 // 3
    expected, actual = (bits + 7) // 8, len(dataset[layout.keyword].value or b"")
    spare = min(layout.rows, layout.columns) * layout.samples * layout.bits_allocated // 8
    if actual < expected or actual - expected >= max(spare, 2):
        frames = f" x {layout.frames} frames" if layout.frames > 1 else ""
        what = "is cut off, or its header is wrong" if actual < expected else "has a wrong header"
        raise DamagedFile(
            f"The file {what}: {named('Rows')} {layout.rows} x {named('Columns')} {layout.columns}{frames} with "
            f"{named('BitsAllocated')} {layout.bits_allocated} need {expected} bytes, and {named(layout.keyword)} has "
            f"{actual}; {EXPORT_AGAIN}."
        )


def _check_codestream(dataset: Dataset, layout: Layout, index: int) -> str:
    """Compare the size inside the compressed frame with the header's, before a decoder trusts either of them.

    Returns pydicom's label of the plug-in to use.
    """
    if layout.syntax not in _PLUGINS:
        raise UnsupportedFormat(
            f"The file's {named('TransferSyntaxUID')} is {layout.syntax.name or 'empty'}, which is not read; "
            f"{EXPORT_AGAIN} uncompressed or as JPEG 2000."
        )
    plugin, package = _PLUGINS[layout.syntax]
    with reading(f"the pixel data of frame {index}"):
        offsets = (dataset.get("ExtendedOffsetTable"), dataset.get("ExtendedOffsetTableLengths"))
        frame = get_frame(
            dataset.PixelData, index, number_of_frames=layout.frames, extended_offsets=offsets if all(offsets) else None
        )
        codestream = None if layout.syntax == RLELossless else read_codestream(frame)
    if layout.syntax != RLELossless:
        if codestream is None:
            raise DamagedFile(
                f"The file's {named('PixelData')} holds no {layout.syntax.name} image, though its "
                f"{named('TransferSyntaxUID')} says so; {EXPORT_AGAIN}."
            )
        if codestream[:3] != (layout.rows, layout.columns, layout.samples):
            raise DamagedFile(
                f"The file contradicts itself: {named('Rows')} x {named('Columns')} is {layout.rows} x "
                f"{layout.columns} with {layout.samples} {named('SamplesPerPixel')}, its compressed image "
                f"{codestream.rows} x {codestream.columns} with {codestream.samples}; {EXPORT_AGAIN}."
            )
        plugin, package = _extended(layout, codestream, plugin, package)
    if plugin not in get_decoder(layout.syntax).available_plugins:
        raise UnsupportedFormat(
            f"The file's {named('TransferSyntaxUID')} is {layout.syntax.name}, which needs the Python package "
            f"{package}; have it installed, or {EXPORT_AGAIN} uncompressed."
        )
    return plugin


def _extended(layout: Layout, codestream: Codestream, plugin: str, package: str) -> tuple[str, str]:
    """JPEG Extended holds 8-bit images as well, which Pillow reads like baseline ones."""
    if layout.syntax == JPEGExtended12Bit and codestream.bits == 8:
        return _PLUGINS[JPEGBaseline8Bit]
    return plugin, package
