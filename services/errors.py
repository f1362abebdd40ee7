"""Every error a service raises, and nothing else.

The text of each is one or two sentences for the person at the screen: what is wrong, and what to do.

    FalxError
    ├── SettingsError            the environment or .env holds something unusable
    ├── ImagingError             bytes → Slice → Prepared
    │   ├── UnsupportedFormat    not a PNG, JPEG or DICOM image, or a form of it that no decoder reads
    │   ├── DamagedFile          truncated, contradictory or hostile content
    │   ├── TooLarge             more bytes, pixels or nesting than the limits allow
    │   └── NotPreparable        decoded, but nothing a task could look at (blank, no head)
    ├── InferenceError           Prepared → Prediction, HeatMap
    │   ├── ModelNotFound        no such task, network or version in the model repository
    │   ├── ModelDamaged         a file is missing or its hash differs from the card's
    │   └── ModelMismatch        the card asks for another preparation, or the self-test gives other numbers
    ├── ReportError              a report could not be laid out or written
    └── RecordsError             the database and the vault
        ├── NotFound             no such object, or none that this person may see
        ├── NotAllowed           the acting person's role does not include this
        ├── InvalidRecord        a field is missing, too long or contradictory
        ├── Unavailable          the database or the vault cannot be reached
        ├── SignInRefused        wrong name, password or code, or a deactivated account
        ├── CodeNeeded           the password is right, and the account has a second factor
        └── LinkRefused          a one-time link that is unknown, used or expired
"""


class FalxError(Exception):
    """Base of all errors that Falx raises on purpose; ``str(error)`` may be shown to anyone."""


class SettingsError(FalxError):
    """The environment holds a setting that cannot be used."""


class ImagingError(FalxError):
    """Something about the uploaded image."""


class UnsupportedFormat(ImagingError):
    """The bytes are no format that Falx reads."""


class DamagedFile(ImagingError):
    """The format is known, the content is broken."""


class TooLarge(ImagingError):
    """The file goes past a limit that protects the other users."""


class NotPreparable(ImagingError):
    """The image decodes but holds nothing that can be prepared for a model."""


class InferenceError(FalxError):
    """Something about a model."""


class ModelNotFound(InferenceError):
    """The model repository has no such task, network or version."""


class ModelDamaged(InferenceError):
    """A model's files are not those that were registered."""


class ModelMismatch(InferenceError):
    """A model does not fit the code that would run it."""


class ReportError(FalxError):
    """A report could not be made."""


class RecordsError(FalxError):
    """Something about the database or the vault."""


class NotFound(RecordsError):
    """There is no such object, or none that the acting person may see; the two are told alike."""


class NotAllowed(RecordsError):
    """The acting person's role does not include this action."""


class InvalidRecord(RecordsError):
    """A record cannot be stored as it is."""


class IdentifierTaken(InvalidRecord):
    """A hospital identifier is that of another patient."""


class Unavailable(RecordsError):
    """The database or the vault cannot be reached."""


class SignInRefused(RecordsError):
    """The sign-in did not succeed; the text never tells why beyond that."""


class CodeNeeded(RecordsError):
    """The password was right, and a code of the second factor is asked for; ``half`` is what it completes."""

    def __init__(self, half: object) -> None:
        super().__init__("This account has a second factor. Enter the code that your authenticator shows.")
        self.half = half


class LinkRefused(RecordsError):
    """A one-time link opens nothing; the text never tells why."""
