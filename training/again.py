"""A registered version measured again, from the files it ships."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from pathlib import Path

import keras
from pydantic import BaseModel

from services.inference import card as shipped
from services.inference.card import Card
from services.inference.familiarity import Familiarity
from services.inference.figures import Estimate, Evaluation
from services.inference.outline import shipped_network
from services.inference.prediction import ModelRef
from services.inference.repository import ModelRepository
from services.settings import ROOT, get_settings
from services.tasks import get_task
from training.corpus import CorpusError
from training.ensemble import Joint, joint_scores, members_of
from training.evaluation.estimated import measure_outlines
from training.evaluation.logits import Answering, Once, named
from training.evaluation.report import evaluate
from training.gate import FEATURES, Features, gate_figures, pooled_features, read_others
from training.scoring import from_pictures, measured_samples, score

TOLERANCE = 0.002
USUAL_HOME = ROOT.parent / "shared" / "data"
# What takes pictures that a command may leave out, in words.
WITH_PICTURES = {
    "robustness": "worse pictures",
    "shortcuts": "shortcuts",
    "outlines": "estimated outlines",
    "gate": "the input gate",
}


def score_again(
    repository: ModelRepository,
    ref: ModelRef,
    data: Sequence[Path],
    cache: Path | None,
    *,
    others: Sequence[Path] = (),
    quick: bool = False,
) -> Evaluation:
    """The figures of a registered version, from its shipped weights and the images in ``data``.

    Those of the input gate need the pictures of other kinds in ``others``. Those on pictures made worse or without the
    head take minutes; ``quick`` leaves them out.
    """
    card, task = repository.verify(ref), get_task(ref.task)
    samples = measured_samples(card, data)
    members = members_of(repository, card) or [card]
    models = [shipped_network(repository, member) for member in members]
    once = [_asked_once(model, member) for model, member in zip(models, members, strict=True)]
    answers = [
        score(network, samples, task, cache, flips=member.flips) for network, member in zip(once, members, strict=True)
    ]
    scores = joint_scores(members, answers) if card.members else answers[0]
    evaluation = evaluate(task, scores, card.temperature, card.threshold)
    found: dict[str, object] = {}
    if not quick:
        found |= from_pictures(*_as_served(card, members, models), samples, task, cache, card.temperature)
    if card.outline:
        model, flips = _as_served(card, members, once)
        _, found["outlines"] = measure_outlines(model, samples, task, cache, flips=flips, facts=card.outline)
    # An ensemble turns away what the gate of its first member that has one turns away.
    gated = next((place for place, member in enumerate(members) if shipped.GATE in member.files), None)
    if gated is not None and others:
        with (repository.folder(members[gated].ref) / shipped.GATE).open("rb") as file:
            gate = Familiarity.read(file)
        features = Features(once[gated], flips=members[gated].flips)
        found["gate"] = gate_figures(gate, features, read_others(others, task), samples, task, cache)
    return evaluation.model_copy(update=found)


def named_folders(card: Card, shipped: Evaluation) -> tuple[list[Path], list[Path]]:
    """The folders of what a version was measured on, and of the pictures its input gate was tried on.

    They lie in CORPORA_DIR, or where ``make train`` looks unless told. Raises CorpusError where one is not there.
    """
    home = get_settings().corpora_dir or USUAL_HOME
    gated = dict.fromkeys(row.part.rsplit(" ", 1)[0] for row in shipped.gate)
    names = (card.data.corpora, [name for name in gated if name not in card.data.corpora])
    lacking = [name for part in names for name in part if not (home / name).is_dir()]
    if lacking:
        raise CorpusError(
            f"{home} lacks {', '.join(lacking)}. Set CORPORA_DIR to the folder that holds them, or name each by --data."
        )
    folders, others = ([home / name for name in part] for part in names)
    return folders, others


def not_asked(shipped: Evaluation, evaluation: Evaluation) -> list[str]:
    """What the version ships figures of that ``evaluation`` has none of."""
    return [what for name, what in WITH_PICTURES.items() if getattr(shipped, name) and not getattr(evaluation, name)]


def _asked_once(model: keras.Model, card: Card) -> Once:
    return Once({**named(model.output), FEATURES: pooled_features(model, card.network)}, model)


def _as_served(card: Card, members: Sequence[Card], networks: Sequence[Answering]) -> tuple[Answering, bool]:
    """What is asked about a picture, and whether its mirror image is to be asked about too."""
    return (Joint(members, networks), False) if card.members else (networks[0], card.flips)


def differences(shipped: Evaluation, evaluation: Evaluation) -> list[str]:
    """Each of the shipped figures that came out otherwise by more than rounding on another processor explains."""
    there, here = dict(_values(shipped)), dict(_values(evaluation))
    left_out = tuple(name for name in WITH_PICTURES if not getattr(evaluation, name))
    there = {name: value for name, value in there.items() if not name.startswith(left_out)}
    return [
        f"{name}: {value} there, {here.get(name, 'not measured')} here"
        for name, value in there.items()
        if abs(value - here.get(name, float("inf"))) > TOLERANCE
    ]


def _values(figures: object, name: str = "") -> Iterator[tuple[str, float]]:
    """Every estimate below ``figures`` as (where it stands, value)."""
    if isinstance(figures, Estimate):
        yield name, figures.value
    elif isinstance(figures, BaseModel):
        called = f"{name} {_called(figures) or ''}".strip()
        for field in type(figures).model_fields:
            yield from _values(getattr(figures, field), f"{called} {field}".strip())
    elif isinstance(figures, dict):
        for key, value in figures.items():
            yield from _values(value, f"{name} {key}")
    elif isinstance(figures, tuple):
        for index, value in enumerate(figures):
            yield from _values(value, name if _called(value) is not None else f"{name} {index + 1}")


def _called(figures: object) -> str | None:
    """What figures are of, where they say it: more of their kind before them do not change where they stand."""
    return getattr(figures, "name", getattr(figures, "part", None))
