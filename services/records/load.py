"""Made-up predictions by the million, to measure with: how quick the pages are does not show on ten studies."""

from __future__ import annotations

import random
import uuid
from dataclasses import dataclass
from datetime import date, datetime, timedelta
from functools import partial
from typing import Any

from sqlalchemy import func
from sqlmodel import Session, SQLModel, col, select

from services.errors import InvalidRecord
from services.inference.prediction import Verdict
from services.records import audit
from services.records.columns import now
from services.records.database import key_of, reading, write
from services.records.rights import Action
from services.records.store import Store
from services.records.tables import Patient, PatientCreate, PredictionRow, Role, Sex, Study, StudyImage, User
from services.tasks import TASKS

STUDIES_AT_ONCE = 5_000
STUDIES_A_PATIENT = 4
REFUSED = 0.05
YEARS = 5
THRESHOLD = 0.8
READER = "load"
FAMILY = ("Andersen", "Dubois", "García", "Ivanova", "Jansen", "Kowalska", "Müller", "Nagy", "Öztürk", "Rossi")
GIVEN = ("Ada", "Bela", "Carla", "Dimitri", "Elif", "Fatma", "Göran", "Hana", "Ivan", "Jules", "Katja", "Luís")


@dataclass(frozen=True)
class Load:
    """What was made; ``reader`` is the user name of the account that all of it belongs to."""

    reader: str
    patients: int
    studies: int
    predictions: int


def make_load(store: Store, predictions: int, seed: int = 0) -> Load:
    """Fill a database that is empty or a demo's with ``predictions`` of ``STUDIES_A_PATIENT`` studies a patient.

    They belong to the demo's doctor, or to a closed account made for them, and spread over the last five years. Each
    study has its event in the trail, and none has files. Raises InvalidRecord where real people have accounts.
    """
    reader_id, reader = write(store.engine, _reader)
    maker = _Maker(store, reader_id, predictions, seed)
    while maker.predictions < predictions:
        rows = maker.next_rows()
        write(store.engine, partial(_insert, rows=rows))
    return Load(reader, maker.patients, maker.studies, maker.predictions)


Rows = dict[str, list[dict[str, Any]]]


class _Maker:
    """Rows in the order of their time, each drawn from ``seed``."""

    def __init__(self, store: Store, reader_id: int, predictions: int, seed: int) -> None:
        self.patients = self.studies = self.predictions = 0
        self._reader_id, self._wanted = reader_id, predictions
        self._task = next(iter(TASKS.values()))
        self._begin = now() - timedelta(days=365 * YEARS)
        # A share of the slices is refused, and has no prediction.
        self._step = timedelta(days=365 * YEARS) / (predictions / (1 - REFUSED) * 1.02 + 10)
        # What all rows have in common, the defaults of the tables among it.
        self._like_study = Study(
            task=self._task.key,
            study_date=self._begin.date(),
            description="Made up for measuring",
            patient_id=0,
            reader_id=reader_id,
        ).model_dump()
        self._like_image = StudyImage(study_id=0, format="PNG", modality="MR", added_by_id=reader_id).model_dump(
            exclude={"id"}
        )
        self._like_prediction = PredictionRow(
            study_id=0,
            task=self._task.key,
            network="load",
            version="1",
            label="",
            confidence=0,
            threshold=THRESHOLD,
            verdict=Verdict.ANSWERED,
            probabilities=(),
            milliseconds=40.0,
        ).model_dump(exclude={"id"})
        with reading(store.engine) as session:
            self._last_patient, self._last_study = (
                session.exec(select(func.max(col(table.id)))).one() or 0 for table in (Patient, Study)
            )
        # A second load in the same database has other keys.
        self._draw = random.Random(f"{seed} {self._last_study}")

    def next_rows(self) -> Rows:
        """The next studies with their patients and answers, as rows by table."""
        rows: Rows = {"patient": [], "patient_word": [], "study": [], "image": [], "prediction": []}
        while self.predictions < self._wanted and len(rows["study"]) < STUDIES_AT_ONCE:
            if self.studies % STUDIES_A_PATIENT == 0:
                self.patients += 1
                patient, words = self._patient()
                rows["patient"].append(patient)
                rows["patient_word"] += words
            self.studies += 1
            refused = self._draw.random() < REFUSED
            study = self._study()
            rows["study"].append(study)
            rows["image"].append(self._image(study, refused))
            if not refused:
                self.predictions += 1
                rows["prediction"].append(self._prediction(study))
        return rows

    def _patient(self) -> tuple[dict[str, Any], list[dict[str, Any]]]:
        number = self._last_patient + self.patients
        name = f"{self._draw.choice(FAMILY)}, {self._draw.choice(GIVEN)}"
        born = date(1930, 1, 1) + timedelta(days=self._draw.randrange(30_000))
        new = PatientCreate(
            name=name, identifier=f"LOAD-{number:08d}", birth_date=born, sex=self._draw.choice(list(Sex))
        )
        row = Patient.made_from(new, self._reader_id)
        words = [{"patient_id": number, "word": word.word} for word in row.words]
        return row.model_dump() | {"id": number, "public_id": self._key(), "created": self._when()}, words

    def _study(self) -> dict[str, Any]:
        when = self._when()
        return self._like_study | {
            "id": self._last_study + self.studies,
            "study_date": when.date(),
            "patient_id": self._last_patient + self.patients,
            "public_id": self._key(),
            "created": when,
        }

    def _image(self, study: dict[str, Any], refused: bool) -> dict[str, Any]:
        return self._like_image | {
            "study_id": study["id"],
            "gate_accepted": not refused,
            "gate_reasons": ("This is a colour picture.",) if refused else (),
            "created": study["created"],
        }

    def _prediction(self, study: dict[str, Any]) -> dict[str, Any]:
        classes = self._task.class_keys
        label = self._draw.choice(classes)
        confidence = 0.3 + 0.7 * self._draw.random() ** 0.2
        rest = (1 - confidence) / (len(classes) - 1)
        return self._like_prediction | {
            "study_id": study["id"],
            "label": label,
            "confidence": confidence,
            "verdict": Verdict.ANSWERED if confidence >= THRESHOLD else Verdict.UNCERTAIN,
            "probabilities": tuple((name, confidence if name == label else rest) for name in classes),
            "created": study["created"],
        }

    def _key(self) -> uuid.UUID:
        return uuid.UUID(int=self._draw.getrandbits(128), version=4)

    def _when(self) -> datetime:
        return self._begin + self.studies * self._step


def _reader(session: Session) -> tuple[int, str]:
    users = session.exec(select(User)).all()
    if any(not user.demo and user.username != READER for user in users):
        raise InvalidRecord(
            "This database has accounts of real people, and is not filled with invented studies. Name an empty one "
            "with DATABASE_URL."
        )
    for user in users:
        if user.role is Role.DOCTOR:
            return key_of(user), user.username
    user = User(username=READER, full_name="Load", role=Role.DOCTOR, password_hash="closed", active=False)
    session.add(user)
    session.flush()
    audit.record(session, None, Action.ACCOUNT_CREATE, f"account {user.public_id}")
    return key_of(user), user.username


def _insert(session: Session, rows: Rows) -> None:
    for name, some in rows.items():
        if some:
            session.connection().execute(SQLModel.metadata.tables[name].insert(), some)
    for study in rows["study"]:
        audit.record(session, None, Action.STUDY_SAVE, f"study {study['public_id']}")
