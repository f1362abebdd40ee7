"""A handful of studies for the demo, so that its home and history pages are not empty: ``python -m tools.demo_data``.

Run by ``make app``. The pictures are Falx's own drawings and the patients are invented; the studies go the same way as
any doctor's, through the workbench, and are made only where the demo doctor has none.
"""

from __future__ import annotations

import os
import sys
from datetime import date, timedelta

from services import followup
from services.analysis import Upload
from services.errors import FalxError
from services.imaging.phantom import as_dicom, as_png, phantom
from services.records.columns import now
from services.records.demo import DEMO_ACCOUNTS, ensure_demo_accounts
from services.records.filters import StudyFilters
from services.records.history import Sort, find_studies
from services.records.linking import link_account, waiting_accounts
from services.records.people import authenticate
from services.records.rights import Actor
from services.records.tables import Decision, PatientCreate, ReleaseCreate, ReviewCreate, Role, Sex
from services.settings import get_settings
from services.workflow import Details, Workbench

ZOE = ("Zoë Brännström", date(2001, 6, 21), Sex.FEMALE)
TYPE, PRESENCE, BREAST = "brain_tumor_type", "brain_tumor_presence", "breast_cancer"
# Task, sample, its seed (another than the upload page's sample has), as DICOM or PNG, the patient, days ago.
STUDIES = (
    (TYPE, "coronal_t1c_meningioma", 12, "dicom", ("Agnieszka Żółkiewska", date(1961, 4, 3), Sex.FEMALE), 12),
    (TYPE, "axial_t2_healthy", 12, "png", ("Tomás Ó Súilleabháin", date(1990, 9, 17), Sex.MALE), 9),
    (PRESENCE, "coronal_t1c_meningioma", 31, "png", ("Nguyễn Thị Hạnh", date(1984, 12, 2), Sex.FEMALE), 8),
    (BREAST, "film_right_mlo_fatty", 31, "dicom", ("Amélie Côté", date(1958, 7, 27), Sex.FEMALE), 7),
    (TYPE, "sagittal_t1c_healthy", 25, "png", ZOE, 190),
    (TYPE, "coronal_t1c_pituitary", 20, "dicom", ("Ελένη Παπαδοπούλου", date(1978, 1, 30), Sex.FEMALE), 7),
    (TYPE, "axial_flair_glioma", 14, "dicom", ("Олександр Шевченко", date(1955, 11, 8), Sex.MALE), 4),
    (TYPE, "sagittal_t1c_healthy", 15, "png", ZOE, 2),
    (TYPE, "axial_t1c_glioma", 16, "dicom", ("José Muñoz Ibáñez", date(1969, 2, 14), Sex.MALE), 1),
)
NOTE = (
    "The picture shows nothing unusual, and your headaches have another cause. We look again in half a year, as agreed."
)


def demo_doctor(bench: Workbench) -> Actor | None:
    """The demo's doctor, signed in; None where a real account took the name."""
    for account in ensure_demo_accounts(bench.store):
        if account.role is Role.DOCTOR:
            return authenticate(bench.store, account.username, account.password)
    return None


def fill(bench: Workbench) -> int:
    """Save the studies where the demo doctor has none yet, and say how many were saved."""
    doctor = demo_doctor(bench)
    if doctor is None or find_studies(bench.store, doctor, limit=1).studies:
        return 0
    today = now().date()
    numbers: dict[str, int] = {}
    served = bench.engine.repository.live()
    answered = [study for study in STUDIES if study[0] in served]
    for task, key, seed, kind, (name, born, sex), days in answered:
        number = numbers.setdefault(name, len(numbers) + 1)
        data, ending = (as_dicom(key, seed), "dcm") if kind == "dicom" else (as_png(key, seed), "png")
        analysis = bench.analyse(doctor, Upload(data, f"{key}.{ending}"), task_key=task)
        patient = PatientCreate(name=name, identifier=f"DEMO-{number:04d}", birth_date=born, sex=sex)
        # The header of a phantom names nobody of the demo.
        details = Details(patient, today - timedelta(days=days), description=phantom(key).title, same_person=True)
        bench.save(doctor, [analysis], details)
    release_one(bench, doctor)
    return len(answered)


def release_one(bench: Workbench, doctor: Actor) -> None:
    """Review and release one patient's earlier study to the demo's patient; not where a real account took the name."""
    account = next((each for each in DEMO_ACCOUNTS if each.role is Role.PATIENT), None)
    waiting = {person.username: person.public_id for person in waiting_accounts(bench.store, doctor)}
    if account is None or account.username not in waiting:
        return
    theirs = find_studies(bench.store, doctor, StudyFilters(patient=ZOE[0]), sort=Sort.EARLIEST_STUDY).studies
    link_account(bench.store, doctor, theirs[0].patient_public_id, waiting[account.username])
    view = followup.review(bench, doctor, theirs[0].public_id, ReviewCreate(decision=Decision.AGREE))
    if view.review is not None:
        followup.release(bench, doctor, view.public_id, ReleaseCreate(note=NOTE), view.review.created)


def main() -> None:
    """Fill the database in force; a demo without its studies still starts."""
    os.environ.setdefault("TF_CPP_MIN_LOG_LEVEL", "3")
    try:
        saved = fill(Workbench.open(get_settings()))
    except FalxError as error:
        sys.exit(f"falx: the demo starts without its studies. {error}")
    if saved:
        print(f"falx: {saved} demo studies are ready")


if __name__ == "__main__":
    main()
