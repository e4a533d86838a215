"""A signed result as one readable HTML page: no scripts, nothing loaded, light and dark, printable.

The page holds the envelope, so it can be checked alone. Its words are nothing but a form of what is
signed: whoever checks it writes them again and compares (`detectors.results.check`), so that words
that were changed around a good envelope are noticed. They must therefore depend on nothing but the
envelope and the language.
"""

from __future__ import annotations

import json
import re
from collections.abc import Iterator, Mapping
from html import escape, unescape
from typing import Final

from detectors.report import Finding, Technique
from detectors.results.envelope import SignedResult
from detectors.results.result import Detector, VerificationResult
from detectors.results.words import ENGLISH, Words
from labeler.credentials.detached import signer_name

__all__ = ["extract_envelope", "render_page"]

COMMAND: Final = "labeler verify-result"

_STYLE: Final = """
:root { color-scheme: light dark; --back: #fff; --text: #1a1a1a; --line: #767676; --soft: #f2f2f2;
  --link: #0b4f9e }
@media (prefers-color-scheme: dark) { :root { --back: #16181b; --text: #ececec; --line: #8a8a8a;
  --soft: #24272b; --link: #8ec5ff } }
body { background: var(--back); color: var(--text); font: 1rem/1.5 system-ui, sans-serif;
  margin: 0 auto; max-width: 60rem; overflow-wrap: anywhere; padding: 1rem }
a { color: var(--link) }
.skip { left: -999em; position: absolute } .skip:focus { position: static }
.note { border: 2px solid var(--line); padding: .5rem 1rem }
.conclusion { background: var(--soft); border-inline-start: .5rem solid var(--line);
  font-size: 1.4rem; padding: .5rem 1rem }
dl { display: grid; gap: .25rem 1rem; grid-template-columns: minmax(8rem, auto) 1fr; margin: 0 }
dt { font-weight: bold } dd { margin: 0 }
section { border: 1px solid var(--line); margin: 1rem 0; padding: 0 1rem 1rem }
.state { font-weight: bold }
code, pre { font-family: ui-monospace, monospace; overflow-wrap: anywhere }
pre { background: var(--soft); padding: .5rem; white-space: pre-wrap }
@media (max-width: 30rem) { dl { grid-template-columns: 1fr } dd { margin: 0 0 .5rem } }
@media print { :root { --back: #fff; --text: #000; --line: #000; --soft: #fff; --link: #000 }
  body { font-size: 10pt; max-width: none } .skip { display: none }
  section { break-inside: avoid } }
"""
_POLICY: Final = "default-src 'none'; style-src 'unsafe-inline'"
_OPEN: Final = '<pre id="signed-result">'
_CLOSE: Final = "</pre>"

# From what is signed to what anyone can write.
_ORDER: Final = (
    Technique.CREDENTIAL,
    Technique.WATERMARK,
    Technique.FINGERPRINT,
    Technique.METADATA,
)
# Controls, half characters, what is not seen and what turns the reading direction. Spelled out, not
# asked of Python: its versions know different versions of Unicode, and the page has to stay equal.
_UNSEEN: Final = re.compile(
    "[\\0-\\x1f\\x7f-\\x9f\\xad\\u061c\\u180e\\u200b-\\u200f\\u2028-\\u202e\\u2060-\\u206f\\ud800-"
    "\\udfff\\ufeff\\ufff9-\\ufffb\\U000e0000-\\U000e007f]"
)


def render_page(signed: SignedResult, *, words: Words = ENGLISH) -> str:
    """The page for a signed result; its lines end in a line feed.

    Args:
        signed: The result; what it says is not checked.
        words: The language.

    Raises:
        ValueError: What is signed is no result, or one of another schema.
    """
    result = VerificationResult.from_json(signed.payload)
    lines = (
        "<!DOCTYPE html>",
        f'<html lang="{words.language}">',
        '<head><meta charset="utf-8">',
        '<meta name="viewport" content="width=device-width, initial-scale=1">',
        # Nothing may be loaded or run, whatever a name in the result holds.
        f'<meta http-equiv="Content-Security-Policy" content="{_POLICY}">',
        '<meta name="referrer" content="no-referrer">',
        f"<title>{_title(result, words)}</title>",
        f"<style>{_STYLE}</style></head>",
        f'<body><a class="skip" href="#main">{escape(words.skip)}</a>',
        '<main id="main">',
        *_head(signed, result, words),
        f"<h2>{escape(words.techniques)}</h2>",
        *_findings(result, words),
        *_notes(result, words),
        f"<details><summary>{escape(words.envelope)}</summary>",
        f"<p>{escape(words.envelope_note)}</p>",
        f"{_OPEN}{escape(signed.to_json())}{_CLOSE}</details>",
        "</main></body></html>",
    )
    return "\n".join(lines) + "\n"


