"""What, beside the source's bytes, decides about an output: its profile, as one digest.

Two stampings with the same source and profile ask for the same thing; the registry finds the
earlier one by it.
"""

from __future__ import annotations

import hashlib
import json
from collections.abc import Iterable
from typing import Final

from labeler.provenance import Provenance
from labeler.receipt import Layer
from labeler.settings import LABELLING_SETTINGS, Settings

__all__ = ["labelling_settings", "profile_digest"]

_VERSION: Final = 1


def labelling_settings(settings: Settings) -> str:
    """The settings that say what labels are like, as text."""
    return settings.model_dump_json(include=set(LABELLING_SETTINGS))


def profile_digest(
    provenance: Provenance,
    settings: Settings,
    *,
    key_id: str,
    signpost: str | None = None,
    signer: str | None,
    allow_missing: Iterable[Layer],
    already_marked: str,
    facts: str | None = None,
    labels: str | None = None,
    labelling: str | None = None,
) -> str:
    """The digest, 64 hexadecimal digits.

    Args:
        provenance: What is claimed.
        settings: Issuer, strength, time-stamp authority, and where the manifest says to ask count.
        key_id: Id of the watermark key.
        signpost: Id of the key of the layer beside it; None: there is none.
        signer: The certificate chain as PEM; None where nothing is signed.
        allow_missing: Layers that may be missing.
        already_marked: What is done with a watermark that is there already.
        facts: Digest of the facts that decide what is due; None: nobody asked.
        labels: The labels that are laid; None: none.
        labelling: The settings that say what labels are like, where facts ask for some.
    """
    members = {
        "version": _VERSION,
        "provenance": provenance.to_json(),
        "issuer": settings.issuer,
        "strength": settings.strength,
        "tsa_url": settings.tsa_url,
        "key_id": key_id,
        "signer": signer,
        "allow_missing": sorted(layer.value for layer in allow_missing),
        "already_marked": already_marked,
    }
    # What was stamped before there were labels, signposts and addresses keeps its profile.
    members |= {"signpost": signpost} if signpost else {}
    told = {"detector_url": settings.detector_url, "resolver_url": settings.resolver_url}
    members |= {name: url for name, url in told.items() if url is not None}
    members |= {"facts": facts} if facts else {}
    members |= {"labels": labels} if labels else {}
    members |= {"labelling": labelling} if labelling else {}
    text = json.dumps(members, sort_keys=True)
    return hashlib.sha256(text.encode()).hexdigest()
