"""A stored study with its pictures: the slices decoded again from the uploads, the stored heat maps and outlines."""

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
from services.records.views import HEAT_MAP, OUTLINE, UPLOAD, ImageView, StudyView
from services.workflow import Workbench


@dataclass(frozen=True, eq=False)
class Reopened:
    """One image of a stored study as it was seen: ``heat`` and ``outline`` cover the slice."""

    view: StudyView
    image: ImageView
    slice: Slice
    heat: HeatMap | None
    outline: Outline | None


def reopen(bench: Workbench, actor: Actor, public_id: uuid.UUID | str, number: int | None = None) -> Reopened:
    """The study of that address, for someone who may see it, with its image of that number, or the leading one.

    Raises FalxError with a sentence.
    """
    view = get_study(bench.store, actor, public_id)
    image = view.image(number)
    return Reopened(view, image, *pictures(bench, actor, view, image))


def reopen_all(bench: Workbench, actor: Actor, public_id: uuid.UUID | str) -> tuple[Reopened, ...]:
    """The study with each of its images, in the order of their numbers. Raises FalxError with a sentence."""
    view = get_study(bench.store, actor, public_id)
    return tuple(Reopened(view, image, *pictures(bench, actor, view, image)) for image in view.images)


def pictures(
    bench: Workbench, actor: Actor, view: StudyView, image: ImageView
) -> tuple[Slice, HeatMap | None, Outline | None]:
    """What is drawn of an image of the study that the actor looks at, read from the vault and decoded.

    Raises FalxError with a sentence.
    """
    upload = read_file(bench.store, actor, view.public_id, UPLOAD, image=image.number)
    pixels = with_text_noted(decode(upload, frame=image.frame, limits=bench.limits))
    heat, outline = None, None
    if HEAT_MAP in image.files and image.prediction is not None:
        values = _stored_map(bench, actor, view, image, HEAT_MAP, pixels)
        heat = HeatMap(values, image.prediction.label, image.heat_map_layer, image.heat_map_method)
    if OUTLINE in image.files:
        outline = Outline(_stored_map(bench, actor, view, image, OUTLINE, pixels), 0.5)
    return pixels, heat, outline


def _stored_map(
    bench: Workbench, actor: Actor, view: StudyView, image: ImageView, kind: str, covered: Slice
) -> FloatImage:
    content = read_file(bench.store, actor, view.public_id, kind, image=image.number)
    values = decode(content, limits=bench.limits).pixels
    if values.shape != covered.shape:
        raise DamagedFile(f"The stored {kind.replace('_', ' ')} does not fit its slice. Analyse the slice again.")
    return values
