"""The worker processes: what happens when one crashes, stalls or is killed, and that nobody else notices."""

from __future__ import annotations

import os
import signal
import subprocess
import sys
import time
from concurrent.futures import ThreadPoolExecutor

import numpy as np
import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from services.errors import DamagedFile, TooLarge
from services.imaging import dicom_worker
from services.imaging.decode import decode
from services.imaging.dicom import open_dicom
from services.imaging.limits import Limits
from tests.services.imaging.bad_input import slice_or_sentence
from tests.services.imaging.dicom_files import HEAD, dicom_of
from tests.services.imaging.worker_processes import ROOT, children, kill, python, runs, workers


def test_answers_are_those_of_the_plain_function():
    data = dicom_of(WindowCenter=480, WindowWidth=400, PatientName="A^B", PixelSpacing=[1, 2])
    apart, here = decode(data), open_dicom(data, limits=Limits(), sha256=decode(data).sha256).frame(None)
    assert np.array_equal(apart.pixels, here.pixels)
    assert (apart.facts, apart.patient, apart.geometry, apart.warnings, apart.sha256) == (
        here.facts,
        here.patient,
        here.geometry,
        here.warnings,
        here.sha256,
    )


def test_a_worker_is_kept_for_the_next_file():
    decode(dicom_of())
    before = workers()
    decode(dicom_of())
    assert workers() == before
    assert before


def test_a_worker_that_died_meanwhile_is_replaced():
    decode(dicom_of())
    for pid in workers():
        os.kill(pid, signal.SIGKILL)
    assert decode(dicom_of()).shape == (12, 10)


BUSY = dicom_of(np.zeros((5600, 5600), np.uint16))


def test_a_worker_killed_while_decoding_does_not_cost_the_answer():
    decode(dicom_of())
    idle = workers()
    with ThreadPoolExecutor(1) as threads:
        answer = threads.submit(decode, BUSY)
        while workers() == idle:
            pass
        (pid,) = idle - workers()
        kill(pid, signal.SIGKILL)
        assert answer.result(60).shape == (5600, 5600)
    assert pid not in workers()


@pytest.mark.parametrize("number", [signal.SIGSEGV, signal.SIGABRT])
def test_a_crash_of_a_worker_started_for_the_file_is_a_damaged_file(number):
    decode(dicom_of())
    with ThreadPoolExecutor(1) as threads:
        answer = threads.submit(decode, BUSY)
        while not answer.done():
            for pid in children():
                kill(pid, number)
        with pytest.raises(DamagedFile, match="its decoder failed"):
            answer.result()
    assert decode(dicom_of()).shape == (12, 10)


def test_a_file_that_keeps_its_decoder_busy_is_given_up():
    busy = dicom_of(np.random.default_rng(1).integers(0, 4000, (5600, 5600), np.uint16))
    with pytest.raises(TooLarge, match=r"takes longer than 0\.05 seconds"):
        decode(busy, limits=Limits(seconds=0.05))
    assert decode(dicom_of()).shape == (12, 10)


CEILING = """
import resource
import numpy as np
from services.errors import TooLarge
from services.imaging.dicom import open_dicom
from services.imaging.dicom_worker_process import bound_memory
from services.imaging.limits import Limits
from tests.services.imaging.dicom_files import dicom_of

large = dicom_of(np.ones((7000, 7000), np.uint32))
bound_memory(Limits(max_bytes=1, max_pixels=1))
try:
    open_dicom(large, limits=Limits(max_bytes=2**28, max_pixels=2**26), sha256="").frame(None)
except TooLarge as error:
    print(error)
"""


def test_a_worker_has_a_ceiling_of_memory():
    assert "needs more memory than one file may take" in python(CEILING, check=True).stdout


