"""A handful of studies for the demo, so that its home and history pages are not empty: ``python -m tools.demo_data``.

Run by ``make app``. The slices are Falx's own drawings and the patients are invented; the studies go the same way as
any doctor's, through the workbench, and are made only where the demo doctor has none.
"""

from __future__ import annotations

import os
import sys
from datetime import date, timedelta

from services.analysis import Upload
from services.errors import FalxError
from services.imaging.phantom import as_dicom, as_png, phantom
from services.records.columns import now
from services.records.demo import ensure_demo_accounts
from services.records.history import find_studies
from services.records.people import authenticate
from services.records.rights import Actor
from services.records.tables import PatientCreate, Role, Sex
from services.settings import get_settings
from services.tasks import TASKS
from services.workflow import Details, Workbench

# Sample, its seed (another head than the upload page's sample), as DICOM or PNG, the patient, days ago.
STUDIES = (
    ("coronal_t1c_meningioma", 12, "dicom", ("Agnieszka Żółkiewska", date(1961, 4, 3), Sex.FEMALE), 12),
    ("axial_t2_healthy", 12, "png", ("Tomás Ó Súilleabháin", date(1990, 9, 17), Sex.MALE), 9),
    ("coronal_t1c_pituitary", 20, "dicom", ("Ελένη Παπαδοπούλου", date(1978, 1, 30), Sex.FEMALE), 7),
    ("axial_flair_glioma", 14, "dicom", ("Олександр Шевченко", date(1955, 11, 8), Sex.MALE), 4),
    ("sagittal_t1c_healthy", 15, "png", ("Zoë Brännström", date(2001, 6, 21), Sex.FEMALE), 2),
    ("axial_t1c_glioma", 16, "dicom", ("José Muñoz Ibáñez", date(1969, 2, 14), Sex.MALE), 1),
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
    for number, (key, seed, kind, (name, born, sex), days) in enumerate(STUDIES, start=1):
        data, ending = (as_dicom(key, seed), "dcm") if kind == "dicom" else (as_png(key, seed), "png")
        analysis = bench.analyse(doctor, Upload(data, f"{key}.{ending}"), task_key=next(iter(TASKS)))
        patient = PatientCreate(name=name, identifier=f"DEMO-{number:04d}", birth_date=born, sex=sex)
        # The header of a phantom names nobody of the demo.
        details = Details(
            patient, today - timedelta(days=days), description=phantom(key).title, same_person=True
        )
        bench.save(doctor, [analysis], details)
    return len(STUDIES)


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
