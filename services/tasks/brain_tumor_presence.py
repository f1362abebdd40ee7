"""Does an MRI slice suggest a brain tumour, of whatever kind?"""

from services.tasks.drawn import HEADS, OFFERED_HEADS
from services.tasks.task import SLICE_DETAIL, ClassInfo, ContourSettings, GateSettings, Task

TASK = Task(
    key="brain_tumor_presence",
    title="Brain tumour or none",
    question="Does this slice suggest a tumour?",
    subject="brain MRI slice",
    classes=(
        ClassInfo("notumor", "no tumour", "#7FBF7B", "No tumour detected: the slice suggests none.", False),
        ClassInfo("tumor", "tumour", "#E69F00", "Tumour detected: the slice suggests a tumour.", True),
    ),
    preparation=ContourSettings(version="contour-1"),
    gate=GateSettings(minimum_detail=SLICE_DETAIL),
    uncertain_finding="The model is uncertain about this slice: refer it to a radiologist.",
    caveats=(
        "One slice is not a study: a tumour may lie outside the picture.",
        "The answer names no kind of tumour, and metastases, abscesses, bleeding and other findings may be taken for "
        "one or for none.",
        "It learnt from slices of some hospitals and from pictures of the web; other scanners and sequences are less "
        "certain.",
    ),
    networks=("efficientnet", "resnet50", "vgg16"),
    intended_use=(
        "Decision support for research and demonstration on single brain MRI slices, read by someone trained to read "
        "them. Not a medical device; not for diagnosis, triage or treatment."
    ),
    limits=(
        "One slice is judged, not a study.",
        "Most tumours are gliomas, meningiomas and pituitary tumours in contrast-enhanced T1 from two hospitals; FLAIR "
        "and T1 of low-grade gliomas come from several others.",
        "Healthy slices are few and alike, apart from those of patients with a tumour in another slice.",
        "Groups are runs of slices, slightly finer than patients, so intervals may be slightly too narrow.",
        "Metastases, abscesses, bleeding, malformations and the state after surgery are unknown to the model.",
    ),
    labels={
        "tumor": ("tumor",),
        "notumor": ("notumor",),
        "glioma": ("tumor",),
        "meningioma": ("tumor",),
        "pituitary": ("tumor",),
    },
    detection_threshold=0.5,
    second_opinion="brain_tumor_type",
    phantoms=HEADS,
    samples=OFFERED_HEADS,
)
