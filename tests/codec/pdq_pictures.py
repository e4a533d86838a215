"""The pictures whose hashes by Meta's own program are in ``tests/data/pdq.json``.

They are read from PNG files or made of whole numbers, so that they are the same everywhere. The
file was made with pdqhash 0.2.8 (``compute_dihedral``), which is not needed for the tests.
"""

from pathlib import Path

import numpy as np
from PIL import Image

ROOT = Path(__file__).parents[2]
FILES = (
    "samples/planet.png",
    "tests/golden/lattice-v1-public.png",
    "tests/golden/lattice-v1-film-secret.png",
)
SIZES = ((5, 5), (5, 300), (4, 40), (63, 64), (64, 64), (65, 127), (129, 1000), (1025, 777))


def pictures() -> dict[str, np.ndarray]:
    """``(H, W, 3)`` uint8 RGB by name."""
    found = {}
    for name in FILES:
        with Image.open(ROOT / name) as image:
            found[name] = np.asarray(image.convert("RGB"))
    for height, width in SIZES:
        found[f"{height} x {width}"] = made(height, width)
    return found


def made(height: int, width: int) -> np.ndarray:
    """Coarse and fine patterns of whole numbers."""
    row, column = np.mgrid[:height, :width].astype(np.int64)
    coarse = (row * 7 // height + 1) * (column * 5 // width + 2) * 2654435761 % 251
    fine = (row * 31 + column * 17 + row * column) % 97
    planes = [coarse, (coarse * 3 + fine) % 256, (fine * 2 + row * 255 // height) % 256]
    return np.stack(planes, axis=2).astype(np.uint8)
