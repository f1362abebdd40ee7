"""Stored values to grey levels as a viewer shows them: modality LUT, VOI window or LUT, palette and polarity."""

from __future__ import annotations

from typing import Any

import numpy as np
from numpy.typing import NDArray
from pydicom.dataset import Dataset
from pydicom.pixels.processing import apply_color_lut

from services.errors import DamagedFile
from services.imaging.dicom_header import Layout, item_of, number_of, numbers_of, text_of, value_of
from services.imaging.dicom_parse import named, reading
from services.imaging.levels import grey_and_colourfulness, percentile_range, ramp
from services.imaging.limits import EXPORT_AGAIN
from services.imaging.slice import FloatImage

# A window that shows the whole image within a tenth of the grey scale is a wrong one: nothing would be seen.
_LEAST_CONTRAST = 0.1


def functional_group(dataset: Dataset, keyword: str, index: int) -> Dataset | None:
    """The item of a functional group macro for one frame: the frame's own, or the shared one (PS3.3, C.7.6.16)."""
    own = item_of(item_of(dataset, "PerFrameFunctionalGroupsSequence", index), keyword)
    return own or item_of(item_of(dataset, "SharedFunctionalGroupsSequence"), keyword)


def displayed(
    dataset: Dataset, layout: Layout, values: NDArray[Any], index: int, warnings: list[str]
) -> tuple[FloatImage, float]:
    """Grey levels in 0..1 and colourfulness of frame ``index``, whose stored ``values`` dicom_pixels decoded.

    Sentences about everything that had to be assumed are appended to ``warnings``.
    """
    if layout.samples == 3:
        return grey_and_colourfulness(values, 2**layout.bits_stored - 1)
    if layout.photometric == "PALETTE COLOR":
        return _palette(dataset, values)
    padded = _padding(dataset, layout, values)
    levels = _grey(dataset, values, padded, index, warnings)
    if layout.photometric == "MONOCHROME1":
        np.subtract(1, levels, out=levels)
    if padded is not None:
        levels[padded] = 0
    return levels, 0.0


def _palette(dataset: Dataset, values: NDArray[Any]) -> tuple[FloatImage, float]:
    """PS3.3, C.7.6.3.1.5. Values past the palette's end are refused: it cannot be the palette of this image."""
    entries, first, _ = _descriptor(dataset, "RedPaletteColorLookupTableDescriptor")
    highest = int(values.max())
    if highest >= first + entries:
        raise DamagedFile(
            f"The file's pixels use colour {highest}, but its palette ends at {first + entries - 1} "
            f"({named('RedPaletteColorLookupTableDescriptor')}); {EXPORT_AGAIN}."
        )
    with reading("its colour palette"):
        colours = apply_color_lut(values, dataset)[..., :3]
    # Palettes announced with 16 bits often hold 8-bit colours.
    return grey_and_colourfulness(colours, 255 if int(colours.max()) < 256 else 65535)


def _padding(dataset: Dataset, layout: Layout, values: NDArray[Any]) -> NDArray[np.bool_] | None:
    """Where the scanner filled up the image with Pixel Padding Value (PS3.3, C.7.5.1.1.2); None if nowhere."""
    first = number_of(dataset, "PixelPaddingValue")
    if first is None or layout.keyword != "PixelData":
        return None
    last = number_of(dataset, "PixelPaddingRangeLimit")
    bounds = sorted(_same_sign(int(v), layout) for v in (first, first if last is None else last))
    padded = (values >= bounds[0]) & (values <= bounds[1])
    return padded if padded.any() and not padded.all() else None


def _same_sign(value: int, layout: Layout) -> int:
    """An element that may be US or SS, read as the other one, brought back to the pixels' signedness."""
    half = 1 << (layout.bits_allocated - 1)
    if layout.signed and value >= half:
        return value - 2 * half
    if not layout.signed and value < 0:
        return value + 2 * half
    return value


def _grey(
    dataset: Dataset, values: NDArray[Any], padded: NDArray[np.bool_] | None, index: int, warnings: list[str]
) -> FloatImage:
    slope, intercept = 1.0, 0.0
    modality = item_of(dataset, "ModalityLUTSequence")
    if modality is not None:
        values = _looked_up(dataset, modality, values, "ModalityLUTSequence")[0]
    else:
        slope, intercept = _rescale(dataset, index, warnings)
    voi = functional_group(dataset, "FrameVOILUTSequence", index) or dataset
    table = item_of(voi, "VOILUTSequence")
    if table is not None:
        rescaled = values if (slope, intercept) == (1.0, 0.0) else _whole(values * slope + intercept)
        looked_up, top = _looked_up(dataset, table, rescaled, "VOILUTSequence")
        return ramp(looked_up, 0.0, top)
    window = _window(voi, warnings)
    if window is not None:
        centre, width, function = window
        levels = _windowed(values, slope, intercept, centre, width, function)
        if np.ptp(levels) >= _LEAST_CONTRAST or values.min() == values.max():
            return levels
        warnings.append(
            f"The file's window (centre {centre:g}, width {width:g}) leaves the image nearly uniform; brightness was "
            "stretched between the 0.5th and the 99.5th percentile of its values instead."
        )
    else:
        warnings.append(
            f"The file has no {named('WindowCenter')} and width; brightness was stretched between the 0.5th and the "
            "99.5th percentile of its values."
        )
    low, high = percentile_range(values, None if padded is None else ~padded)
    return ramp(values, low, high) if slope > 0 else ramp(values, high, low)


