"""Detectors verify marks."""
