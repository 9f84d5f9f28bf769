"""Tests of the HTTP protocol and of the server around it, over real sockets."""
