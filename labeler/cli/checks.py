"""The checks of ``labeler doctor``."""

from __future__ import annotations

import io
import os
import stat
import sys
import tempfile
import time
import wave
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from importlib import import_module
from importlib.metadata import version
from pathlib import Path
from typing import TYPE_CHECKING, Final, Literal, TypeAlias

from labeler.cli.console import printable
from labeler.errors import LabelerError
from labeler.settings import Settings

if TYPE_CHECKING:
    import numpy as np
    from numpy.typing import NDArray

__all__ = ["Check", "examine"]

Status: TypeAlias = Literal["ok", "note", "warning", "broken"]

_PYTHON: Final = (3, 11)
# Distribution and module of what has to be importable.
_PACKAGES: Final = (
    ("numpy", "numpy"),
    ("pillow", "PIL.Image"),
    ("av", "av"),
    ("soxr", "soxr"),
    ("c2pa-python", "c2pa"),
    ("cryptography", "cryptography.x509"),
    ("sqlalchemy", "sqlalchemy"),
    ("pydantic-settings", "pydantic_settings"),
    ("pypdf", "pypdf"),
)
# Name, feature of Pillow, and whether the format cannot be done without.
_FORMATS: Final = (("JPEG", "jpg"), ("PNG", "zlib"), ("WebP", "webp"), ("AVIF", "avif"))
# Format, and the codecs of FFmpeg without which it cannot be read and written.
_FORMATS_OF_FFMPEG: Final = (
    ("MP3", ("mp3float", "libmp3lame")),
    ("Vorbis", ("vorbis",)),
    ("Opus", ("libopus",)),
    ("AAC", ("aac",)),
    ("FLAC", ("flac",)),
    ("ALAC", ("alac",)),
    ("H.264", ("h264", "libx264")),
    ("H.265", ("hevc", "libx265")),
    ("VP9", ("vp9", "libvpx-vp9")),
    ("AV1", ("libdav1d", "libsvtav1")),
)
_EXPIRES_SOON: Final = timedelta(days=30)


@dataclass(frozen=True, slots=True, kw_only=True)
class Check:
    """What came of one check."""

    name: str
    status: Status
    """`note`: nothing is wrong, but it is good to know; `warning`: something does not work that not
    everyone needs."""
    told: str
    """What was found, and what to do about it."""

    def members(self) -> dict[str, object]:
        """As the JSON value that ``docs/json.md`` describes."""
        return {"name": self.name, "status": self.status, "told": self.told}


def examine(settings: Settings) -> Iterator[Check]:
    """Run every check; one that fails does not stop the others."""
    yield _check_python()
    yield from map(_check_package, _PACKAGES)
    yield _check_opencv()
    yield from _check_formats()
    yield _guarded("FFmpeg", _check_ffmpeg, settings)
    for name, check in (
        ("home", _check_home),
        ("identity", _check_identity),
        ("watermark keys", _check_keys),
        ("text keys", _check_text_keys),
        ("trust lists", _check_trust),
        ("registry", _check_registry),
        ("self-test", _check_end_to_end),
        ("self-test, sound", _check_sound),
        ("self-test, film", _check_film),
    ):
        yield _guarded(name, check, settings)


_Result: TypeAlias = tuple[Status, str]


def _guarded(name: str, check: Callable[[Settings], _Result], settings: Settings) -> Check:
    try:
        status, told = check(settings)
    except LabelerError as error:
        status, told = "broken", str(error)
    except Exception as error:  # noqa: BLE001 - a check has to survive whatever it finds
        status, told = "broken", f"an unexpected {type(error).__name__}: {error}"
    return Check(name=name, status=status, told=printable(told))


def _check_python() -> Check:
    found = ".".join(map(str, sys.version_info[:3]))
    if sys.version_info < _PYTHON:
        return Check(name="Python", status="broken", told=f"{found}, but 3.11 or later is needed")
    return Check(name="Python", status="ok", told=found)


def _check_package(package: tuple[str, str]) -> Check:
    distribution, module = package
    try:
        import_module(module)
        return Check(name=distribution, status="ok", told=version(distribution))
    except Exception as error:  # noqa: BLE001 - broken native libraries raise all kinds
        told = f"cannot be imported ({error}); install ai-labeler again"
        return Check(name=distribution, status="broken", told=printable(told))


def _check_opencv() -> Check:
    try:
        cv2 = import_module("cv2")
    except Exception as error:  # noqa: BLE001 - see above
        told = f"cannot be imported ({error}); install opencv-python-headless"
        return Check(name="opencv", status="broken", told=printable(told))
    # Any of its distributions will do, so the module is asked.
    return Check(name="opencv", status="ok", told=str(cv2.__version__))


