"""Stamp the sample pictures, damage copies as a social network would, and verify all of them.

    python samples/demo.py [folder to keep the pictures in]

Ends with exit code 1 if something is not found that should be, or found that should not.
"""

from __future__ import annotations

import json
import os
import subprocess
import sys
import tempfile
import time
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from pathlib import Path
from typing import Any

from PIL import Image
from rich.console import Console
from rich.table import Table
from rich.text import Text

Report = Mapping[str, Any]

SAMPLES = Path(__file__).parent
EXTENSIONS = {".jpg", ".png", ".webp"}
LONGEST_SIDE = 1080
JPEG_QUALITY = 75
MARKED, NO_MARK_FOUND = 0, 3
"""Exit codes of `labeler verify`."""


class DemoError(Exception):
    """Something did not go as it should."""


def main() -> int:
    """Run the demonstration and give the exit code."""
    console = Console(highlight=False)
    pictures = sorted(path for path in SAMPLES.iterdir() if path.suffix in EXTENSIONS)
    with tempfile.TemporaryDirectory(prefix="labeler-demo-") as temporary:
        home = Path(temporary) / "home"
        folder = Path(sys.argv[1]) if len(sys.argv) > 1 else Path(temporary)
        stamped, damaged = folder / "stamped", folder / "damaged"
        try:
            with step(console, "A development identity in a temporary home"):
                run(home, "keys", "init")
            with step(console, f"Stamp {len(pictures)} pictures: manifest, watermark, metadata"):
                receipts = stamp(home, pictures, stamped)
            with step(console, "Send copies through the mill: 1080 pixels, JPEG 75, no metadata"):
                damage(stamped, damaged)
            with step(console, "Verify originals, stamped pictures and damaged copies"):
                before = verify(home, pictures, expect=NO_MARK_FOUND)
                after = verify(home, [stamped], expect=MARKED)
                survivors = verify(home, [damaged], expect=MARKED)
        except DemoError as error:
            console.print(f"\n{error}", style="bold red", markup=False)
            return 1
    return show(console, receipts, before, after, survivors)


@contextmanager
def step(console: Console, title: str) -> Iterator[None]:
    """Tell what is being done, and how long it took."""
    started = time.perf_counter()
    yield
    console.print(f"[green]✓[/] {title} [dim]{time.perf_counter() - started:.1f} s[/]")


def run(home: Path, *arguments: str | Path, expect: int = 0) -> list[Report]:
    """What ``labeler`` prints as JSON, one object a line."""
    done = subprocess.run(
        [sys.executable, "-m", "labeler", *map(str, arguments), "--json"],
        env=os.environ | {"LABELER_HOME": str(home)},
        capture_output=True,
        text=True,
        check=False,
    )
    if done.returncode != expect:
        command = " ".join(["labeler", *map(str, arguments)])
        raise DemoError(
            f"{command}\nended with {done.returncode}, not {expect}\n{done.stdout}{done.stderr}"
        )
    return [json.loads(line) for line in done.stdout.splitlines()]


def stamp(home: Path, pictures: list[Path], out: Path) -> dict[str, Report]:
    """Receipts by name without extension."""
    lines = run(
        home, "stamp", *pictures, "--out", out, "--generator", "Labeler samples", "--overwrite"
    )
    return {Path(line["target"]).stem: line["receipt"] for line in lines}


def damage(stamped: Path, damaged: Path) -> None:
    """Scale down and encode again as JPEG, with nothing but the pixels kept."""
    damaged.mkdir(parents=True, exist_ok=True)
    for path in sorted(stamped.iterdir()):
        with Image.open(path) as picture:
            pixels = picture.convert("RGB")
        pixels.thumbnail((LONGEST_SIDE, LONGEST_SIDE), Image.Resampling.LANCZOS)
        pixels.save(damaged / f"{path.stem}.jpg", quality=JPEG_QUALITY)


