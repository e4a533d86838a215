import importlib
import subprocess
import sys
import types
from pathlib import Path

import pytest

import detectors
import labeler

PACKAGES = [labeler, detectors]
# What is slow to load, and that most programs that import the package do not need at once.
HEAVY = {
    "PIL",
    "av",
    "c2pa",
    "cryptography",
    "cv2",
    "fsspec",
    "numpy",
    "pydantic",
    "soxr",
    "sqlalchemy",
}


@pytest.mark.parametrize("package", PACKAGES, ids=lambda package: package.__name__)
def test_all_names_what_is_public(package):
    assert package.__all__ == sorted(package.__all__, key=lambda name: (name.islower(), name))
    for name in package.__all__:
        assert getattr(package, name).__module__.startswith((package.__name__, "labeler"))
    public = {
        name
        for name, value in vars(package).items()
        if not name.startswith("_") and not isinstance(value, types.ModuleType)
    }
    # Helpers of the module itself, which nobody is to import from here.
    assert public - set(package.__all__) <= {
        "Any",
        "Final",
        "TYPE_CHECKING",
        "annotations",
        "import_module",
    }
    assert set(package.__all__) <= set(dir(package))


@pytest.mark.parametrize("package", PACKAGES, ids=lambda package: package.__name__)
def test_an_unknown_name_is_an_attribute_error(package):
    with pytest.raises(AttributeError, match="no attribute 'nonsense'"):
        package.nonsense  # noqa: B018  reading it is what raises


def test_detectors_sits_beside_labeler():
    # Both names exist on PyPI under other owners.
    assert Path(detectors.__file__).parent.parent == Path(labeler.__file__).parent.parent


@pytest.mark.parametrize("name", ["labeler", "detectors"])
def test_importing_loads_nothing_heavy(name):
    code = f"import sys, {name}; print(*{{each.partition('.')[0] for each in sys.modules}})"
    loaded = subprocess.run(
        [sys.executable, "-c", code], capture_output=True, text=True, check=True
    ).stdout.split()
    assert HEAVY.isdisjoint(loaded)


def test_importing_is_quick():
    code = (
        "import time; begun = time.process_time(); import labeler; "
        "print(time.process_time() - begun)"
    )
    times = [
        float(subprocess.check_output([sys.executable, "-c", code], text=True)) for _ in range(3)
    ]
    assert min(times) < 0.3


@pytest.mark.parametrize(
    "name", ["labeler.settings", "labeler.receipt", "labeler.registry", "detectors.sandbox"]
)
def test_every_public_module_keeps_its_promise(name):
    module = importlib.import_module(name)
    assert all(hasattr(module, each) for each in module.__all__)
