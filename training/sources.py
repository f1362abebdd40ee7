"""What is known about the sources and the starting weights that a card names; facts, kept where they can be checked."""

from __future__ import annotations

LICENCES: dict[str, str] = {
    "cheng": "Cheng et al., figshare 1512427, contrast-enhanced T1, 233 patients: CC BY 4.0",
    "br35h": "Br35H (Kaggle, Hamada): for research, no licence stated by its origin",
    "nickparvar": "Brain Tumor MRI Dataset (Kaggle, Nickparvar): for research, CC0 stated by its collector",
    "lgg": "TCGA lower-grade glioma (Buda et al., The Cancer Imaging Archive): CC BY-NC-SA 4.0",
    "mammograms": "MIAS mini-database of mammograms (Suckling et al., 1994): for research only, to be cited",
    "oasis": "OASIS (Open Access Series of Imaging Studies): for research, to be cited",
}

WEIGHT_TERMS: dict[str, str] = {
    "efficientnetv2b0_food101_notop.weights.h5": (
        "Started from ImageNet weights of keras.applications, fine-tuned on Food-101 by the public browser model "
        "yurayle-yue/food-classification-efficientnetv2b0, which states no licence. Research use only, not commercial."
    ),
    "resnet50_imagenet_notop.weights.h5": (
        "Started from the ImageNet weights of uber-research/permute-quantize-finetune (Uber non-commercial licence). "
        "Research use only, not commercial."
    ),
    "vgg16_blocks123.npz": (
        "Blocks 1 to 3 started from a VGG16 of the SSD300 detector EuijoongK/SSD, which states no licence. "
        "Research use only, not commercial."
    ),
}
UNKNOWN_TERMS = "The terms of the starting weights are not known to Falx; ask before any use beyond research."
RESEARCH_ONLY = "Started from random weights. Research use only: several of the images allow nothing else."
