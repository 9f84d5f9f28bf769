"""Tests of `graph.wechat`."""