def test_many_threads_get_their_own_answers():
    files = [dicom_of(HEAD + n, WindowCenter=480, WindowWidth=400, SeriesDescription=f"series {n}") for n in range(24)]
    expected = [decode(data) for data in files]
    with ThreadPoolExecutor(12) as threads:
        answers = list(threads.map(decode, files))
    for one, other in zip(expected, answers, strict=True):
        assert np.array_equal(one.pixels, other.pixels)
        assert one.facts == other.facts
    assert 1 <= len(workers()) <= 4


def test_a_worker_is_replaced_after_its_share_of_files(monkeypatch):
    decode(dicom_of())
    monkeypatch.setattr(dicom_worker, "_REQUESTS_PER_WORKER", 1)
    before = workers()
    for _ in range(len(before) + 1):
        decode(dicom_of())
    assert not any(map(runs, before))


@settings(max_examples=40, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture])
@given(st.data())
def test_damage_that_crashes_native_decoders_stays_a_sentence(shared_data, data):
    # GDCM aborts or reads beyond its buffers for many of these.
    content = bytearray((shared_data / "dicom" / "SC_rgb_jpeg_gdcm.dcm").read_bytes())
    start = content.index(b"\xff\xd8")
    places = st.integers(start + 2, start + 700)
    for at, value in data.draw(st.lists(st.tuples(places, st.integers(0, 255)), max_size=6)):
        content[at] = value
    slice_or_sentence(bytes(content))


NO_MORE_FILES = """
import resource
from services.errors import ImagingError
from services.imaging.decode import decode
from tests.services.imaging.dicom_files import dicom_of
data = dicom_of()
resource.setrlimit(resource.RLIMIT_NOFILE, (3, 3))
try:
    decode(data)
except ImagingError as error:
    print(error)
"""


def test_a_worker_that_cannot_be_started_is_told_in_a_sentence():
    assert "can be started now (Too many open files)" in python(NO_MORE_FILES).stdout


FORKED = """
import multiprocessing
from services.imaging.decode import decode
from tests.services.imaging.dicom_files import HEAD, dicom_of

def means(start):
    files = (dicom_of(HEAD + n, WindowCenter=480, WindowWidth=400) for n in range(start, start + 20))
    return [round(float(decode(data).pixels.mean()), 6) for data in files]

if __name__ == "__main__":
    alone = means(0)
    with multiprocessing.get_context("fork").Pool(2) as pool:
        pending = pool.map_async(means, [0, 0])
        here = means(0)
        assert pending.get(60) == [alone, alone] and here == alone
    print("same")
"""


def test_forked_processes_use_workers_of_their_own(tmp_path):
    script = tmp_path / "forked.py"
    script.write_text(FORKED)
    environment = os.environ | {"PYTHONPATH": str(ROOT)}
    run = subprocess.run([sys.executable, script], env=environment, capture_output=True, text=True, timeout=120)
    assert run.stdout.strip() == "same", run.stderr


ONE_FILE = """
import os
from services.imaging import dicom_worker
from services.imaging.decode import decode
from tests.services.imaging.dicom_files import dicom_of
decode(dicom_of())
print(dicom_worker._pool._idle[0]._process.pid, flush=True)
"""


def test_no_worker_outlives_its_program():
    run = python(ONE_FILE, check=True)
    assert run.stderr == ""
    assert not runs(int(run.stdout))


def test_no_worker_outlives_a_program_that_is_killed():
    run = python(ONE_FILE + "os.kill(os.getpid(), 9)")
    assert run.returncode == -9
    while runs(int(run.stdout)):
        time.sleep(0.05)


def test_pngs_need_neither_pydicom_nor_a_worker():
    code = (
        "import io, sys; from PIL import Image; from services.imaging.decode import decode; b = io.BytesIO(); "
        "Image.new('L', (9, 9), 7).save(b, 'PNG'); decode(b.getvalue()); from services.imaging import dicom_worker; "
        "print('pydicom' in sys.modules, len(dicom_worker._pool._idle))"
    )
    assert python(code, check=True).stdout.split() == ["False", "0"]
