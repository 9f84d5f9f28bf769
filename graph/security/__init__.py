"""Mechanisms without opinions about accounts: session tokens (tokens), secrets at rest (encryption), errors."""
