"""Which phantoms there are, heads and films, and how bright each tissue of a head is in each weighting."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Literal

from services.errors import ImagingError

Plane = Literal["axial", "coronal", "sagittal"]
Weighting = Literal["T1 after contrast", "T2", "FLAIR"]
Lesion = Literal["glioma", "meningioma", "pituitary"]
Side = Literal["left", "right"]
View = Literal["MLO", "CC"]
Sign = Literal["mass", "calcifications"]
NOTICE = "Synthetic phantom drawn by Falx; it shows no person."


@dataclass(frozen=True)
class PhantomInfo:
    """A head: ``title`` for people, ``lesion`` what was drawn in (None: nothing), ``description`` one sentence."""

    key: str
    title: str
    plane: Plane
    weighting: Weighting
    lesion: Lesion | None
    description: str

    @property
    def short(self) -> str:
        """Two words for a button."""
        weighting = "T1c" if self.weighting == CONTRAST else self.weighting
        return f"{weighting} {self.lesion or 'healthy'}"


@dataclass(frozen=True)
class FilmInfo:
    """A mammogram: ``density`` is the glandular share in 0..1, ``lesion`` what was drawn in (None: nothing).

    ``place`` is where, in percent of the film's height, from the chest wall's edge and from the top.
    """

    key: str
    title: str
    side: Side
    view: View
    density: float
    lesion: Sign | None
    description: str
    place: tuple[float, float] = (0.0, 0.0)

    @property
    def short(self) -> str:
        """Two words for a button."""
        tissue = "dense" if self.density > 0.7 else "fatty" if self.density < 0.25 else "scattered"
        found = "calcified" if self.lesion == "calcifications" else self.lesion
        return f"{self.view} {found or tissue}"


CONTRAST: Weighting = "T1 after contrast"
PHANTOMS: tuple[PhantomInfo, ...] = (
    PhantomInfo(
        "axial_t1c_glioma",
        "Synthetic axial T1c, glioma-like",
        "axial",
        CONTRAST,
        "glioma",
        "A ring-enhancing mass with a dark core and oedema in the white matter.",
    ),
    PhantomInfo(
        "axial_t1c_meningioma",
        "Synthetic axial T1c, meningioma-like",
        "axial",
        CONTRAST,
        "meningioma",
        "An evenly bright round mass on the dura of the convexity.",
    ),
    PhantomInfo(
        "axial_t1c_healthy",
        "Synthetic axial T1c, no lesion",
        "axial",
        CONTRAST,
        None,
        "No lesion: basal ganglia and ventricles after contrast.",
    ),
    PhantomInfo(
        "coronal_t1c_pituitary",
        "Synthetic coronal T1c, pituitary-like",
        "coronal",
        CONTRAST,
        "pituitary",
        "A bright mass that fills the sella and bulges upward between the carotids.",
    ),
    PhantomInfo(
        "coronal_t1c_meningioma",
        "Synthetic coronal T1c, meningioma-like",
        "coronal",
        CONTRAST,
        "meningioma",
        "An evenly bright mass under the vertex beside the falx.",
    ),
    PhantomInfo(
        "coronal_t1c_glioma",
        "Synthetic coronal T1c, glioma-like",
        "coronal",
        CONTRAST,
        "glioma",
        "A ring-enhancing mass beside the ventricle.",
    ),
    PhantomInfo(
        "sagittal_t1c_pituitary",
        "Synthetic sagittal T1c, pituitary-like",
        "sagittal",
        CONTRAST,
        "pituitary",
        "A bright mass with a waist that rises out of the sella.",
    ),
    PhantomInfo(
        "sagittal_t1c_healthy",
        "Synthetic sagittal T1c, no lesion",
        "sagittal",
        CONTRAST,
        None,
        "No lesion: the midline with callosum, brainstem and cerebellum.",
    ),
    PhantomInfo(
        "axial_t2_healthy",
        "Synthetic axial T2, no lesion",
        "axial",
        "T2",
        None,
        "No lesion: fluid is bright.",
    ),
    PhantomInfo(
        "axial_t2_glioma",
        "Synthetic axial T2, glioma-like",
        "axial",
        "T2",
        "glioma",
        "A mixed mass inside bright oedema.",
    ),
    PhantomInfo(
        "axial_flair_healthy",
        "Synthetic axial FLAIR, no lesion",
        "axial",
        "FLAIR",
        None,
        "No lesion: fluid is dark, grey matter brighter than white.",
    ),
    PhantomInfo(
        "axial_flair_glioma",
        "Synthetic axial FLAIR, glioma-like",
        "axial",
        "FLAIR",
        "glioma",
        "A bright swollen region in the white matter with a darker core.",
    ),
)

FILMS: tuple[FilmInfo, ...] = (
    FilmInfo(
        "film_left_mlo_mass",
        "Synthetic left mammogram (MLO), spiculated mass",
        "left",
        "MLO",
        0.32,
        "mass",
        "A dense knot with straight spicules in scattered glandular tissue.",
        (33.0, 40.0),
    ),
    FilmInfo(
        "film_right_mlo_calcifications",
        "Synthetic right mammogram (MLO), calcifications",
        "right",
        "MLO",
        0.62,
        "calcifications",
        "A cluster of fine calcifications in dense glandular tissue.",
        (33.0, 60.0),
    ),
    FilmInfo(
        "film_left_mlo_dense",
        "Synthetic left mammogram (MLO), no lesion",
        "left",
        "MLO",
        0.85,
        None,
        "No lesion: very dense glandular tissue.",
    ),
    FilmInfo(
        "film_right_mlo_fatty",
        "Synthetic right mammogram (MLO), no lesion",
        "right",
        "MLO",
        0.12,
        None,
        "No lesion: mostly fat with thin strands.",
    ),
    FilmInfo(
        "film_left_cc_scattered",
        "Synthetic left mammogram (CC), no lesion",
        "left",
        "CC",
        0.4,
        None,
        "No lesion: scattered glandular tissue, seen from above.",
    ),
    FilmInfo(
        "film_right_cc_mass",
        "Synthetic right mammogram (CC), spiculated mass",
        "right",
        "CC",
        0.2,
        "mass",
        "A small dense knot with spicules in mostly fatty tissue, seen from above.",
        (30.0, 41.0),
    ),
)

# Relative signal of each tissue: what is bright and what is dark in each weighting, as every textbook of MRI lists it.
TISSUES: dict[Weighting, dict[str, float]] = {
    "T1 after contrast": {
        "air": 0.012, "skin": 0.42, "fat": 0.74, "bone": 0.05, "marrow": 0.34, "clivus": 0.55, "muscle": 0.33,
        "mucosa": 0.55, "grey": 0.40, "pallidum": 0.445, "white": 0.49, "tract": 0.52, "fluid": 0.12, "vessel": 0.70,
        "dura": 0.42, "falx": 0.46, "gland": 0.66, "oedema": 0.31, "rim": 0.84, "necrosis": 0.21, "enhanced": 0.78,
    },
    "T2": {
        "air": 0.012, "skin": 0.35, "fat": 0.62, "bone": 0.04, "marrow": 0.30, "clivus": 0.40, "muscle": 0.20,
        "mucosa": 0.75, "grey": 0.47, "pallidum": 0.34, "white": 0.34, "tract": 0.30, "fluid": 0.95, "vessel": 0.06,
        "dura": 0.12, "falx": 0.14, "gland": 0.45, "oedema": 0.72, "rim": 0.46, "necrosis": 0.88, "enhanced": 0.52,
    },
    "FLAIR": {
        "air": 0.012, "skin": 0.35, "fat": 0.66, "bone": 0.04, "marrow": 0.28, "clivus": 0.40, "muscle": 0.24,
        "mucosa": 0.60, "grey": 0.50, "pallidum": 0.41, "white": 0.41, "tract": 0.38, "fluid": 0.10, "vessel": 0.12,
        "dura": 0.22, "falx": 0.28, "gland": 0.48, "oedema": 0.70, "rim": 0.85, "necrosis": 0.25, "enhanced": 0.62,
    },
}  # fmt: skip


def phantom(key: str) -> PhantomInfo | FilmInfo:
    """The phantom of that key; raises ImagingError with the known keys otherwise."""
    drawn: tuple[PhantomInfo | FilmInfo, ...] = (*PHANTOMS, *FILMS)
    for info in drawn:
        if info.key == key:
            return info
    known = ", ".join(info.key for info in drawn)
    raise ImagingError(f"There is no phantom named “{key}”. Choose one of: {known}.")
