"""Proof that a planned answer is graphql-core's answer, byte for byte."""
