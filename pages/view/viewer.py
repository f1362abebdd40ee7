"""The slice, as large as the window allows, with its heat map and the stages of preparation."""

from __future__ import annotations

import streamlit as st

from pages.view import failures, kept
from pages.view.words import plain
from services.imaging.overlay import COLOUR_MAPS, at_most, legend, outlined, overlay
from services.imaging.prepare import prepare, stage_names
from services.imaging.slice import Slice
from services.inference.prediction import HeatMap, Outline
from services.tasks.task import Task

UPLOADED = "slice"
# Sharp on a large screen; a picture of tens of megapixels would take seconds to write and to send.
LONGEST = 1600
OUTLINE_SAID = "White line: where the model estimates the tumour. No segmentation, and nothing to plan treatment by."


@st.fragment
def draw(task: Task, image: Slice, heat: HeatMap | None, outline: Outline | None, *, key: str) -> None:
    """Picture and controls; a control runs only this function again, never the model."""
    kept.check()
    with failures.told():
        box = st.container(key="viewer", gap=None)
        with st.container(key="controls", horizontal=True, vertical_alignment="bottom", gap="medium"):
            stage = _stage(task, key)
            with st.container(key="overlays", width="content", gap="xsmall"):
                shown = heat is not None and _heat(stage, key)
                around = outline is not None and _outline(stage, outline, key)
            opacity, colours = (0.0, "magma") if heat is None else _strength(key, shown=shown)
        values = at_most(heat.values, LONGEST) if heat and shown else None
        if stage == UPLOADED:
            pixels = overlay(at_most(image.pixels, LONGEST), values, opacity=opacity, colour_map=colours)
            if outline is not None and around:
                pixels = outlined(pixels, at_most(outline.values, LONGEST) >= outline.threshold)
        else:
            seen = dict(prepare(image.pixels, task.preparation, keep_stages=True, whole=True).stages)[stage]
            pixels = overlay(at_most(seen, LONGEST), None)
        with box:
            said = _said(task, image, heat if values is not None else None, stage, around=around)
            st.image(pixels, width="stretch", output_format="PNG", alt=said)
            if values is not None and stage == UPLOADED:
                with st.container(key="legend", gap=None):
                    st.caption("from least to most")
                    strip = legend(colours, width=340, height=20)
                    st.image(strip, width=170, alt=f"Legend: the colours of {colours}, from 0 to 1.")
        if around:
            st.caption(OUTLINE_SAID)


def _stage(task: Task, key: str) -> str:
    return str(
        st.segmented_control(
            "Stage of preparation", [UPLOADED, *stage_names(task.preparation)], default=UPLOADED, required=True,
            format_func=_stage_name,
            key=f"stage_{task.key}_{key}", wrap=True,
        )
    )  # fmt: skip


def _stage_name(stage: str) -> str:
    return "As uploaded" if stage == UPLOADED else stage.capitalize()


def _heat(stage: str, key: str) -> bool:
    off = stage != UPLOADED
    return st.toggle("Heat map", value=True, key=f"heat_{key}", disabled=off) and not off


def _strength(key: str, *, shown: bool) -> tuple[float, str]:
    """How strongly heat is shown in 0..1, and in which colours."""
    opacity = st.slider("Opacity", 0, 100, 60, 5, format="%d%%", key=f"opacity_{key}", disabled=not shown, width=160)
    colours = st.selectbox(
        "Colours", list(COLOUR_MAPS), format_func=str.capitalize, key=f"colours_{key}", disabled=not shown, width=120
    )
    return opacity / 100, colours


def _outline(stage: str, outline: Outline, key: str) -> bool:
    off = stage != UPLOADED or not outline.inside.any()
    why = "Nothing in this slice is estimated to be tumour." if stage == UPLOADED and off else None
    return st.toggle("Outline", value=False, key=f"outline_{key}", disabled=off, help=why) and not off


def _said(task: Task, image: Slice, heat: HeatMap | None, stage: str, *, around: bool) -> str:
    rows, columns = image.shape
    if stage != UPLOADED:
        return f"The {task.image} at the stage “{stage}” of its preparation."
    said = f"The uploaded {task.image}, {columns} by {rows} pixels"
    if around:
        said += ", with a line around the estimated tumour"
    if heat is None:
        return f"{said}."
    return f"{said}, with a heat map of what spoke for {task.class_info(heat.label).name}."


def facts(image: Slice) -> None:
    """What the file says about the picture, without identity."""
    rows, columns = image.shape
    spacing, place = image.geometry.pixel_spacing, image.geometry
    lines = [("Format", image.format), ("Size", f"{columns} × {rows} pixels")]
    if image.frames > 1:
        lines.append(("Frame", f"{image.frame + 1} of {image.frames}"))
    if spacing:
        lines.append(("Pixel spacing", f"{spacing[0]:.3g} × {spacing[1]:.3g} mm"))
    if place.slice_thickness:
        lines.append(("Slice thickness", f"{place.slice_thickness:g} mm"))
    if place.plane:
        lines.append(("Plane", place.plane))
    if place.laterality:
        lines.append(("Laterality", place.laterality))
    known = {name for name, _ in lines}
    lines += [(name, value) for name, value in image.facts if name not in known]
    with st.container(key="facts"):
        st.table(
            {"Fact": [plain(name) for name, _ in lines], "Value": [plain(value) for _, value in lines]},
            border="horizontal", hide_index=True, hide_header=True, alt="What the file says about the picture.",
        )  # fmt: skip
        for sentence in filter(None, (image.annotated, *image.warnings)):
            st.caption(f":material/info: {plain(sentence)}")
