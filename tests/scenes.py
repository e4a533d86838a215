"""Pictures made up for tests: what matters of photographs and graphics, from a seed."""

import cv2
import numpy as np
from numpy.typing import NDArray


def photograph(height: int, width: int, *, seed: int = 0) -> NDArray[np.uint8]:
    """``(height, width, 3)`` uint8: coloured shades, edges, and texture."""
    rng = np.random.default_rng(seed)
    shades = _clouds(rng, height, width, slope=2.2)
    texture = _clouds(rng, height, width, slope=1.2)
    where = cv2.GaussianBlur(rng.random((height, width)).astype(np.float32), (0, 0), width / 12)
    where = (where - where.min()) / np.ptp(where)
    luma = 120 + 45 * shades + 22 * where * texture
    for _ in range(12):
        centre = rng.integers(0, [width, height])
        axes = rng.integers([width // 30, height // 30], [width // 6, height // 6])
        blob = np.zeros((height, width), np.float32)
        cv2.ellipse(blob, centre.tolist(), axes.tolist(), float(rng.integers(180)), 0, 360, 1, -1)
        luma += blob * float(rng.uniform(-50, 50))
    tint = np.stack([_clouds(rng, height, width, slope=2.5) for _ in range(3)], axis=2)
    colours = luma[..., None] + 18 * tint + rng.normal(0, 1.5, (height, width, 3))
    return np.clip(np.rint(colours), 0, 255).astype(np.uint8)


def chart(height: int, width: int, *, seed: int = 0) -> NDArray[np.uint8]:
    """``(height, width, 3)`` uint8: flat areas, thin lines and letters on white."""
    rng = np.random.default_rng(seed)
    canvas = np.full((height, width, 3), 255, np.uint8)
    for bar in range(8):
        left = (2 * bar + 1) * width // 18
        top = int(rng.integers(height // 5, 4 * height // 5))
        colour = rng.integers(30, 220, 3).tolist()
        cv2.rectangle(canvas, (left, top), (left + width // 20, 9 * height // 10), colour, -1)
        cv2.putText(canvas, str(bar), (left, top - 6), 0, 0.6, (20, 20, 20), 1, cv2.LINE_AA)
    cv2.line(canvas, (0, 9 * height // 10), (width, 9 * height // 10), (0, 0, 0), 2)
    return canvas


def tilted(pixels: NDArray[np.uint8], share: float, seed: int) -> NDArray[np.uint8]:
    """Every corner moved by ``share`` of the sides, each in a direction of its own."""
    height, width = pixels.shape[:2]
    corners = np.array([[0, 0], [width, 0], [width, height], [0, height]], np.float32)
    angle = np.random.default_rng(seed).uniform(0, 2 * np.pi, 4)
    moves = share * np.stack([np.cos(angle), np.sin(angle)], 1) * (width, height)
    matrix = cv2.getPerspectiveTransform(corners, (corners + moves).astype(np.float32))
    warped = cv2.warpPerspective(pixels, matrix, (width, height), flags=cv2.INTER_CUBIC)
    return np.asarray(warped, np.uint8)


def _clouds(
    rng: np.random.Generator, height: int, width: int, *, slope: float
) -> NDArray[np.float64]:
    """Noise of unit deviation whose amplitude falls with frequency to the power ``slope``."""
    radius = np.hypot(np.fft.fftfreq(height)[:, None], np.fft.rfftfreq(width))
    radius[0, 0] = np.inf
    spectrum = np.fft.rfft2(rng.normal(size=(height, width))) * np.maximum(radius, 2e-3) ** -slope
    clouds = np.fft.irfft2(spectrum, s=(height, width))
    return clouds / clouds.std()
