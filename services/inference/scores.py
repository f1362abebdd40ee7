"""What a version answered for every image it was measured on, small enough to ship with it and to draw from."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, fields, replace
from pathlib import Path
from typing import BinaryIO
from zipfile import BadZipFile

import numpy as np
from numpy.typing import NDArray

from services.errors import ModelDamaged

Texts = NDArray[np.str_]


@dataclass(frozen=True, eq=False)
class Scores:
    """One entry an image of val and test, in the order of the manifests; scores.npz of a version's folder.

    ``logits`` float32 (n, classes), before the temperature; ``sharpness`` float32 (n,) is the standard deviation of the
    prepared slice's Laplacian, 0 for a blank one. The others are text (n,): ``name`` is the file's, ``label`` as the
    manifest has it, ``part`` val or test, ``group`` names images that may show the same head, ``plane`` and
    ``sequence`` may be empty.
    """

    logits: NDArray[np.float32]
    sharpness: NDArray[np.float32]
    name: Texts
    corpus: Texts
    label: Texts
    source: Texts
    sequence: Texts
    plane: Texts
    group: Texts
    part: Texts

    def __len__(self) -> int:
        return len(self.logits)

    def take(self, chosen: NDArray[np.bool_] | NDArray[np.int64] | Sequence[int]) -> Scores:
        """The images of a mask (n,) or of indices."""
        return replace(self, **{field.name: getattr(self, field.name)[chosen] for field in fields(self)})

    def write(self, file: BinaryIO) -> None:
        """As a .npz without pickled objects."""
        columns = {field.name: getattr(self, field.name) for field in fields(self)}
        np.savez_compressed(file, allow_pickle=False, **columns)


def joined(several: Sequence[Scores]) -> Scores:
    """The images of each, one after the other."""
    names = [field.name for field in fields(Scores)]
    return Scores(**{name: np.concatenate([getattr(scores, name) for scores in several]) for name in names})


def read_scores(path: Path) -> Scores:
    """Raises ModelDamaged where the file is missing, or no such file."""
    try:
        with path.open("rb") as file, np.load(file, allow_pickle=False) as arrays:
            return Scores(**{field.name: arrays[field.name] for field in fields(Scores)})
    except (OSError, ValueError, KeyError, EOFError, BadZipFile) as error:
        raise ModelDamaged(
            f"{path.parent.name}/{path.name} of the model repository does not read. Restore it, or register the model "
            "again."
        ) from error
