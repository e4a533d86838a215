"""Make the examples that docs/labels.md shows: pictures, a film, sound and a page with labels.

    python docs/make_labels.py [folder]

Everything is made from samples/, with a development identity in a temporary home. The screenshot of
the page is skipped where there is no Chromium.
"""

from __future__ import annotations

import io
import runpy
import shutil
import subprocess
import sys
import tempfile
from datetime import UTC, datetime
from fractions import Fraction
from html import escape
from pathlib import Path

import av
import numpy as np
from numpy.typing import NDArray
from PIL import Image

from labeler.credentials import create_development_identity
from labeler.disclosure.html import figure_html
from labeler.disclosure.labels import Extent, Language, TextLabel, VisibleLabel
from labeler.disclosure.pictures import labelled
from labeler.disclosure.texts import label_text
from labeler.media.media_type import MediaKind, MediaType
from labeler.media.picture import open_picture
from labeler.provenance import Provenance, SourceType
from labeler.settings import Settings
from labeler.stamping.disclosing import disclose

Rgb = NDArray[np.uint8]
"""``(h, w, 3)`` sRGB."""

ROOT = Path(__file__).parent.parent
SAMPLES = ROOT / "samples"
SHOWN = (640, 480)
"""What the sheet's badges are drawn for: width and height, pixels."""
CUT = (200, 96)
"""What the sheet shows of that: the top right corner."""
COLUMNS = 4
FILM = (640, 360)
FILM_S, FILM_FPS = 3, 25
SOUND_S = 5


def main() -> int:
    """Make every example and give the exit code."""
    folder = Path(sys.argv[1]) if len(sys.argv) > 1 else Path(__file__).parent / "labels"
    folder.mkdir(parents=True, exist_ok=True)
    with tempfile.TemporaryDirectory(prefix="labeler-labels-") as temporary:
        scratch = Path(temporary)
        home = Settings(home=scratch / "home", registry=str(scratch / "registry.sqlite3"))
        create_development_identity(home.identity, now=datetime.now(UTC))
        for made in (
            *pictures(home, scratch, folder),
            sheet(folder / "languages.png"),
            *film(home, scratch, folder),
            sound(home, scratch, folder),
            *page(folder),
        ):
            sys.stdout.write(f"{made.name}: {made.stat().st_size / 1000:.0f} kB\n")
    return 0


def pictures(home: Settings, scratch: Path, folder: Path) -> list[Path]:
    """One picture in English, one in Greek, one that was modified in Bulgarian."""
    made = []
    for sample, language, source_type in (
        ("harbour.jpg", Language.ENGLISH, SourceType.TRAINED_ALGORITHMIC_MEDIA),
        ("dawn.jpg", Language.GREEK, SourceType.TRAINED_ALGORITHMIC_MEDIA),
        ("marble.webp", Language.BULGARIAN, SourceType.COMPOSITE_WITH_TRAINED_ALGORITHMIC_MEDIA),
    ):
        source = scratch / Path(sample).with_suffix(".jpg").name
        scaled(sample, (800, 600)).save(source, quality=85)
        target = folder / f"{source.stem}-{language.value}.jpg"
        settings = home.model_copy(update={"label_language": language})
        disclose(
            source, target, Provenance(source_type=source_type), settings=settings, overwrite=True
        )
        made.append(target)
    return made


def sheet(target: Path) -> Path:
    """All 24 languages on a photograph; below, one badge on white, black and noise."""
    photograph = np.asarray(scaled("dawn.jpg", SHOWN))
    tiles = [
        tile(photograph, VisibleLabel(extent=Extent.GENERATED, language=each)) for each in Language
    ]
    noise = np.random.default_rng(7).integers(0, 256, (*SHOWN[::-1], 1), np.uint8)
    grounds = (
        np.full_like(photograph, 255),
        np.zeros_like(photograph),
        noise.repeat(3, axis=2),
        np.asarray(scaled("harbour.jpg", SHOWN)),
    )
    tiles += [tile(each, VisibleLabel(extent=Extent.GENERATED)) for each in grounds]
    rows = [np.hstack(tiles[at : at + COLUMNS]) for at in range(0, len(tiles), COLUMNS)]
    Image.fromarray(np.vstack(rows)).quantize(256).save(target, optimize=True)
    return target


