"""Packages whose public names are imported when they are asked for (PEP 562).

Importing a package then costs next to nothing, whatever stands behind its names.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from importlib import import_module
from typing import Any

__all__ = ["lazily"]


def lazily(package: str, modules: Mapping[str, tuple[str, ...]]) -> Callable[[str], Any]:
    """A module's ``__getattr__``.

    Args:
        package: Name of the package that gets it.
        modules: The public names in each module.
    """

    def get(name: str) -> Any:
        for module, names in modules.items():
            if name in names:
                return getattr(import_module(module), name)
        raise AttributeError(f"module {package!r} has no attribute {name!r}")

    return get
