"""The simulator, asked over HTTP and checked against the protocol and not against its own code."""
