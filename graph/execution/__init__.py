"""Executes GraphQL requests: documents, limits, plans. Knows nothing of accounts."""
