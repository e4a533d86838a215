"""Pictures put together by another program, with a history of any shape."""

from __future__ import annotations

import io
import json

import c2pa

from labeler.credentials import _toolkit as toolkit
from tests.credentials.pictures import picture


def collage(parts, identity):
    """A picture that was made from each ``(title, relationship, media type, data)``."""
    names = [f"part{number}" for number, _ in enumerate(parts)]
    actions = [
        {
            "action": "c2pa.opened" if relationship == "parentOf" else "c2pa.placed",
            "parameters": {"ingredientIds": [name]},
        }
        for name, (_, relationship, _, _) in zip(names, parts, strict=True)
        if relationship != "inputTo"
    ]
    definition = {
        "title": "Collage",
        "claim_generator_info": [{"name": "Scissors", "version": "3"}],
        "assertions": [{"label": "c2pa.actions.v2", "data": {"actions": actions}}],
    }
    context = c2pa.Context.from_dict({"builder": {"thumbnail": {"enabled": False}}})
    builder = c2pa.Builder(json.dumps(definition), context=context)
    for name, (title, relationship, kind, data) in zip(names, parts, strict=True):
        entry = {"label": name, "title": title, "relationship": relationship}
        builder.add_ingredient(json.dumps(entry), kind, io.BytesIO(data))
    key = toolkit.local_signer(
        identity.algorithm, identity.certificate_chain, identity.private_key, None
    )
    signed = io.BytesIO()
    builder.sign(key, "image/png", io.BytesIO(picture(size=48)), signed)
    return signed.getvalue()
