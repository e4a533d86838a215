from datetime import UTC, datetime

import pytest

from labeler.credentials import (
    TrustStore,
    create_development_identity,
    load_development_identity,
)
from labeler.credentials.manifest import SoftBinding, describe
from labeler.provenance import HumanOversight, Provenance

NOW = datetime.now(UTC)


@pytest.fixture(scope="session")
def development(tmp_path_factory):
    """The directory of a development identity."""
    directory = tmp_path_factory.mktemp("credentials") / "identity"
    create_development_identity(directory, now=NOW)
    return directory


@pytest.fixture(scope="session")
def identity(development):
    return load_development_identity(development)


@pytest.fixture(scope="session")
def trust(development):
    return TrustStore.from_development_identity(development)


@pytest.fixture(scope="session")
def provenance():
    return Provenance(
        generator="Stable Diffusion XL",
        generator_version="1.0",
        model_identifier="pkg:huggingface/stabilityai/stable-diffusion-xl-base-1.0",
        human_oversight=HumanOversight.PROMPT_GUIDED,
    )


@pytest.fixture(scope="session")
def definition(provenance):
    return describe(provenance, now=NOW, soft_bindings=[SoftBinding(value="1100000000002a")])


@pytest.fixture(scope="session")
def child_definition(provenance):
    return describe(
        provenance, now=NOW, soft_bindings=[SoftBinding(value="1100000000002b")], with_parent=True
    )
