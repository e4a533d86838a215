"""The registry against the simplest thing that does the same: a few dictionaries."""

import tempfile
from contextlib import ExitStack
from datetime import timedelta
from pathlib import Path

from hypothesis import settings
from hypothesis import strategies as st
from hypothesis.stateful import (
    Bundle,
    RuleBasedStateMachine,
    consumes,
    initialize,
    invariant,
    precondition,
    rule,
)

from labeler.credentials import SoftBinding
from labeler.errors import RegistryError
from labeler.registry import ContentFingerprint, DurableRecord, Registry, RegistryReader
from tests.receipts import NOW, make_receipt

VALUES = st.sampled_from(["v", "w"])


class RegistryModel(RuleBasedStateMachine):
    receipts = Bundle("receipts")

    @initialize()
    def begin(self):
        self.stack = ExitStack()
        folder = self.stack.enter_context(tempfile.TemporaryDirectory())
        self.location = str(Path(folder, "registry.sqlite3"))
        self.registry = self.stack.enter_context(Registry.open(self.location, now=lambda: NOW))
        self.reader = self.stack.enter_context(RegistryReader.open(self.location))
        self.handles = set()
        self.prepared, self.published = {}, {}  # receipts by id
        self.bindings = {}  # by manifest: its values
        self.looks = {}  # by receipt: its fingerprints
        self.entries = []  # of the audit log: their kinds
        self.erased = set()
        self.heads = []

    def teardown(self):
        if hasattr(self, "stack"):
            self.stack.close()

    @property
    def known(self):
        return self.prepared | self.published

    def note(self, entry):
        self.entries.append(entry.kind)
        self.heads.append(entry.digest)

    # ------------------------------------------------------------ what is done

    @rule(target=receipts, day=st.integers(0, 5), values=st.sets(VALUES), looks=st.integers(0, 2))
    def prepare(self, day, values, looks):
        handle = self.registry.reserve(0)
        assert handle not in self.handles
        self.handles.add(handle)
        name = f"r{len(self.handles)}"
        receipt = make_receipt(
            name,
            handle=handle,
            created_at=NOW + timedelta(days=day),
            manifest_id=f"urn:{name}",
            target_sha256=f"{day:064x}",
        )
        taken = tuple(
            ContentFingerprint(algorithm="pdq", value=name.encode(), offset_ms=number)
            for number in range(looks)
        )
        durable = DurableRecord(
            manifest=name.encode(),
            soft_bindings=tuple(SoftBinding(value=value) for value in values),
            fingerprints=taken,
        )
        self.registry.prepare(receipt, profile="p", durable=durable)
        self.prepared[name] = receipt
        self.bindings[f"urn:{name}"] = values
        self.looks[name] = taken
        return name

    @rule(name=receipts)
    def prepare_again(self, name):
        if name in self.known:
            try:
                self.registry.prepare(self.known[name], profile="other")
            except RegistryError:
                return
            raise AssertionError("a receipt was written twice")

    @rule(name=receipts)
    def confirm(self, name):
        try:
            self.registry.confirm(name)
        except RegistryError:
            assert name not in self.known
        else:
            self.published[name] = self.known[name]
            self.prepared.pop(name, None)

    @rule(name=receipts)
    def withdraw(self, name):
        self.registry.withdraw(name)
        if self.prepared.pop(name, None):
            self.forget(name)

    @rule(name=consumes(receipts))
    def delete(self, name):
        try:
            entry = self.registry.delete_receipt(name, actor="a", reason="b")
        except RegistryError:
            assert name not in self.known
        else:
            self.note(entry)
            self.forget(name)

    @rule(day=st.integers(0, 5))
    def expire(self, day):
        before = NOW + timedelta(days=day)
        old = [name for name, receipt in self.known.items() if receipt.created_at < before]
        assert self.registry.expire_receipts(before, actor="a", reason="b") == len(old)
        for name in old:
            self.forget(name)
        if old:
            self.note(list(self.registry.audit_entries())[-1])

    def forget(self, name):
        self.prepared.pop(name, None)
        self.published.pop(name, None)
        self.bindings.pop(f"urn:{name}", None)
        del self.looks[name]

    @rule(value=VALUES, number=st.integers(0, 2))
    def entrust(self, value, number):
        label = f"urn:theirs:{number}"
        is_new = self.registry.store_manifest(
            label, label.encode(), soft_bindings=[SoftBinding(value=value)]
        )
        assert is_new == (label not in self.bindings)
        self.bindings.setdefault(label, set())
        self.bindings[label] = self.bindings[label] | {value}

    @rule(number=st.integers(0, 2))
    def delete_manifest(self, number):
        label = f"urn:theirs:{number}"
        try:
            self.note(self.registry.delete_manifest(label, actor="a", reason="b"))
        except RegistryError:
            assert label not in self.bindings
        else:
            del self.bindings[label]

    @rule()
    def record(self):
        self.note(self.registry.record("stamping", "s", actor="a", reason="b", body={}))

    @precondition(lambda self: self.entries)
    @rule(data=st.data())
    def erase(self, data):
        sequence = data.draw(st.integers(1, len(self.entries)))
        try:
            self.note(self.registry.erase(sequence, actor="a", reason="b"))
        except RegistryError:
            assert sequence in self.erased
        else:
            self.erased.add(sequence)

    # ------------------------------------------------------------ what is so then

    @invariant()
    def receipts_are_found(self):
        for name, receipt in self.known.items():
            assert self.reader.find(receipt.payload.handle) == receipt
            found = self.reader.find_receipt(name)
            assert found == (receipt if name in self.published else None)
            assert receipt in self.reader.find_output(receipt.target_sha256)
        kept = {receipt.payload.handle for receipt in self.known.values()}
        for handle in self.handles - kept:
            assert self.reader.find(handle) is None
        stamped = self.reader.find_stamped("ab" * 32, "p")
        assert {each.receipt_id for each in stamped} == set(self.known)
        times = [each.created_at for each in stamped]
        assert times == sorted(times, reverse=True)

    @invariant()
    def manifests_are_found(self):
        for value in ("v", "w"):
            expected = {label for label, values in self.bindings.items() if value in values}
            assert set(self.reader.find_manifests(value, limit=1000)) == expected
        for name in self.known:
            assert self.reader.manifest_of(name).store == name.encode()

    @invariant()
    def fingerprints_are_found(self):
        for name, taken in self.looks.items():
            assert self.reader.fingerprints_of(name, "pdq") == taken
        pages = self.reader.fingerprints_after(0, "pdq", page=2)
        assert sum(map(len, pages)) == sum(map(len, self.looks.values()))

    @invariant()
    def the_audit_log_holds(self):
        entries = list(self.reader.audit_entries())
        assert [entry.kind for entry in entries] == self.entries
        assert {entry.sequence for entry in entries if entry.is_erased} == self.erased
        for head in self.heads[-2:]:
            assert self.reader.verify_audit(head).intact


RegistryModel.TestCase.settings = settings(max_examples=8, stateful_step_count=16, deadline=None)
TestRegistryModel = RegistryModel.TestCase
