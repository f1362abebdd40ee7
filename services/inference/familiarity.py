"""Does the model know pictures of this kind at all? Learnt from its own features of training slices and other pictures.

A linear classifier tells brain slices from what is none; the distance from the nearest of many training slices, among
the features that brains differ in, tells what neither had.
"""

from __future__ import annotations

from dataclasses import asdict, dataclass, replace
from typing import IO, Any

import numpy as np
from numpy.typing import NDArray

Floats = NDArray[np.float32]
# Of a standardised feature; no single one of a strange picture outweighs all others.
LIMIT = 10.0


@dataclass(frozen=True, eq=False)
class Familiarity:
    """Learnt by ``python -m training gate``; all float32.

    Features (n,) are standardised by ``mean`` and ``scale`` (n,). ``weights`` (n,) and ``bias`` () give the logit of
    being a brain slice, refused below ``least`` (). ``axes`` (n, k) and ``known`` (slices, k) are the directions in
    which training slices differ and where they lie there; farther than ``farthest`` () from all is refused too.
    """

    mean: Floats
    scale: Floats
    weights: Floats
    bias: Floats
    least: Floats
    axes: Floats
    known: Floats
    farthest: Floats

    @classmethod
    def read(cls, file: IO[bytes]) -> Familiarity:
        """From a .npz of ``arrays``; KeyError or ValueError where it is none."""
        with np.load(file, allow_pickle=False) as arrays:
            return cls(**{name: np.asarray(arrays[name], np.float32) for name in cls.__dataclass_fields__})

    def arrays(self) -> dict[str, NDArray[Any]]:
        """What ``read`` reads, in half precision where that is enough."""
        return {
            name: array if array.ndim == 0 else np.asarray(array, np.float16) for name, array in asdict(self).items()
        }

    def rounded(self) -> Familiarity:
        """As ``read`` will find it, so that cuts are chosen for what ships."""
        return Familiarity(**{name: np.asarray(array, np.float32) for name, array in self.arrays().items()})

    def cut(self, *, least: float, farthest: float) -> Familiarity:
        """The same with other cuts."""
        return replace(self, least=np.asarray(least, np.float32), farthest=np.asarray(farthest, np.float32))

    def logits(self, features: Floats) -> Floats:
        """(slices, n) → (slices,): how much a slice looks like a brain slice."""
        return np.asarray(self._standard(features) @ self.weights + self.bias, np.float32)

    def distances(self, features: Floats) -> Floats:
        """(slices, n) → (slices,): how far it is to the nearest training slice."""
        own = self._standard(features) @ self.axes
        squares = (own**2).sum(axis=1)[:, None] + (self.known**2).sum(axis=1)[None] - 2 * own @ self.known.T
        return np.asarray(np.sqrt(np.maximum(squares, 0).min(axis=1)), np.float32)

    def known_kind(self, features: Floats) -> NDArray[np.bool_]:
        """(slices, n) → (slices,): False for what is to be refused."""
        return np.asarray((self.logits(features) >= self.least) & (self.distances(features) <= self.farthest))

    def _standard(self, features: Floats) -> Floats:
        return np.asarray(np.clip((features - self.mean) / self.scale, -LIMIT, LIMIT), np.float32)
