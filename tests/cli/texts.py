"""A marked text, its key and its tokenizer, for tests of the command line."""

from __future__ import annotations

import json
import lzma
from dataclasses import dataclass
from pathlib import Path

from labeler.codec.tokens.keys import TextKey, parse_text_key, write_text_key

DATA = Path(__file__).parents[1] / "data" / "text"
RECORDS = json.loads((DATA / "texts.json").read_text())
KEY: TextKey = parse_text_key(json.dumps(RECORDS[-1]["key"]).encode())
SECRET: str = RECORDS[-1]["key"]["secret"]
MARKED: str = RECORDS[-1]["text"] + "\n"
PROSE = (
    "Nobody who stood on the quay that morning could have told which of the three boats would "
    "come back, but everybody had an opinion and most of them were loud about it. The harbour "
    "master kept his to himself, counted crates, and wrote the numbers into a book with a pencil "
    "that he sharpened far too often, as his wife had told him more than once that winter.\n"
)


@dataclass(frozen=True, slots=True)
class Desk:
    """Files that belong together."""

    folder: Path
    tokenizer: Path
    key: Path
    marked: Path
    prose: Path


def write_key(path: Path, key: TextKey = KEY) -> Path:
    path.touch(mode=0o600)
    path.write_text(write_text_key(key))
    return path


def make_desk(folder: Path) -> Desk:
    desk = Desk(
        folder,
        folder / "tokenizer.json",
        write_key(folder / "engine.json"),
        folder / "essay.md",
        folder / "notes.txt",
    )
    desk.tokenizer.write_bytes(lzma.decompress((DATA / "tokenizer.json.xz").read_bytes()))
    desk.marked.write_text(MARKED)
    desk.prose.write_text(PROSE)
    return desk
