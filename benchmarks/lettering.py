"""How often text in a picture is noticed, and how often it is suspected where there is none.

``python -m benchmarks.lettering FOLDER`` takes the corpora of training (brain_mri and brain_presence in FOLDER), draws
slices at random, and writes names and dates into their corners. ``--shown OUT`` keeps the pictures of both kinds of
mistake, the suspected lines framed: those of the web collections have text of their own, which only an eye can tell.
"""

from __future__ import annotations

import csv
import random
from collections import Counter, defaultdict
from pathlib import Path
from typing import Annotated

import cv2
import numpy as np
import typer
from numpy.typing import NDArray
from PIL import Image, ImageDraw, ImageFont

from services.imaging.decode import decode
from services.imaging.lettering import SIDE, lines_of_text, shows_text
from services.imaging.slice import FloatImage
from services.settings import ROOT

CORPORA = ("brain_mri", "brain_presence")
# Exports of scanners and of a research archive, into which nobody has written anything.
UNWRITTEN = ("cheng", "lgg", "oasis")
TEXTS = ("DOE, JANE", "Müller Anna", "SMITH^JOHN", "1956-04-12", "12.03.1961", "ID 4711-223", "Kowalska 07/11/1948")
FONTS = ("Inter-Regular.ttf", "Inter-SemiBold.ttf", "Hershey")
SIDES = (320, 512, 768)
# Height of the type as a share of the picture's longer side, 10 pixels at least; and brightness.
HEIGHTS, LEVELS = (0.025, 0.03, 0.04, 0.05), (255, 220, 180)
SEED = 3


def written_on(grey: NDArray[np.uint8], chance: random.Random) -> tuple[NDArray[np.uint8], dict[str, str]]:
    """``grey``, uint8 (rows, columns), at another size, with one of TEXTS in a corner; and how that was done.

    Half of the results have gone through a JPEG of quality 90.
    """
    side = chance.choice(SIDES)
    scale = side / max(grey.shape)
    sized = cv2.resize(grey, None, fx=scale, fy=scale, interpolation=cv2.INTER_CUBIC if scale > 1 else cv2.INTER_AREA)
    text, font, level = chance.choice(TEXTS), chance.choice(FONTS), chance.choice(LEVELS)
    height = max(10, round(side * chance.choice(HEIGHTS)))
    picture = Image.fromarray(sized)
    drawn = _hershey(text, height) if font == "Hershey" else _typed(text, height, font)
    margin = max(2, side // 100)
    left = chance.choice((margin, picture.width - margin - drawn.width))
    top = chance.choice((margin, picture.height - margin - drawn.height))
    picture.paste(level, (left, top), drawn)
    found = np.asarray(picture, np.uint8)
    if chance.random() < 0.5:
        packed = cv2.imencode(".jpg", found, [cv2.IMWRITE_JPEG_QUALITY, 90])[1]
        found = np.asarray(cv2.imdecode(packed, cv2.IMREAD_GRAYSCALE), np.uint8)
    return found, {"side": str(side), "type": f"{height} of {side}", "font": font, "brightness": str(level)}


def _typed(text: str, height: int, font: str) -> Image.Image:
    """The text as a mask, by a font of the reports."""
    type_ = ImageFont.truetype(str(ROOT / "services" / "reports" / "fonts" / font), height)
    left, top, right, bottom = (round(edge) for edge in type_.getbbox(text))
    mask = Image.new("L", (right - left, bottom - top))
    ImageDraw.Draw(mask).text((-left, -top), text, fill=255, font=type_)
    return mask


def _hershey(text: str, height: int) -> Image.Image:
    """The text as a mask, by OpenCV's stroke font, which has no accents."""
    plain, scale, thick = text.replace("ü", "u"), height / 30, 1 if height < 24 else 2
    (width, rise), below = cv2.getTextSize(plain, cv2.FONT_HERSHEY_SIMPLEX, scale, thick)
    mask = np.zeros((rise + below, width), np.uint8)
    cv2.putText(mask, plain, (0, rise), cv2.FONT_HERSHEY_SIMPLEX, scale, 255, thick, cv2.LINE_AA)
    return Image.fromarray(mask)


def main(
    folder: Annotated[Path, typer.Argument(help="Folder of the corpora.")],
    each: Annotated[int, typer.Option(help="Slices of each source, without text.")] = 280,
    texts: Annotated[int, typer.Option(help="Slices with text.")] = 400,
    shown: Annotated[Path | None, typer.Option(help="Folder for the pictures of mistakes.")] = None,
) -> None:
    """Print both rates, by source and by how the text was written."""
    chance = random.Random(SEED)
    unwritten = []
    for source, paths in sorted(files(folder).items()):
        chosen = chance.sample(paths, min(each, len(paths)))
        suspected = []
        for path in chosen:
            pixels = decode(path.read_bytes()).pixels
            if shows_text(pixels):
                suspected.append(path)
                _keep(shown, f"suspected-{path.stem}", pixels)
            elif source in UNWRITTEN:
                unwritten.append(path)
        print(f"{source}: suspected in {len(suspected)} of {len(chosen)}")
    found: dict[str, Counter[bool]] = defaultdict(Counter)
    for number in range(texts):
        grey = np.asarray(np.rint(decode(chance.choice(unwritten).read_bytes()).pixels * 255), np.uint8)
        picture, how = written_on(grey, chance)
        pixels = picture.astype(np.float32) / np.float32(255)
        noticed = shows_text(pixels)
        for key in ("all", *(f"{name} {value}" for name, value in how.items())):
            found[key][noticed] += 1
        if not noticed:
            _keep(shown, f"missed-{number}", pixels)
    for key, counted in sorted(found.items()):
        print(f"text, {key}: noticed in {counted[True]} of {counted.total()}")


def files(folder: Path) -> dict[str, list[Path]]:
    """The pictures of both corpora by source."""
    found: dict[str, list[Path]] = defaultdict(list)
    for corpus in CORPORA:
        with (folder / corpus / "manifest.csv").open(encoding="utf-8", newline="") as file:
            for row in csv.DictReader(file):
                found[row["source"]].append(folder / corpus / row["file"])
    return found


def _keep(folder: Path | None, name: str, pixels: FloatImage) -> None:
    if folder is None:
        return
    folder.mkdir(parents=True, exist_ok=True)
    scale = max(pixels.shape) / SIDE
    picture = cv2.cvtColor(np.asarray(pixels * 255, np.uint8), cv2.COLOR_GRAY2BGR)
    for line in lines_of_text(pixels):
        top, bottom = min(mark.top for mark in line), max(mark.top + mark.height for mark in line)
        corners = [(int(x * scale), int(y * scale)) for x, y in ((line[0].left, top), (line[-1].right, bottom))]
        cv2.rectangle(picture, corners[0], corners[1], (0, 0, 255), 1)
    cv2.imwrite(str(folder / f"{name}.png"), picture)


if __name__ == "__main__":
    typer.run(main)
