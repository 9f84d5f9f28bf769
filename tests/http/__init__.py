"""Tests of what HTTP sees."""
