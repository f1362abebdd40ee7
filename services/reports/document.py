"""The sheet that a report is drawn on: A4, fonts, running header and footer, and the few shapes that sections share."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from datetime import UTC, datetime
from typing import Literal
from xml.sax.saxutils import escape

from fpdf import FPDF
from fpdf.enums import Align, MethodReturnValue, WrapMode

from services.palette import LIGHT, rgb
from services.reports.glyphs import FALLBACKS, FONTS, MAIN, coverage

LEFT, TOP, WIDTH = 18.0, 14.0, 174.0
GAP = 6.0
COLUMN = (WIDTH - GAP) / 2
FOOT = 22.0
LINE = 1.42
HEADING = 7.0
BULLET = 3.6
TINT = "#EEF1F4"
MILLIMETRES = 25.4 / 72

Style = Literal["", "B"]

_XMP = """<x:xmpmeta xmlns:x="adobe:ns:meta/" x:xmptk="Falx">
  <rdf:RDF xmlns:rdf="http://www.w3.org/1999/02/22-rdf-syntax-ns#">
    <rdf:Description rdf:about="" xmlns:dc="http://purl.org/dc/elements/1.1/"
        xmlns:xmp="http://ns.adobe.com/xap/1.0/" xmlns:pdf="http://ns.adobe.com/pdf/1.3/"
        xmlns:pdfaid="http://www.aiim.org/pdfa/ns/id/"
        xmp:CreatorTool="{creator}" xmp:CreateDate="{date}" xmp:ModifyDate="{date}" xmp:MetadataDate="{date}"
        pdf:Producer="{producer}">
      <pdfaid:part>2</pdfaid:part>
      <pdfaid:conformance>B</pdfaid:conformance>
      <dc:title><rdf:Alt><rdf:li xml:lang="x-default">{title}</rdf:li></rdf:Alt></dc:title>
      <dc:description><rdf:Alt><rdf:li xml:lang="x-default">{subject}</rdf:li></rdf:Alt></dc:description>
      <dc:creator><rdf:Seq><rdf:li>Falx</rdf:li></rdf:Seq></dc:creator>
    </rdf:Description>
  </rdf:RDF>
