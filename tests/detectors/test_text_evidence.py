"""N-grams that are one observation under a key count once."""

import json
import math
from pathlib import Path

import numpy as np

from detectors.report import Presence
from detectors.text import detect
from labeler.codec.tokens.contexts import first_occurrences, windows
from labeler.codec.tokens.keys import TextKey
from labeler.codec.tokens.kgw import KgwStatistic
from labeler.codec.tokens.schemes import Kgw, Seeding

VECTORS = json.loads(
    (Path(__file__).parents[1] / "data" / "text" / "transformers_vectors.json").read_text()
)


def test_repeated_seeds_of_self_hashing_make_no_false_alarm():
    rng = np.random.default_rng(0)
    naive = []
    for _ in range(12):
        scheme = Kgw(
            secret=int(rng.integers(1, 1 << 40)),
            vocabulary_size=400,
            seeding=Seeding.SELFHASH,
            context_width=4,
        )
        # As in prose, few words make most of the text.
        tokens = (rng.pareto(0.9, 4000) * 4).astype(np.int64) % 400
        assert detect(tokens, [TextKey(scheme=scheme)]).p_value > 1e-3
        statistic = KgwStatistic(scheme)
        contexts, scored, _ = windows(tokens, 3)
        fresh = first_occurrences(contexts, scored)
        total = statistic.scores(contexts[fresh], scored[fresh]).sum()
        naive.append(statistic.log_tail(float(total), int(fresh.sum())))
    # What counting every n-gram would have said.
    assert min(naive) < math.log(1e-6)


def test_texts_that_transformers_marked_are_found():
    for case in VECTORS["kgw_text"]:
        scheme = Kgw(
            secret=case["secret"],
            vocabulary_size=case["vocabulary_size"],
            seeding=Seeding(case["seeding"]),
            context_width=case["context_width"],
        )
        assert detect(case["tokens"], [TextKey(scheme=scheme)]).presence is Presence.PRESENT
