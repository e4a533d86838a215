"""Measurements on real media: robustness, quality, false positives and cost.

Each module is a script that prints tables: ``python -m benchmarks.<module> --help``.
"""
