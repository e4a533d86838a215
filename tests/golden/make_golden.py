"""Make the golden files of the current wire format: once for each version, never again.

python -m tests.golden.make_golden
"""

from pathlib import Path

import cv2

from labeler.codec.keys import PUBLIC_KEY
from labeler.marks import audio
from labeler.marks.image import embed
from labeler.marks.video import Marker
from tests.golden.test_wire_format import KEY, PAYLOAD, SHORT, sound_vectors, vectors
from tests.scenes import photograph
from tests.sounds import murmur, save


def new(name: str) -> Path:
    """Where a golden file goes that does not exist yet."""
    target = Path(__file__).parent / name
    if target.exists():
        raise SystemExit(f"{target} exists: golden files are never made twice")
    return target


if __name__ == "__main__":
    picture = photograph(192, 256)[..., 1].copy()
    frame = photograph(288, 352)[..., 1].copy()
    for name, key in (("public", PUBLIC_KEY), ("secret", KEY)):
        cv2.imwrite(str(new(f"lattice-v1-{name}.png")), embed(picture, PAYLOAD, key))
        marked = Marker(*frame.shape, PAYLOAD, key).mark(frame)
        cv2.imwrite(str(new(f"lattice-v1-film-{name}.png")), marked)
    sound = murmur(5)
    for name, key, payload in (
        ("public", PUBLIC_KEY, PAYLOAD),
        ("secret", KEY, PAYLOAD),
        ("secret-short", KEY, SHORT),
    ):
        save(new(f"patchwork-v1-{name}.flac"), audio.embed(sound, 16_000, payload, key))
    for what, value in (vectors() | sound_vectors()).items():
        print(f"| {what} | `{value}` |")
