"""Train the detector's learned front end, and write it as ONNX.

    python -m benchmarks.front_end_training PICTURES_DIR… --minutes 90 --onnx front_end.onnx

Three quarters of what it sees are parts of the photographs in the folders, marked with random keys
and payloads and damaged (`benchmarks.front_end_samples`), the rest are graphics that are made up on
the way. Needs the dependency group ``training``; two cores are enough. A checkpoint is written now
and then, and training goes on from it with ``--resume``. ``--held-out DIR`` says how pictures fare
that are not trained on: decibels by which the mark's share of what is heard exceeds that of the
bilateral filter.
"""

from __future__ import annotations

import argparse
import hashlib
import math
import multiprocessing
import queue
import sys
import time
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Final

import cv2
import numpy as np
import onnx
import torch
from numpy.typing import NDArray
from onnx import TensorProto, helper, numpy_helper

from benchmarks import pictures
from benchmarks.front_end_network import FrontEnd, coherence, loss_of
from benchmarks.front_end_samples import Sample, samples
from detectors.front_end import PLANES

_POOL: Final = 1500
"""Samples that are kept; each is used a few times."""
_BATCH: Final = 4
_LEAST_RATE: Final = 0.02
_WARM_UP: Final = 100
_HELD_OUT: Final = 96
_REPORT_S: Final = 120.0


def main(arguments: Sequence[str] | None = None) -> None:
    """Train, and write the network."""
    options = _parser().parse_args(arguments)
    torch.manual_seed(options.seed)
    torch.set_num_threads(options.threads)
    paths = [path for folder in options.folders for path in pictures.find(folder)]
    network = FrontEnd(options.channels)
    averaged = FrontEnd(options.channels)
    if options.resume:
        network.load_state_dict(torch.load(options.resume))
    averaged.load_state_dict(network.state_dict())
    held_out = _Batch.of(_held_out(options.held_out)) if options.held_out else None
    _train(network, averaged, paths, held_out, options)
    data = as_onnx(averaged)
    options.onnx.write_bytes(data)
    print(f"{options.onnx}: {len(data)} bytes, sha256 {hashlib.sha256(data).hexdigest()}")


def _parser() -> argparse.ArgumentParser:
    parser = argparse.ArgumentParser(prog="python -m benchmarks.front_end_training")
    parser.add_argument("folders", type=Path, nargs="+", metavar="PICTURES_DIR")
    parser.add_argument("--minutes", type=float, default=90.0)
    parser.add_argument("--onnx", type=Path, default=Path("front_end.onnx"))
    parser.add_argument("--checkpoint", type=Path, default=Path("front_end.pt"))
    parser.add_argument("--resume", type=Path, help="a checkpoint to go on from")
    parser.add_argument("--held-out", type=Path, help="a folder of other pictures, to watch")
    parser.add_argument("--rate", type=float, default=2e-3, help="of learning, at first")
    parser.add_argument("--channels", type=int, default=32)
    parser.add_argument("--threads", type=int, default=2)
    parser.add_argument("--seed", type=int, default=1)
    return parser


# ------------------------------------------------------------------------------------- samples


@dataclass(frozen=True, slots=True)
class _Batch:
    seen: torch.Tensor
    pattern: torch.Tensor
    period: torch.Tensor

    @classmethod
    def of(cls, chosen: Sequence[Sample]) -> _Batch:
        return cls(
            torch.from_numpy(np.stack([each.seen for each in chosen])).float(),
            torch.from_numpy(np.stack([each.pattern for each in chosen])).float(),
            torch.tensor([each.period for each in chosen]),
        )

    def turned(self, random: np.random.Generator) -> _Batch:
        """One of the eight ways in which a square lies on itself."""
        seen, pattern = self.seen, self.pattern
        if random.random() < 0.5:
            seen, pattern = seen.flip(-1), pattern.flip(-1)
        if random.random() < 0.5:
            seen, pattern = seen.flip(-2), pattern.flip(-2)
        if random.random() < 0.5:
            seen, pattern = seen.transpose(-1, -2), pattern.transpose(-1, -2)
        return _Batch(seen, pattern, self.period)


def _make(paths: Sequence[Path], seed: int, made: Any) -> None:
    cv2.setNumThreads(1)
    random = np.random.default_rng(seed)
    photographs = [pictures.load(path) for path in paths]
    while True:
        for sample in samples(photographs, random):
            made.put(sample)


def _held_out(folder: Path) -> list[Sample]:
    random = np.random.default_rng(99)
    chosen: list[Sample] = []
    found = [pictures.load(path) for path in pictures.find(folder)]
    found = [each for each in found if min(each.shape[:2]) >= 300]
    while len(chosen) < _HELD_OUT:
        chosen += samples([found[len(chosen) % len(found)]], random)[:1]
    return chosen


# ------------------------------------------------------------------------------------- training


