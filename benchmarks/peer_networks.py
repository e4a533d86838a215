"""Watermarks by others whose weights come with no package: adapters for who has them.

Written against what is published (trustmark 0.9.2, videoseal 1.0.1), and not tried: the weights
were not at hand. Nothing is downloaded: what is missing is named, and connections are refused.
"""

from __future__ import annotations

import socket
from collections.abc import Sequence
from importlib import import_module
from importlib.util import find_spec
from pathlib import Path
from typing import Any, Final, NoReturn

import numpy as np

from benchmarks.peer_frames import rounded
from benchmarks.peer_interface import TURNED, Frames, Peer

__all__ = ["trustmark", "videoseal"]

TRUSTMARK_FILES: Final = ("trustmark_Q.yaml", "encoder_Q.ckpt", "decoder_Q.ckpt")


class _WeightsError(FileNotFoundError):
    """What the peer needs is not on this machine."""


def trustmark(_arguments: Sequence[str]) -> Peer:
    """TrustMark, model Q at strength 1, BCH_5: as its makers call it; see the module.

    The files named in `TRUSTMARK_FILES` belong into the folder ``models`` of the package. Quarter
    turns are tried only where the hint says so.
    """
    folder = _package_folder("trustmark") / "models"
    missing = [name for name in TRUSTMARK_FILES if not (folder / name).is_file()]
    if missing:
        raise _WeightsError(f"weights not here: {', '.join(missing)} in {folder}")
    _refuse_connections()
    module, image = import_module("trustmark"), import_module("PIL.Image")
    marker = module.TrustMark(verbose=False, model_type="Q", device="cpu", loadRemover=False)

    def embed(frames: Frames, message: list[int]) -> Any:
        text = "".join(map(str, message))
        marked = [marker.encode(image.fromarray(frame), text, MODE="binary") for frame in frames]
        return np.stack([np.asarray(each.convert("RGB")) for each in marked])

    def detect(frames: Frames, hint: str) -> tuple[bool, list[int] | None]:
        turned = hint == TURNED
        for frame in frames:
            text, present, _ = marker.decode(image.fromarray(frame), "binary", ROTATION=turned)
            if present:
                return True, [int(bit) for bit in text]
        return False, None

    return Peer(0, int(marker.schemaCapacity()), embed, detect)


def videoseal(arguments: Sequence[str]) -> Peer:
    """Video Seal's mark for pictures; see the module.

    The argument is a model card of theirs (YAML) whose ``checkpoint_path`` is a file here.
    """
    _package_folder("videoseal")
    if not arguments:
        raise _WeightsError("weights not here: no model card of Video Seal is named")
    card = Path(arguments[0])
    weights = str(import_module("omegaconf").OmegaConf.load(card).checkpoint_path)
    if not Path(weights).is_file():
        raise _WeightsError(f"weights not here: {weights}, of which {card} speaks")
    _refuse_connections()
    torch = import_module("torch")
    model = import_module("videoseal").load(card).eval()

    def tensor(frames: Frames) -> Any:
        return torch.from_numpy(frames.transpose(0, 3, 1, 2).copy()).float() / 255

    def embed(frames: Frames, message: list[int]) -> Any:
        messages = torch.tensor([message]).repeat(len(frames), 1)
        with torch.no_grad():
            marked = model.embed(tensor(frames), msgs=messages, is_video=False)["imgs_w"]
        return rounded(255 * marked.numpy().transpose(0, 2, 3, 1))

    def detect(frames: Frames, _hint: str) -> tuple[None, list[int]]:
        with torch.no_grad():
            said = model.detect(tensor(frames), is_video=False)["preds"]
        # The first value is of a detection bit, which the makers do not use by now.
        return None, (said[:, 1:].mean(dim=0).reshape(-1) > 0).int().tolist()

    return Peer(0, int(model.get_random_msg(1).shape[-1]), embed, detect)


def _package_folder(name: str) -> Path:
    spec = find_spec(name)
    if spec is None or not spec.submodule_search_locations:
        raise _WeightsError(f"weights not here, nor the package {name}")
    return Path(spec.submodule_search_locations[0])


def _refuse_connections() -> None:
    """Peers fetch what they miss, without asking: not here."""

    def refuse(*_arguments: object) -> NoReturn:
        raise ConnectionRefusedError("benchmarks download no weights")

    socket.socket.connect = refuse  # type: ignore[assignment, method-assign]  # no other way in
