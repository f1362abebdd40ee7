"""How slices come in: files of the person's own, or the samples that Falx draws."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from functools import lru_cache

import streamlit as st

from pages.view.words import plain
from services.analysis import Upload
from services.imaging.overlay import to_png
from services.imaging.phantom import as_dicom, draw, phantom
from services.imaging.slice import Slice
from services.records.tables import MOST_IMAGES
from services.settings import get_settings
from services.tasks.task import Task

_TAKEN, _COUNT, _LEFT_OUT = "analyse_upload", "analyse_count", "analyse_left_out"
_STUDY, _ROOM = "analyse_study", "analyse_room"


@dataclass(frozen=True)
class Taken:
    """An image of the study at hand: a file, and which of its frames, counted from 0; None leaves that to the decoder.

    ``key`` is another one for every image, also of the same file: what is decided about one is not for the next.
    """

    upload: Upload
    key: str
    frame: int | None = None


def taken() -> list[Taken]:
    """The images that this session is looking at, in the order in which they came."""
    return list(st.session_state.get(_TAKEN, []))


def key() -> str:
    """Another one whenever images came or went."""
    return str(st.session_state.get(_COUNT, 0))


def _take(uploads: Sequence[Upload], frame: int | None = None, *, add: bool = False) -> None:
    """Look at these images, instead of those at hand or beside them; what a study cannot hold is left out and told."""
    before = taken() if add else []
    room = st.session_state.get(_ROOM, MOST_IMAGES) - len(before)
    count = st.session_state.get(_COUNT, 0)
    # The next uploader is another widget, and starts empty.
    st.session_state[_COUNT] = count + max(len(uploads), 1)
    new = [Taken(upload, str(count + n), frame) for n, upload in enumerate(uploads[:room], start=1)]
    st.session_state[_TAKEN] = [*before, *new]
    st.session_state[_LEFT_OUT] = [upload.name for upload in uploads[room:]]


def leave_out(one: Taken) -> None:
    """Put one image away and keep the others."""
    st.session_state[_TAKEN] = [each for each in taken() if each.key != one.key]
    st.session_state[_COUNT] = st.session_state.get(_COUNT, 0) + 1
    st.session_state.pop(_LEFT_OUT, None)


def another_frame(one: Taken, frame: int) -> None:
    """Look at a further frame of the same file, counted from 0, beside what is looked at."""
    _take([one.upload], frame, add=True)


def forget() -> None:
    """Put all images away; the uploader starts empty."""
    st.session_state.pop(_TAKEN, None)
    st.session_state.pop(_LEFT_OUT, None)
    st.session_state[_COUNT] = st.session_state.get(_COUNT, 0) + 1


def meant_for(study: str, room: int) -> None:
    """Say for which stored study images are taken, "" for a new one, and how many more it holds.

    Those that were taken for another are put away: they are of another patient, maybe.
    """
    if st.session_state.get(_STUDY, "") != study:
        forget()
    st.session_state[_STUDY], st.session_state[_ROOM] = study, room


def say_left_out() -> None:
    """Name the images that were too many."""
    names = st.session_state.get(_LEFT_OUT)
    if names:
        st.warning(
            f"A study holds {MOST_IMAGES} images at most. Left out: {plain(', '.join(names))}. Save them as another "
            "study.", icon=":material/filter_none:",
        )  # fmt: skip


def open_zone(task: Task) -> None:
    """The upload zone, with the samples beside it where the task is about such images."""
    if not task.samples:
        with st.container(key="zone"):
            _uploader("zone")
        return
    with st.container(key="intake"):
        left, right = st.columns([2, 1], gap="medium")
        with left, st.container(key="zone"):
            _uploader("zone")
        with right:
            st.caption("Or try a synthetic sample")
            samples(task)


def closed_zone(one: Taken, image: Slice | None, task: Task) -> None:
    """One line: what is being looked at, and the two ways to something else."""
    with st.container(key="chosen", horizontal=True, horizontal_alignment="right", vertical_alignment="center"):
        said = f":material/draft: **{plain(one.upload.name)}**"
        if image is not None:
            rows, columns = image.shape
            said += f" · {image.format} · {columns} × {rows}"
        st.markdown(said, width="content")
        if task.samples:
            with st.popover("Samples", icon=":material/science:", key="more_samples"):
                samples(task, "more")
        st.button(f"Another {task.image}", icon=":material/upload_file:", key="another", on_click=forget)


def adding_zone(task: Task) -> None:
    """The ways to further images of the same study."""
    with st.container(key="adding"):
        _uploader("adding", add=True)
        if task.samples:
            st.caption("Or try a synthetic sample")
            samples(task, "adding", add=True)


def _uploader(place: str, *, add: bool = False) -> None:
    megabytes = get_settings().max_upload_mb
    widget = f"{place}_{key()}"

    def take() -> None:
        files = st.session_state.get(widget)
        if files:
            _take([Upload(file.getvalue(), file.name) for file in files], add=add)

    # No list of types: what a file is shows in its content, and a wrong name deserves a sentence of ours.
    st.file_uploader(
        f"PNG, JPEG or DICOM, up to {megabytes} MB", accept_multiple_files=True, key=widget, on_change=take,
        max_upload_size=megabytes,
    )  # fmt: skip
    say_too_large(place)


def say_too_large(place: str) -> None:
    """What to do about a file that the browser did not send; the style shows it where the uploader names one."""
    with st.container(key=f"too_large_{place}", border=True):
        st.markdown(
            f":material/error: A file has more than {get_settings().max_upload_mb} MB and was not read. Export single "
            "slices instead of the whole series, and upload these."
        )


@lru_cache(maxsize=32)
def thumbnail(key: str) -> bytes:
    """A small picture of a sample, as PNG; drawn once a process."""
    return to_png(draw(key, size=192))


@lru_cache(maxsize=32)
def sample(name: str) -> Upload:
    """The sample of that key as a file that somebody might upload; drawn once a process."""
    return Upload(as_dicom(name), f"{phantom(name).title}.dcm")


def samples(task: Task, place: str = "sample", *, add: bool = False) -> None:
    """The strip of the task's samples; one click tries one, or lets it ``add`` to what is looked at.

    Each is drawn before it can be clicked: Streamlit drops a callback that another event of the page interrupts, such
    as the arrival of the cookie, so a callback must take no time.
    """
    with st.grid(3, min_column_width=88, gap="xsmall", key=f"strip_{place}"):
        for name in task.samples:
            info = phantom(name)
            with st.container(key=f"{place}_{name}", gap=None):
                st.image(thumbnail(name), width="stretch", alt=f"{info.title}. {info.description}")
                st.button(
                    info.short, key=f"try_{place}_{name}", on_click=_take, args=([sample(name)],), kwargs={"add": add},
                    width="stretch",
                )  # fmt: skip
