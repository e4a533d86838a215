"""Labeler marks AI output."""
