"""What outputs look and sound like: found by output, and read on from the last known one."""

from concurrent.futures import ThreadPoolExecutor

import pytest

from labeler.registry import ContentFingerprint, DurableRecord, KnownFingerprint, Registry
from labeler.registry import RegistryReader as Reader
from tests.receipts import make_receipt


def looks(*values, algorithm="pdq", step=0):
    return tuple(
        ContentFingerprint(algorithm=algorithm, value=bytes([value]) * 32, offset_ms=index * step)
        for index, value in enumerate(values)
    )


def prepare(registry, name, *taken):
    registry.prepare(make_receipt(name), profile="p", durable=DurableRecord(fingerprints=taken))


def after(registry, last=0, algorithm="pdq"):
    return list(registry.fingerprints_after(last, algorithm))


def test_fingerprints_of_an_output_come_in_the_order_of_their_offsets(registry):
    frames = looks(1, 2, 3, step=500)
    prepare(registry, "r1", *frames[::-1], *looks(9, algorithm="chroma"))
    prepare(registry, "r2", *looks(7))
    assert registry.fingerprints_of("r1", "pdq") == frames
    assert registry.fingerprints_of("r1", "chroma") == looks(9, algorithm="chroma")
    assert registry.fingerprints_of("r1", "PDQ") == ()
    assert registry.fingerprints_of("r3", "pdq") == ()


def test_offsets_of_long_films_fit(registry):
    late = ContentFingerprint(algorithm="pdq", value=b"x", offset_ms=3_000_000_000)
    prepare(registry, "r1", late)
    assert registry.fingerprints_of("r1", "pdq") == (late,)


def test_an_index_reads_them_in_portions_and_goes_on_from_the_last(registry, location):
    assert after(registry) == []
    prepare(registry, "r1", *looks(1, 2, 3), *looks(9, algorithm="chroma"))
    prepare(registry, "r2", *looks(4, 5))
    with Reader.open(location) as reader:
        pages = list(reader.fingerprints_after(0, "pdq", page=2))
        assert [len(page) for page in pages] == [2, 2, 1]
        known = [each for page in pages for each in page]
        assert [each.value[0] for each in known] == [1, 2, 3, 4, 5]
        numbers = [each.fingerprint_id for each in known]
        assert numbers == sorted(set(numbers))
        assert numbers[0] > 0
        assert after(reader, numbers[-1]) == []
        prepare(registry, "r3", *looks(6))
        ((new,),) = after(reader, numbers[-1])
    assert new.value[0] == 6
    assert new.fingerprint_id > numbers[-1]
    assert isinstance(new, KnownFingerprint)
    assert "value" not in repr(new)


def test_reading_portions_holds_nothing_open(registry):
    prepare(registry, "r1", *looks(1, 2, 3))
    pages = registry.fingerprints_after(0, "pdq", page=1)
    next(pages)
    registry.delete_receipt("r1", actor="a", reason="b")
    assert list(pages) == []


def test_a_fingerprint_leads_to_its_output_and_the_moment_in_it(registry):
    prepare(registry, "r1", *looks(1, 2, step=500))
    first, second = after(registry)[0]
    assert registry.find_fingerprinted(first.fingerprint_id) == (make_receipt("r1"), 0)
    assert registry.find_fingerprinted(second.fingerprint_id) == (make_receipt("r1"), 500)
    registry.delete_receipt("r1", actor="a", reason="b")
    assert registry.find_fingerprinted(first.fingerprint_id) is None
    # Nothing gets their numbers.
    prepare(registry, "r2", *looks(3))
    assert after(registry)[0][0].fingerprint_id > second.fingerprint_id


def test_numbers_rise_in_the_order_in_which_they_can_be_seen(location):
    """An index that reads on from the last one misses none, however many write."""
    seen, last = [], 0
    with Registry.open(location) as registry, Reader.open(location) as reader:

        def write(name):
            prepare(registry, name, *looks(1, 2, 3))

        with ThreadPoolExecutor(4) as pool:
            waiting = [pool.submit(write, f"r{number}") for number in range(24)]
            while not all(each.done() for each in waiting) or after(reader, last):
                for page in reader.fingerprints_after(last, "pdq"):
                    seen += [each.fingerprint_id for each in page]
                    last = seen[-1]
        for each in waiting:
            each.result()
        assert len(seen) == len(set(seen)) == 72


@pytest.mark.parametrize("count", [0, 1])
def test_outputs_need_none(registry, count):
    prepare(registry, "r1", *looks(*range(count)))
    assert len(registry.fingerprints_of("r1", "pdq")) == count
