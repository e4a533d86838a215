"""Where a provider or deployer stands, measure by measure, and the questions that facts come from.

Nothing here claims conformity, and nothing is legal advice.
"""

from labeler.gaps.document import GapDocument, Item, Standing, make_document

__all__ = ["GapDocument", "Item", "Standing", "make_document"]
