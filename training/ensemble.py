"""An entry of the model repository that averages the calibrated answers of others."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import replace
from datetime import UTC, datetime
from pathlib import Path

import numpy as np
from scipy.special import expit, logit

from services.inference.calibration import probabilities
from services.inference.card import GATE, SELF_TEST, Card, OutlineFacts
from services.inference.ensemble import LAYER, METHOD, mean_logits, mean_map
from services.inference.figures import Evaluation
from services.inference.networks import LOGITS
from services.inference.outline import PREFIX, shipped_network
from services.inference.prediction import ModelRef
from services.inference.repository import ModelRepository
from services.inference.scores import Scores
from services.tasks import get_task
from training.calibrate import calibrate
from training.corpus import CorpusError, Sample
from training.evaluation.estimated import measure_outlines
from training.evaluation.logits import Answering, Floats, named
from training.evaluation.report import evaluate
from training.register import publish, self_test_arrays
from training.scoring import from_pictures, measured_samples

NETWORK, TITLE = "ensemble", "Ensemble"


def joint_scores(cards: Sequence[Card], scores: Sequence[Scores]) -> Scores:
    """The mean of the members' calibrated probabilities, as logits, for the images that all were measured on.

    Their test images must be the same. Of val those count that no member learnt from: what the member with the least of
    it kept. Raises CorpusError where the test images differ, or one learnt from another's val.
    """
    first = min(scores, key=len)
    wanted = _places(first)
    shares = []
    for card, own in zip(cards, scores, strict=True):
        at = {place: index for index, place in enumerate(_places(own))}
        tests = np.array_equal(own.name[own.part == "test"], first.name[first.part == "test"])
        if not tests or not at.keys() >= set(wanted):
            raise CorpusError(
                f"{card.ref} was not measured on the same val and test images as the others; members of an ensemble "
                "need the same corpora and the same test fold."
            )
        shares.append(probabilities(own.logits[[at[place] for place in wanted]], card.temperature))
    return replace(first, logits=mean_logits(shares))


def _places(scores: Scores) -> list[tuple[str, str, str]]:
    return list(zip(scores.corpus.tolist(), scores.name.tolist(), scores.part.tolist(), strict=True))


class Joint:
    """Networks asked as one, as they are served: see ``services.inference.ensemble.joint_explanation``.

    It looks at the mirror image by itself for those of ``cards`` that do, so nobody else has to.
    """

    def __init__(self, cards: Sequence[Card], networks: Sequence[Answering]) -> None:
        self._members = list(zip(cards, networks, strict=True))

    def predict_on_batch(self, x: Floats, /) -> dict[str, Floats]:
        """Logits (b, classes) of views float32 (b, side, side, 1), and those of outlines (b, rows, columns, 1) if any.

        The outlines are those of the finest member that has learnt them.
        """
        shares, outlines = [], []
        for card, network in self._members:
            said = [named(network.predict_on_batch(x))]
            if card.flips:
                said.append(named(network.predict_on_batch(x[:, :, ::-1])))
            shares.append(probabilities(np.mean([each[LOGITS] for each in said], axis=0), card.temperature))
            if card.outline:
                maps = [expit(each[PREFIX][..., 0]) for each in said]
                outlines.append(np.mean([maps[0], *(each[:, :, ::-1] for each in maps[1:])], axis=0))
        answer = {LOGITS: mean_logits(shares)}
        if outlines:
            means = [mean_map(of_one) for of_one in zip(*outlines, strict=True)]
            answer[PREFIX] = np.asarray(logit(np.stack(means))[..., None], np.float32)
        return answer


def members_of(repository: ModelRepository, card: Card) -> list[Card]:
    """The cards of an ensemble's members, whose files are what the cards say; none where ``card`` is of no ensemble."""
    return [repository.verify(ModelRef(*name.split("/"))) for name in card.members]


def register_ensemble(
    repository: ModelRepository, members: Sequence[ModelRef], data: Sequence[Path] = (), cache: Path | None = None
) -> tuple[ModelRef, Evaluation]:
    """A new version that averages ``members``, calibrated on val and measured on test.

    Scores are there already; figures on changed pictures and of outlines need the images in ``data``. Raises
    CorpusError where those are not the ones that the members were measured on.
    """
    cards = [repository.verify(ref) for ref in members]
    first = min(cards, key=lambda card: sum(card.data.counts["val"].values()))
    task = get_task(members[0].task)
    scores = joint_scores(cards, [repository.scores(ref) for ref in members])
    val = scores.part == "val"
    allowed = np.array(
        [[float(key in task.labels[label]) for key in task.class_keys] for label in scores.label], np.float32
    )
    calibration = calibrate(scores.logits[val], allowed[val], task.detection_threshold)
    evaluation = evaluate(task, scores, calibration.temperature, calibration.threshold)
    outline = None
    if data:
        found, outline = _from_images(repository, cards, measured_samples(first, data), cache, calibration.temperature)
        evaluation = evaluation.model_copy(update=found)
    own = [np.array(card.self_test_probabilities) for card in cards]
    expected = probabilities(mean_logits(own), calibration.temperature)
    cuts = [card.outline.threshold for card in cards if card.outline]
    if cuts and outline is None:
        outline = OutlineFacts(threshold=float(np.mean(cuts)))
    ref = ModelRef(task.key, NETWORK, repository.next_version(task.key, NETWORK))
    card = first.model_copy(
        update={
            "network": NETWORK,
            "network_title": TITLE,
            "version": ref.version,
            "registered": datetime.now(UTC).replace(microsecond=0),
            "members": tuple(str(member) for member in members),
            "temperature": calibration.temperature,
            "threshold": calibration.threshold,
            "threshold_reason": calibration.reason,
            "heat_layer": LAYER,
            "heat_method": METHOD,
            "outline": outline,
            "starting_weights": "those of its members",
            "terms": " ".join(dict.fromkeys(card.terms for card in cards)),
            "hyperparameters": {k: v for k, v in first.hyperparameters.items() if k in ("val_share", "test_fold")},
            "self_test_probabilities": tuple(tuple(round(float(p), 5) for p in row) for row in expected),
        }
    )
    publish(repository, card, evaluation, scores, {SELF_TEST: self_test_arrays(task)})
    return ref, evaluation


def _from_images(
    repository: ModelRepository,
    cards: Sequence[Card],
    samples: Sequence[Sample],
    cache: Path | None,
    temperature: float,
) -> tuple[dict[str, object], OutlineFacts | None]:
    """The figures that scores do not hold, and the cut that val chooses for the mean outline."""
    task = get_task(cards[0].task)
    joint = Joint(cards, [shipped_network(repository, card) for card in cards])
    found, outline = from_pictures(joint, False, samples, task, cache, temperature), None
    if any(card.outline for card in cards):
        outline, found["outlines"] = measure_outlines(joint, samples, task, cache, flips=False)
    # What the engine asks: the gate of the first member that has one.
    gated = next((card for card in cards if GATE in card.files), None)
    if gated:
        found["gate"] = repository.evaluation(gated.ref).gate
    return found, outline
