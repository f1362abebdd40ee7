"""PDF/A-2B (ISO 19005-2): what can be checked of it in the file's own structure."""

from __future__ import annotations

import io
import xml.etree.ElementTree as ET
from dataclasses import replace

import pytest
from pypdf import PdfReader
from pypdf.generic import DictionaryObject

from services.reports.content import PatientDetails
from services.reports.report import build_report

PDFA = "{http://www.aiim.org/pdfa/ns/id/}"
XMP = "{http://ns.adobe.com/xap/1.0/}"
RDF = "{http://www.w3.org/1999/02/22-rdf-syntax-ns#}"
DC = "{http://purl.org/dc/elements/1.1/}"


@pytest.fixture(scope="module")
def reader(content) -> PdfReader:
    mixed = replace(content, patient=PatientDetails("Zoë Παπαδόπουλος Արմեն გიორგი"), demo=True)
    return PdfReader(io.BytesIO(build_report(mixed)))


def test_metadata_name_the_standard_the_study_and_its_time(reader, content):
    root = ET.fromstring(reader.trailer["/Root"]["/Metadata"].get_data())
    description = root.find(f".//{RDF}Description")
    assert description.findtext(f"{PDFA}part") == "2"
    assert description.findtext(f"{PDFA}conformance") == "B"
    title = description.find(f"{DC}title/{RDF}Alt/{RDF}li").text
    assert title == f"Falx report {content.study.identifier}"
    assert description.get(f"{XMP}CreateDate").startswith("2024-05-01T10:22:33")
    assert description.get(f"{XMP}CreatorTool") == "Falx"
    assert reader.metadata is None or reader.metadata.title == title


def test_metadata_name_no_patient(reader):
    described = str(reader.metadata) + reader.trailer["/Root"]["/Metadata"].get_data().decode()
    assert "Zoë" not in described


def test_there_is_one_output_intent_with_a_colour_profile(reader):
    (intent,) = reader.trailer["/Root"]["/OutputIntents"]
    assert intent["/S"] == "/GTS_PDFA1"
    profile = intent["/DestOutputProfile"]
    assert profile["/N"] == 3
    assert profile.get_data()[36:40] == b"acsp"


def test_every_font_is_embedded_and_maps_to_unicode(reader):
    fonts: dict[str, DictionaryObject] = {}
    for page in reader.pages:
        fonts.update({str(f.get_object()["/BaseFont"]): f.get_object() for f in page["/Resources"]["/Font"].values()})
    assert any("Inter" in name for name in fonts)
    assert any("Armenian" in name for name in fonts)
    assert any("Georgian" in name for name in fonts)
    for name, font in fonts.items():
        descendant = font["/DescendantFonts"][0].get_object()
        assert "/FontFile2" in descendant["/FontDescriptor"], name
        assert "/ToUnicode" in font, name
        assert "+" in name, "embedded as a subset"


def test_nothing_that_the_standard_forbids(reader):
    root = reader.trailer["/Root"]
    assert not reader.is_encrypted
    assert "/ID" in reader.trailer
    assert root["/Lang"] == "en-GB"
    assert "/JavaScript" not in root.get("/Names", {})
    assert "/OpenAction" not in root or root["/OpenAction"][1].startswith("/")
    for page in reader.pages:
        assert "/AA" not in page
        for image in page["/Resources"].get("/XObject", {}).values():
            assert image.get_object().get("/Interpolate", False) is not True or "/Alternates" not in image.get_object()
            assert image.get_object()["/ColorSpace"] in ("/DeviceRGB", "/DeviceGray")


def test_pictures_have_an_alternative_text(reader):
    def alternatives(node: DictionaryObject) -> list[str]:
        found = [str(node["/Alt"])] if "/Alt" in node else []
        children = node.get("/K", [])
        for child in children if isinstance(children, list) else [children]:
            if isinstance(child.get_object(), DictionaryObject):
                found += alternatives(child.get_object())
        return found

    texts = alternatives(reader.trailer["/Root"]["/StructTreeRoot"])
    assert any("uploaded" in text for text in texts)
    assert any("heat map for glioma" in text for text in texts)
