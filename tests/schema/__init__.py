"""Tests of what a client can say and what it hears."""
