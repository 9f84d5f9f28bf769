"""What can fail in this package, as one family.

PictureError                     its messages hold no byte of a picture, no key and no signed URL
├── PictureUnusable              the bytes are no picture that is taken: the client has to choose another
├── PicturesBusy                 too many pictures wait for their turn: this one may be taken later
├── StoreUnavailable             the store does not answer, or fails: it may work later
├── StoreMisconfigured           the store refuses this server: an operator has to act
└── ExtraMissing                 an optional package is not installed
"""

from typing import Literal

# What is wrong with a picture: its kind, a side or its area, or what it holds.
PictureFault = Literal["kind", "size", "content"]


class PictureError(Exception): ...


class PictureUnusable(PictureError):
    """`fault` is for metrics; `reason`, which may be shown, is the rest of a sentence that begins "The picture"."""

    def __init__(self, fault: PictureFault, reason: str) -> None:
        super().__init__(f"The picture {reason}.")
        self.fault = fault
        self.reason = reason


class PicturesBusy(PictureError):
    def __init__(self) -> None:
        super().__init__("too many pictures wait for their turn")


class StoreUnavailable(PictureError):
    """`reason` is a short phrase without values, which may be logged."""

    def __init__(self, reason: str) -> None:
        super().__init__(f"the store of pictures is unavailable: {reason}")
        self.reason = reason


class StoreMisconfigured(PictureError):
    """`reason` as in `StoreUnavailable`."""

    def __init__(self, reason: str) -> None:
        super().__init__(f"the store of pictures refuses this server: {reason}")
        self.reason = reason


class ExtraMissing(PictureError):
    """The rest of a sentence that begins with the setting's name."""

    def __init__(self, extra: str) -> None:
        super().__init__(f"needs another package: pip install 'wxgate[{extra}]'")
