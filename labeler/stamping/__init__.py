"""Stamping: every layer of marks into one file, read back before anyone can see it.

>>> from labeler import Provenance, Stamper
>>> with Stamper() as stamper:  # doctest: +SKIP
...     receipt = stamper.stamp("in.png", "out.png", Provenance(generator="Model X"))
"""

from labeler.stamping.publication import Target
from labeler.stamping.stamper import AlreadyMarked, Stamper, stamp

__all__ = ["AlreadyMarked", "Stamper", "Target", "stamp"]
