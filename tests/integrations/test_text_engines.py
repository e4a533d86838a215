import json
import stat

import pytest

from labeler.codec.keys import Key
from labeler.codec.tokens.keys import TextKey
from labeler.codec.tokens.schemes import (
    MurmurDualGumbel,
    MurmurGumbel,
    PhiloxDualGumbel,
    PhiloxGumbel,
    SynthId,
)
from labeler.errors import WatermarkKeyError
from labeler.integrations.engines import engine_configuration, unmarked_because

SECRET = 0x0123456789ABCDEF
DERIVED = TextKey.derive(Key.from_bytes(bytes(range(32))))


def test_vllm_gets_what_its_configuration_has():
    given = engine_configuration(TextKey(scheme=PhiloxGumbel(secret=SECRET)), "vllm")
    assert json.loads(given.text) == {
        "watermark-config": {
            "key": SECRET,
            "algorithm": "gumbel",
            "context_width": 4,
            "deduplicate_contexts": "single_turn",
            "deduplicate_contexts_max_history": 8192,
            "prf": "philox",
        }
    }


def test_vllm_gets_two_keys_for_speculative_decoding():
    scheme = PhiloxDualGumbel(secret=SECRET, context_width=2, alpha=0.25)
    given = engine_configuration(TextKey(scheme=scheme), "vllm")
    settings = json.loads(given.text)["watermark-config"]
    assert (settings["algorithm"], settings["alpha"]) == ("dual_key_gumbel", 0.25)
    assert settings["context_width"] == 2
    assert any("alpha has no effect" in each for each in given.notes)


def test_sglang_gets_keys_in_hexadecimal_and_enforces_them():
    scheme = MurmurDualGumbel(secret=SECRET, secret_b=1 << 50, mixing_probability=0.25)
    given = engine_configuration(TextKey(scheme=scheme), "sglang")
    assert json.loads(given.text) == {
        "key": "0123456789abcdef",
        "key_b": "0004000000000000",
        "context_window": 4,
        "mixing_probability": 0.25,
        "enforce_all": True,
    }
    single = engine_configuration(TextKey(scheme=MurmurGumbel(secret=SECRET)), "sglang")
    assert json.loads(single.text).keys() == {"key", "context_window", "enforce_all"}


@pytest.mark.parametrize(
    ("key", "engine"),
    [(DERIVED, "vllm"), (TextKey(scheme=MurmurGumbel(secret=SECRET)), "sglang")],
)
def test_the_secret_is_in_the_file_and_nowhere_else(key, engine, tmp_path):
    given = engine_configuration(key, engine)
    path = given.write(tmp_path / "new")
    assert stat.S_IMODE(path.stat().st_mode) == 0o600
    assert path.read_text() == given.text
    arguments = given.arguments(path)
    assert str(path) in arguments
    assert path.suffix == (".yaml" if engine == "vllm" else ".json")
    for secret in (str(key.scheme.secret), f"{key.scheme.secret:x}"):
        assert secret not in repr(given) + " ".join(arguments) + path.name
    with pytest.raises(WatermarkKeyError, match="cannot be written"):
        given.write(tmp_path / "new")


@pytest.mark.parametrize(
    ("key", "engine", "told"),
    [
        (TextKey(scheme=MurmurGumbel(secret=SECRET)), "vllm", "vLLM does not write"),
        (DERIVED, "sglang", "SGLang does not write"),
        (TextKey(scheme=SynthId(secrets=(1 << 60, 2, 3))), "vllm", "synthid/hf-lcg"),
        (TextKey(scheme=PhiloxGumbel(secret=42)), "vllm", "anybody can try"),
    ],
)
def test_keys_that_do_not_fit_are_refused(key, engine, told):
    with pytest.raises(WatermarkKeyError, match=told) as caught:
        engine_configuration(key, engine)
    assert str(SECRET) not in str(caught.value)


@pytest.mark.parametrize(
    "call", [lambda: engine_configuration(DERIVED, "tgi"), lambda: unmarked_because({}, "tgi")]
)
def test_other_engines_are_refused(call):
    with pytest.raises(ValueError, match="vllm or sglang"):
        call()


@pytest.mark.parametrize(
    ("request_body", "engine"),
    [
        ({"temperature": 0}, "vllm"),
        ({"temperature": "0.0"}, "vllm"),
        ({"temperature": 1e-9}, "sglang"),
        ({"top_k": 1}, "sglang"),
        ({"use_beam_search": True}, "vllm"),
        ({"watermarking": False}, "vllm"),
        ({"watermarking": "off"}, "vllm"),
        ({"extra_body": {"watermarking": False}}, "vllm"),
        ({"watermark": {"enabled": False}}, "sglang"),
        ({"watermark": {"key": "00ff"}}, "sglang"),
        ({"watermark": {"enabled": True, "context_window": 1}}, "sglang"),
        ({"sampling_params": {"temperature": 0}}, "sglang"),
        ({"sampling_params": [{}, {"watermark": {"enabled": False}}]}, "sglang"),
    ],
)
def test_requests_whose_answer_would_not_be_marked_are_told_of(request_body, engine):
    (reason,) = unmarked_because({"model": "m", **request_body}, engine)
    assert reason
    assert not reason.endswith(".")


@pytest.mark.parametrize("engine", ["vllm", "sglang"])
@pytest.mark.parametrize(
    "request_body",
    [
        {},
        {"temperature": 0.7, "top_k": 50, "top_p": 1},
        {"temperature": None, "top_k": -1, "watermarking": None, "watermark": None},
        {"watermarking": True, "watermark": {"enabled": True}},
    ],
)
def test_other_requests_pass(request_body, engine):
    assert unmarked_because(request_body, engine) == ()


def test_what_to_see_to_is_said():
    given = engine_configuration(DERIVED, "vllm")
    assert any("speculative" in each for each in given.checks)
    assert any("'watermarking': false" in each for each in given.checks)
    assert all(not each.endswith(".") for each in (*given.checks, *given.notes))
