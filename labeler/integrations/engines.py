"""Settings for inference engines that watermark text themselves, and what to see to at their start.

vLLM 0.33 and SGLang 0.5.23 have watermarks of their own that Labeler's detector reads. Both take a
configuration file, so that the secret stands in no command line. And both leave holes through which
text gets out unmarked; `unmarked_because` tells a gateway of requests that would.
"""

from __future__ import annotations

import json
import os
from collections.abc import Mapping
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any, Final, Literal, TypeAlias

from labeler.codec.tokens.keys import TextKey
from labeler.codec.tokens.schemes import (
    MurmurDualGumbel,
    MurmurGumbel,
    PhiloxDualGumbel,
    PhiloxGumbel,
)
from labeler.errors import WatermarkKeyError

__all__ = ["Engine", "EngineConfiguration", "engine_configuration", "unmarked_because"]

Engine: TypeAlias = Literal["vllm", "sglang"]

_HISTORY: Final = 8192
_DEFAULT_ALPHA: Final = 0.1
_DEFAULT_MIXING: Final = 0.5
_GREEDY: Final = 1e-5
"""Temperature below which engines take the likeliest token."""
_SUFFIXES: Final[Mapping[Engine, str]] = {"vllm": ".vllm.yaml", "sglang": ".sglang.json"}

_CHECKS: Final = (
    (
        "A gateway refuses requests that would leave the text unmarked (unmarked_because), or"
        " removes what they ask for"
    ),
    (
        "The temperature is above 0 by default, in the model's generation_config.json too: greedy"
        " decoding and beam search are not marked"
    ),
    "A text that was generated after the start is found with this key (labeler text detect)",
)
_VLLM_CHECKS: Final = (
    (
        "The engine is of version 0.33 or newer, and its log says nothing of watermarking that is"
        " skipped or unsupported"
    ),
    (
        "Without a dual key: no --speculative-config, as a single key refuses it; with one:"
        " draft_sample_method is 'probabilistic' and rejection_sample_method 'standard'"
    ),
    "No request can carry 'watermarking': false",
)
_SGLANG_CHECKS: Final = (
    "The engine is of version 0.5.23 or newer, on a GPU with CUDA",
    "enforce_all is true in the file, so that a request with watermark.enabled = false is refused",
    "No request can carry a watermark.key of its own: its text would be marked with that",
    "top_k is above 1 by default",
)


@dataclass(frozen=True, slots=True, kw_only=True)
class EngineConfiguration:
    """How an engine is started so that its texts carry a key's mark."""

    engine: Engine
    """Which engine."""
    key_id: str
    """Of the text key."""
    text: str = field(repr=False)
    """Content of the configuration file; holds the secret."""
    checks: tuple[str, ...]
    """What has to be true when it runs, one sentence each without its full stop."""
    notes: tuple[str, ...]
    """What else is worth knowing."""

    @property
    def file_name(self) -> str:
        """What `write` calls the file."""
        return f"{self.key_id}{_SUFFIXES[self.engine]}"

    def arguments(self, file: Path) -> tuple[str, ...]:
        """Arguments of the engine's command for a file that `write` made; without the secret."""
        if self.engine == "vllm":
            return ("--config", str(file))
        return ("--enable-watermark", "--watermark-config", str(file))

    def write(self, directory: Path) -> Path:
        """Write the configuration to a new file of mode 0600, and give its path.

        Raises:
            WatermarkKeyError: There is such a file already, or it cannot be written.
        """
        path = directory / self.file_name
        try:
            directory.mkdir(mode=0o700, parents=True, exist_ok=True)
            descriptor = os.open(path, os.O_WRONLY | os.O_CREAT | os.O_EXCL, 0o600)
            with os.fdopen(descriptor, "w", encoding="utf-8") as file:
                file.write(self.text)
        except OSError as error:
            raise WatermarkKeyError(
                f"the engine's configuration cannot be written ({error.strerror})",
                file=path,
                hint="Choose another folder, or remove the file that is there",
            ) from error
        return path


def engine_configuration(key: TextKey, engine: Engine) -> EngineConfiguration:
    """The configuration with which an engine marks text so that ``key`` finds it.

    Args:
        key: Of the scheme `PhiloxGumbel` or `PhiloxDualGumbel` for vLLM, `MurmurGumbel` or
            `MurmurDualGumbel` for SGLang.
        engine: ``"vllm"`` or ``"sglang"``.

    Raises:
        ValueError: The engine is another.
        WatermarkKeyError: The engine does not write the key's scheme, or the secret can be guessed.
    """
    if engine not in _SUFFIXES:
        raise ValueError(f"an engine is vllm or sglang, not {engine!r}")
    if key.is_guessable:
        raise WatermarkKeyError(
            "the secret of the text key is a small number, which anybody can try",
            hint="Derive the key from 256 random bits (TextKey.derive)",
        )
    content, notes = _vllm(key) if engine == "vllm" else _sglang(key)
    checks = _VLLM_CHECKS if engine == "vllm" else _SGLANG_CHECKS
    return EngineConfiguration(
        engine=engine,
        key_id=key.key_id,
        # JSON is YAML too.
        text=json.dumps(content, indent=2) + "\n",
        checks=(*checks, *_CHECKS),
        notes=notes,
    )


