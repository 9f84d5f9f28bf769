"""Tests of what the server does for a person; `stored.py` looks at what it keeps."""
