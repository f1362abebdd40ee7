"""Accounts, patients, studies and their files. Other floors use these names and no module below.

with open_store(get_settings()) as store:
    actor = authenticate(store, username, password)
    study = save_study(store, actor, NewStudy(…))
"""

from services.records.demo import DemoAccount, ensure_demo_accounts
from services.records.history import Counts, PageKey, StudyFilters, StudyPage, StudySummary, counts, find_studies
from services.records.patients import find_patients
from services.records.people import (
    actor_for_token,
    authenticate,
    close_session,
    create_admin,
    create_user,
    list_users,
    open_session,
)
from services.records.rights import Action, Actor, may, require
from services.records.schema import migrate
from services.records.startup import check_startup, cookie_key
from services.records.store import Store, open_store
from services.records.studies import (
    HEAT_MAP,
    REPORT,
    UPLOAD,
    NewStudy,
    StudyView,
    get_study,
    read_file,
    save_study,
)
from services.records.tables import (
    FilePublic,
    PatientCreate,
    PatientPublic,
    Role,
    Sex,
    StudyCreate,
    UserCreate,
    UserPublic,
)
from services.records.upkeep import Health, check, sweep

__all__ = [
    # the store
    "Store", "open_store", "migrate", "check", "sweep", "Health",
    # starting up
    "check_startup", "cookie_key", "DemoAccount", "ensure_demo_accounts",
    # people and rights
    "Actor", "Role", "Action", "may", "require",
    "authenticate", "open_session", "actor_for_token", "close_session",
    "UserCreate", "UserPublic", "create_admin", "create_user", "list_users",
    # studies
    "UPLOAD", "HEAT_MAP", "REPORT", "NewStudy", "StudyCreate", "PatientCreate", "PatientPublic", "Sex", "FilePublic",
    "StudyView", "save_study", "get_study", "read_file", "find_patients",
    # history
    "StudyFilters", "PageKey", "StudyPage", "StudySummary", "find_studies", "Counts", "counts",
]  # fmt: skip
