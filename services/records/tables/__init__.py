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
from services.records.tables.audit import AuditEvent, AuditHead, Outcome
from services.records.tables.files import WHOLE, FileCreate, FilePublic, StudyFile
from services.records.tables.images import MOST_IMAGES, ImageCreate, StudyImage
from services.records.tables.patients import (
    Patient,
    PatientBase,
    PatientCreate,
    PatientDoctor,
    PatientPublic,
    PatientRecord,
    PatientWord,
    Sex,
)
from services.records.tables.reviews import (
    Decision,
    ReasonCreate,
    Release,
    ReleaseCreate,
    ReleasePublic,
    Review,
    ReviewCreate,
    ReviewPublic,
)
from services.records.tables.serving import ServingNoted
from services.records.tables.studies import PredictionCreate, PredictionRow, State, Study, StudyCreate

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
    "PatientBase",
    "PatientCreate",
    "PatientDoctor",
    "PatientRecord",
    "PatientWord",
    "PatientPublic",
    "Study",
    "StudyCreate",
    "State",
    "MOST_IMAGES",
    "StudyImage",
    "ImageCreate",
    "PredictionRow",
    "PredictionCreate",
    "StudyFile",
    "WHOLE",
    "Decision",
    "Review",
    "ReviewCreate",
    "ReviewPublic",
    "Release",
    "ReleaseCreate",
    "ReleasePublic",
    "ReasonCreate",
    "FileCreate",
    "FilePublic",
    "AuditEvent",
    "AuditHead",
    "ServingNoted",
    "Outcome",
]
