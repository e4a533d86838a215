"""Make the golden files of the current wire format: once for each version, never again.

python -m tests.golden.make_golden
"""

from pathlib import Path

import cv2

from labeler.codec.keys import PUBLIC_KEY
from labeler.marks.image import embed
from tests.golden.test_wire_format import KEY, PAYLOAD, vectors
from tests.scenes import photograph

if __name__ == "__main__":
    picture = photograph(192, 256)[..., 1].copy()
    for name, key in (("public", PUBLIC_KEY), ("secret", KEY)):
        target = Path(__file__).parent / f"lattice-v1-{name}.png"
        if target.exists():
            raise SystemExit(f"{target} exists: golden files are never made twice")
        cv2.imwrite(str(target), embed(picture, PAYLOAD, key))
    for what, value in vectors().items():
        print(f"| {what} | `{value}` |")
