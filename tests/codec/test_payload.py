"""Payload, frame and CRC-24."""

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from hypothesis.extra import numpy as hnp

from labeler.codec.payload import (
    FRAME_BITS,
    PAYLOAD_BITS,
    Handle,
    Origin,
    Payload,
    crc24,
    intact_frames,
)

origins = st.sampled_from(Origin)
handles = st.builds(Handle, st.integers(0, 0xFFFF), st.integers(0, 0xFFFFFFFF))
payloads = st.builds(Payload, origin=origins, handle=handles, version=st.integers(0, 15))
values = st.integers(0, (1 << PAYLOAD_BITS) - 1)


def crc24_by_division(data):
    """RFC 9580, 6.1, as the remainder of a polynomial division of one long number."""
    generator = 0x1864CFB
    dividend = int.from_bytes(data, "big") << 24
    # The initial value is added to the first 24 bits.
    dividend ^= 0xB704CE << 8 * len(data)
    while dividend.bit_length() > 24:
        dividend ^= generator << dividend.bit_length() - generator.bit_length()
    return dividend


def test_crc24_has_the_check_value_of_openpgp():
    assert crc24(b"123456789") == 0x21CF02
    assert crc24(b"") == 0xB704CE


@given(st.binary(max_size=40))
def test_crc24_is_the_remainder_of_a_division(data):
    assert crc24(data) == crc24_by_division(data)


def test_a_frame_is_laid_out_as_documented():
    payload = Payload(origin=Origin.GENERATED, handle=Handle(0x1234, 0x56789ABC))
    frame = payload.to_frame()
    assert frame.shape == (FRAME_BITS,)
    assert frame.dtype == np.uint8
    assert np.packbits(frame).tobytes().hex() == "11123456789abca1b191"
    assert crc24(bytes.fromhex("11123456789abc")) == 0xA1B191


@given(payloads)
def test_frames_say_what_was_put_in(payload):
    assert Payload.from_frame(payload.to_frame()) == payload
    assert Payload.from_int(payload.to_int()) == payload


@given(values)
def test_numbers_of_known_origins_come_back(value):
    origin = value >> 48 & 0xF
    payload = Payload.from_int(value)
    if origin in list(Origin):
        assert payload.to_int() == value
    else:
        assert payload.origin is Origin.UNKNOWN
    assert payload.version == value >> 52
    assert payload.handle == Handle(value >> 32 & 0xFFFF, value & 0xFFFFFFFF)


@given(payloads, st.sets(st.integers(0, FRAME_BITS - 1), min_size=1, max_size=3))
def test_up_to_three_wrong_bits_are_always_noticed(payload, wrong):
    # The generator has the factor x + 1, and its least distance at 80 bits is above 3.
    frame = payload.to_frame()
    frame[list(wrong)] ^= 1
    assert Payload.from_frame(frame) is None


@given(payloads, st.integers(0, FRAME_BITS - 24), st.integers(1, (1 << 24) - 1))
def test_a_burst_of_24_wrong_bits_is_always_noticed(payload, start, pattern):
    frame = payload.to_frame()
    frame[start : start + 24] ^= np.array([pattern >> bit & 1 for bit in range(24)], np.uint8)
    assert Payload.from_frame(frame) is None


@given(hnp.arrays(np.uint8, FRAME_BITS, elements=st.integers(0, 1)))
def test_a_frame_is_believed_only_if_its_check_holds(frame):
    framed = np.packbits(frame).tobytes()
    holds = crc24_by_division(framed[:7]) == int.from_bytes(framed[7:], "big")
    assert (Payload.from_frame(frame) is not None) == holds


def test_frames_without_content_do_not_check():
    assert Payload.from_frame(np.zeros(FRAME_BITS, np.uint8)) is None
    assert Payload.from_frame(np.ones(FRAME_BITS, np.uint8)) is None


@pytest.mark.parametrize("size", [0, 8, 56, 72, 79, 81, 88])
def test_a_frame_of_another_size_is_refused(size):
    with pytest.raises(ValueError, match=r"\(80,\)"):
        Payload.from_frame(np.zeros(size, np.uint8))


@pytest.mark.parametrize("value", [-1, 1 << PAYLOAD_BITS])
def test_numbers_that_do_not_fit_are_refused(value):
    with pytest.raises(ValueError, match="56-bit"):
        Payload.from_int(value)


@pytest.mark.parametrize("version", [-1, 16])
def test_versions_that_do_not_fit_are_refused(version):
    with pytest.raises(ValueError, match="version"):
        Payload(origin=Origin.UNKNOWN, handle=Handle(0, 0), version=version)


@pytest.mark.parametrize(
    ("issuer", "serial", "named"),
    [(-1, 0, "issuer"), (1 << 16, 0, "issuer"), (0, -1, "serial"), (0, 1 << 32, "serial")],
)
def test_handles_that_do_not_fit_are_refused(issuer, serial, named):
    with pytest.raises(ValueError, match=named):
        Handle(issuer, serial)


@given(handles)
def test_a_handle_reads_as_it_was_written(handle):
    assert Handle.parse(str(handle)) == handle


def test_a_handle_is_written_in_two_groups():
    assert str(Handle(0, 42)) == "0000-0000002a"
    assert str(Handle(0xBEEF, 0xFFFFFFFF)) == "beef-ffffffff"


@pytest.mark.parametrize(
    "text",
    [
        "",
        "-",
        "0000-",
        "0-2a",
        "00000000002a",
        "0000-0000002g",
        "0000-0000002a-",
        "0000_0000002a",
        "+12f-0000002a",
    ],
)
def test_text_that_is_no_handle_is_refused(text):
    with pytest.raises(ValueError, match="not a handle"):
        Handle.parse(text)


@given(st.text(max_size=14))
def test_only_handles_are_parsed(text):
    try:
        handle = Handle.parse(text)
    except ValueError:
        return
    assert str(handle) == text.lower()


@given(st.integers(6, 15))
def test_origins_of_the_future_are_unknown(number):
    assert Origin(number) is Origin.UNKNOWN


@given(st.lists(st.tuples(payloads, st.integers(0, FRAME_BITS)), min_size=1, max_size=20))
def test_intact_frames_are_those_that_check_one_by_one(framed):
    frames = np.array([payload.to_frame() for payload, _ in framed])
    for frame, (_, wrong) in zip(frames, framed, strict=True):
        frame[wrong : wrong + 1] ^= 1  # none, where the number is beyond the end
    one_by_one = [n for n, frame in enumerate(frames) if Payload.from_frame(frame) is not None]
    assert intact_frames(frames).tolist() == one_by_one
    assert one_by_one == [n for n, (_, wrong) in enumerate(framed) if wrong == FRAME_BITS]