def _train(
    network: FrontEnd,
    averaged: FrontEnd,
    paths: Sequence[Path],
    held_out: _Batch | None,
    options: argparse.Namespace,
) -> None:
    context = multiprocessing.get_context("spawn")
    made: Any = context.Queue(64)
    maker = context.Process(target=_make, args=(paths, options.seed, made), daemon=True)
    maker.start()
    pool = [made.get() for _ in range(8 * _BATCH)]
    optimiser = torch.optim.AdamW(network.parameters(), lr=options.rate, weight_decay=1e-4)
    network.to(memory_format=torch.channels_last)  # type: ignore[call-overload]  # not in the stubs
    random = np.random.default_rng(options.seed)
    losses: list[float] = []
    step = taken = 0
    start = reported = time.monotonic()
    while (share := (time.monotonic() - start) / (60 * options.minutes)) < 1:
        taken += _refill(pool, made, taken)
        for group in optimiser.param_groups:
            falling = max(_LEAST_RATE, (1 + math.cos(math.pi * share)) / 2)
            group["lr"] = options.rate * min(1.0, (step + 1) / _WARM_UP) * falling
        chosen = random.integers(len(pool), size=_BATCH)
        batch = _Batch.of([pool[index] for index in chosen]).turned(random)
        loss = loss_of(_heard(network, batch))
        optimiser.zero_grad()
        loss.backward()
        torch.nn.utils.clip_grad_norm_(network.parameters(), 1.0)
        optimiser.step()
        step += 1
        losses.append(loss.item())
        _average(averaged, network, min(0.998, step / (step + 20)))
        if time.monotonic() - reported > _REPORT_S:
            reported = time.monotonic()
            torch.save(averaged.state_dict(), options.checkpoint)
            gain = "" if held_out is None else f", held out {_gain_db(averaged, held_out):+.2f} dB"
            print(
                f"{(reported - start) / 60:.0f} min, step {step}, {taken} samples, "
                f"loss {np.mean(losses[-400:]):.4f}{gain}",
                file=sys.stderr,
                flush=True,
            )
    maker.terminate()


def _refill(pool: list[Sample], made: Any, taken: int) -> int:
    """Take what has been made meanwhile; gives how many."""
    count = 0
    while True:
        try:
            sample = made.get_nowait()
        except queue.Empty:
            return count
        if len(pool) < _POOL:
            pool.append(sample)
        else:
            pool[(taken + count) % _POOL] = sample
        count += 1


def _heard(network: FrontEnd, batch: _Batch) -> torch.Tensor:
    with torch.autocast("cpu", torch.bfloat16):
        found = network(batch.seen.contiguous(memory_format=torch.channels_last))
    return coherence(found.float(), batch.pattern, batch.period)


def _average(averaged: FrontEnd, network: FrontEnd, keep: float) -> None:
    with torch.no_grad():
        for mean, value in zip(averaged.parameters(), network.parameters(), strict=True):
            mean.mul_(keep).add_(value, alpha=1 - keep)


def _gain_db(network: FrontEnd, batch: _Batch) -> float:
    """Mean gain over the bilateral filter, of samples in which that hears anything."""
    with torch.no_grad():
        learned = torch.cat(
            [
                _heard(network, _Batch(*(each[at : at + 8] for each in _tensors(batch))))
                for at in range(0, len(batch.period), 8)
            ]
        )
        plain = coherence(batch.seen[:, 0], batch.pattern, batch.period)
    heard = plain > 0.03
    gains = 20 * torch.log10(learned[heard].clamp(min=0.01) / plain[heard])
    return float(gains.mean())


def _tensors(batch: _Batch) -> tuple[torch.Tensor, ...]:
    return batch.seen, batch.pattern, batch.period


# ------------------------------------------------------------------------------------- the file


def as_onnx(network: FrontEnd) -> bytes:
    """The network between the foldings, as ONNX: input ``(1, 16, H, W)``, output ``(1, 4, H, W)``.

    Plain convolutions, so that any reader of ONNX runs it.
    """
    nodes, weights = [], []

    def convolution(name: str, source: str, layer: torch.nn.Conv2d) -> str:
        inputs = [source, f"{name}.weight"]
        weights.append(numpy_helper.from_array(_values(layer.weight), f"{name}.weight"))
        if layer.bias is not None:
            inputs.append(f"{name}.bias")
            weights.append(numpy_helper.from_array(_values(layer.bias), f"{name}.bias"))
        # As many samples as the kernel reaches beyond its middle.
        pads = [layer.dilation[0] * (layer.kernel_size[0] // 2)] * 4
        nodes.append(
            helper.make_node(
                "Conv",
                inputs,
                [name],
                kernel_shape=layer.kernel_size,
                dilations=layer.dilation,
                pads=pads,
            )
        )
        return name

    def added(name: str, *sources: str, operation: str = "Add") -> str:
        nodes.append(helper.make_node(operation, sources, [name]))
        return name

    def rectified(name: str) -> str:
        return added(f"{name}.rectified", name, operation="Relu")

    hidden = rectified(convolution("first", "seen", network.first))
    half = len(network.middle) // 2
    for block in range(2):
        within = hidden
        for index in range(block * half, (block + 1) * half):
            layer = network.middle[index]
            assert isinstance(layer, torch.nn.Conv2d)
            within = rectified(convolution(f"middle{index}", within, layer))
        hidden = added(f"block{block}", hidden, within)
    last = convolution("last", hidden, network.last)
    added("found", last, convolution("past", "seen", network.past))
    float32 = TensorProto.FLOAT
    graph = helper.make_graph(
        nodes,
        "image-front-end",
        [helper.make_tensor_value_info("seen", float32, [1, 4 * PLANES, "h", "w"])],
        [helper.make_tensor_value_info("found", float32, [1, 4, "h", "w"])],
        weights,
    )
    model = helper.make_model(
        graph, opset_imports=[helper.make_opsetid("", 13)], ir_version=8, producer_name="labeler"
    )
    onnx.checker.check_model(model)
    data: bytes = model.SerializeToString()
    return data


def _values(tensor: torch.Tensor) -> NDArray[np.float32]:
    return tensor.detach().contiguous().numpy().astype(np.float32)


if __name__ == "__main__":
    main()
