"""Watermarks for pictures and for films, frame by frame, by others, as their packages are called.

Of a film, what the frames say is read together, by vote. Nothing here needs torch.
"""

from __future__ import annotations

import sys
import types
from collections.abc import Sequence
from importlib import import_module
from importlib.util import find_spec
from pathlib import Path
from typing import Any, Final

import numpy as np
from numpy.typing import NDArray

from benchmarks.peer_interface import CROPPED, TURNED, Frames, Peer

__all__ = [
    "blind_watermark",
    "clawid",
    "dwt_dct",
    "dwt_dct_svd",
    "ghostmark",
    "rivagan",
    "rounded",
]

FRAME_BITS: Final = 32
"""Of invisible-watermark, as in its examples, and of clawid."""
LEAST_AREA_PX: Final = 256 * 256
"""Smaller pictures are refused by invisible-watermark."""
RIVAGAN_THRESHOLD: Final = 0.52
CLAWID_STRIDE: Final = 5
"""Of so many frames, clawid marks one."""
BLIND_WATERMARK_BITS: Final = 64
"""Its makers leave the length open."""
BLIND_WATERMARK_BLOCK_PX: Final = 8
"""It needs more squares of this side than bits."""
GHOSTMARK_FIELDS: Final = (25, 26, 14, 29)
"""Bits of a record: latitude, longitude, altitude in metres, seconds since `GHOSTMARK_EPOCH`."""
GHOSTMARK_EPOCH: Final = 1_767_225_600
GHOSTMARK_GROUND_M: Final = 500
"""Its altitudes start so far below the sea."""


def dwt_dct(_arguments: Sequence[str]) -> Peer:
    """``dwtDct`` of invisible-watermark: changes U alone."""
    return _invisible_watermark("dwtDct")


def dwt_dct_svd(_arguments: Sequence[str]) -> Peer:
    """``dwtDctSvd`` of invisible-watermark: changes U alone."""
    return _invisible_watermark("dwtDctSvd")


def _invisible_watermark(method: str) -> Peer:
    sys.modules.setdefault("torch", types.ModuleType("torch"))  # only RivaGAN would use it
    module = import_module("imwatermark")

    def embed(frames: Frames, message: list[int]) -> Any:
        encoder = module.WatermarkEncoder()
        encoder.set_watermark("bits", message)
        return [encoder.encode(_swapped(frame), method)[..., ::-1] for frame in frames]

    def detect(frames: Frames, _hint: str) -> tuple[None, list[int] | None]:
        if frames.shape[1] * frames.shape[2] < LEAST_AREA_PX:
            return None, None
        decoder = module.WatermarkDecoder("bits", FRAME_BITS)
        read = [decoder.decode(_swapped(frame), method) for frame in frames]
        return None, _voted(np.asarray(read, np.float32), 0.5)

    return Peer(0, FRAME_BITS, embed, detect)


def rivagan(_arguments: Sequence[str]) -> Peer:
    """``rivaGan``: the networks that come with invisible-watermark, run on one thread."""
    spec = find_spec("imwatermark")
    if spec is None or not spec.submodule_search_locations:
        raise ImportError("invisible-watermark is not installed")
    folder = Path(spec.submodule_search_locations[0])
    runtime = import_module("onnxruntime")
    options = runtime.SessionOptions()
    options.intra_op_num_threads = options.inter_op_num_threads = 1
    encoder = runtime.InferenceSession(str(folder / "rivagan_encoder.onnx"), options)
    decoder = runtime.InferenceSession(str(folder / "rivagan_decoder.onnx"), options)

    def stacked(frame: Frames) -> NDArray[np.float32]:
        scaled = _swapped(frame).astype(np.float32) / 127.5 - 1
        return np.ascontiguousarray(scaled.transpose(2, 0, 1)[None, :, None])

    def embed(frames: Frames, message: list[int]) -> Any:
        data = np.array([message], np.float32)
        made = []
        for frame in frames:
            marked = encoder.run(None, {"frame": stacked(frame), "data": data})[0]
            scaled = 127.5 * (np.clip(marked[0, :, 0].transpose(1, 2, 0), -1, 1) + 1)
            made.append(scaled.astype(np.uint8)[..., ::-1])  # cut off, as the package does
        return made

    def detect(frames: Frames, _hint: str) -> tuple[None, list[int]]:
        read = [decoder.run(None, {"frame": stacked(frame)})[0][0] for frame in frames]
        return None, _voted(np.asarray(read, np.float32), RIVAGAN_THRESHOLD)

    return Peer(0, FRAME_BITS, embed, detect)