def _rescale(dataset: Dataset, index: int, warnings: list[str]) -> tuple[float, float]:
    """Slope and intercept of the modality transformation (PS3.3, C.11.1.1.2), the frame's own before the file's."""
    source = functional_group(dataset, "PixelValueTransformationSequence", index) or dataset
    slope, intercept = number_of(source, "RescaleSlope"), number_of(source, "RescaleIntercept")
    if slope == 0 or (slope is None and value_of(source, "RescaleSlope") is not None):
        shown = text_of(source, "RescaleSlope")
        warnings.append(f"The file's {named('RescaleSlope')} is {shown}; 1 was taken instead.")
        slope = None
    return 1.0 if slope is None else slope, intercept or 0.0


def _window(source: Dataset, warnings: list[str]) -> tuple[float, float, str] | None:
    """(centre, width, function) of the first window; None where there is none that can be used."""
    centre, width = number_of(source, "WindowCenter"), number_of(source, "WindowWidth")
    if centre is None or width is None:
        return None
    function = text_of(source, "VOILUTFunction").upper() or "LINEAR"
    if function not in ("LINEAR", "LINEAR_EXACT", "SIGMOID"):
        warnings.append(f"The file's {named('VOILUTFunction')} is {function}; LINEAR was taken instead.")
        function = "LINEAR"
    if width <= 0:
        warnings.append(f"The file's {named('WindowWidth')} is {width:g}, which is not possible.")
        return None
    if len(numbers_of(source, "WindowCenter")) > 1:
        warnings.append(f"The file offers several windows; the first was taken (centre {centre:g}, width {width:g}).")
    return centre, width, function


def _windowed(
    values: NDArray[Any], slope: float, intercept: float, centre: float, width: float, function: str
) -> FloatImage:
    """The VOI functions of PS3.3, C.11.2.1.2 and C.11.2.1.3 with rescale and window folded into one step."""
    if function == "SIGMOID":
        # 1 / (1 + exp(-4 (x - c) / w)), written so that nothing overflows.
        with np.errstate(all="ignore"):
            exponent = 2 * ((values * np.float64(slope) + (intercept - centre)) / width)
            return np.nan_to_num((0.5 + 0.5 * np.tanh(exponent)).astype(np.float32), nan=0.0)
    low, high = centre - width / 2, centre + width / 2
    # LINEAR's halves and ones count whole numbers, and a width of 1 is a step; float images mean LINEAR_EXACT.
    if function == "LINEAR" and width >= 1 and not np.issubdtype(values.dtype, np.floating):
        low, high = centre - 0.5 - (width - 1) / 2, centre - 0.5 + (max(width, 1.001) - 1) / 2
    return ramp(values, (low - intercept) / slope, (high - intercept) / slope)


def _looked_up(dataset: Dataset, table: Dataset, values: NDArray[Any], keyword: str) -> tuple[NDArray[Any], float]:
    """Whole numbers through a modality or VOI LUT (PS3.3, C.11.1.1.1 and C.11.2.1.1), and the LUT's highest output.

    Values before the first and past the last entry map to those. The highest output follows the bits that the entries
    really use, since tables of 12-bit entries announced with 16 bits are common.
    """
    entries, first, _ = _descriptor(table, "LUTDescriptor")
    data = value_of(table, "LUTData")
    with reading(f"its {named(keyword)}"):
        if isinstance(data, bytes):
            little = dataset.file_meta.TransferSyntaxUID.is_little_endian
            bytewise = entries > 1 and len(data) in (entries, entries + 1)
            packed = np.dtype("u1" if bytewise else "<u2" if little else ">u2")
            lut = np.frombuffer(data, packed, count=len(data) // packed.itemsize)
        else:
            lut = np.atleast_1d(np.asarray(data, dtype=np.int64)).astype(np.uint16)
        if lut.size < entries:
            raise DamagedFile(
                f"The file's {named(keyword)} announces {entries} entries and has {lut.size}; {EXPORT_AGAIN}."
            )
        lut = lut[:entries].astype(np.uint16)
        whole = _whole(values)
        if first >= 2**15 and int(whole.min()) < 0:
            first -= 2**16
        top = 2 ** max(8, int(lut.max()).bit_length()) - 1
        return lut[np.clip(whole - first, 0, entries - 1)], float(top)


def _descriptor(dataset: Dataset, keyword: str) -> tuple[int, int, int]:
    """(entries, first value mapped, bits) of a look-up table; 0 entries stand for 65536."""
    numbers = numbers_of(dataset, keyword)
    if len(numbers) != 3 or numbers[0] < 0:
        raise DamagedFile(f"The file's {named(keyword)} is missing or damaged; {EXPORT_AGAIN}.")
    return int(numbers[0]) or 2**16, int(numbers[1]), int(numbers[2])


def _whole(values: NDArray[Any]) -> NDArray[np.int64]:
    """Values as whole numbers wide enough to subtract from; what is not a number becomes 0."""
    if not np.issubdtype(values.dtype, np.floating):
        return np.asarray(values, np.int64)
    bounded = np.nan_to_num(np.rint(values), nan=0.0).clip(-(2**40), 2**40)
    return np.asarray(bounded, np.int64)
