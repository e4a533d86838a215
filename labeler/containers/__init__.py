"""The boxes, chunks and segments of file formats: bytes in, bytes out, no pixels, no I/O.

Each module parses one container format into frozen values and writes them again. What is damaged
gives an `UnreadableMediaError` that names no file yet; callers add it (`LabelerError.with_file`).
"""
