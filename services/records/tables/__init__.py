"""The tables. A noun is what its models share (Base), what one fills in (Create), the table, what is shown (Public).

Classes with ``table=True`` do not validate, so every row is made from a Create model, which does. Integer keys stay
inside the database; ``public_id`` is what addresses and other layers see.
"""

from services.records.tables.accounts import (
    OneTimeLink,
    Profile,
    Purpose,
    RecoveryCode,
    Role,
    SecondFactor,
    SignInSession,
    SignInThrottle,
    User,
    UserCreate,
    UserPublic,
)
from services.records.tables.audit import AuditEvent, Outcome
from services.records.tables.files import FileCreate, FilePublic, StudyFile
from services.records.tables.patients import Patient, PatientCreate, PatientPublic, Sex
from services.records.tables.studies import PredictionCreate, PredictionRow, Study, StudyCreate

__all__ = [
    "Role",
    "User",
    "UserCreate",
    "UserPublic",
    "Profile",
    "SignInSession",
    "SignInThrottle",
    "OneTimeLink",
    "Purpose",
    "SecondFactor",
    "RecoveryCode",
    "Sex",
    "Patient",
    "PatientCreate",
    "PatientPublic",
    "Study",
    "StudyCreate",
    "PredictionRow",
    "PredictionCreate",
    "StudyFile",
    "FileCreate",
    "FilePublic",
    "AuditEvent",
    "Outcome",
]
