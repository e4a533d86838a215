"""Is a sound that carries a mark the one that was marked? Honest edits, and marks in other sound.

    python -m benchmarks.sound_binding AUDIO_DIR

Each clip is marked and edited; where the mark still reads, what is heard of it is compared with the
clip's fingerprint, as `detectors.sound_likeness` does. Then the mark, the difference of marked and
unmarked sound, is added to each of the other clips, and the same is done.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path

import numpy as np

from benchmarks.command import benchmark_parser
from benchmarks.marking import random_for, random_payload
from benchmarks.sound_attacks import attacks
from benchmarks.sound_clips import find, load
from benchmarks.sound_edits import Sound
from benchmarks.sound_marking import mark
from benchmarks.tables import markdown_table
from detectors.audio import detect
from detectors.fingerprint import from_chunks, take_for_registry
from detectors.sound_likeness import judge
from labeler.codec.acoustic import Fingerprint, Match, compare, fingerprint
from labeler.codec.content import Verdict
from labeler.codec.keys import PUBLIC_KEY
from labeler.codec.payload import Payload

__all__: list[str] = []

_VERDICTS = (Verdict.MATCH, Verdict.UNDECIDED)


@dataclass(frozen=True, slots=True, kw_only=True)
class _Result:
    clip: str
    edit: str
    is_copy: bool
    match: Match

    @property
    def verdict(self) -> Verdict:
        return judge(self.match.p_value)


def _heard(samples: Sound, rate_hz: int, payload: Payload) -> Fingerprint | None:
    """The fingerprint that a verifier takes; None where the mark does not read."""
    found = detect(samples, rate_hz, [PUBLIC_KEY])
    if found.payload != payload:
        return None
    evidence = take_for_registry(
        [samples], rate_hz, spans=found.spans, speed=found.speed, pitch=found.pitch
    )
    return from_chunks(evidence.finding.detail["heard"])


def _results(files: list[Path], folder: Path) -> Iterator[_Result]:
    clips = {file.stem: load(file) for file in files}
    for name, (samples, rate_hz) in clips.items():
        payload = random_payload(random_for(1, name))
        marked = mark(samples, rate_hz, payload, PUBLIC_KEY, strength="balanced")
        known = fingerprint(marked, rate_hz)
        for edit, attack in attacks(folder, besides=name).items():
            edited, edited_hz = attack(marked, rate_hz)
            heard = _heard(edited, edited_hz, payload)
            if heard is not None:
                yield _Result(clip=name, edit=edit, is_copy=False, match=compare(known, heard))
        stolen = marked.mean(axis=1, keepdims=True) - samples.mean(axis=1, keepdims=True)
        for other, (target, target_hz) in clips.items():
            if other == name or target_hz != rate_hz:
                continue
            length = min(len(target), len(stolen))
            forged = np.clip(target[:length] + stolen[:length], -1, 1).astype(np.float32)
            heard = _heard(forged, rate_hz, payload)
            if heard is not None:
                yield _Result(clip=name, edit=other, is_copy=True, match=compare(known, heard))


def main() -> None:
    parser = benchmark_parser("sound_binding", __doc__, media="clips", workers=False)
    options = parser.parse_args()
    files = find(options.folder, options.clips)
    results: list[_Result] = []
    for each in _results(files, options.folder):
        results.append(each)
        match = each.match
        print(
            f"{'copy' if each.is_copy else 'edit'}  {each.clip:24} {each.edit:24} "
            f"{match.bit_error_rate:.3f}  {match.p_value:.1e}  {match.overlap_s:5.1f} s  "
            f"{each.verdict.value}",
            flush=True,
        )
    rows = []
    for is_copy in (False, True):
        chosen = [each for each in results if each.is_copy is is_copy]
        counts = Counter(each.verdict for each in chosen)
        rates = [each.match.bit_error_rate for each in chosen] or [float("nan")]
        rows.append(
            [
                "mark in other sound" if is_copy else "edits",
                str(len(chosen)),
                *(str(counts[verdict]) for verdict in _VERDICTS),
                f"{min(rates):.3f} to {max(rates):.3f}",
            ]
        )
    head = ["", "where the mark reads", *(each.value for each in _VERDICTS), "bit error rate"]
    print(markdown_table(head, rows))


if __name__ == "__main__":
    main()
