"""Whether this process has been told to stop."""

from dataclasses import dataclass


@dataclass(slots=True)
class Shutdown:
    """A process that stops still serves for a while, but is to be sent nothing more."""

    announced: bool = False
