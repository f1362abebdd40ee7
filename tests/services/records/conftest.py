"""Both databases for the records' tests: a SQLite file, and a MariaDB server of our own on a free port."""

from __future__ import annotations

import os
import shutil
import uuid
from collections.abc import Callable, Iterator, Sequence
from datetime import date, timedelta
from pathlib import Path

import boto3
import pymysql
import pytest
from moto.server import ThreadedMotoServer
from sqlalchemy import Engine, insert
from sqlmodel import SQLModel

from services.inference.prediction import ModelRef, Prediction, Verdict
from services.records.bucket import BucketVault
from services.records.chain import BEGINNING, HEAD_ID
from services.records.database import make_engine, write
from services.records.folder import FolderVault
from services.records.parts import NewImage
from services.records.passwords import hash_password
from services.records.people import proof_of
from services.records.rights import Actor
from services.records.schema import migrate
from services.records.sealing import make_keyring
from services.records.store import Store
from services.records.studies import NewStudy
from services.records.tables import AuditHead, ImageCreate, PatientCreate, Role, StudyCreate, User
from services.tasks import get_task
from tests.services.records.mariadb import programs, running_server

PASSWORD = "a passphrase for tests"
PLAIN = make_keyring(None, None)


@pytest.fixture(scope="session")
def mariadb_server() -> Iterator[int]:
    """Port of a running MariaDB server, stopped and removed after the tests."""
    if not all(programs()):
        pytest.skip("MariaDB is not installed (Debian: apt-get install mariadb-server)")
    with pytest.MonkeyPatch.context() as patch, running_server() as port:
        # PyMySQL reads all certificates of the machine for each connection, also to a server without TLS.
        patch.setenv("SSL_CERT_FILE", os.devnull)
        yield port


@pytest.fixture(scope="session")
def new_mariadb(mariadb_server: int) -> Callable[[], str]:
    """A function that makes an empty database and gives its address."""

    def make() -> str:
        name = f"falx_{uuid.uuid4().hex[:12]}"
        connection = pymysql.connect(host="127.0.0.1", port=mariadb_server, user="root")
        with connection, connection.cursor() as cursor:
            cursor.execute(f"CREATE DATABASE {name}")
        return f"mysql+pymysql://root@127.0.0.1:{mariadb_server}/{name}"

    return make


@pytest.fixture(params=["sqlite", pytest.param("mariadb", marks=pytest.mark.mariadb)])
def empty_database(request: pytest.FixtureRequest, tmp_path: Path) -> str:
    """Address of a database without tables."""
    if request.param == "sqlite":
        return f"sqlite:///{tmp_path}/falx.db"
    make: Callable[[], str] = request.getfixturevalue("new_mariadb")
    return make()


@pytest.fixture(scope="session")
def migrated_file(tmp_path_factory: pytest.TempPathFactory) -> Path:
    file = tmp_path_factory.mktemp("template") / "falx.db"
    migrate(f"sqlite:///{file}")
    return file


@pytest.fixture(scope="session")
def migrated_mariadb(new_mariadb: Callable[[], str]) -> Iterator[tuple[str, Engine]]:
    address = new_mariadb()
    migrate(address)
    engine = make_engine(address)
    yield address, engine
    engine.dispose()


@pytest.fixture(params=["sqlite", pytest.param("mariadb", marks=pytest.mark.mariadb)])
def address(request: pytest.FixtureRequest, tmp_path: Path) -> str:
    """Address of a migrated database without rows."""
    if request.param == "sqlite":
        shutil.copy(request.getfixturevalue("migrated_file"), tmp_path / "falx.db")
        return f"sqlite:///{tmp_path}/falx.db"
    mariadb, engine = request.getfixturevalue("migrated_mariadb")
    with engine.begin() as connection:
        for table in reversed(SQLModel.metadata.sorted_tables):
            connection.execute(table.delete())
        connection.execute(insert(AuditHead).values(id=HEAD_ID, count=0, hash=BEGINNING))
    return mariadb


@pytest.fixture(scope="session")
def s3_endpoint() -> Iterator[str]:
    """Address of a running S3 server, with the keys to it in the environment."""
    server = ThreadedMotoServer(ip_address="127.0.0.1", port=0, verbose=False)
    server.start()
    with pytest.MonkeyPatch.context() as patch:
        patch.setenv("AWS_ACCESS_KEY_ID", "falx")
        patch.setenv("AWS_SECRET_ACCESS_KEY", "falx-tests")
        patch.setenv("AWS_DEFAULT_REGION", "us-east-1")
        yield "http://{}:{}".format(*server.get_host_and_port())
    server.stop()


@pytest.fixture
def new_bucket(s3_endpoint: str) -> Callable[[], str]:
    """A function that makes an empty bucket and gives the address of a vault in it."""

    def make() -> str:
        name = f"falx-{uuid.uuid4().hex[:12]}"
        boto3.client("s3", endpoint_url=s3_endpoint).create_bucket(Bucket=name)
        return f"s3://{name}/hospital"

    return make


