"""A peer's marks, made and read by a Python of its own: run by ``sound_peers``, not by hand.

The interpreter has the peer installed and need not have Labeler. Requests come one a line on
standard input, answers go to standard output, both as JSON; sound travels in ``.npy`` files, mono
float32. The first line out says what the peer is::

    {"rate_hz": 32000, "bits": 0}
    < {"do": "embed", "source": "a.npy", "target": "b.npy", "message": [0, 1, …]}
    > {}
    < {"do": "detect", "source": "b.npy"}
    > {"found": true, "message": null}
"""

from __future__ import annotations

import json
import os
import sys
import types
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from importlib import import_module
from typing import Any, Final

import numpy as np
from numpy.typing import NDArray

_Wave = NDArray[np.float32]

AWARE_BITS: Final = 20
AUDIOSEAL_BITS: Final = 16


@dataclass(frozen=True)
class _Peer:
    """How to use a peer."""

    rate_hz: int
    """The rate of the sound it wants."""
    bits: int
    """Of its message; 0 if its mark says nothing but that it is there."""
    embed: Callable[[_Wave, list[int]], Any]
    detect: Callable[[_Wave], tuple[bool, list[int] | None]]
    """Whether its own rule finds a mark, and the message."""


def _perth(_arguments: Sequence[str]) -> _Peer:
    try:
        import_module("torchaudio")
    except (ImportError, OSError):
        sys.modules["torchaudio"] = types.ModuleType("torchaudio")
        sys.modules["torchaudio.transforms"] = _torchaudio_transforms()
    watermarker = import_module("perth").PerthImplicitWatermarker()
    rate_hz = int(watermarker.perth_net.hp.sample_rate)

    def embed(wave: _Wave, _message: list[int]) -> Any:
        return watermarker.apply_watermark(wave, sample_rate=rate_hz)

    def detect(wave: _Wave) -> tuple[bool, None]:
        return bool(np.mean(watermarker.get_watermark(wave, sample_rate=rate_hz)) >= 0.5), None

    return _Peer(rate_hz, 0, embed, detect)


def _torchaudio_transforms() -> types.ModuleType:
    """The transforms that perth needs, for where torchaudio does not fit torch."""
    torch = import_module("torch")

    # Buffers have torchaudio's names and shapes: perth's weights hold them too.
    class Spectrogram(torch.nn.Module):  # type: ignore[name-defined, misc]  # found late
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

    class TimeStretch(torch.nn.Module):  # type: ignore[name-defined, misc]  # found late
        def __init__(self, *, n_freq: int, hop_length: int) -> None:
            super().__init__()
            advance = torch.linspace(0, np.pi * hop_length, n_freq)[:, None]
            self.register_buffer("phase_advance", advance)

    module = types.ModuleType("torchaudio.transforms")
    for transform in (Spectrogram, InverseSpectrogram, TimeStretch):
        setattr(module, transform.__name__, transform)
    return module


def _aware(_arguments: Sequence[str]) -> _Peer:
    service = import_module("aware.service")
    embedder, detector = import_module("aware.utils.models").load(name="AWARE")

    def embed(wave: _Wave, message: list[int]) -> Any:
        return service.embed_watermark(wave, 16_000, np.array(message, np.int32), embedder)

    def detect(wave: _Wave) -> tuple[bool, list[int]]:
        message, confidence = service.detect_watermark(wave, 16_000, detector)
        return bool(confidence >= 0.5), [int(bit) for bit in message]

    return _Peer(16_000, AWARE_BITS, embed, detect)


def _audioseal(arguments: Sequence[str]) -> _Peer:
    torch = import_module("torch")
    loader = import_module("audioseal").AudioSeal
    generator_file, detector_file = arguments
    generator = loader.load_generator(generator_file, nbits=AUDIOSEAL_BITS).eval()
    detector = loader.load_detector(detector_file, nbits=AUDIOSEAL_BITS).eval()

    def embed(wave: _Wave, message: list[int]) -> Any:
        sound = torch.from_numpy(wave.copy())[None, None]
        with torch.no_grad():
            change = generator.get_watermark(sound, message=torch.tensor([message]))
        return (sound + change)[0, 0].numpy()

    def detect(wave: _Wave) -> tuple[bool, list[int]]:
        with torch.no_grad():
            share, message = detector.detect_watermark(torch.from_numpy(wave.copy())[None, None])
        return bool(np.mean(np.asarray(share)) >= 0.5), np.asarray(message).ravel().tolist()

    return _Peer(16_000, AUDIOSEAL_BITS, embed, detect)


_PEERS: Final = {"perth": _perth, "aware": _aware, "audioseal": _audioseal}


def main() -> None:
    """Answer requests until there are no more."""
    # Peers print what they like: answers get a channel of their own.
    answers = os.fdopen(os.dup(1), "w", buffering=1)
    os.dup2(2, 1)
    name, *arguments = sys.argv[1:]
    peer = _PEERS[name](arguments)
    print(json.dumps({"rate_hz": peer.rate_hz, "bits": peer.bits}), file=answers)
    for line in sys.stdin:
        print(json.dumps(_answer(peer, json.loads(line))), file=answers)


def _answer(peer: _Peer, request: dict[str, Any]) -> dict[str, Any]:
    wave = np.load(request["source"])
    if request["do"] == "embed":
        marked = np.asarray(peer.embed(wave, request["message"]), np.float32).ravel()
        np.save(request["target"], marked)
        return {}
    found, message = peer.detect(wave)
    return {"found": found, "message": message}


if __name__ == "__main__":
    main()
