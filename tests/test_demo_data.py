"""The demo's studies: made once, by the shipped model, visible to the demo doctor with their files."""

from __future__ import annotations

from pathlib import Path

from services.records.demo import DEMO_ACCOUNTS
from services.records.history import find_studies
from services.records.people import authenticate
from services.records.results import find_results
from services.records.schema import migrate
from services.records.studies import get_study
from services.records.tables import Role
from services.records.upkeep import check_by_command as check
from services.records.views import REPORT, UPLOAD
from services.settings import Settings
from services.workflow import Workbench
from tools.demo_data import NOTE, STUDIES, ZOE, demo_doctor, fill


def test_the_demo_is_filled_once_and_whole(tmp_path: Path):
    settings = Settings(demo=True, var_dir=tmp_path)
    migrate(settings.database)
    bench = Workbench.open(settings)
    assert fill(bench) == len(STUDIES)
    assert fill(bench) == 0

    doctor = demo_doctor(bench)
    assert doctor is not None
    found = find_studies(bench.store, doctor).studies
    assert [study.patient_name for study in reversed(found)] == [patient[0] for *_, patient, _ in STUDIES]
    for summary in found:
        view = get_study(bench.store, doctor, summary.public_id)
        assert {UPLOAD, REPORT} <= set(view.files)
        assert view.prediction is not None
    assert check(bench.store).whole

    patient = next(account for account in DEMO_ACCOUNTS if account.role is Role.PATIENT)
    (result,) = find_results(bench.store, authenticate(bench.store, patient.username, patient.password))
    assert (result.label, result.note) == ("notumor", NOTE)
    whose = [study.patient_name for study in found if study.public_id == result.public_id]
    assert whose == [ZOE[0]]
    assert [study.patient_name for study in found].count(ZOE[0]) == 2
