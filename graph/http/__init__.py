"""HTTP endpoints, and around all of them the middleware."""
