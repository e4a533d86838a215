"""Render the spoken labels that ship with Labeler: 24 languages, mono Opus.

    python samples/make_recordings.py [folder]

Needs espeak-ng, ffmpeg and, for German and French, which it speaks more clearly, SVOX Pico
(`pip install ttspico==0.3.2`). Each sentence of `labeler.disclosure.words` is spoken at a calm
pace, cut free of silence, made even in loudness, and coded with 24 kbit/s.
"""

from __future__ import annotations

import subprocess
import sys
import tempfile
import wave
from pathlib import Path

from labeler.disclosure.labels import Extent, Language
from labeler.disclosure.words import spoken_sentence

FOLDER = Path(__file__).parent.parent / "labeler" / "disclosure" / "recordings"
VOICES = {Language.ENGLISH: "en-us"}
"""eSpeak NG's voice of a language where it is not called as the language is."""
PICO = {Language.GERMAN: "de-DE", Language.FRENCH: "fr-FR"}
"""Languages that SVOX Pico speaks, and its names for them."""
WORDS_PER_MINUTE = 135
PICO_RATE = 90
PICO_RATE_HZ = 16_000
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
            speak(words, language, target)
            said.append(f"{target.name}: {words}\n")
            print(said[-1], end="")
    (folder / "sentences.txt").write_text("".join(said), encoding="utf-8")


def speak(words: str, language: Language, target: Path) -> None:
    """Write ``words`` as Opus."""
    with tempfile.TemporaryDirectory() as scratch:
        spoken = Path(scratch) / "spoken.wav"
        if language in PICO:
            speak_with_pico(words, PICO[language], spoken)
        else:
            voice = VOICES.get(language, language.value)
            pace = ["-s", str(WORDS_PER_MINUTE), "-p", "45", "-g", "2"]
            subprocess.run(["espeak-ng", "-v", voice, *pace, "-w", spoken, words], check=True)
        code(spoken, target)


def speak_with_pico(words: str, voice: str, target: Path) -> None:
    """Write ``words`` as WAV."""
    import ttspico  # noqa: PLC0415 - for two languages only

    engine = ttspico.TtsEngine(voice)
    engine.rate = PICO_RATE
    samples = engine.speak(words.replace("\N{RIGHT SINGLE QUOTATION MARK}", "'"))
    with wave.open(str(target), "wb") as file:
        file.setnchannels(1)
        file.setsampwidth(2)
        file.setframerate(PICO_RATE_HZ)
        file.writeframes(bytes(samples))


def code(source: Path, target: Path) -> None:
    """Write a WAV file as Opus."""
    coding = ["-c:a", "libopus", "-b:a", "24k", "-application", "voip", "-ac", "1"]
    # Nothing in the file tells when or where it was made: the same bytes each time.
    plain = ["-map_metadata", "-1", "-fflags", "+bitexact", "-flags:a", "+bitexact"]
    subprocess.run(
        ["ffmpeg", "-v", "error", "-y", "-i", source, "-af", FILTERS, *coding, *plain, target],
        check=True,
    )


if __name__ == "__main__":
    main(Path(sys.argv[1]) if len(sys.argv) > 1 else FOLDER)
