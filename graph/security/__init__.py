"""Mechanisms without opinions about accounts: session tokens, secrets at rest (encryption), rate limits."""