def _vllm(key: TextKey) -> tuple[dict[str, Any], tuple[str, ...]]:
    scheme = key.scheme
    if not isinstance(scheme, PhiloxGumbel | PhiloxDualGumbel):
        raise _not_written(key, "vLLM", PhiloxGumbel.name, PhiloxDualGumbel.name)
    settings: dict[str, Any] = {
        "key": scheme.secret,
        "algorithm": "gumbel",
        "context_width": scheme.context_width,
        "deduplicate_contexts": "single_turn",
        "deduplicate_contexts_max_history": _HISTORY,
        "prf": "philox",
    }
    notes = [
        (
            "Merge the member watermark-config into the engine's own --config file where there is"
            " one: vLLM takes a single such file"
        ),
        "Several answers to one prompt (n > 1) come out identical",
    ]
    if isinstance(scheme, PhiloxDualGumbel):
        settings |= {"algorithm": "dual_key_gumbel", "alpha": scheme.alpha}
        if scheme.alpha != _DEFAULT_ALPHA:
            notes.append("With speculative decoding alpha has no effect")
    else:
        notes.append(f"Speculative decoding needs a key of the scheme {PhiloxDualGumbel.name}")
    return {"watermark-config": settings}, tuple(notes)


def _sglang(key: TextKey) -> tuple[dict[str, Any], tuple[str, ...]]:
    scheme = key.scheme
    if not isinstance(scheme, MurmurGumbel | MurmurDualGumbel):
        raise _not_written(key, "SGLang", MurmurGumbel.name, MurmurDualGumbel.name)
    settings: dict[str, Any] = {
        "key": f"{scheme.secret:016x}",
        "context_window": scheme.context_width,
        "enforce_all": True,
    }
    if isinstance(scheme, MurmurDualGumbel):
        settings["key_b"] = f"{scheme.secret_b:016x}"
        if scheme.mixing_probability != _DEFAULT_MIXING:
            settings["mixing_probability"] = scheme.mixing_probability
    notes = (
        "The file belongs to the account that the engine runs under",
        "Contexts begin in the prompt, and the first 4096 of a request are marked",
        "Dumps of a crash, and logs of requests without --enable-watermark, can hold keys",
    )
    return settings, notes


def _not_written(key: TextKey, engine: str, *schemes: str) -> WatermarkKeyError:
    return WatermarkKeyError(
        f"{engine} does not write the text key's scheme, {key.scheme.name}",
        hint=f"Use a key of the scheme {' or '.join(schemes)}",
    )


def unmarked_because(request: Mapping[str, Any], engine: Engine) -> tuple[str, ...]:
    """Why the answer to a request would carry no mark, or another key's; empty where it does.

    Args:
        request: A body of the OpenAI-compatible interface or SGLang's ``/generate``, parsed. What
            it leaves out is taken to be the server's default, which is for the server to see to.
        engine: ``"vllm"`` or ``"sglang"``.

    Returns:
        A sentence without its full stop for each reason.

    Raises:
        ValueError: The engine is another.
    """
    if engine not in _SUFFIXES:
        raise ValueError(f"an engine is vllm or sglang, not {engine!r}")
    reasons: list[str] = []
    for part in _parts(request):
        reasons += _common_reasons(part)
        reasons += _vllm_reasons(part) if engine == "vllm" else _sglang_reasons(part)
    return tuple(dict.fromkeys(reasons))


def _parts(request: Mapping[str, Any]) -> list[Mapping[str, Any]]:
    """A request and what is nested in it, where clients put engines' own parameters."""
    parts = [request]
    for name in ("extra_body", "sampling_params"):
        inner = request.get(name)
        several = inner if isinstance(inner, list) else [inner]
        parts += [each for each in several if isinstance(each, Mapping)]
    return parts


def _common_reasons(part: Mapping[str, Any]) -> list[str]:
    reasons = []
    temperature = _number(part, "temperature")
    if temperature is not None and temperature < _GREEDY:
        reasons.append("temperature 0 takes the likeliest token, and leaves nothing to mark")
    if _number(part, "top_k") == 1:
        reasons.append("top_k 1 takes the likeliest token, and leaves nothing to mark")
    if part.get("use_beam_search"):
        reasons.append("beam search is not marked")
    return reasons


def _vllm_reasons(part: Mapping[str, Any]) -> list[str]:
    # Not only false: servers take "off" and 0 for it too.
    if part.get("watermarking") not in (None, True):
        return ["the request switches the watermark off (watermarking)"]
    return []


def _sglang_reasons(part: Mapping[str, Any]) -> list[str]:
    wanted = part.get("watermark")
    if not isinstance(wanted, Mapping):
        return []
    reasons = []
    if wanted.get("enabled") not in (None, True):
        reasons.append("the request switches the watermark off (watermark.enabled)")
    if wanted.get("key") is not None:
        reasons.append("the request brings a key of its own (watermark.key)")
    if wanted.get("context_window") is not None:
        reasons.append("the request changes the key's context width (watermark.context_window)")
    return reasons


def _number(part: Mapping[str, Any], name: str) -> float | None:
    """A number, also where it is written as a string, which servers take for one."""
    try:
        return float(part[name])
    except (KeyError, TypeError, ValueError):
        return None
