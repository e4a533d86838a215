import pickle
from dataclasses import replace

import pytest

from labeler.batch.stamping import StampingOrder
from labeler.provenance import Provenance, SourceType
from labeler.receipt import Layer
from labeler.settings import Settings

ORDER = StampingOrder(settings=Settings(), provenance=Provenance(generator="X"))


@pytest.mark.parametrize(
    "other",
    [
        replace(ORDER, provenance=Provenance(generator="Y")),
        replace(ORDER, provenance=Provenance(generator="X", prompt="a cat")),
        replace(
            ORDER, provenance=Provenance(generator="X", source_type=SourceType.COMPOSITE_SYNTHETIC)
        ),
        replace(ORDER, already_marked="keep"),
        replace(ORDER, force_invalid_parent=True),
        replace(ORDER, settings=Settings(strength="robust")),
        replace(ORDER, settings=Settings(issuer=7)),
        replace(ORDER, settings=Settings(watermark_key_id="0123456789abcdef")),
        replace(ORDER, settings=Settings(allow_missing=frozenset({Layer.WATERMARK}))),
    ],
)
def test_whatever_changes_the_outputs_changes_the_digest(other):
    assert other.digest() != ORDER.digest()


def test_what_changes_no_output_leaves_the_digest_alone(tmp_path):
    moved = Settings(home=tmp_path, max_seconds=1.0, max_memory_mib=100)
    assert replace(ORDER, settings=moved).digest() == ORDER.digest()
    layers = [Layer.WATERMARK, Layer.CREDENTIAL]
    one, other = (
        replace(ORDER, settings=Settings(allow_missing=frozenset(order)))
        for order in (layers, layers[::-1])
    )
    assert one.digest() == other.digest()


def test_an_order_travels_to_other_processes():
    assert pickle.loads(pickle.dumps(ORDER)) == ORDER
