"""Watermarks for sound by others, as their packages are called."""

from __future__ import annotations

import sys
import types
from collections.abc import Sequence
from importlib import import_module
from typing import Any, Final

import numpy as np

from benchmarks.peer_interface import Peer, Wave

__all__ = ["audioseal", "aware", "perth"]

AWARE_BITS: Final = 20
AUDIOSEAL_BITS: Final = 16


def perth(_arguments: Sequence[str]) -> Peer:
    try:
        import_module("torchaudio")
    except (ImportError, OSError):
        sys.modules["torchaudio"] = types.ModuleType("torchaudio")
        sys.modules["torchaudio.transforms"] = _torchaudio_transforms()
    watermarker = import_module("perth").PerthImplicitWatermarker()
    rate_hz = int(watermarker.perth_net.hp.sample_rate)

    def embed(wave: Wave, _message: list[int]) -> Any:
        return watermarker.apply_watermark(wave, sample_rate=rate_hz)

    def detect(wave: Wave, _hint: str) -> tuple[bool, None]:
        return bool(np.mean(watermarker.get_watermark(wave, sample_rate=rate_hz)) >= 0.5), None

    return Peer(rate_hz, 0, embed, detect)


def _torchaudio_transforms() -> types.ModuleType:
    """The transforms that perth needs, for where torchaudio does not fit torch."""
    torch = import_module("torch")

    # Buffers have torchaudio's names and shapes: perth's weights hold them too.
    class Spectrogram(torch.nn.Module):  # type: ignore[name-defined, misc]  # torch is imported when used
        def __init__(self, **options: Any) -> None:
            super().__init__()
            self.register_buffer("window", options["window_fn"](options["win_length"]))
            names = ("n_fft", "hop_length", "win_length")
            self.options = {name: options[name] for name in names}

        def forward(self, wave: Any) -> Any:
            return torch.stft(wave, window=self.window, return_complex=True, **self.options)

    class InverseSpectrogram(Spectrogram):
        def forward(self, spectrum: Any) -> Any:
            return torch.istft(spectrum, window=self.window, **self.options)

    class TimeStretch(torch.nn.Module):  # type: ignore[name-defined, misc]  # torch is imported when used
        def __init__(self, *, n_freq: int, hop_length: int) -> None:
            super().__init__()
            advance = torch.linspace(0, np.pi * hop_length, n_freq)[:, None]
            self.register_buffer("phase_advance", advance)

    module = types.ModuleType("torchaudio.transforms")
    for transform in (Spectrogram, InverseSpectrogram, TimeStretch):
        setattr(module, transform.__name__, transform)
    return module


def aware(_arguments: Sequence[str]) -> Peer:
    service = import_module("aware.service")
    embedder, detector = import_module("aware.utils.models").load(name="AWARE")

    def embed(wave: Wave, message: list[int]) -> Any:
        return service.embed_watermark(wave, 16_000, np.array(message, np.int32), embedder)

    def detect(wave: Wave, _hint: str) -> tuple[bool, list[int]]:
        message, confidence = service.detect_watermark(wave, 16_000, detector)
        return bool(confidence >= 0.5), [int(bit) for bit in message]

    return Peer(16_000, AWARE_BITS, embed, detect)


def audioseal(arguments: Sequence[str]) -> Peer:
    torch = import_module("torch")
    loader = import_module("audioseal").AudioSeal
    generator_file, detector_file = arguments
    generator = loader.load_generator(generator_file, nbits=AUDIOSEAL_BITS).eval()
    detector = loader.load_detector(detector_file, nbits=AUDIOSEAL_BITS).eval()

    def embed(wave: Wave, message: list[int]) -> Any:
        sound = torch.from_numpy(wave.copy())[None, None]
        with torch.no_grad():
            change = generator.get_watermark(sound, message=torch.tensor([message]))
        return (sound + change)[0, 0].numpy()

    def detect(wave: Wave, _hint: str) -> tuple[bool, list[int]]:
        with torch.no_grad():
            share, message = detector.detect_watermark(torch.from_numpy(wave.copy())[None, None])
        return bool(np.mean(np.asarray(share)) >= 0.5), np.asarray(message).ravel().tolist()

    return Peer(16_000, AUDIOSEAL_BITS, embed, detect)