def verify(home: Path, sources: list[Path], *, expect: int) -> dict[str, Report]:
    """Reports by name without extension."""
    lines = run(home, "verify", *sources, expect=expect)
    return {Path(line["file"]).stem: line for line in lines}


def finding(report: Report, technique: str) -> Report:
    """What ``technique`` found."""
    return next(each for each in report["findings"] if each["technique"] == technique)


def show(
    console: Console,
    receipts: Mapping[str, Report],
    before: Mapping[str, Report],
    after: Mapping[str, Report],
    survivors: Mapping[str, Report],
) -> int:
    """Print what was found, and say whether it is what was expected."""
    table = Table(box=None, padding=(0, 2, 0, 0), header_style="dim")
    for column in (
        "\npicture",
        "as stamped\nmanifest",
        "\nwatermark",
        "\nmetadata",
        "after the mill\nwatermark",
        "\nhandle",
    ):
        table.add_column(column, no_wrap=True)
    problems: list[str] = []
    for name, receipt in receipts.items():
        problems += check(name, receipt, before[name], after[name], survivors[name])
        table.add_row(*row(name, after[name], survivors[name]))
    console.print()
    console.print(table)
    console.print()
    for problem in problems:
        console.print(problem, style="bold red", markup=False)
    if not problems:
        psnr_db = [psnr(receipt) for receipt in receipts.values()]
        console.print(
            "The copies have lost manifest and metadata; the watermark in their pixels still "
            "leads to the receipt of each. Marked and unmarked pictures differ by "
            f"{min(psnr_db):.1f} to {max(psnr_db):.1f} dB (PSNR)."
        )
    return 1 if problems else 0


def row(name: str, after: Report, survivor: Report) -> list[Text]:
    """One picture's line in the table."""
    credential = finding(after, "credential")["detail"]
    faded = finding(survivor, "watermark")
    handle = (faded["detail"].get("payload") or {}).get("handle", "none")
    return [
        Text(name, style="bold"),
        Text(f"{credential.get('integrity')}, {credential.get('trust')}"),
        Text(p_value(finding(after, "watermark"))),
        Text(finding(after, "metadata")["presence"]),
        Text(p_value(faded)),
        Text(handle),
    ]


def psnr(receipt: Report) -> float:
    """Peak signal-to-noise ratio of marked to unmarked pixels, dB."""
    return next(each["psnr_db"] for each in receipt["layers"] if each["layer"] == "watermark")


def p_value(watermark: Report) -> str:
    """The p-value of a finding, for people."""
    value = watermark["p_value"]
    return f"p = {value:.0e}" if value else "p < 1e-300"


def check(
    name: str, receipt: Report, before: Report, after: Report, survivor: Report
) -> Iterator[str]:
    """What is not as it should be."""
    credential = finding(after, "credential")["detail"]
    expectations = {
        "the original carries no mark": before["conclusion"] == "no-mark-found",
        "the manifest is intact": credential.get("integrity") == "intact",
        "the development root is trusted": credential.get("trust") == "trusted",
        "the watermark is found": finding(after, "watermark")["presence"] == "present",
        "the metadata are found": finding(after, "metadata")["presence"] == "present",
        "the copy has lost its manifest": finding(survivor, "credential")["presence"] == "absent",
        "the copy has lost its metadata": finding(survivor, "metadata")["presence"] == "absent",
        "the copy is marked": survivor["conclusion"] == "marked",
        "the copy leads to the receipt": found_receipt(survivor) == receipt["receipt_id"],
    }
    for expectation, is_met in expectations.items():
        if not is_met:
            yield f"{name}: it is not true that {expectation}"


def found_receipt(report: Report) -> str | None:
    """The receipt that the watermark's handle leads to."""
    receipt = finding(report, "watermark")["detail"].get("receipt")
    return None if receipt is None else receipt["receipt_id"]


if __name__ == "__main__":
    sys.exit(main())
