"""Watermarks in the choice of tokens: pseudo-random words, statistics and keys, without a model."""
