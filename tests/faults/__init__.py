"""The whole server under cancelled requests and in several processes."""
