"""Which of three brain tumours, if any, does an MRI slice suggest?"""

from services.tasks.drawn import HEADS, OFFERED_HEADS
from services.tasks.task import SLICE_DETAIL, ClassInfo, GateSettings, PreparationSettings, Task

TASK = Task(
    key="brain_tumor_type",
    title="Brain tumour type",
    question="What does this slice suggest?",
    subject="brain MRI slice",
    classes=(
        ClassInfo(
            "glioma",
            "glioma",
            "#E69F00",
            "The slice suggests a glioma.",
            True,
            "Your doctor sees signs of a glioma: a tumour that grows from supporting cells of the brain.",
        ),
        ClassInfo(
            "meningioma",
            "meningioma",
            "#56B4E9",
            "The slice suggests a meningioma.",
            True,
            "Your doctor sees signs of a meningioma: a tumour that grows from the membranes around the brain.",
        ),
        ClassInfo(
            "pituitary",
            "pituitary tumour",
            "#CC79A7",
            "The slice suggests a pituitary tumour.",
            True,
            "Your doctor sees signs of a tumour of the pituitary, a small gland below the brain.",
        ),
        ClassInfo(
            "notumor",
            "no tumour",
            "#7FBF7B",
            "The slice suggests no tumour of the three kinds.",
            False,
            "Your doctor sees no tumour of the kinds that were looked for in this picture.",
        ),
    ),
    preparation=PreparationSettings(version="head-1"),
    gate=GateSettings(minimum_detail=SLICE_DETAIL),
    uncertain_finding="The model is uncertain about this slice: refer it to a radiologist.",
    caveats=(
        "One slice is not a study: a tumour may lie outside the picture.",
        "Only glioma, meningioma and pituitary tumour are known to the model; metastases, abscesses, bleeding and "
        "other findings are not, and may be given one of these names or called no tumour.",
        "Most tumours it learnt from were contrast-enhanced T1 images from two hospitals; other scanners and sequences "
        "are less certain.",
    ),
    networks=("efficientnet", "resnet50", "vgg16"),
    intended_use=(
        "Decision support for research and demonstration on single brain MRI slices, read by someone trained to read "
        "them. Not a medical device; not for diagnosis, triage or treatment."
    ),
    limits=(
        "One slice is judged, not a study.",
        "Every tumour with a known type is contrast-enhanced T1, most from two hospitals; other sequences and scanners "
        "were seen only as tumour or none.",
        "Healthy slices are few and alike: many pictures of the same heads.",
        "Groups are runs of slices, slightly finer than patients, so intervals may be slightly too narrow.",
        "Metastases, abscesses, bleeding, malformations and the state after surgery are unknown to the model.",
    ),
    labels={
        "glioma": ("glioma",),
        "meningioma": ("meningioma",),
        "pituitary": ("pituitary",),
        "notumor": ("notumor",),
        "tumor": ("glioma", "meningioma", "pituitary"),
    },
    phantoms=HEADS,
    samples=OFFERED_HEADS,
)
