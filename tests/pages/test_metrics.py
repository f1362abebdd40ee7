"""The metrics page with one model, with several, and with versions of before a figure was measured."""

from __future__ import annotations

import json
import shutil

import pytest

from pages.view.measured.views import VIEWS
from services.inference.figures import Estimate, predictive_values
from services.inference.findings import CrossvalFigures, Findings, PublishedFigures
from services.inference.repository import ModelRepository
from services.records.tables import Role
from services.settings import ROOT, get_settings
from tests.pages.conftest import text
from tests.services.inference.scored import TASK, add_measured, heat_report
from training.evaluation.pairs import compare_all


@pytest.fixture(scope="module")
def measured(tmp_path_factory) -> ModelRepository:
    """The shipped EfficientNets, two others that were measured in full, their comparison and a published split."""
    folder = tmp_path_factory.mktemp("measured") / "models"
    shutil.copytree(ROOT / "saved_models", folder, ignore=shutil.ignore_patterns("resnet50", "vgg16", "ensemble"))
    own = ModelRepository(folder)
    with own.changing() as live:
        for key, serving in live.items():
            kept = {network: serving.versions[network] for network in ("efficientnet",)}
            live[key] = serving.model_copy(update={"default": "efficientnet", "versions": kept, "history": ()})
    refs = [add_measured(own, network, seed) for seed, network in enumerate(("resnet50", "vgg16"))]
    test = own.evaluation(refs[0]).test
    own.keep(TASK.key, Findings(
        pairs=tuple(compare_all(TASK, [(ref, own.scores(ref)) for ref in refs])),
        published=(PublishedFigures(network="resnet50", network_title="RESNET50", split="a_split", trained=9,
                                    every=test, seen=test, others=test),),
        crossval=(CrossvalFigures(network="vgg16", network_title="VGG16", passes=3, folds=(test,), pooled=test,
                                  sources=(test,)),),
        heat=(heat_report(refs[0]), heat_report(refs[1])),
    ))  # fmt: skip
    return own


@pytest.fixture
def repository(measured, room, monkeypatch) -> ModelRepository:
    """What the app serves from during this test."""
    monkeypatch.setattr(room.bench.engine, "repository", measured)
    return measured


def open_metrics(sign_in, *networks):
    app = sign_in(Role.RESEARCHER)
    app.switch_page("pages/compare.py").run()
    if networks:
        pills = app.button_group(key=f"compare_models {TASK.key}")
        pills.set_value([option for option in pills.options if any(n in option.lower() for n in networks)]).run()
    assert not app.exception
    return app


def show(app, view):
    app.segmented_control(key="compare_view").set_value(view).run()
    assert not app.exception
    assert not app.error
    return app


@pytest.mark.parametrize("view", list(VIEWS))
def test_every_view_of_two_models(repository, sign_in, view):
    app = show(open_metrics(sign_in, "resnet50", "vgg16"), view)
    charts = app.get("plotly_chart")
    assert all(chart.proto.alt for chart in charts)
    assert charts or view in ("Agreement", "Mistakes", "Card", "Patient folds")
    assert len({chart.proto.id for chart in charts}) == len(charts)


@pytest.mark.parametrize(
    "networks", [("ensemble 2",), ("efficientnetv2b0 4", "resnet50", "vgg16", "ensemble 2")], ids=len
)
def test_every_view_of_the_shipped_models(room, sign_in, networks):
    app = open_metrics(sign_in, *networks)
    assert len(app.table[0].value) == len(networks)
    for view in app.segmented_control(key="compare_view").options:
        show(app, view)


def test_what_the_leak_is_worth_is_told_with_the_classes_alike(repository, sign_in):
    (figures,) = repository.findings(TASK.key).published
    fewer = figures.others.model_copy(update={"accuracy": Estimate(value=0.5, low=0.4, high=0.6)})
    repository.keep(TASK.key, repository.findings(TASK.key).model_copy(
        update={"published": (figures.model_copy(update={"others": fewer}),)}))  # fmt: skip
    app = show(open_metrics(sign_in, "resnet50"), "Published split")
    share = 100 * figures.seen.accuracy.value
    assert f"{share - 50:.1f} points for RESNET50 ({share:.1f}% against 50.0%)" in text(app)
    split = next(table.value for table in app.table if "In the proportions of the rest" in table.value.columns)
    assert list(split["In the proportions of the rest"]) == ["–", f"{share:.1f}%", "–"]
    images = figures.every.classes["glioma"].images
    assert all(cell.endswith(f" of {images}") for cell in split["Right of glioma"])


def test_an_older_version_shows_what_it_has(repository, sign_in):
    app = open_metrics(sign_in, "efficientnetv2b0 1")
    shown = app.segmented_control(key="compare_view").options
    assert "By class" in shown
    assert not any("Specificity" in table.value for table in app.table)
    assert not {"Threshold", "Worse pictures", "Shortcuts", "Mistakes"} & set(shown)
    for view in shown:
        show(app, view)


def test_the_cut_moves_what_is_found_and_what_an_answer_is_worth(repository, sign_in):
    app = show(open_metrics(sign_in, "resnet50"), "Threshold")
    cuts = repository.evaluation(repository.live_ref(TASK.key, "resnet50")).cuts
    name = next(iter(cuts))
    for cut, share in ((0.5, 20), (0.9, 2)):
        app.slider(key="cut").set_value(cut)
        app.slider(key="prevalence").set_value(share).run()
        at = cuts[name]["cut"].index(cut)
        found, spared = cuts[name]["sensitivity"][at], cuts[name]["specificity"][at]
        worth = predictive_values(found, spared, share / 100)
        row = app.table[-1].value.iloc[0].tolist()
        assert row[1:] == [f"{100 * value:.1f}%" for value in (found, spared, *worth)]


def test_what_is_downloaded_is_what_is_shown(repository, sign_in):
    app = open_metrics(sign_in, "resnet50")
    urls = {button.proto.label: button.proto.url for button in app.get("download_button")}
    assert set(urls) == {"Table as CSV", "RESNET50, version 1 as JSON"}


def test_mistakes_show_their_pictures_where_the_corpora_are(repository, sign_in, monkeypatch, tmp_path):
    app = show(open_metrics(sign_in, "resnet50"), "Mistakes")
    assert "CORPORA_DIR" in text(app)
    assert not app.image
    worst = repository.evaluation(repository.live_ref(TASK.key, "resnet50")).mistakes[0]
    picture = tmp_path / "corpora" / worst.corpus / "images" / worst.name
    picture.parent.mkdir(parents=True)
    shutil.copy(ROOT / "docs" / "screens" / "home-390.png", picture)
    monkeypatch.setenv("CORPORA_DIR", str(tmp_path / "corpora"))
    get_settings.cache_clear()
    app.run()
    assert len(app.image) == 1
    assert "CORPORA_DIR" not in text(app)


def test_figures_that_do_not_read_are_a_sentence(measured, room, monkeypatch, sign_in, tmp_path):
    repository = ModelRepository(shutil.copytree(measured.root, tmp_path / "models"))
    monkeypatch.setattr(room.bench.engine, "repository", repository)
    (repository.root / TASK.key / "findings.json").write_text(json.dumps({"pairs": [{"first": 1}]}))
    app = sign_in(Role.RESEARCHER)
    app.switch_page("pages/compare.py").run()
    assert not app.exception
    assert "findings.json" in app.error[0].value
