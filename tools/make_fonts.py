"""Makes the report's fonts from their published packages: ``python -m tools.make_fonts FOLDER``.

FOLDER holds the unpacked npm packages inter-ui, @fontsource/noto-sans-armenian and @fontsource/noto-sans-georgian.
Needs brotli besides fonttools. The result is committed, so this runs only when a font is replaced.
"""

from __future__ import annotations

import sys
from pathlib import Path

from fontTools.subset import Options, Subsetter
from fontTools.ttLib import TTFont

TARGET = Path(__file__).resolve().parent.parent / "services" / "reports" / "fonts"
SOURCES = {
    "Inter-Regular.ttf": "inter-ui/package/web/Inter-Regular.woff2",
    "Inter-SemiBold.ttf": "inter-ui/package/web/Inter-SemiBold.woff2",
    "NotoSansArmenian-Regular.ttf": "armenian/package/files/noto-sans-armenian-armenian-400-normal.woff2",
    "NotoSansArmenian-SemiBold.ttf": "armenian/package/files/noto-sans-armenian-armenian-600-normal.woff2",
    "NotoSansGeorgian-Regular.ttf": "georgian/package/files/noto-sans-georgian-georgian-400-normal.woff2",
    "NotoSansGeorgian-SemiBold.ttf": "georgian/package/files/noto-sans-georgian-georgian-600-normal.woff2",
}


def _tabular_figures(font: TTFont) -> None:
    """Point the digits at the equally wide forms, because PDF text applies no OpenType feature such as ``tnum``."""
    glyphs = set(font.getGlyphOrder())
    for table in font["cmap"].tables:
        for code in range(ord("0"), ord("9") + 1):
            name = table.cmap.get(code)
            if name and f"{name}.tf" in glyphs:
                table.cmap[code] = f"{name}.tf"


def make(folder: Path) -> None:
    """Write each font of SOURCES: tabular figures, no layout tables, no hints."""
    options = Options()
    options.layout_features = []
    options.hinting = False
    options.name_IDs = ["*"]
    options.notdef_outline = True
    for target, source in SOURCES.items():
        font = TTFont(folder / source)
        font.flavor = None
        _tabular_figures(font)
        subsetter = Subsetter(options)
        subsetter.populate(unicodes=font.getBestCmap())
        subsetter.subset(font)
        font.save(TARGET / target)


if __name__ == "__main__":
    make(Path(sys.argv[1]))