def extract_envelope(page: str) -> str:
    """The envelope in a page.

    Raises:
        ValueError: There is none, or more than one.
    """
    if page.count(_OPEN) != 1:
        raise ValueError("the page holds no signed result, or several")
    text, closing, _ = page.partition(_OPEN)[2].partition(_CLOSE)
    if not closing:
        raise ValueError("the page is cut off")
    return unescape(text)


def _title(result: VerificationResult, words: Words) -> str:
    name = result.report.file
    return escape(words.title) + (f": {_safe(name)}" if name else "")


def _head(signed: SignedResult, result: VerificationResult, words: Words) -> Iterator[str]:
    report = result.report
    yield f"<h1>{_title(result, words)}</h1>"
    told = _safe(words.conclusions[report.conclusion])
    if report.origin is not None:
        told += f": {escape(words.origins[report.origin])}"
    yield f'<p class="conclusion">{told}</p>'
    proof = escape(words.proof).format(command=f"<code>{COMMAND}</code>")
    yield f'<p class="note" role="note">{proof}</p>'
    rows = {
        words.file: _safe(report.file) if report.file else escape(words.no_name),
        words.sha256: f"<code>{escape(report.sha256 or '')}</code>",
    }
    if result.size is not None:
        rows[words.size] = escape(words.size_bytes.format(size=result.size))
    if report.media_type is not None:
        rows[words.media_type] = _safe(report.media_type)
    moment = result.checked_at.isoformat().replace("+00:00", "Z")
    rows[words.checked_at] = f'<time datetime="{moment}">{moment}</time>'
    rows[words.detector] = _detector(result.detector)
    rows[words.signed_by] = _safe(signer_name(signed.certificates) or words.nothing)
    yield _definitions(rows)


def _detector(detector: Detector) -> str:
    name = _safe(f"{detector.name} {detector.version}".strip())
    if detector.url is None:
        return name
    url = _safe(detector.url)
    return f'{name}, <a rel="noreferrer" href="{url}">{url}</a>'


def _findings(result: VerificationResult, words: Words) -> Iterator[str]:
    findings = sorted(result.report.findings, key=lambda each: _ORDER.index(each.technique))
    for finding in findings:
        yield f"<section><h3>{escape(words.technique_names[finding.technique])}</h3>"
        yield _definitions(dict(_told(finding, words)))
        yield "</section>"
    if not findings:
        yield f"<p>{escape(words.nothing)}</p>"
    if any(finding.p_value is not None for finding in findings):
        yield f"<p>{escape(words.p_value_note)}</p>"


def _told(finding: Finding, words: Words) -> Iterator[tuple[str, str]]:
    presence = escape(words.presences[finding.presence])
    yield words.presence, f'<span class="state">{presence}</span>'
    if finding.p_value is not None:
        yield words.p_value, _p_value(finding.p_value)
    members = {name: value for name, value in finding.detail.items() if value not in (None, [], {})}
    if members:
        rows = {name: f"<code>{_safe(_value(value))}</code>" for name, value in members.items()}
        yield words.detail, _definitions(rows)


def _value(value: object) -> str:
    return value if isinstance(value, str) else json.dumps(value, ensure_ascii=False)


def _p_value(p_value: float) -> str:
    if p_value < 1e-300:
        return escape("< 1e-300")
    return f"{p_value:.2g}" if p_value >= 0.001 else f"{p_value:.0e}"


def _notes(result: VerificationResult, words: Words) -> Iterator[str]:
    if result.report.warnings:
        items = "".join(f"<li>{_safe(each)}</li>" for each in result.report.warnings)
        yield f"<h2>{escape(words.warnings)}</h2><ul>{items}</ul>"
    yield f"<h2>{escape(words.limits)}</h2>"
    yield f"<p>{escape(words.not_human)}</p><p>{escape(words.time_note)}</p>"


def _definitions(rows: Mapping[str, str]) -> str:
    """A list of names, which are escaped here, and values, which are HTML."""
    return "<dl>" + "".join(f"<dt>{_safe(n)}</dt><dd>{v}</dd>" for n, v in rows.items()) + "</dl>"


def _safe(text: str) -> str:
    r"""``text`` escaped for HTML, what nobody sees in it as ``\u202e`` or the like."""
    return escape(_UNSEEN.sub(_spelled_out, text))


def _spelled_out(match: re.Match[str]) -> str:
    return match[0].encode("unicode_escape", "surrogatepass").decode("ascii")
