"""What the command lines of the benchmarks share: options, and where the results go."""

from __future__ import annotations

import argparse
import json
from collections.abc import Callable, Mapping, Sequence
from pathlib import Path
from typing import get_args

from labeler.strength import Strength

__all__ = ["add_marking_options", "attack_chooser", "benchmark_parser", "names", "publish"]


def benchmark_parser(
    name: str, doc: str | None, *, media: str = "", workers: bool = True
) -> argparse.ArgumentParser:
    """A parser with the options that benchmarks have in common.

    Args:
        name: The module's name in this package.
        doc: Its docstring; the first line describes the command.
        media: What the folder holds that is its only positional argument; empty for none.
        workers: Whether there are ``--jobs`` and ``--seed``.
    """
    parser = argparse.ArgumentParser(
        prog=f"python -m benchmarks.{name}", description=(doc or "").split("\n", maxsplit=1)[0]
    )
    if media:
        parser.add_argument("folder", type=Path, metavar=f"{media.upper()}_DIR")
        parser.add_argument(
            f"--{media}",
            type=names,
            default=(),
            metavar="NAME,…",
            help="file names without suffix (default: everything in the folder)",
        )
    if workers:
        parser.add_argument("--jobs", type=int, default=2, help="worker processes (default: 2)")
        parser.add_argument("--seed", type=int, default=1, help="of payloads and keys (default: 1)")
    parser.add_argument("--json", type=Path, metavar="FILE", help="write every outcome here")
    parser.add_argument("--markdown", type=Path, metavar="FILE", help="write the tables here")
    return parser


def add_marking_options(parser: argparse.ArgumentParser, *, each: str) -> None:
    """The options ``--strength`` and ``--key``; ``each`` is what gets a key of its own."""
    parser.add_argument(
        "--strength", choices=get_args(Strength), default="balanced", help="default: balanced"
    )
    parser.add_argument(
        "--key",
        choices=("secret", "public"),
        default="secret",
        help=f"a random key for each {each}, or the public one (default: secret)",
    )


def names(text: str) -> tuple[str, ...]:
    """Names that commas separate."""
    return tuple(text.split(","))


def attack_chooser(
    known: Sequence[str], groups: Mapping[str, Sequence[str]]
) -> Callable[[str], tuple[str, ...]]:
    """What reads an option of groups and names: each name once, in the order of ``known``."""

    def attack_names(text: str) -> tuple[str, ...]:
        wanted = {name for word in names(text) for name in groups.get(word, (word,))}
        if unknown := sorted(wanted - set(known)):
            raise argparse.ArgumentTypeError(f"no attack is named {', '.join(unknown)}")
        return tuple(name for name in known if name in wanted)

    return attack_names


def publish(options: argparse.Namespace, report: str, document: object) -> None:
    """Print the report, and write it and the JSON document where the options say."""
    print(report)
    if options.json:
        options.json.write_text(json.dumps(document, indent=1, allow_nan=False) + "\n")
    if options.markdown:
        options.markdown.write_text(report + "\n")
