"""Small generated media, and a home directory to stamp them with."""

import io
import json
import zlib
from datetime import UTC, datetime

import c2pa
import cv2
import numpy as np
from PIL import Image

from labeler.credentials import create_development_identity
from labeler.settings import Settings

FORMATS = ("PNG", "JPEG", "WEBP", "AVIF", "TIFF", "GIF")
EXTENSIONS = {
    "PNG": ".png",
    "JPEG": ".jpg",
    "WEBP": ".webp",
    "AVIF": ".avif",
    "TIFF": ".tif",
    "GIF": ".gif",
}


def photo(width=400, height=300, seed=1):
    """(height, width, 3) uint8: soft shapes with some grain, as photographs have."""
    random = np.random.default_rng(seed)
    shapes = random.integers(30, 220, (height // 12, width // 12, 3), np.uint8)
    soft = cv2.resize(shapes, (width, height), interpolation=cv2.INTER_CUBIC).astype(float)
    return np.clip(soft + random.normal(0, 4, soft.shape), 0, 255).astype(np.uint8)


def encode(pixels, form="PNG", **options):
    """The picture file of an array, or of several as an animation or pages."""
    first, *rest = [Image.fromarray(each) for each in ([pixels] if pixels.ndim < 4 else pixels)]
    stream = io.BytesIO()
    if rest:
        options |= {"save_all": True, "append_images": rest}
    first.save(stream, form, **options)
    return stream.getvalue()


def decode(data):
    """The pixels of the first frame."""
    return np.array(Image.open(io.BytesIO(data)))


def make_settings(directory, **options):
    """Settings with a home of their own, in which a development identity can sign."""
    settings = Settings(home=directory / "home", **options)
    create_development_identity(settings.identity, now=datetime.now(UTC))
    return settings


def sign(data, media_type, settings, *assertions):
    """The file with a manifest of other people's making, signed by the development identity."""
    identity = settings.identity
    chain, key = ((identity / name).read_bytes() for name in ("chain.pem", "key.pem"))
    definition = {
        "claim_generator_info": [{"name": "Camera", "version": "1"}],
        "assertions": [
            {"label": label, "created": True, "data": data} for label, data in assertions
        ],
    }
    context = c2pa.Context.from_dict({"builder": {"thumbnail": {"enabled": False}}})
    signer = c2pa.Signer.from_info(c2pa.C2paSignerInfo(b"es256", chain, key, None))
    target = io.BytesIO()
    with signer, c2pa.Builder(json.dumps(definition), context=context) as builder:
        builder.sign(signer, media_type, io.BytesIO(data), target)
    return target.getvalue()


def created(source_type):
    """The assertion that the content was created in this way."""
    uri = f"http://cv.iptc.org/newscodes/digitalsourcetype/{source_type}"
    actions = [{"action": "c2pa.created", "digitalSourceType": uri}]
    return "c2pa.actions.v2", {"actions": actions}


def bomb(side=60_000):
    """A PNG that claims to have ``side`` x ``side`` pixels."""
    data = bytearray(encode(photo(64, 48)))
    data[16:24] = side.to_bytes(4, "big") * 2
    data[29:33] = zlib.crc32(data[12:29]).to_bytes(4, "big")
    return bytes(data)


def with_comment(data):
    """The PNG with one more text chunk: its pixels are as they were, its hash is not."""
    end = data.rindex(b"IEND") - 4
    body = b"tEXtComment\0changed"
    chunk = (len(body) - 4).to_bytes(4, "big") + body + zlib.crc32(body).to_bytes(4, "big")
    return data[:end] + chunk + data[end:]
