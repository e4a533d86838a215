"""Which logged texts have which shingles: statements on the tables of the fingerprint log."""

from __future__ import annotations

import hashlib
import json
from collections.abc import Iterable, Sequence
from dataclasses import dataclass, field
from typing import Final

import numpy as np
from numpy.typing import NDArray
from sqlalchemy import ColumnElement, Connection, TextClause, bindparam, insert, select, text

from labeler.codec.overlap import LEAST_HITS
from labeler.codec.shingles import Selection, Shingles
from labeler.registry.schema import text_keys, text_outputs, text_shingles, texts
from labeler.registry.texts import COMMON

__all__ = ["Candidates", "add_text", "drop_unused", "find_candidates", "texts_of"]

_CANDIDATES: Final = 64
_ALL_SHINGLES: Final = 5000
"""Of texts with more, only the selected ones are looked up: a text this long has enough of them."""

# One statement for thousands of shingles, as a JSON list. The tables are looked up in the order of
# the list; CROSS JOIN keeps SQLite from another.
_ASKED: Final = {
    "sqlite": "SELECT value FROM json_each(:asked)",
    "postgresql": "SELECT CAST(value AS bigint) AS value "
    "FROM json_array_elements_text(CAST(:asked AS json))",
}
_COUNT: Final = """
SELECT value, texts FROM (
    SELECT value, (
        SELECT count(*) FROM (SELECT 1 FROM text_shingle WHERE shingle = value LIMIT :most) AS few
    ) AS texts FROM ({asked}) AS asked
) AS counted WHERE texts > 0
"""
_TEXTS: Final = """
SELECT text_id FROM ({asked}) AS asked CROSS JOIN text_shingle WHERE shingle = value
"""
_DELETE: Final = text_shingles.delete().where(
    text_shingles.c.shingle == bindparam("its_shingle"),
    text_shingles.c.text_id == bindparam("its_text"),
)


@dataclass(frozen=True, slots=True, kw_only=True)
class Candidates:
    """Texts that share enough shingles to be looked at."""

    text_ids: tuple[int, ...]
    """Those with the most shared shingles first."""
    common: NDArray[np.uint64] = field(repr=False)
    """``(n,)`` shingles of the text in question that too many texts have."""


def find_candidates(connection: Connection, shingles: Shingles) -> Candidates:
    """The texts that share the most shingles with one, common ones left out."""
    asked = shingles.values if len(shingles.values) <= _ALL_SHINGLES else shingles.selection.values
    # In their order in the table: neighbours are on the same page more often.
    signed = np.sort(asked.view(np.int64))
    most = {"most": COMMON + 1}
    counted = connection.execute(*_about(connection, _COUNT, signed.tolist(), **most)).all()
    rare = [shingle for shingle, count in counted if count <= COMMON]
    common = np.array([shingle for shingle, count in counted if count > COMMON], np.int64)
    if len(rare) < LEAST_HITS:
        return Candidates(text_ids=(), common=common.view(np.uint64))
    rows = connection.execute(*_about(connection, _TEXTS, rare)).scalars().all()
    text_ids, hits = np.unique(np.array(rows, np.int64), return_counts=True)
    best = np.argsort(-hits, kind="stable")[:_CANDIDATES]
    return Candidates(
        text_ids=tuple(int(text_ids[each]) for each in best if hits[each] >= LEAST_HITS),
        common=common.view(np.uint64),
    )


def _about(
    connection: Connection, statement: str, shingles: list[int], **others: int
) -> tuple[TextClause, dict[str, object]]:
    """A statement about shingles, with its parameters."""
    asked = _ASKED[connection.dialect.name]
    return text(statement.format(asked=asked)), {"asked": json.dumps(shingles), **others}


def add_text(connection: Connection, shingles: Shingles) -> int:
    """The number of a text, which is added where it is not there yet.

    The connection's transaction has the database to itself.
    """
    selection = shingles.selection
    data = selection.to_bytes()
    digest = hashlib.sha256(shingles.key_id.encode() + b"\0" + data).digest()
    known = connection.execute(select(texts.c.text_id).where(texts.c.digest == digest)).scalar()
    if known is not None:
        return int(known)
    is_known = select(text_keys.c.key_id).where(text_keys.c.key_id == shingles.key_id)
    if connection.execute(is_known).first() is None:
        connection.execute(insert(text_keys).values(key_id=shingles.key_id))
    row = {"digest": digest, "words": shingles.words, "selection": data}
    added = insert(texts).values(row).returning(texts.c.text_id)
    text_id: int = connection.execute(added).scalar_one()
    connection.execute(
        insert(text_shingles),
        [{"shingle": shingle, "text_id": text_id} for shingle in _signed(selection)],
    )
    return text_id


def texts_of(connection: Connection, which: ColumnElement[bool]) -> Sequence[int]:
    """The numbers of the texts of some outputs; ``which`` is a condition on these."""
    query = select(text_outputs.c.text_id).where(which).distinct()
    return connection.execute(query).scalars().all()


def drop_unused(connection: Connection, text_ids: Iterable[int]) -> None:
    """Delete those of the texts that have no outputs (any more), and their shingles."""
    for text_id in text_ids:
        used = select(text_outputs.c.output_id).where(text_outputs.c.text_id == text_id).limit(1)
        if connection.execute(used).first() is not None:
            continue
        query = select(texts.c.selection).where(texts.c.text_id == text_id)
        data = connection.execute(query).scalar()
        if data is None:
            continue
        connection.execute(
            _DELETE,
            [
                {"its_shingle": shingle, "its_text": text_id}
                for shingle in _signed(Selection.from_bytes(data))
            ],
        )
        connection.execute(texts.delete().where(texts.c.text_id == text_id))


def _signed(selection: Selection) -> list[int]:
    """The shingles as the table has them; sorted, for neighbours share pages."""
    signed: list[int] = np.sort(selection.values.view(np.int64)).tolist()
    return signed
