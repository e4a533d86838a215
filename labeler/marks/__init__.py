"""Embedders of robust invisible marks, one module for each medium."""
