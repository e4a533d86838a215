"""Render the spoken labels that ship with Labeler: 24 languages, mono Opus.

    python samples/make_recordings.py [folder]

Needs espeak-ng and ffmpeg. Each sentence of `labeler.disclosure.words` is spoken at a calm pace,
cut free of silence, made even in loudness, and coded with 24 kbit/s.
"""

from __future__ import annotations

import subprocess
import sys
import tempfile
from pathlib import Path

from labeler.disclosure.labels import Extent, Language
from labeler.disclosure.words import spoken_sentence

FOLDER = Path(__file__).parent.parent / "labeler" / "disclosure" / "recordings"
VOICES = {Language.ENGLISH: "en-us", Language.FRENCH: "fr-fr"}
"""The voice of a language where it is not called as the language is."""
WORDS_PER_MINUTE = 135
TRIM = "silenceremove=start_periods=1:start_threshold=-50dB"
FILTERS = ",".join(
    [
        f"{TRIM},areverse,{TRIM},areverse",
        "highpass=f=80",
        "acompressor=threshold=-24dB:ratio=3:attack=5:release=80",
        "loudnorm=I=-20:TP=-2:LRA=5",
        "aresample=24000",
    ]
)


def main(folder: Path) -> None:
    """Write ``{language}-{extent}.opus`` for each language and extent, and what they say."""
    said = []
    for language in Language:
        for extent in Extent:
            words = spoken_sentence(extent, language)
            target = folder / f"{language}-{extent}.opus"
            speak(words, VOICES.get(language, language.value), target)
            said.append(f"{target.name}: {words}\n")
            print(said[-1], end="")
    (folder / "sentences.txt").write_text("".join(said), encoding="utf-8")


def speak(words: str, voice: str, target: Path) -> None:
    """Write ``words`` as Opus."""
    with tempfile.TemporaryDirectory() as scratch:
        wave = Path(scratch) / "spoken.wav"
        pace = ["-s", str(WORDS_PER_MINUTE), "-p", "45", "-g", "2"]
        subprocess.run(["espeak-ng", "-v", voice, *pace, "-w", wave, words], check=True)
        coding = ["-c:a", "libopus", "-b:a", "24k", "-application", "voip", "-ac", "1"]
        # Nothing in the file tells when or where it was made: the same bytes each time.
        plain = ["-map_metadata", "-1", "-fflags", "+bitexact", "-flags:a", "+bitexact"]
        subprocess.run(
            ["ffmpeg", "-v", "error", "-y", "-i", wave, "-af", FILTERS, *coding, *plain, target],
            check=True,
        )


if __name__ == "__main__":
    main(Path(sys.argv[1]) if len(sys.argv) > 1 else FOLDER)
