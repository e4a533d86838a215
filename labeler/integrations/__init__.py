"""Thin adapters to what other packages hand around.

`labeler.integrations.segments` marks a ``pydub.AudioSegment``, `labeler.integrations.tts` is the
watermarker that text-to-speech packages expect. Neither needs the package that it adapts to.
"""
