"""From an ASGI application to a socket."""
