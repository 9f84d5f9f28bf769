"""The examples: type-checked, built and used, against a real server."""
