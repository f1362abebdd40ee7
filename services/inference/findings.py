"""What is found of a task beyond its single versions: comparisons, cross-validation, leaks, where the heat lies."""

from __future__ import annotations

from typing import TypeVar

from services.inference.figures import Estimate, Frozen, PartFigures, PresenceFigures

Named = TypeVar("Named", "CrossvalFigures", "PublishedFigures", "HeatReport")


class CrossvalFigures(Frozen):
    """A recipe over the patient folds: each fold tested by a run that never saw it, ``pooled`` over all of them.

    ``sources`` are the pooled images of each source that holds more than one class, ``patients`` the pooled patients,
    where the task asks for figures of these.
    """

    network: str
    network_title: str
    passes: int
    folds: tuple[PartFigures, ...]
    pooled: PartFigures
    sources: tuple[PartFigures, ...]
    patients: tuple[PresenceFigures, ...] = ()

    def detecting(self, key: str, image: str) -> tuple[PresenceFigures, ...]:
        """How the recipe finds the class of that key over all folds: by ``image``, then by patient if known."""
        pooled, found = self.pooled, self.pooled.classes[key]
        by_image = PresenceFigures(
            name=f"by {image}",
            images=pooled.images,
            tumours=found.images,
            groups=pooled.groups,
            auc=found.roc_auc,
            sensitivity=found.recall,
            specificity=found.specificity,
            pr_auc=found.pr_auc,
        )
        return (by_image, *self.patients)

    @property
    def recipe(self) -> str:
        """Network and length of training in words; a version of the network may have had more."""
        return f"{self.network_title}, " + (f"{self.passes} passes a fold" if self.passes else "last layer alone")


class PublishedFigures(Frozen):
    """A network trained and tested on the split that others publish figures of, whose test images are no new patients.

    ``every`` is the whole test part, ``seen`` its images of which the training part holds the same slice (turned or
    mirrored perhaps), ``others`` the rest, most of which still share their head with a training image.
    """

    network: str
    network_title: str
    split: str
    trained: int
    every: PartFigures
    seen: PartFigures
    others: PartFigures

    @property
    def parts(self) -> tuple[tuple[str, PartFigures], ...]:
        """The three parts by what they are called."""
        return ("all", self.every), ("same slice in training", self.seen), ("the rest", self.others)

    @property
    def seen_alike(self) -> float | None:
        """The accuracy on ``seen`` if its classes had the shares that they have in ``others``; None if it lacks one.

        The two parts hold different classes, some of which are easier than others, so only this may be compared with
        the accuracy on ``others`` (direct standardisation). What is left of the gap is what the leak is worth.
        """
        if not self.others.classes.keys() <= self.seen.classes.keys():
            return None
        right = (found.images * self.seen.classes[key].recall.value for key, found in self.others.classes.items())
        return sum(right) / self.others.images


class Pair(Frozen):
    """Two models on the test images whose class is known.

    ``only_first`` and ``only_second`` count images that just one of them has right; ``p_value`` is that of McNemar's
    exact test on these two counts (McNemar, 1947): how probable so uneven a split is between models equally good. It
    counts slices as if they were independent, so ``difference``, the first's accuracy less the second's with its
    interval over groups, is the safer guide. ``agreement`` is the share of images with the same answer, ``kappa``
    Cohen's (1960), which is 0 for an agreement by chance.
    """

    first: str
    second: str
    images: int
    groups: int
    both_right: int
    only_first: int
    only_second: int
    neither: int
    p_value: float
    difference: Estimate
    agreement: Estimate
    kappa: float


class HeatFigures(Frozen):
    """How one method at one layer does on the tumour slices of one part.

    ``pointing`` is the share of slices whose hottest point lies inside the outline, ``near`` the share where it lies at
    most 8 pixels of 224 from it, ``base_rate`` the outline's share of the head: what a point thrown at the head hits.
    ``inside`` and ``outside_head`` are shares of a slice's heat; ``iou`` compares the heat of at least ``threshold``
    (of the slice's highest) with the outline. All are means over slices.
    """

    part: str
    method: str
    layer: str
    images: int
    groups: int
    pointing: Estimate
    near: Estimate
    base_rate: Estimate
    inside: Estimate
    outside_head: Estimate
    iou: Estimate
    threshold: float


class Sanity(Frozen):
    """Rank correlation (Spearman, mean over val slices) of the network's maps with those of one of random weights.

    Near 0 the maps show what the network learnt; near 1 they show the picture alone (Adebayo et al., "Sanity Checks for
    Saliency Maps", NeurIPS 2018).
    """

    method: str
    layer: str
    images: int
    correlation: Estimate


class HeatReport(Frozen):
    """Heat maps of one ``model`` against radiologists' outlines, by corpus.

    ``val`` has every method and layer, ``test`` the one chosen there and, beside it, the one that the version serves
    with and plain Grad-CAM.
    """

    model: str
    val: tuple[HeatFigures, ...]
    sanity: tuple[Sanity, ...]
    chosen_method: str
    chosen_layer: str
    test: tuple[HeatFigures, ...]


class Findings(Frozen):
    """findings.json of a task's folder; each part is empty until its command has run.

    ``pairs`` are of the versions that served when they were compared, ``published`` and ``crossval`` one a network,
    ``heat`` one a version.
    """

    pairs: tuple[Pair, ...] = ()
    published: tuple[PublishedFigures, ...] = ()
    crossval: tuple[CrossvalFigures, ...] = ()
    heat: tuple[HeatReport, ...] = ()


def replaced(kept: tuple[Named, ...], new: Named) -> tuple[Named, ...]:
    """``kept`` with ``new`` in the place of what is of the same network or model, in the order of these."""
    every: dict[str, Named] = {_of(one): one for one in kept} | {_of(new): new}
    return tuple(every[name] for name in sorted(every))


def _of(figures: CrossvalFigures | PublishedFigures | HeatReport) -> str:
    return figures.model if isinstance(figures, HeatReport) else figures.network
