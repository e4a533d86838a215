"""A peer's marks, made and read by a Python of its own: run by ``peer_process``, not by hand.

The interpreter has the peer installed and need not have Labeler. Requests come one a line on
standard input, answers go to standard output, both as JSON; sound travels in ``.npy`` files, mono
float32, and so do films, RGB frames uint8 ``(n, H, W, 3)``. The first line out says what the peer
is::

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
from importlib.util import find_spec
from pathlib import Path
from typing import Any, Final

import numpy as np
from numpy.typing import NDArray

_Wave = NDArray[np.float32]
_Frames = NDArray[np.uint8]

AWARE_BITS: Final = 20
AUDIOSEAL_BITS: Final = 16
FRAME_BITS: Final = 32
RIVAGAN_THRESHOLD: Final = 0.52
CLAWID_STRIDE: Final = 5
"""Of so many frames, clawid marks one."""


@dataclass(frozen=True)
class _Peer:
    """How to use a peer."""

    rate_hz: int
    """The rate of the sound it wants; 0 if it wants frames."""
    bits: int
    """Of its message; 0 if its mark says nothing but that it is there."""
    embed: Callable[[Any, list[int]], Any]
    detect: Callable[[Any], tuple[bool | None, list[int] | None]]
    """Whether its own rule finds a mark (None: it has no rule), and the message."""


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


# ---------------------------------------------------------------- films, frame by frame


def _dwt_dct(_arguments: Sequence[str]) -> _Peer:
    return _invisible_watermark("dwtDct")


def _dwt_dct_svd(_arguments: Sequence[str]) -> _Peer:
    return _invisible_watermark("dwtDctSvd")


def _invisible_watermark(method: str) -> _Peer:
    sys.modules.setdefault("torch", types.ModuleType("torch"))  # only RivaGAN would use it
    module = import_module("imwatermark")

    def embed(frames: _Frames, message: list[int]) -> Any:
        encoder = module.WatermarkEncoder()
        encoder.set_watermark("bits", message)
        return [encoder.encode(_swapped(frame), method)[..., ::-1] for frame in frames]

    def detect(frames: _Frames) -> tuple[None, list[int]]:
        decoder = module.WatermarkDecoder("bits", FRAME_BITS)
        read = [decoder.decode(_swapped(frame), method) for frame in frames]
        return None, _voted(np.asarray(read, np.float32), 0.5)

    return _Peer(0, FRAME_BITS, embed, detect)


def _rivagan(_arguments: Sequence[str]) -> _Peer:
    spec = find_spec("imwatermark")
    if spec is None or not spec.submodule_search_locations:
        raise ImportError("invisible-watermark is not installed")
    folder = Path(spec.submodule_search_locations[0])
    session = import_module("onnxruntime").InferenceSession
    encoder = session(str(folder / "rivagan_encoder.onnx"))
    decoder = session(str(folder / "rivagan_decoder.onnx"))

    def stacked(frame: _Frames) -> NDArray[np.float32]:
        scaled = _swapped(frame).astype(np.float32) / 127.5 - 1
        return np.ascontiguousarray(scaled.transpose(2, 0, 1)[None, :, None])

    def embed(frames: _Frames, message: list[int]) -> Any:
        data = np.array([message], np.float32)
        made = []
        for frame in frames:
            marked = encoder.run(None, {"frame": stacked(frame), "data": data})[0]
            scaled = 127.5 * (np.clip(marked[0, :, 0].transpose(1, 2, 0), -1, 1) + 1)
            made.append(np.round(scaled).astype(np.uint8)[..., ::-1])
        return made

    def detect(frames: _Frames) -> tuple[None, list[int]]:
        read = [decoder.run(None, {"frame": stacked(frame)})[0][0] for frame in frames]
        return None, _voted(np.asarray(read, np.float32), RIVAGAN_THRESHOLD)

    return _Peer(0, FRAME_BITS, embed, detect)


def _clawid(_arguments: Sequence[str]) -> _Peer:
    payload = import_module("clawid.core.payload")
    marks = import_module("clawid.algorithms.dwt_qim")
    find = import_module("clawid.core.detect").detect
    image = import_module("PIL.Image")

    def embed(frames: _Frames, message: list[int]) -> Any:
        bits = payload.to_bits(payload.encode({"uid": "".join(map(str, message))}))
        made = frames.copy()
        for at in range(0, len(frames), CLAWID_STRIDE):
            made[at] = np.asarray(marks.embed_bits(image.fromarray(frames[at]), bits))
        return made

    def detect(frames: _Frames) -> tuple[bool, list[int] | None]:
        for frame in frames:
            for algorithm in ("qim", "fm"):
                found = find(image.fromarray(frame), algorithm)
                if found is not None:
                    return True, [int(bit) for bit in found["uid"]]
        return False, None

    return _Peer(0, FRAME_BITS, embed, detect)


def _swapped(frame: _Frames) -> _Frames:
    return np.ascontiguousarray(frame[..., ::-1])


def _voted(read: NDArray[np.float32], threshold: float) -> list[int]:
    """What the frames say together, bit by bit."""
    return [int(vote > threshold) for vote in read.mean(axis=0)]


_PEERS: Final = {
    "perth": _perth,
    "aware": _aware,
    "audioseal": _audioseal,
    "dwtDct": _dwt_dct,
    "dwtDctSvd": _dwt_dct_svd,
    "rivaGan": _rivagan,
    "clawid": _clawid,
}


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
    source = np.load(request["source"])
    if request["do"] == "embed":
        marked = np.asarray(peer.embed(source, request["message"]), source.dtype)
        np.save(request["target"], marked.reshape(-1, *source.shape[1:]))
        return {}
    found, message = peer.detect(source)
    return {"found": found, "message": message}


if __name__ == "__main__":
    main()
