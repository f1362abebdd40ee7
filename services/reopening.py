"""A stored study with its picture: the slice decoded again from the upload, the stored heat map and outline."""

from __future__ import annotations

import uuid
from dataclasses import dataclass

from services.errors import DamagedFile
from services.imaging.decode import decode
from services.imaging.lettering import with_text_noted
from services.imaging.slice import FloatImage, Slice
from services.inference.prediction import HeatMap, Outline
from services.records.rights import Actor
from services.records.studies import get_study, read_file
from services.records.views import HEAT_MAP, OUTLINE, UPLOAD, StudyView
from services.workflow import Workbench


@dataclass(frozen=True, eq=False)
class Reopened:
    """What was stored, as it was seen: ``heat`` and ``outline`` cover the slice."""

    view: StudyView
    slice: Slice
    heat: HeatMap | None
    outline: Outline | None


def reopen(bench: Workbench, actor: Actor, public_id: uuid.UUID | str) -> Reopened:
    """The study of that address, for someone who may see it. Raises FalxError with a sentence."""
    view = get_study(bench.store, actor, public_id)
    uploaded = read_file(bench.store, actor, public_id, UPLOAD)
    image = with_text_noted(decode(uploaded, frame=view.frame, limits=bench.limits))
    heat, outline = None, None
    if HEAT_MAP in view.files and view.prediction is not None:
        values = _stored_map(bench, actor, view, HEAT_MAP, image)
        heat = HeatMap(values, view.prediction.label, view.heat_map_layer, view.heat_map_method)
    if OUTLINE in view.files:
        outline = Outline(_stored_map(bench, actor, view, OUTLINE, image), 0.5)
    return Reopened(view, image, heat, outline)


def _stored_map(bench: Workbench, actor: Actor, view: StudyView, kind: str, image: Slice) -> FloatImage:
    values = decode(read_file(bench.store, actor, view.public_id, kind), limits=bench.limits).pixels
    if values.shape != image.shape:
        raise DamagedFile(f"The stored {kind.replace('_', ' ')} does not fit its slice. Analyse the slice again.")
    return values
