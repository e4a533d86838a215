"""The gap report as one accessible HTML page: no scripts, nothing loaded, light and dark."""

from __future__ import annotations

import re
from collections.abc import Iterable, Iterator
from html import escape
from typing import Final

from labeler.gaps.document import DISCLAIMER, GapDocument, Item, Standing
from labeler.policy import Assessment, Obligation, Status
from labeler.policy.facts import CodeSection
from labeler.policy.measures import Force, Help

__all__ = ["render"]

_STYLE: Final = """
:root { color-scheme: light dark; --back: #fff; --text: #1a1a1a; --line: #8a8a8a; --soft: #f2f2f2;
  --good: #0b5d1e; --bad: #9b1c1c; --open: #6b4700; --link: #0b4f9e }
@media (prefers-color-scheme: dark) { :root { --back: #16181b; --text: #ececec; --line: #7d7d7d;
  --soft: #24272b; --good: #7fdc93; --bad: #ff9d94; --open: #f1c40f; --link: #8ec5ff } }
body { background: var(--back); color: var(--text); font: 1rem/1.5 system-ui, sans-serif;
  margin: 0 auto; max-width: 75rem; padding: 1rem }
a { color: var(--link) }
.skip { left: -999em; position: absolute } .skip:focus { position: static }
.note { border: 2px solid var(--line); padding: .5rem 1rem }
.wide { overflow-x: auto }
table { border-collapse: collapse; margin: 1rem 0; width: 100% }
caption { font-weight: bold; padding: .25rem 0; text-align: start }
ul { margin: 0; padding-inline-start: 1.2rem }
th, td { border: 1px solid var(--line); padding: .4rem .6rem; text-align: start;
  vertical-align: top }
tbody th { font-weight: normal } thead th { background: var(--soft) }
.met, .does { color: var(--good) } .not-met { color: var(--bad) }
.undecided, .later, .to-show { color: var(--open) }
.standing { font-weight: bold }
code { font-family: ui-monospace, monospace; overflow-wrap: anywhere }
@media print { .wide { overflow: visible } tr { break-inside: avoid } }
"""

_POLICY: Final = "default-src 'none'; style-src 'unsafe-inline'"

_STANDINGS: Final = {
    Standing.MET: "met, by the facts",
    Standing.NOT_MET: "not met",
    Standing.TO_SHOW: "to be shown by you",
    Standing.LATER: "due later",
    Standing.UNDECIDED: "undecided: facts are missing",
    Standing.NOT_DUE: "not due for these facts",
    Standing.VOLUNTARY: "voluntary",
    Standing.NOT_ASSESSED: "not assessed: no facts given",
}
_FORCES: Final = {
    Force.WILL: "will",
    Force.COMMIT: "commitment",
    Force.ENCOURAGED: "encouraged",
    Force.MAY: "may",
}
_HELPS: Final = {
    Help.DOES: "Labeler does this.",
    Help.PART: "Labeler does a part.",
    Help.NONE: "Only you can do this.",
}
_SECTIONS: Final = {
    CodeSection.PROVIDERS: "Section 1: marking and detection, for providers",
    CodeSection.DEPLOYERS: "Section 2: labels, for deployers",
}
_SILENT: Final = {Status.NOT_REQUIRED, Status.OUT_OF_SCOPE}


def render(document: GapDocument) -> str:
    """The page for a gap report."""
    name = "Gap report" if document.organisation is None else f"Gap report: {document.organisation}"
    parts = [
        f"<h1>{escape(name)}</h1>",
        f'<p class="note" role="note"><strong>Please note.</strong> {escape(DISCLAIMER)}</p>',
        *_summary(document),
    ]
    if document.assessment is not None:
        parts += _law(document.assessment)
    for section in document.sections:
        parts += _section(document, section)
    return "\n".join(
        [
            "<!DOCTYPE html>",
            '<html lang="en">',
            '<head><meta charset="utf-8">',
            '<meta name="viewport" content="width=device-width, initial-scale=1">',
            # Nothing may be loaded or run, whatever a name in the report holds.
            f'<meta http-equiv="Content-Security-Policy" content="{_POLICY}">',
            f"<title>{escape(name)}</title>",
            f"<style>{_STYLE}</style></head>",
            '<body><a class="skip" href="#main">Skip to the report</a>',
            '<main id="main">',
            *parts,
            "</main></body></html>\n",
        ]
    )


