"""What keeps the server from tracing."""


class TracingUnavailable(Exception):
    """The rest of a sentence that begins with the setting's name."""
