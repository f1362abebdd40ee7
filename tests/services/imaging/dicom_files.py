"""DICOM files for the tests, written by pydicom from arrays."""

from __future__ import annotations

import io
import warnings
from typing import Any

import numpy as np
from pydicom.dataset import Dataset, FileMetaDataset
from pydicom.encaps import encapsulate
from pydicom.sequence import Sequence
from pydicom.uid import UID, ExplicitVRLittleEndian, generate_uid

MR_IMAGE = "1.2.840.10008.5.1.4.1.1.4"
HEAD = np.arange(12 * 10, dtype=np.uint16).reshape(12, 10) * 8


def dataset_of(values: np.ndarray, **elements: Any) -> Dataset:
    """An MR image of ``values``: (rows, columns), (frames, rows, columns) or (rows, columns, 3).

    ``elements`` are set afterwards by keyword; None deletes an element.
    """
    dataset = Dataset()
    dataset.file_meta = FileMetaDataset()
    dataset.file_meta.TransferSyntaxUID = ExplicitVRLittleEndian
    dataset.file_meta.MediaStorageSOPClassUID = MR_IMAGE
    dataset.file_meta.MediaStorageSOPInstanceUID = generate_uid()
    dataset.SOPClassUID, dataset.SOPInstanceUID = MR_IMAGE, dataset.file_meta.MediaStorageSOPInstanceUID
    dataset.Modality = "MR"
    colour = values.ndim == 3 and values.shape[2] == 3
    if values.ndim == 3 and not colour:
        dataset.NumberOfFrames = values.shape[0]
    dataset.Rows, dataset.Columns = values.shape[:2] if colour else values.shape[-2:]
    dataset.SamplesPerPixel = 3 if colour else 1
    dataset.PhotometricInterpretation = "RGB" if colour else "MONOCHROME2"
    if colour:
        dataset.PlanarConfiguration = 0
    dataset.BitsAllocated = dataset.BitsStored = values.dtype.itemsize * 8
    dataset.HighBit = dataset.BitsStored - 1
    if values.dtype.kind == "f":
        del dataset.BitsStored, dataset.HighBit
        if values.dtype.itemsize == 4:
            dataset.FloatPixelData = values.tobytes()
        else:
            dataset.DoubleFloatPixelData = values.tobytes()
    else:
        dataset.PixelRepresentation = int(values.dtype.kind == "i")
        raw = values.tobytes()
        dataset.PixelData = raw + b"\0" * (len(raw) % 2)
        dataset["PixelData"].VR = "OW" if values.dtype.itemsize > 1 else "OB"
    # Values that break the standard's rules are what many of these files are for.
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")
        for keyword, value in elements.items():
            if value is None:
                delattr(dataset, keyword)
            else:
                setattr(dataset, keyword, value)
    return dataset


def written(dataset: Dataset) -> bytes:
    """The data set as a file with preamble and meta group."""
    stream = io.BytesIO()
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")
        dataset.save_as(stream, enforce_file_format=True)
    return stream.getvalue()


def dicom_of(values: np.ndarray = HEAD, **elements: Any) -> bytes:
    """The file of ``dataset_of``."""
    return written(dataset_of(values, **elements))


def encapsulated(values: np.ndarray, frames: list[bytes], syntax: str, **elements: Any) -> bytes:
    """A file whose header describes ``values`` and whose pixel data are the compressed ``frames``."""
    dataset = dataset_of(values, **elements)
    dataset.file_meta.TransferSyntaxUID = UID(syntax)
    dataset.PixelData = encapsulate(frames)
    dataset["PixelData"].VR = "OB"
    return written(dataset)


def group(**elements: Any) -> Dataset:
    """A small data set for an item of a sequence."""
    item = Dataset()
    for keyword, value in elements.items():
        setattr(item, keyword, value)
    return item


def sequence(*items: Dataset) -> Sequence:
    """Items as the value of a sequence."""
    return Sequence(list(items))