</x:xmpmeta>"""


class Sheet(FPDF):
    """An A4 document in millimetres, PDF/A-2B; every page carries the same header and footer.

    ``created`` dates the file, so that one content gives one file. ``text`` is all that people wrote into it;
    the stand-in fonts are embedded only where it needs them.
    """

    def __init__(
        self, *, title: str, subject: str, heading: str, subject_line: str, banner: str, created: datetime, text: str
    ) -> None:
        super().__init__(unit="mm", format="A4", enforce_compliance="PDF/A-2B")
        self.heading = heading
        self.subject_line = subject_line
        self.banner = banner
        self.set_margins(LEFT, TOP, LEFT)
        self.set_auto_page_break(True, margin=FOOT)
        self.c_margin = 0.0
        # A placeholder for the page count would be replaced where a person typed it too; footers are drawn last.
        self.alias_nb_pages("")
        self._add_fonts(text)
        creator = "Falx"
        moment = created.astimezone(UTC).replace(microsecond=0)
        self.set_title(title)
        self.set_subject(subject)
        self.set_author("Falx")
        self.set_creator(creator)
        self.set_producer("fpdf2")
        self.set_lang("en-GB")
        self.set_creation_date(moment)
        quote = {'"': "&quot;"}
        self.set_xmp_metadata(
            _XMP.format(
                creator=creator,
                producer="fpdf2",
                date=moment.isoformat(),
                title=escape(title, quote),
                subject=escape(subject, quote),
            )
        )

    def _add_fonts(self, text: str) -> None:
        points = {ord(character) for character in text}
        needed = [family for family in FALLBACKS if points & (coverage()[family] - coverage()[MAIN])]
        for family in (MAIN, *needed):
            self.add_font(family, "", FONTS / f"{family}-Regular.ttf")
            self.add_font(family, "B", FONTS / f"{family}-SemiBold.ttf")
        self.set_fallback_fonts(needed)

    @property
    def bottom(self) -> float:
        """The lowest y in mm that content may reach."""
        return float(self.h) - FOOT

    def pen(self, size: float, *, bold: bool = False, colour: str = LIGHT.text) -> None:
        """Choose the size in points, weight and colour of the text that follows."""
        self.set_font(MAIN, "B" if bold else "", size)
        self.set_text_color(*rgb(colour))

    def header(self) -> None:
        """The name of the house at the left; at the right the question, and on later pages whose study it is."""
        x, y = LEFT, TOP
        self.set_fill_color(*rgb(LIGHT.accent))
        # The falx cerebri, from which the name comes, is a sickle.
        with self.new_path(x, y) as path:
            path.style.fill_color = LIGHT.accent
            path.style.stroke_color = None
            path.move_to(x + 0.2, y + 5.6)
            path.curve_to(x - 0.2, y + 1.6, x + 2.6, y - 0.6, x + 5.8, y + 0.9)
            path.curve_to(x + 3.4, y + 0.9, x + 1.6, y + 2.6, x + 0.2, y + 5.6)
            path.close()
        self.pen(15, bold=True)
        self.text(x + 6.6, y + 4.9, "Falx")
        self.pen(9, colour=LIGHT.muted)
        right = self.heading if self.page == 1 else self._shortened(self.subject_line, WIDTH - 30.0)
        self.set_xy(LEFT + 30.0, y + 1.0)
        # cell(), unlike text(), takes the stand-in fonts where the main one lacks a letter.
        self.cell(WIDTH - 30.0, 5.0, right, align=Align.R)
        self.rule(y + 8.0)
        self.set_y(y + 11.5)
        if self.banner:
            self.set_fill_color(*rgb(TINT))
            self.rect(LEFT, y + 8.0, WIDTH, 6.4, style="F")
            self.pen(8.5, bold=True, colour=LIGHT.accent)
            self.set_xy(LEFT + 2.4, y + 8.0)
            self.cell(WIDTH - 2.4, 6.4, self.banner)
            self.set_y(y + 17.4)

    def _shortened(self, text: str, width: float) -> str:
        """The text, cut to the width in mm with an ellipsis at its end where it is too long."""
        if self.get_string_width(text) <= width:
            return text
        while text and self.get_string_width(f"{text}…") > width:
            text = text[:-1]
        return f"{text.rstrip()}…"

    def foot_pages(self, notice: str, line: str) -> None:
        """Write each page's footer, now that their number is known: a notice, a line, and “Page x of y” right."""
        total = self.pages_count
        last = self.page
        self.set_auto_page_break(False)
        for number in range(1, total + 1):
            self.page = number
            # Only a change of font, width or colour is written out, and what is remembered is another page's.
            self.set_font(MAIN, "", 6)
            self.set_line_width(1.0)
            self.set_draw_color(0, 0, 0)
            top = self.h - FOOT + 5.0
            self.rule(top)
            self.pen(8, bold=True)
            self.set_xy(LEFT, top + 2.4)
            self.cell(WIDTH, 4.0, notice)
            self.pen(7.5, colour=LIGHT.muted)
            self.set_xy(LEFT, top + 6.6)
            self.cell(WIDTH - 30.0, 4.0, line)
            self.cell(30.0, 4.0, f"Page {number} of {total}", align=Align.R)
        self.page = last

    def rule(self, y: float, *, x: float = LEFT, width: float = WIDTH) -> None:
        """A hairline."""
        self.set_draw_color(*rgb(LIGHT.line))
        self.set_line_width(0.25)
        self.line(x, y, x + width, y)

    def wrapped(self, text: str, width: float) -> list[str]:
        """The lines that the text takes at this width in the font at hand."""
        lines = self.multi_cell(
            width, 1, text, align=Align.L, wrapmode=WrapMode.WORD, dry_run=True, output=MethodReturnValue.LINES
        )
        return [str(line) for line in lines] if isinstance(lines, list) else [text]

    def paragraph(
        self,
        text: str,
        *,
        size: float = 9.5,
        x: float = LEFT,
        width: float = WIDTH,
        bold: bool = False,
        colour: str = LIGHT.text,
        after: float = 0.0,
    ) -> None:
        """Text from the present y on, wrapped, over as many pages as it needs."""
        self.pen(size, bold=bold, colour=colour)
        self.set_x(x)
        with self.indented(x):
            self.multi_cell(width, size * MILLIMETRES * LINE, text, align=Align.L, new_x="LMARGIN", new_y="NEXT")
        self.set_y(self.get_y() + after)

    @contextmanager
    def indented(self, x: float) -> Iterator[None]:
        """Let text that runs on to another page start at ``x`` there too."""
        self.set_left_margin(x)
        try:
            yield
        finally:
            self.set_left_margin(LEFT)

    def section(self, title: str, *, need: float = 30.0, x: float = LEFT, width: float = WIDTH) -> None:
        """A heading; starts a new page where less than ``need`` mm are left."""
        if self.get_y() + need > self.bottom:
            self.add_page()
        self.pen(11, bold=True)
        self.set_xy(x, self.get_y())
        self.cell(width, HEADING - 1.4, title)
        self.set_xy(LEFT, self.get_y() + HEADING)

    def bullets(self, items: Sequence[str], *, x: float = LEFT, width: float = WIDTH, size: float = 9.5) -> None:
        """Sentences one below the other, each with a dot."""
        for item in items:
            height = size * MILLIMETRES * LINE
            if self.get_y() + height > self.bottom:
                self.add_page()
            self.set_fill_color(*rgb(LIGHT.muted))
            self.ellipse(x + 0.4, self.get_y() + height / 2 - 0.45, 0.9, 0.9, style="F")
            self.paragraph(item, size=size, x=x + BULLET, width=width - BULLET, after=1.0)

    def height(self, text: str, width: float, size: float) -> float:
        """How many mm a paragraph takes."""
        self.pen(size)
        return len(self.wrapped(text, width)) * size * MILLIMETRES * LINE

    def bullets_height(self, items: Sequence[str], width: float, size: float) -> float:
        """How many mm the bulleted sentences take."""
        return sum(self.height(item, width - BULLET, size) + 1.0 for item in items)

    def fields(self, cells: Sequence[tuple[str, str, float]], *, x: float = LEFT, gap: float = 2.5) -> None:
        """One row of labelled values, each (label, value, width in mm); the row is as high as its longest value."""
        top = self.get_y()
        lowest = top
        for label, value, width in cells:
            self.set_xy(x, top)
            self.pen(7.5, colour=LIGHT.muted)
            self.cell(width, 3.8, label)
            self.set_xy(x, top + 3.8)
            self.pen(9.5)
            self.multi_cell(width - gap, 4.8, value or "–", align=Align.L, new_x="LMARGIN", new_y="NEXT")
            lowest = max(lowest, self.get_y())
            x += width
        self.set_xy(LEFT, lowest + 2.6)
