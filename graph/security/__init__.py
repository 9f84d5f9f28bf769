"""Mechanisms without opinions about accounts: session tokens, credentials of services, secrets at rest
(encryption), rate limits, security events."""
