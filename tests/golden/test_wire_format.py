"""The published test vectors, and files marked by released versions. They must never be adapted."""

import hashlib
from pathlib import Path

import cv2
import numpy as np
import pytest

from detectors import audio
from detectors.image import detect
from labeler.codec import error_correction, patchwork, short_code
from labeler.codec.keys import PUBLIC_KEY, Key
from labeler.codec.lattice import CARRIERS, pattern_of, spectrum, tile
from labeler.codec.patchwork import PILOTS, Form
from labeler.codec.payload import Handle, Origin, Payload, ShortPayload
from labeler.codec.tokens import philox
from labeler.codec.tokens.keys import TextKey
from labeler.codec.tokens.schemes import PhiloxGumbel
from labeler.media.sound import open_sound

HERE = Path(__file__).parent
KEY = Key.from_bytes(bytes(range(32)))
PAYLOAD = Payload(origin=Origin.GENERATED, handle=Handle(7, 0xDEADBEEF))
SHORT = ShortPayload.of(PAYLOAD)


def digest(array: np.ndarray) -> str:
    return hashlib.sha256(np.ascontiguousarray(array).tobytes()).hexdigest()


def signs(values: np.ndarray) -> np.ndarray:
    """Real and imaginary signs in turn, as bits."""
    return np.packbits(np.stack([values.real, values.imag], axis=1).ravel() < 0)


def vectors() -> dict[str, str]:
    """Name and value of each test vector, computed."""
    values = spectrum(PAYLOAD, KEY)
    pattern = tile(PAYLOAD, KEY, 96)
    film = pattern_of(PAYLOAD, PUBLIC_KEY)
    roles = np.zeros(len(CARRIERS), np.uint8)
    roles[CARRIERS.sync], roles[CARRIERS.pilot] = 1, 2
    places = np.stack([CARRIERS.kx, CARRIERS.ky], axis=1).astype(">i2")
    return {
        "public key": PUBLIC_KEY.secret.hex(),
        "public key's id": PUBLIC_KEY.key_id,
        "key id": KEY.key_id,
        "stream `test`, 16 bytes": KEY.stream("test").bytes(16).hex(),
        "stream `test`, permutation of 8": " ".join(map(str, KEY.stream("test").permutation(8))),
        "frame": np.packbits(PAYLOAD.to_frame()).tobytes().hex(),
        "code word, SHA-256 of its 128 bytes": digest(
            np.packbits(error_correction.encode(PAYLOAD.to_frame()))
        ),
        "number of carriers": str(len(CARRIERS)),
        "carriers, SHA-256 of (kx, ky) as 16-bit numbers": digest(places),
        "roles, SHA-256 of one byte each (0 data, 1 synchronisation, 2 pilot)": digest(roles),
        "signs of all carriers, SHA-256 (1 bit: negative)": digest(signs(values)),
        "pattern of a film under the public key": str(film),
        "signs of all carriers in it, SHA-256 (1 bit: negative)": digest(
            signs(spectrum(PAYLOAD, PUBLIC_KEY, film))
        ),
        "first tile samples, P = 96, in thousandths": " ".join(
            f"{1000 * sample:.0f}" for sample in (pattern.low + pattern.high)[0, :6]
        ),
    }


def sound_vectors() -> dict[str, str]:
    """Name and value of each test vector of the sound mark, computed."""
    first = patchwork.pattern(KEY, Form.STANDARD, 0)
    last = patchwork.pattern(KEY, Form.SHORT, 3)
    edges = patchwork.BAND_EDGES_HZ
    return {
        "short payload": f"{SHORT.to_int():05x}",
        "short code word, SHA-256 of its 128 bytes": digest(
            np.packbits(short_code.encode(SHORT.to_int()))
        ),
        "band edges 0, 1, 30 and 60, Hz": " ".join(f"{edges[each]:.3f}" for each in (0, 1, 30, 60)),
        "pilots, SHA-256 of 2880 bits": digest(np.packbits(PILOTS)),
        "pattern `standard/0`, SHA-256 of 2880 sign bits (1: negative)": digest(
            np.packbits(first.signs < 0)
        ),
        "pattern `standard/0`, code bits of the first data cells": " ".join(
            map(str, first.code_bits[:8])
        ),
        "mark `standard/0`, SHA-256 of 2880 sign bits": digest(
            np.packbits(first.signs_of(PAYLOAD) < 0)
        ),
        "mark `short/3`, SHA-256 of 2880 sign bits": digest(np.packbits(last.signs_of(SHORT) < 0)),
    }


def text_vectors() -> dict[str, str]:
    def words(*context: int) -> str:
        found = philox.words(0x0123456789ABCDEF, np.array([context]), np.arange(4))[0]
        return " ".join(f"{word:08x}" for word in found)

    key = TextKey.derive(KEY, tokenizer="0" * 64, model="example", epoch="2026-11")
    assert isinstance(key.scheme, PhiloxGumbel)
    return {
        "words, secret `0123456789abcdef`, context 1 2 3 4, tokens 0 to 3": words(1, 2, 3, 4),
        "the same, context 5 6": words(5, 6),
        "the same, context 1 2 3 4 5": words(1, 2, 3, 4, 5),
        "the same, context of four of which only the last is there, 7": words(-1, -1, -1, 7),
        "secret of the text key of the key above, `gumbel/philox4x32-10-v1`, w = 4, tokenizer 64 "
        "zeros, model `example`, epoch `2026-11`": f"{key.scheme.secret:016x}",
        "its id": key.key_id,
    }


def published() -> dict[str, str]:
    document = (HERE.parents[1] / "docs" / "wire-format.md").read_text()
    rows = document.split("## Test vectors")[1].splitlines()
    cells = [row.strip("| ").split(" | ") for row in rows if row.startswith("| ")]
    return {name: value.strip("`") for name, value in cells if name != "what"}


def test_the_published_vectors_hold() -> None:
    assert published() == vectors() | sound_vectors() | text_vectors()


@pytest.mark.parametrize("file", sorted(HERE.glob("*.png")), ids=lambda path: path.stem)
def test_marks_of_every_released_version_are_read(file: Path) -> None:
    pixels = cv2.imread(str(file), cv2.IMREAD_UNCHANGED)
    key = PUBLIC_KEY if "public" in file.stem else KEY
    found = detect(pixels, [key])
    assert found.payload == PAYLOAD
    assert found.p_value < 1e-20


@pytest.mark.parametrize("file", sorted(HERE.glob("*.flac")), ids=lambda path: path.stem)
def test_sounds_of_every_released_version_are_read(file: Path) -> None:
    sound = open_sound(file, name=file.name)
    key = PUBLIC_KEY if "public" in file.stem else KEY
    found = audio.detect_blocks(sound.blocks(), sound.sample_rate_hz, [key])
    assert found.payload == (SHORT if "short" in file.stem else PAYLOAD)
    assert found.p_value < 1e-20


def test_there_are_golden_files() -> None:
    assert len(list(HERE.glob("lattice-v1-*.png"))) == 4
    assert len(list(HERE.glob("patchwork-v1-*.flac"))) == 3
