"""Tocsin: an open warning platform. The docstrings of its modules, read in path order, tell the whole chain."""