def tile(ground: Rgb, label: VisibleLabel) -> Rgb:
    """The labelled corner of a picture, with a thin grey frame around it."""
    held = io.BytesIO()
    Image.fromarray(ground).save(held, "PNG")
    picture = labelled(open_picture(held.getvalue(), name="tile.png"), [label])
    shown = next(iter(picture.frames()))
    return np.pad(shown[: CUT[1], -CUT[0] :], ((2, 2), (2, 2), (0, 0)), constant_values=128).astype(
        np.uint8
    )


def film(home: Settings, scratch: Path, folder: Path) -> list[Path]:
    """A film that pans over a sample, labelled; and a still of it."""
    source, target, still = scratch / "film.mp4", folder / "film.mp4", folder / "film.png"
    pan(source)
    disclose(source, target, settings=home, overwrite=True)
    with av.open(str(target)) as container:
        frame = next(
            each for each in container.decode(video=0) if each.time is not None and each.time >= 1
        )
    Image.fromarray(frame.to_ndarray(format="rgb24")).quantize(256).save(still, optimize=True)
    return [target, still]


def pan(target: Path) -> None:
    """A silent film, H.264 in MP4."""
    width, height = FILM
    wide = np.asarray(scaled("harbour.jpg", (1280, 960)))
    with av.open(str(target), "w") as container:
        stream = container.add_stream("libx264", rate=FILM_FPS, options={"crf": "28"})
        stream.width, stream.height, stream.pix_fmt = width, height, "yuv420p"
        stream.time_base = Fraction(1, FILM_FPS)
        for number in range(FILM_S * FILM_FPS):
            left = 4 * number
            area = np.ascontiguousarray(wide[300 : 300 + height, left : left + width])
            container.mux(stream.encode(av.VideoFrame.from_ndarray(area, format="rgb24")))
        container.mux(stream.encode(None))


def sound(home: Settings, scratch: Path, folder: Path) -> Path:
    """A voice that says nothing, with a disclaimer that it is generated."""
    source, target = scratch / "voice.ogg", folder / "sound.ogg"
    made = runpy.run_path(str(SAMPLES / "make_sounds.py"))
    rate_hz = made["RATE_HZ"]
    voice = made["voice"](np.random.default_rng(made["SEED"]))[: SOUND_S * rate_hz]
    made["save"](source, voice, rate_hz, "libopus", bit_rate=48_000)
    disclose(source, target, settings=home, overwrite=True)
    return target


def page(folder: Path) -> list[Path]:
    """A page with its label and with a labelled picture, and what it looks like."""
    label = TextLabel(extent=Extent.GENERATED)
    figure = figure_html("harbour-en.jpg", MediaKind.IMAGE, label, description="A harbour at dusk")
    text = PAGE.format(title=escape("The harbour in winter"), figure=figure)
    target = folder / "page.html"
    target.write_text(label_text(text, label, MediaType.HTML), encoding="utf-8")
    return [target, *screenshot(target)]


def screenshot(document: Path) -> list[Path]:
    """What Chromium shows of a page; nothing where there is no Chromium."""
    browser = shutil.which("chromium")
    if browser is None:
        sys.stdout.write("There is no chromium: the screenshot of the page was skipped.\n")
        return []
    target = document.with_suffix(".png").absolute()
    command = [
        browser, "--headless", "--no-sandbox", "--disable-gpu", "--hide-scrollbars",
        "--window-size=720,620", f"--screenshot={target}", document.absolute().as_uri(),
    ]  # fmt: skip
    subprocess.run(command, check=True, capture_output=True, timeout=120)  # noqa: S603 - our own page
    with Image.open(target) as shown:
        smaller = shown.convert("RGB").quantize(256)
    smaller.save(target, optimize=True)
    return [target]


def scaled(sample: str, size: tuple[int, int]) -> Image.Image:
    """A sample picture in RGB."""
    with Image.open(SAMPLES / sample) as opened:
        return opened.convert("RGB").resize(size, Image.Resampling.LANCZOS)


PAGE = """<!DOCTYPE html>
<html lang="en">
<head>
<meta charset="utf-8">
<title>{title}</title>
<style>
body {{ font: 18px/1.5 "DejaVu Sans", sans-serif; margin: 2em auto; max-width: 34em; }}
img {{ max-width: 60%; }}
.ai-disclosure {{ border: 2px solid; padding: 0.3em 0.6em; display: inline-block; }}
</style>
</head>
<body>
<main>
<h1>{title}</h1>
<p>From the first of December, ferries leave every forty minutes.</p>
{figure}
</main>
</body>
</html>
"""

if __name__ == "__main__":
    sys.exit(main())
