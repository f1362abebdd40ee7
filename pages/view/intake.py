"""How a slice comes in: a file of the person's own, or one of the samples that Falx draws."""

from __future__ import annotations

from collections.abc import Callable
from functools import lru_cache

import streamlit as st

from pages.view.words import plain
from services.imaging.overlay import to_png
from services.imaging.phantom import as_dicom, draw, phantom
from services.imaging.slice import Slice
from services.settings import get_settings
from services.tasks.task import Task
from services.workflow import Upload

_UPLOAD, _COUNT = "analyse_upload", "analyse_count"


def current() -> Upload | None:
    """The upload that this session is looking at."""
    upload = st.session_state.get(_UPLOAD)
    return upload if isinstance(upload, Upload) else None


def key() -> str:
    """Another one for every upload, also of the same file: what is decided about one is not for the next."""
    return str(st.session_state.get(_COUNT, 0))


def _take(upload: Upload) -> None:
    # The next uploader is another widget, and starts empty.
    st.session_state[_COUNT] = st.session_state.get(_COUNT, 0) + 1
    st.session_state[_UPLOAD] = upload


def forget() -> None:
    """Put the current upload away; the uploader starts empty."""
    st.session_state.pop(_UPLOAD, None)
    st.session_state[_COUNT] = st.session_state.get(_COUNT, 0) + 1


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


def closed_zone(image: Slice | None, task: Task) -> None:
    """One line: what is being looked at, and the two ways to something else."""
    upload = current()
    if upload is None:
        return
    with st.container(key="chosen", horizontal=True, horizontal_alignment="right", vertical_alignment="center"):
        said = f":material/draft: **{plain(upload.name)}**"
        if image is not None:
            rows, columns = image.shape
            said += f" · {image.format} · {columns} × {rows}"
        st.markdown(said, width="content")
        if task.samples:
            with st.popover("Samples", icon=":material/science:", key="more_samples"):
                samples(task, "more")
        st.button(f"Another {task.image}", icon=":material/upload_file:", key="another", on_click=forget)


def _uploader(place: str) -> None:
    megabytes = get_settings().max_upload_mb
    widget = f"{place}_{key()}"

    def take() -> None:
        file = st.session_state.get(widget)
        if file is not None:
            _take(Upload(file.getvalue(), file.name))

    # No list of types: what a file is shows in its content, and a wrong name deserves a sentence of ours.
    st.file_uploader(f"PNG, JPEG or DICOM, up to {megabytes} MB", key=widget, on_change=take, max_upload_size=megabytes)


@lru_cache(maxsize=32)
def thumbnail(key: str) -> bytes:
    """A small picture of a sample, as PNG; drawn once a process."""
    return to_png(draw(key, size=192))


def samples(task: Task, place: str = "sample") -> None:
    """The strip of the task's samples; one click tries one."""
    with st.grid(3, min_column_width=88, gap="xsmall", key=f"strip_{place}"):
        for name in task.samples:
            info = phantom(name)
            with st.container(key=f"{place}_{name}", gap=None):
                st.image(thumbnail(name), width="stretch", alt=f"{info.title}. {info.description}")
                st.button(info.short, key=f"try_{place}_{name}", on_click=trying(name), width="stretch")


def trying(name: str) -> Callable[[], None]:
    """What a click on the sample of that key does: it becomes the current upload."""

    def take() -> None:
        _take(sample(name))

    return take


def sample(name: str) -> Upload:
    """The sample of that key as a file that somebody might upload."""
    return Upload(as_dicom(name), f"{phantom(name).title}.dcm")
