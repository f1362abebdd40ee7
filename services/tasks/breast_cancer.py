"""Does a mammogram suggest cancer?"""

from services.tasks.drawn import FILMS
from services.tasks.task import BreastSettings, ClassInfo, GateSettings, Task

TASK = Task(
    key="breast_cancer",
    title="Breast cancer or not",
    question="Does this film suggest cancer?",
    subject="mammogram",
    classes=(
        ClassInfo("negative", "no cancer", "#7FBF7B", "Cancer not detected: the film suggests none.", False),
        ClassInfo("positive", "cancer", "#CC79A7", "Cancer detected: the film suggests a malignant lesion.", True),
    ),
    preparation=BreastSettings(version="breast-1"),
    gate=GateSettings(
        modalities=("MG",),
        minimum_side=200,
        maximum_aspect=3.0,
        maximum_rim=0.6,
        surround="dark film around the breast",
    ),
    uncertain_finding="The model is uncertain about this film: refer it to a radiologist.",
    caveats=(
        "One film is not an examination: the other view, the other breast and earlier films are not seen.",
        "It learnt from fewer than 46 films with cancer, of one scanner, taken in the 1990s; on any other it may be no "
        "better than chance.",
        "A film without a finding does not rule out cancer: dense tissue hides lesions from the model as from the eye.",
    ),
    networks=("efficientnet", "smallcnn"),
    intended_use=(
        "Research and demonstration on single digitised mammograms, read by someone trained to read them. Not a "
        "medical device; not for screening, diagnosis, triage or treatment."
    ),
    limits=(
        "Only 46 of the films it learnt from and was tested on show cancer, so every figure is uncertain.",
        "All films come from one scanner and were digitised in the 1990s; full-field digital mammograms were never "
        "seen.",
        "Benign lesions count as no cancer; whether a lesion is there at all is another question.",
        "Figures are by film unless they say by patient; the two films of a patient are always in the same fold.",
    ),
    labels={"negative": ("negative",), "positive": ("positive",)},
    image="film",
    pictured="breast",
    looks_for="cancer",
    detection_threshold=0.5,
    by_patient=True,
    # The preparation lays the chest wall on the left and the pectoral muscle at the top.
    mirrored=False,
    phantoms=FILMS,
    samples=FILMS,
)
