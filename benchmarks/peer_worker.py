"""A peer's marks, made and read by a Python of its own: run by ``peer_process``, not by hand.

The interpreter has the peer installed and need not have Labeler. Requests come one a line on
standard input, answers go to standard output, both as JSON; sound travels in ``.npy`` files, mono
float32, and so do films and pictures, RGB frames uint8 ``(n, H, W, 3)``. The first line out says
what the peer is; ``cpu_s`` is the processor time of what was asked, without the files::

    {"rate_hz": 32000, "bits": 0}
    < {"do": "embed", "source": "a.npy", "target": "b.npy", "message": [0, 1, …]}
    > {"cpu_s": 0.1}
    < {"do": "detect", "source": "b.npy", "hint": ""}
    > {"cpu_s": 0.1, "found": true, "message": null}
"""

from __future__ import annotations

import json
import os
import sys
import time
from typing import Any, Final

import numpy as np

from benchmarks.peer_frames import blind_watermark, clawid, dwt_dct, dwt_dct_svd, ghostmark, rivagan
from benchmarks.peer_interface import Peer
from benchmarks.peer_networks import trustmark, videoseal
from benchmarks.peer_sounds import audioseal, aware, perth

_PEERS: Final = {
    "perth": perth,
    "aware": aware,
    "audioseal": audioseal,
    "dwtDct": dwt_dct,
    "dwtDctSvd": dwt_dct_svd,
    "rivaGan": rivagan,
    "clawid": clawid,
    "blind-watermark": blind_watermark,
    "ghostmark": ghostmark,
    "TrustMark": trustmark,
    "VideoSeal": videoseal,
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


def _answer(peer: Peer, request: dict[str, Any]) -> dict[str, Any]:
    source = np.load(request["source"])
    start = time.process_time()
    if request["do"] == "embed":
        embedded = peer.embed(source, request["message"])
        cpu_s = time.process_time() - start
        marked = np.asarray(embedded, source.dtype)
        np.save(request["target"], marked.reshape(-1, *source.shape[1:]))
        return {"cpu_s": cpu_s}
    found, message = peer.detect(source, request.get("hint", ""))
    return {"cpu_s": time.process_time() - start, "found": found, "message": message}


if __name__ == "__main__":
    main()