@pytest.fixture
def store(address: str, tmp_path: Path) -> Iterator[Store]:
    with Store(
        make_engine(address),
        FolderVault(tmp_path / "vault", make_keyring(None, None)),
        demo=False,
        sign_in_lasts=timedelta(days=1),
        key=lambda: "the key of the tests, varied and long",
    ) as opened:
        yield opened


@pytest.fixture
def place(tmp_path, request):
    """A function that opens an empty place: a database of that kind without tables, and a folder or a bucket."""
    opened = []

    def make(database, keys=PLAIN, in_bucket=False):
        name = f"place-{len(opened)}"
        mysql = database == "mariadb"
        address = request.getfixturevalue("new_mariadb")() if mysql else f"sqlite:///{tmp_path}/{name}.db"
        engine = make_engine(address)
        if in_bucket:
            bucket = request.getfixturevalue("new_bucket")()
            vault = BucketVault(bucket, request.getfixturevalue("s3_endpoint"), engine, keys)
        else:
            vault = FolderVault(tmp_path / name, keys)
        opened.append(
            Store(
                engine,
                vault,
                demo=False,
                sign_in_lasts=timedelta(days=1),
                key=lambda: "the key of the tests, varied and long",
            )
        )
        return opened[-1]

    yield make
    for store in opened:
        store.close()


@pytest.fixture(scope="session")
def password_hash() -> str:
    return hash_password(PASSWORD)


@pytest.fixture
def actors(store: Store, password_hash: str) -> dict[str, Actor]:
    """A signed-in person of each role by role, and "colleague", a second doctor; each password is PASSWORD."""
    names = {role.value: role for role in Role} | {"colleague": Role.DOCTOR}

    def work(session) -> dict[str, Actor]:
        users = [
            User(username=n, full_name=f"{n} Ångström", role=r, password_hash=password_hash) for n, r in names.items()
        ]
        session.add_all(users)
        session.flush()
        return {u.username: Actor(u.id, u.public_id, u.username, u.full_name, u.role, proof=proof_of(u)) for u in users}

    return write(store.engine, work)


@pytest.fixture
def doctor(actors: dict[str, Actor]) -> Actor:
    return actors["doctor"]


CLASSES = get_task("brain_tumor_type").class_keys


def make_answer(label: str = "glioma", confidence: float = 0.9700000000000001, threshold: float = 0.8) -> Prediction:
    rest = (1 - confidence) / (len(CLASSES) - 1)
    return Prediction(
        model=ModelRef("brain_tumor_type", "efficientnet", "1"),
        classes=CLASSES,
        probabilities=tuple(confidence if name == label else rest for name in CLASSES),
        label=label,
        confidence=confidence,
        threshold=threshold,
        verdict=Verdict.ANSWERED if confidence >= threshold else Verdict.UNCERTAIN,
        milliseconds=41.25,
    )


@pytest.fixture
def answer() -> Callable[..., Prediction]:
    return make_answer


def make_image(
    *,
    prediction: Prediction | None = None,
    refused: bool = False,
    upload: bytes | None = None,
    **fields,
) -> NewImage:
    gate = {"gate_accepted": False, "gate_reasons": ("This is a colour picture.",)} if refused else {}
    return NewImage(
        image=ImageCreate(**{"format": "PNG", "modality": "MR"} | gate | fields),
        prediction=None if refused else prediction or make_answer(),
        files={"upload": (upload or uuid.uuid4().bytes, "image/png", "head.png")},
        **({} if refused else {"heat_map_method": "Grad-CAM", "heat_map_layer": "top_activation"}),
    )


@pytest.fixture(name="make_image")
def make_image_of() -> Callable[..., NewImage]:
    """A function that makes an image to be saved, answered unless told otherwise."""
    return make_image


@pytest.fixture
def make_study() -> Callable[..., NewStudy]:
    """A function that makes a study of one image to be saved; each call another patient, unless told otherwise.

    ``study`` are fields of the study or of its image, ``further`` are images beside it.
    """

    def make(
        *,
        name: str = "Zoë Müller",
        identifier: str | None = None,
        birth_date: date | None = date(1970, 2, 3),
        study_date: date = date(2024, 5, 6),
        prediction: Prediction | None = None,
        refused: bool = False,
        upload: bytes | None = None,
        study: dict | None = None,
        further: Sequence[NewImage] = (),
        **more,
    ) -> NewStudy:
        fields = study or {}
        of_image = {name: value for name, value in fields.items() if name in ImageCreate.model_fields}
        of_study = {name: value for name, value in fields.items() if name in StudyCreate.model_fields}
        image = make_image(prediction=prediction, refused=refused, upload=upload, **of_image)
        return NewStudy(
            patient=PatientCreate(name=name, identifier=identifier, birth_date=birth_date, sex="female"),
            study=StudyCreate(**{"task": "brain_tumor_type", "study_date": study_date} | of_study),
            images=(image, *further),
            files={"report": (b"%PDF-" + uuid.uuid4().bytes, "application/pdf", "report.pdf")},
            **more,
        )

    return make
