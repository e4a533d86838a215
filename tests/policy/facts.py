"""Facts to start from, changed in one place by each test."""

from copy import deepcopy

PROVIDER = {
    "assessment_date": "2026-12-10",
    "eu_nexus": True,
    "actor": {"roles": ["provider"]},
    "system": {"placed_on_market": "2026-09-01", "generates": ["image"]},
    "output": {
        "kind": "content",
        "modality": "image",
        "operation": "generate",
        "generated_at": "2026-12-05",
    },
}
DEEPFAKE = {
    "assessment_date": "2026-12-10",
    "eu_nexus": True,
    "actor": {"roles": ["deployer"], "personal_nonprofessional": False},
    "output": {"kind": "content", "modality": "video", "generated_at": "2026-12-05"},
    "deepfake": {"resembles": True, "plausible": True, "false_appearance": True},
}
ARTICLE = {
    "assessment_date": "2026-12-10",
    "eu_nexus": True,
    "actor": {"roles": ["deployer"], "personal_nonprofessional": False},
    "output": {"kind": "content", "modality": "text", "generated_at": "2026-12-05"},
    "text": {"published": True, "informs": True, "public_interest": True},
}
REVIEW = {
    "human_substantive": True,
    "fact_checked": True,
    "responsible_party": "Example Publishing",
    "contact_public": True,
    "ai_change_after_signoff": False,
}


def changed(base, **changes):
    """``base`` with values by dotted key: ``changed(DEEPFAKE, **{"deepfake.plausible": None})``."""
    facts = deepcopy(base)
    for key, value in changes.items():
        *tables, name = key.split(".")
        table = facts
        for each in tables:
            table = table.setdefault(each, {})
        if value is ...:
            table.pop(name, None)
        else:
            table[name] = value
    return facts
