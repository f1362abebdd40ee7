"""A model's card as the evidence that a report prints."""

from __future__ import annotations

from services.inference.card import Card
from services.inference.figures import Estimate
from services.reports.content import Figure, ModelEvidence
from services.tasks import get_task


def evidence_of(card: Card) -> ModelEvidence:
    """How the version did on its test part, and on what it learnt."""
    image = get_task(card.task).image
    train = card.data.counts.get("train", {})
    return ModelEvidence(
        model=card.ref,
        title=card.network_title,
        trained_on=(
            f"{sum(train.values()):,} {image}s of {card.data.groups.get('train', 0):,} patients or groups of "
            f"look-alikes (sources: {', '.join(card.data.sources)})."
        ),
        tested_on=(
            f"{card.test.images:,} {image}s of {card.test.groups:,} other patients or groups of look-alikes, whom it "
            "never saw."
        ),
        accuracy=_figure(card.test.accuracy),
        precision=_figure(card.test.precision),
        recall=_figure(card.test.recall),
        macro_f1=_figure(card.test.macro_f1),
        calibration_error=_figure(card.test.calibration_error),
        classes=card.classes,
        confusion=card.test.confusion,
        experimental=card.may_be_chance,
    )


def _figure(estimate: Estimate) -> Figure:
    return Figure(estimate.value, estimate.low, estimate.high)