def _check_formats() -> Iterator[Check]:
    from PIL import features  # noqa: PLC0415 - may be what is broken

    for name, feature in _FORMATS:
        if features.check(feature):
            yield Check(name=name, status="ok", told="Pillow reads and writes it")
        else:
            told = "this Pillow lacks it; install the wheel from PyPI"
            yield Check(name=name, status="warning", told=told)
    try:
        import_module("pillow_heif")
    except ImportError:
        told = "not installed; for HEIC files: pip install 'ai-labeler[heic]'"
        yield Check(name="HEIC", status="note", told=told)
    else:
        yield Check(name="HEIC", status="ok", told=f"pillow-heif {version('pillow-heif')}")


def _check_ffmpeg(_: Settings) -> _Result:
    av = import_module("av")
    parts = ".".join(map(str, av.library_versions["libavcodec"]))
    lacking = [
        name for name, codecs in _FORMATS_OF_FFMPEG if not av.codecs_available.issuperset(codecs)
    ]
    if lacking:
        told = f"libavcodec {parts} lacks {', '.join(lacking)}; install the wheel of av from PyPI"
        return "warning", told
    names = ", ".join(name for name, _ in _FORMATS_OF_FFMPEG)
    return "ok", f"libavcodec {parts} reads and writes {names}"


def _check_home(settings: Settings) -> _Result:
    home = settings.home
    if not home.exists():
        return "note", f"{home} does not exist yet; `labeler keys init` makes it"
    if not os.access(home, os.W_OK | os.X_OK):
        return "broken", f"{home} cannot be written; change its permissions or set LABELER_HOME"
    if stat.S_IMODE(home.stat().st_mode) & 0o022:
        return "warning", f"others may write to {home}; give it mode 0700 (chmod 700)"
    return "ok", str(home)


def _check_identity(settings: Settings) -> _Result:
    from labeler.credentials import Identity  # noqa: PLC0415 - may be what is broken

    chain, key = settings.certificate_chain_file, settings.private_key_file
    if not (settings.certificate_chain or settings.private_key or chain.exists() or key.exists()):
        return "warning", "none, so nothing can be signed; `labeler keys init` makes one"
    identity = Identity.from_pem_files(chain, key)
    left = identity.expires_at - datetime.now(UTC)
    told = f"{identity.common_name}, until {identity.expires_at:%Y-%m-%d}"
    if left < _EXPIRES_SOON:
        return "warning", f"{told}: it expires in {left.days} days"
    if identity.is_development:
        return "note", f"{told}; for development, not for production"
    return "ok", told


def _check_keys(settings: Settings) -> _Result:
    from labeler.codec.keys import PUBLIC_KEY, Keyring  # noqa: PLC0415 - may be what is broken

    keyring = Keyring.load(settings.watermark_keys)
    wanted = settings.watermark_key_id or PUBLIC_KEY.key_id
    if wanted not in keyring:
        return "broken", f"LABELER_WATERMARK_KEY_ID names {wanted}, which is not among the keys"
    secret = len(keyring) - 1
    used = "the public key" if wanted == PUBLIC_KEY.key_id else wanted
    return "ok", f"the public key and {secret} secret; marks are made with {used}"


def _check_text_keys(settings: Settings) -> _Result:
    from labeler.codec.tokens.keys import TextKeyring  # noqa: PLC0415 - may be what is broken

    keys = TextKeyring.load(settings.text_keys)
    if not keys:
        return "note", "none; for watermarks in text: `labeler text keys new`"
    try:
        import_module("tokenizers")
    except ImportError:
        told = f"{len(keys)}, but no package to read text with: pip install 'ai-labeler[text]'"
        return "warning", told
    pins = {key.tokenizer for key in keys.values() if key.tokenizer is not None}
    missing = sorted(pin for pin in pins if not (settings.tokenizers / f"{pin}.json").exists())
    if missing:
        return "warning", f"{len(keys)}; the tokenizer {missing[0]} that one needs is not kept here"
    return "ok", f"{len(keys)}, with their tokenizers"


def _check_trust(settings: Settings) -> _Result:
    from detectors.verification import load_trust  # noqa: PLC0415 - may be what is broken

    lists = load_trust(settings).lists
    if not lists:
        return "note", "none, so no signer is trusted; see --trust-anchors"
    return "ok", ", ".join(f"{each.name} ({each.count})" for each in lists)


def _check_registry(settings: Settings) -> _Result:
    from labeler.registry import RegistryReader  # noqa: PLC0415 - may be what is broken
    from labeler.registry.database import database_of  # noqa: PLC0415 - as above

    reader = RegistryReader.of(settings)
    if reader is None:
        name = database_of(settings).name
        return "note", f"none yet; the first stamping makes {name}"
    with reader:
        return "ok", reader.name


