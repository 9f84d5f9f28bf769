"""Tests of pictures: what is made of files, honest and not, and where they are kept."""