def _summary(document: GapDocument) -> Iterator[str]:
    if document.as_of is None:
        yield (
            "<p>No facts were given, so nothing is judged. The tables say what each measure of the "
            "Code of Practice on Transparency of AI-Generated Content asks, what Labeler does for "
            "it, and what is left to you.</p>"
        )
    else:
        yield f"<p>As of <time>{document.as_of.isoformat()}</time>.</p>"
    yield '<div class="wide"><table><caption>Measures by where they stand</caption>'
    yield _head("Standing", "Measures")
    for standing in Standing:
        count = document.count(standing)
        if count:
            label = _standing(standing)
            yield f'<tr><th scope="row">{label}</th><td>{count}</td></tr>'
    yield "</tbody></table></div>"


def _law(assessment: Assessment) -> Iterator[str]:
    """What the law asks, the Code apart: only the Code's measures are listed below."""
    told = [each for each in assessment.obligations if each.status not in _SILENT]
    yield "<h2>What the facts lead to</h2>"
    if assessment.warnings:
        yield "<h3>Warnings</h3>" + _list(assessment.warnings)
    if not told:
        yield "<p>No obligation that Labeler knows applies.</p>"
        return
    yield '<div class="wide"><table><caption>Obligations that apply or may apply</caption>'
    yield _head("Obligation", "Status", "Whose", "Layer", "Basis", "Why")
    yield from map(_obligation, told)
    yield "</tbody></table></div>"
    yield (
        "<p>Letters in brackets grade a source: P primary text, Q quoted, S summary, B background, "
        "I inference, U unconfirmed.</p>"
    )
    gaps = [f"{gap.id}: {gap.status.value}. {gap.explanation}" for gap in assessment.gaps]
    if gaps:
        yield "<h3>What is due, held against what is there</h3>" + _list(gaps)


def _obligation(each: Obligation) -> str:
    status = each.status.value.replace("_", " ").lower()
    if each.deferred_until is not None:
        status += f" until {each.deferred_until.isoformat()}"
    basis = "; ".join(f"{basis.ref} [{basis.grade.value}]" for basis in each.basis)
    cells = (status, each.addressee, each.layer.value, basis, each.explanation)
    row = "".join(f"<td>{escape(cell)}</td>" for cell in cells)
    return f'<tr><th scope="row"><code>{escape(each.id)}</code></th>{row}</tr>'


def _section(document: GapDocument, section: CodeSection) -> Iterator[str]:
    yield f"<h2>{_SECTIONS[section]}</h2>"
    binds = document.binds(section)
    if binds is None:
        yield "<p>Whether you have signed this section is not known. It binds those who have.</p>"
    elif binds:
        yield "<p>You have signed this section: its measures bind.</p>"
    else:
        yield "<p>You have not signed this section: this is a gap analysis.</p>"
    yield f'<div class="wide"><table><caption>{_SECTIONS[section]}: measure by measure</caption>'
    yield _head("Measure", "Force", "Standing", "By Labeler", "Still to do by you", "Evidence")
    yield from (_row(item) for item in document.items if item.measure.section is section)
    yield "</tbody></table></div>"


def _row(item: Item) -> str:
    measure = item.measure
    standing = _standing(item.standing)
    if item.due_from is not None:
        standing += f" ({item.due_from.isoformat()})"
    if item.reasons:
        standing += f"<details><summary>Why</summary>{_list(item.reasons)}</details>"
    by_labeler = f"<strong>{_HELPS[measure.help]}</strong>"
    if measure.labeler is not None:
        by_labeler += f" {_marked_up(measure.labeler)}"
    cells = (
        _FORCES[measure.force],
        standing,
        by_labeler,
        _marked_up(measure.organisation),
        _list(measure.evidence),
    )
    row = "".join(f"<td>{cell}</td>" for cell in cells)
    head = f"<strong>{escape(measure.id)}: {escape(measure.title)}</strong>"
    return f'<tr><th scope="row">{head}<p>{_marked_up(measure.asks)}</p></th>{row}</tr>'


def _head(*names: str) -> str:
    cells = "".join(f'<th scope="col">{name}</th>' for name in names)
    return f"<thead><tr>{cells}</tr></thead><tbody>"


def _standing(standing: Standing) -> str:
    return f'<span class="standing {standing.value}">{_STANDINGS[standing]}</span>'


def _list(texts: Iterable[str]) -> str:
    items = "".join(f"<li>{_marked_up(text)}</li>" for text in texts)
    return f"<ul>{items}</ul>" if items else ""


def _marked_up(text: str) -> str:
    """``text`` escaped, and what stands between backticks as code."""
    return re.sub(r"`([^`]*)`", r"<code>\1</code>", escape(text))