def _check_end_to_end(settings: Settings) -> _Result:
    """Stamp a generated picture and verify it."""
    return _try("picture", _picture(), ".png", settings)


def _check_sound(settings: Settings) -> _Result:
    """Stamp a generated sound and verify it."""
    return _try("sound", _sound(), ".wav", settings)


def _check_film(settings: Settings) -> _Result:
    """Stamp a generated film and verify it."""
    return _try("film", _film(), ".mp4", settings)


def _try(what: str, data: bytes, extension: str, settings: Settings) -> _Result:
    """Stamp and verify, apart from everything that belongs to the user."""
    started = time.perf_counter()
    with tempfile.TemporaryDirectory(prefix="labeler-doctor-") as name:
        folder = Path(name)
        trial = _trial_settings(settings, folder / "home")
        source, target = folder / f"source{extension}", folder / f"target{extension}"
        source.write_bytes(data)
        missing = _stamp_and_verify(trial, source, target)
    if missing:
        return "broken", f"a stamped {what} was verified, but not found: {', '.join(missing)}"
    return "ok", f"a {what} was stamped and verified in {time.perf_counter() - started:.1f} s"


def _trial_settings(settings: Settings, home: Path) -> Settings:
    from labeler.credentials import create_development_identity  # noqa: PLC0415 - see above

    chain, key = settings.certificate_chain_file, settings.private_key_file
    own = chain.exists() and key.exists()
    if not own:
        create_development_identity(home / "identity", now=datetime.now(UTC))
    return Settings(
        home=home,
        certificate_chain=chain if own else None,
        private_key=key if own else None,
        # Nothing of the environment's that would reach the user's records or the network.
        registry=None,
        tsa_url=None,
        issuer=0,
        issuer_directory=None,
        watermark_key_id=None,
        allow_missing=frozenset(),
        trust_anchors=(),
        tsa_anchors=(),
    )


def _stamp_and_verify(trial: Settings, source: Path, target: Path) -> list[str]:
    """The layers that verifying does not find."""
    from detectors import Presence, verify  # noqa: PLC0415 - may be what is broken
    from labeler import Provenance, stamp  # noqa: PLC0415 - may be what is broken
    from labeler.receipt import Layer  # noqa: PLC0415 - may be what is broken

    stamp(source, target, Provenance(generator="labeler doctor"), settings=trial)
    report = verify(target, settings=trial)
    present = {
        finding.technique.value
        for finding in report.findings
        if finding.presence is Presence.PRESENT
    }
    return [layer.value for layer in Layer if layer.value not in present]


def _picture() -> bytes:
    """A picture with room for a watermark: smoothed noise, as PNG."""
    from PIL import Image  # noqa: PLC0415 - may be what is broken

    file = io.BytesIO()
    Image.fromarray(_pixels(512, 512)).save(file, "PNG")
    return file.getvalue()


def _film() -> bytes:
    """A film with room for a watermark: two seconds over a picture of smoothed noise, as MP4."""
    import av  # noqa: PLC0415 - may be what is broken

    scene = _pixels(400, 560)
    file = io.BytesIO()
    with av.open(file, "w", format="mp4") as container:
        stream = container.add_stream("libx264", rate=12, options={"preset": "ultrafast"})
        stream.width, stream.height, stream.pix_fmt = 480, 360, "yuv420p"
        for at in range(24):
            view = scene[at : at + 360, 2 * at : 2 * at + 480].copy()
            container.mux(stream.encode(av.VideoFrame.from_ndarray(view, "rgb24")))
        container.mux(stream.encode(None))
    return file.getvalue()


def _pixels(height: int, width: int) -> NDArray[np.uint8]:
    import cv2  # noqa: PLC0415 - may be what is broken
    import numpy as np  # noqa: PLC0415 - may be what is broken

    noise = np.random.default_rng(1).normal(0, 1, (height, width, 3)).astype(np.float32)
    pixels = 128 + 90 * cv2.GaussianBlur(noise, (0, 0), 8) * 8 + 12 * noise
    clipped: NDArray[np.uint8] = np.clip(pixels, 0, 255).astype(np.uint8)
    return clipped


def _sound() -> bytes:
    """A sound with room for a watermark: twelve seconds of noise that swells, as WAV."""
    import numpy as np  # noqa: PLC0415 - may be what is broken

    time_s = np.arange(12 * 16_000) / 16_000
    noise = np.random.default_rng(1).normal(0, 0.1, len(time_s))
    samples = np.clip(noise * (1.2 + np.sin(2 * np.pi * 3 * time_s)), -1, 1)
    file = io.BytesIO()
    with wave.open(file, "wb") as writer:
        writer.setnchannels(1)
        writer.setsampwidth(2)
        writer.setframerate(16_000)
        writer.writeframes((samples * 32_767).astype("<i2").tobytes())
    return file.getvalue()
