"""What schemathesis is told: bodies that it cannot make by itself, and manifests that there are."""

from __future__ import annotations

import os

import schemathesis

MANIFEST_ID = os.environ.get("KNOWN_MANIFEST_ID", "")


@schemathesis.serializer(
    "image/*", "audio/*", "video/*", "application/*", "model/*", "text/*", "application/c2pa"
)
def raw(_context, value):
    return value if isinstance(value, bytes) else str(value).encode("utf-8", "replace")


@schemathesis.hook
def map_path_parameters(_context, path_parameters):
    """Half of all questions are about a manifest that there is."""
    given = (path_parameters or {}).get("manifestId")
    if isinstance(given, str) and len(given) % 2:
        path_parameters["manifestId"] = MANIFEST_ID
    return path_parameters


@schemathesis.hook
def map_body(_context, body):
    """The same for bindings."""
    given = body.get("manifestId") if isinstance(body, dict) else None
    if isinstance(given, str) and len(given) % 2:
        body["manifestId"] = MANIFEST_ID
    return body