def blind_watermark(_arguments: Sequence[str]) -> Peer:
    """blind-watermark, with its default passwords."""
    module = import_module("blind_watermark")

    def embed(frames: Frames, message: list[int]) -> Any:
        made = []
        for frame in frames:
            marker = module.WaterMark()
            marker.read_img(img=_swapped(frame))
            marker.read_wm(list(message), mode="bit")
            made.append(rounded(marker.embed())[..., ::-1])
        return made

    def detect(frames: Frames, _hint: str) -> tuple[None, list[int] | None]:
        height, width = (side // BLIND_WATERMARK_BLOCK_PX for side in frames.shape[1:3])
        if height * width <= BLIND_WATERMARK_BITS:
            return None, None
        reader, form = module.WaterMark(), {"wm_shape": BLIND_WATERMARK_BITS, "mode": "bit"}
        read = [reader.extract(embed_img=_swapped(frame), **form) for frame in frames]
        return None, _voted(np.asarray(read, np.float32), 0.5)

    return Peer(0, BLIND_WATERMARK_BITS, embed, detect)


def ghostmark(_arguments: Sequence[str]) -> Peer:
    """ghostmark-image: a record of place and time, made as strong as its own test asks for.

    A picture is read as it comes, in four quarter turns, or as a crop, as the hint says.
    """
    module = import_module("ghostmark")

    def embed(frames: Frames, message: list[int]) -> Any:
        record = module.Record(**_ghostmark_record(message))
        return [module.mark_verified(frame, record)[0] for frame in frames]

    def detect(frames: Frames, hint: str) -> tuple[bool, list[int] | None]:
        results = [module.read(frame, try_turns=hint == TURNED) for frame in frames]
        if hint == CROPPED:
            results += [module.read_cropped(frame) for frame in frames]
        results = [result for result in results if result is not None]
        records = [result.l1 for result in results if result.l1 is not None]
        found = any(result.status != "none" for result in results)
        return found, _ghostmark_message(records[0]) if records else None

    return Peer(0, sum(GHOSTMARK_FIELDS), embed, detect)


def _ghostmark_record(message: Sequence[int]) -> dict[str, float]:
    """The record of which the fields say the message."""
    bits = list(message)
    latitude, longitude, altitude, seconds = (
        int("".join(str(bits.pop(0)) for _ in range(length)), 2) for length in GHOSTMARK_FIELDS
    )
    return {
        "lat": 180 * latitude / (2 ** GHOSTMARK_FIELDS[0] - 1) - 90,
        "lon": 360 * longitude / (2 ** GHOSTMARK_FIELDS[1] - 1) - 180,
        "alt": altitude - GHOSTMARK_GROUND_M,
        "t": GHOSTMARK_EPOCH + seconds,
    }


def _ghostmark_message(record: dict[str, float]) -> list[int]:
    numbers = (
        (record["lat"] + 90) / 180 * (2 ** GHOSTMARK_FIELDS[0] - 1),
        (record["lon"] + 180) / 360 * (2 ** GHOSTMARK_FIELDS[1] - 1),
        record["alt"] + GHOSTMARK_GROUND_M,
        record["t"] - GHOSTMARK_EPOCH,
    )
    fields = zip(numbers, GHOSTMARK_FIELDS, strict=True)
    return [int(bit) for number, length in fields for bit in f"{round(number):0{length}b}"]


def clawid(_arguments: Sequence[str]) -> Peer:
    """clawid: marks one frame in `CLAWID_STRIDE`."""
    payload = import_module("clawid.core.payload")
    marks = import_module("clawid.algorithms.dwt_qim")
    find = import_module("clawid.core.detect").detect
    image = import_module("PIL.Image")

    def embed(frames: Frames, message: list[int]) -> Any:
        bits = payload.to_bits(payload.encode({"uid": "".join(map(str, message))}))
        made = frames.copy()
        for at in range(0, len(frames), CLAWID_STRIDE):
            made[at] = np.asarray(marks.embed_bits(image.fromarray(frames[at]), bits))
        return made

    def detect(frames: Frames, _hint: str) -> tuple[bool, list[int] | None]:
        for frame in frames:
            for algorithm in ("qim", "fm"):
                found = find(image.fromarray(frame), algorithm)
                if found is not None:
                    return True, [int(bit) for bit in found["uid"]]
        return False, None

    return Peer(0, FRAME_BITS, embed, detect)


def rounded(values: Any) -> Frames:
    """Grey levels as pixels."""
    return np.clip(np.round(values), 0, 255).astype(np.uint8)


def _swapped(frame: Frames) -> Frames:
    """RGB as BGR, or the other way round."""
    return np.ascontiguousarray(frame[..., ::-1])


def _voted(read: NDArray[np.float32], threshold: float) -> list[int]:
    """What the frames say together, bit by bit."""
    return [int(vote > threshold) for vote in read.mean(axis=0)]
