import multiprocessing
import random
import stat
from concurrent.futures import ProcessPoolExecutor
from datetime import timedelta

import pytest

from labeler.codec.payload import Handle
from labeler.errors import RegistryError
from labeler.registry import Registry, RegistryReader
from tests.receipts import NOW, make_receipt


def reserve_many(location, count):
    # So narrow a range that processes keep drawing each other's serials.
    source = random.Random()
    with Registry.open(location, draw=lambda _: source.randrange(200)) as registry:
        return [registry.reserve(7).serial for _ in range(count)]


def test_serials_are_unique_among_processes_that_draw_the_same_numbers(location):
    context = multiprocessing.get_context("spawn")
    with ProcessPoolExecutor(3, mp_context=context) as pool:
        lists = list(pool.map(reserve_many, [location] * 3, [40] * 3))
    serials = [serial for each in lists for serial in each]
    assert len(set(serials)) == len(serials) == 120


def test_a_serial_belongs_to_one_issuer(registry):
    registry._draw = lambda _: 41
    assert registry.reserve(1) == Handle(1, 42)
    assert registry.reserve(2) == Handle(2, 42)
    with pytest.raises(RegistryError, match="used up"):
        registry.reserve(1)


def test_serials_cover_their_field_and_leave_zero_out(location):
    with Registry.open(location, draw=lambda bound: bound - 1) as registry:
        assert registry.reserve(0) == Handle(0, 2**32 - 1)
    with Registry.open(location, draw=lambda _: 0) as registry:
        assert registry.reserve(0) == Handle(0, 1)


def test_serials_do_not_count(registry):
    serials = [registry.reserve(0).serial for _ in range(20)]
    assert serials != sorted(serials)
    assert max(serials) > 2**24  # twenty uniform draws stay below with probability 2^-160


def test_only_the_owner_may_read_the_file_and_its_log(sqlite_location, tmp_path):
    with Registry.open(sqlite_location) as registry:
        registry.reserve(0)
        files = list((tmp_path / "home").iterdir())
        assert {stat.S_IMODE(file.stat().st_mode) for file in files} == {0o600}
    assert {file.name for file in files} >= {"registry.sqlite3", "registry.sqlite3-wal"}
    assert stat.S_IMODE((tmp_path / "home").stat().st_mode) == 0o700


def test_commits_are_on_disk_before_they_return(sqlite_location):
    with Registry.open(sqlite_location) as registry, registry._connection() as connection:
        assert connection.exec_driver_sql("PRAGMA journal_mode").scalar() == "wal"
        assert connection.exec_driver_sql("PRAGMA synchronous").scalar() == 2  # FULL
        assert connection.exec_driver_sql("PRAGMA busy_timeout").scalar() == 30000


def test_a_prepared_receipt_is_found_by_its_handle(registry):
    handle = registry.reserve(0)
    receipt = make_receipt(handle=handle)
    registry.prepare(receipt, profile="p")
    assert registry.find(handle) == receipt
    registry.confirm("r1")
    registry.confirm("r1")
    assert registry.find(handle) == receipt


def test_an_unknown_handle_has_no_receipt(registry):
    registry.prepare(make_receipt(handle=Handle(0, 5)), profile="p")
    assert registry.find(Handle(0, 6)) is None
    assert registry.find(Handle(1, 5)) is None


def test_a_handle_leads_to_its_first_published_receipt(registry):
    handle = Handle(0, 5)
    for index, name in enumerate(["crashed", "first", "again"]):
        at = NOW + timedelta(minutes=index)
        registry.prepare(make_receipt(name, handle=handle, created_at=at), profile="p")
    registry.confirm("again")
    registry.confirm("first")
    assert registry.find(handle).receipt_id == "first"


def test_stampings_are_found_by_source_and_profile_latest_first(registry):
    for index, name in enumerate(["a", "b"]):
        at = NOW + timedelta(minutes=index)
        registry.prepare(make_receipt(name, created_at=at), profile="p")
    registry.prepare(make_receipt("c"), profile="q")
    registry.prepare(make_receipt("d", source_sha256="00" * 32), profile="p")
    found = registry.find_stamped("ab" * 32, "p")
    assert [receipt.receipt_id for receipt in found] == ["b", "a"]


def test_withdrawing_takes_back_what_is_prepared_and_nothing_else(registry):
    registry.prepare(make_receipt("a", handle=Handle(0, 1)), profile="p")
    registry.prepare(make_receipt("b", handle=Handle(0, 2)), profile="p")
    registry.confirm("b")
    registry.withdraw("a")
    registry.withdraw("b")
    assert registry.find(Handle(0, 1)) is None
    assert registry.find(Handle(0, 2)).receipt_id == "b"


def test_a_receipt_is_written_once(registry):
    registry.prepare(make_receipt(), profile="p")
    with pytest.raises(RegistryError, match="already"):
        registry.prepare(make_receipt(), profile="p")


def test_confirming_an_unknown_receipt_is_an_error(registry):
    with pytest.raises(RegistryError, match="does not know"):
        registry.confirm("nobody")


def test_receipts_outlive_the_process_that_wrote_them(location):
    with Registry.open(location) as registry:
        registry.prepare(make_receipt(handle=Handle(0, 9)), profile="p")
    with Registry.open(location) as registry:
        assert registry.find(Handle(0, 9)) == make_receipt(handle=Handle(0, 9))


def test_the_reader_makes_no_registry(tmp_path):
    assert RegistryReader.open(str(tmp_path / "none" / "registry.sqlite3")) is None
    assert list(tmp_path.iterdir()) == []


def test_the_reader_finds_receipts_and_cannot_write(registry, location):
    registry.prepare(make_receipt(handle=Handle(0, 9)), profile="p")
    with RegistryReader.open(location) as reader:
        assert reader.find(Handle(0, 9)) == make_receipt(handle=Handle(0, 9))
        with pytest.raises(RegistryError, match=r"read-?only"), reader._connection() as connection:
            connection.exec_driver_sql("DELETE FROM receipt")


def test_sqlite_urls_are_locations_too(sqlite_location):
    with Registry.open(f"sqlite:///{sqlite_location}") as registry:
        handle = registry.reserve(0)
        registry.prepare(make_receipt(handle=handle), profile="p")
    with RegistryReader.open(sqlite_location) as reader:
        assert reader.find(handle) is not None


@pytest.mark.parametrize(
    "url", ["sqlite://", "sqlite:///:memory:", "mysql://host/db", "no such thing://"]
)
def test_other_databases_are_refused(url):
    with pytest.raises(RegistryError):
        Registry.open(url)


def test_a_file_that_is_no_registry_is_named(tmp_path):
    file = tmp_path / "registry.sqlite3"
    file.write_bytes(b"not a database at all" * 100)
    with pytest.raises(RegistryError, match="cannot be used") as caught:
        Registry.open(str(file))
    assert caught.value.file == str(file)
    assert file.read_bytes() == b"not a database at all" * 100


def test_a_place_that_cannot_be_made_is_named(tmp_path):
    (tmp_path / "file").write_text("")
    with pytest.raises(RegistryError, match="cannot be made"):
        Registry.open(str(tmp_path / "file" / "registry.sqlite3"))


def test_making_a_registry_leaves_nothing_else(sqlite_location, tmp_path):
    Registry.open(sqlite_location).close()
    assert [file.name for file in (tmp_path / "home").iterdir()] == ["registry.sqlite3"]
