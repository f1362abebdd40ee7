"""The parts of a study on their way into the records: its images with their answers, and files."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime

from sqlmodel import Session, func, select

from services.errors import InvalidRecord
from services.inference.prediction import Opinion, Prediction
from services.records import audit
from services.records.database import key_of
from services.records.rights import Actor
from services.records.tables import (
    MOST_IMAGES,
    FileCreate,
    ImageCreate,
    PredictionCreate,
    PredictionRow,
    Study,
    StudyFile,
    StudyImage,
)
from services.records.vault import Batch
from services.records.views import UPLOAD
from services.tasks import TASKS
from services.tasks.task import Task

# Content, media type and name.
File = tuple[bytes, str, str]


@dataclass(frozen=True, eq=False)
class NewImage:
    """Everything about an image that is to be stored.

    ``files`` are by kind; "upload" must be among them. ``prediction`` is None exactly where the gate refused and nobody
    overruled it.
    """

    image: ImageCreate
    prediction: Prediction | None
    files: Mapping[str, File]
    heat_map_method: str = ""
    heat_map_layer: str = ""


@dataclass(frozen=True)
class StagedFile:
    """A checked file that lies in the vault under a name of its own already; ``size`` in bytes."""

    file: FileCreate
    sha256: str
    size: int


@dataclass(frozen=True)
class StagedImage:
    """A checked image with its answer and its staged files."""

    image: ImageCreate
    answer: PredictionCreate | None
    files: tuple[StagedFile, ...]


def stage_files(batch: Batch, files: Mapping[str, File]) -> tuple[StagedFile, ...]:
    """Check the files and write them under random names. Raises InvalidRecord, Unavailable."""
    empty = [kind for kind, (content, _, _) in files.items() if not content]
    if empty:
        raise InvalidRecord(f"The file for {', '.join(empty).replace('_', ' ')} is empty: make it again.")
    checked = [FileCreate(kind=kind, media_type=media, name=name) for kind, (_, media, name) in files.items()]
    contents = [content for content, _, _ in files.values()]
    return tuple(
        StagedFile(file, batch.stage(content), len(content)) for file, content in zip(checked, contents, strict=True)
    )


def task_of(key: str) -> Task:
    """The task of that key. Raises InvalidRecord where there is none."""
    if key not in TASKS:
        raise InvalidRecord(f"There is no task named “{key}”: choose one of {', '.join(sorted(TASKS))}.")
    return TASKS[key]


def check_count(images: int) -> None:
    """Raise InvalidRecord for a study of no image, or of more than MOST_IMAGES."""
    if not images:
        raise InvalidRecord("A study needs an image: upload one.")
    if images > MOST_IMAGES:
        raise InvalidRecord(f"A study holds {MOST_IMAGES} images at most. Save the others as another study.")


def stage_images(batch: Batch, task: Task, images: Sequence[NewImage]) -> tuple[StagedImage, ...]:
    """Check the images and write their files under random names. Raises InvalidRecord, Unavailable."""
    answers = [_checked_answer(task, new) for new in images]
    return tuple(
        StagedImage(new.image, answer, stage_files(batch, new.files))
        for new, answer in zip(images, answers, strict=True)
    )


def add_images(
    session: Session, actor: Actor, study: Study, images: Sequence[StagedImage], first: int, moment: datetime
) -> None:
    """Rows for staged images, numbered from ``first`` on, and a note of each check that was overruled."""
    for number, staged in enumerate(images, start=first):
        session.add(
            StudyImage(
                **staged.image.model_dump(),
                study_id=key_of(study),
                number=number,
                added_by_id=actor.user_id,
                created=moment,
            )
        )
        session.flush()
        if staged.answer is not None:
            answer = staged.answer.model_dump()
            session.add(PredictionRow(**answer, study_id=key_of(study), image=number, created=moment))
        add_files(session, study, number, staged.files, moment)
        if staged.image.overrule_reason:
            audit.record(session, actor, audit.OVERRULE, f"study {study.public_id}{of_image(number)}")


def of_image(number: int) -> str:
    """How the trail names an image beside its study; of the first, which most studies have alone, it says nothing."""
    return f" image {number}" if number > 1 else ""


def add_files(session: Session, study: Study, image: int, staged: Sequence[StagedFile], moment: datetime) -> None:
    """Name staged files as the newest version of their kind, of an image by its number or of the WHOLE study."""
    for one in staged:
        newest = session.exec(
            select(func.max(StudyFile.version)).where(
                StudyFile.study_id == study.id, StudyFile.image == image, StudyFile.kind == one.file.kind
            )
        ).one()
        session.add(
            StudyFile(
                **one.file.model_dump(),
                study_id=key_of(study),
                image=image,
                version=(newest or 0) + 1,
                sha256=one.sha256,
                size=one.size,
                created=moment,
            )
        )


def _checked_answer(task: Task, new: NewImage) -> PredictionCreate | None:
    if UPLOAD not in new.files:
        raise InvalidRecord("An image needs the uploaded file: upload it again.")
    answer = new.prediction
    if (answer is None) is (new.image.gate_accepted or bool(new.image.overrule_reason)):
        raise InvalidRecord("An image has an answer unless it was refused and not overruled: analyse it again.")
    if answer is None:
        return None
    if answer.model.task != task.key or answer.classes != task.class_keys:
        raise InvalidRecord(f"The answer of {answer.model} is not one to the task “{task.key}”: analyse it again.")
    if len(answer.classes) != len(answer.probabilities):
        raise InvalidRecord("The answer must give one probability a class: analyse it again.")
    return to_be_stored(answer, new.heat_map_method, new.heat_map_layer)


def to_be_stored(answer: Prediction, heat_map_method: str, heat_map_layer: str) -> PredictionCreate:
    """An answer as its row takes it. Raises InvalidRecord where it contradicts itself."""
    return PredictionCreate(
        task=answer.model.task,
        network=answer.model.network,
        version=answer.model.version,
        label=answer.label,
        confidence=answer.confidence,
        threshold=answer.threshold,
        verdict=answer.verdict,
        probabilities=tuple(zip(answer.classes, answer.probabilities, strict=True)),
        milliseconds=answer.milliseconds,
        heat_map_method=heat_map_method,
        heat_map_layer=heat_map_layer,
        second_opinion=_as_row(answer.second) if answer.second else None,
    )


def _as_row(second: Opinion) -> tuple[str | float, ...]:
    model = second.model
    return model.task, model.network, model.version, second.label, second.confidence, float(second.agrees)
