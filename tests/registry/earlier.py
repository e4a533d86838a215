"""What registries were made with before there were migrations, one version after the other."""

import sqlite3
from pathlib import Path

from tests.receipts import NOW

VERSION_1 = """
CREATE TABLE schema_version (version INTEGER NOT NULL);
CREATE TABLE reservation (issuer INTEGER NOT NULL, serial INTEGER NOT NULL,
    reserved_at VARCHAR NOT NULL, PRIMARY KEY (issuer, serial)) WITHOUT ROWID;
CREATE TABLE receipt (receipt_id VARCHAR NOT NULL, state VARCHAR NOT NULL,
    created_at VARCHAR NOT NULL, issuer INTEGER, serial INTEGER, source_sha256 VARCHAR NOT NULL,
    profile VARCHAR NOT NULL, target VARCHAR NOT NULL, body TEXT NOT NULL,
    PRIMARY KEY (receipt_id));
CREATE INDEX receipt_by_handle ON receipt (issuer, serial);
CREATE INDEX receipt_by_source ON receipt (source_sha256, profile);
INSERT INTO schema_version VALUES (1);
"""
VERSION_2 = """
CREATE TABLE sound (receipt_id VARCHAR NOT NULL, origin INTEGER NOT NULL, tag INTEGER NOT NULL,
    fingerprint BLOB NOT NULL, PRIMARY KEY (receipt_id),
    FOREIGN KEY(receipt_id) REFERENCES receipt (receipt_id) ON DELETE CASCADE);
CREATE INDEX sound_by_tag ON sound (tag, origin);
UPDATE schema_version SET version = 2;
"""
VERSION_3 = """
CREATE TABLE audit (sequence INTEGER NOT NULL, at VARCHAR NOT NULL, kind VARCHAR NOT NULL,
    subject VARCHAR NOT NULL, detail_digest VARCHAR NOT NULL, previous VARCHAR NOT NULL,
    digest VARCHAR NOT NULL, PRIMARY KEY (sequence), UNIQUE (previous), UNIQUE (digest));
CREATE INDEX audit_by_subject ON audit (subject, kind);
CREATE TABLE audit_detail (sequence INTEGER NOT NULL, salt VARCHAR NOT NULL,
    actor VARCHAR NOT NULL, reason TEXT NOT NULL, body TEXT NOT NULL, PRIMARY KEY (sequence),
    CHECK (trim(actor) <> '' AND trim(reason) <> ''),
    FOREIGN KEY(sequence) REFERENCES audit (sequence));
CREATE INDEX audit_by_decision ON audit_detail (json_extract(body, '$.decision_id'));
CREATE INDEX audit_by_work ON audit_detail (json_extract(body, '$.work'));
CREATE TRIGGER audit_no_update BEFORE UPDATE ON audit
    BEGIN SELECT RAISE(ABORT, 'the audit log only grows'); END;
CREATE TRIGGER audit_no_delete BEFORE DELETE ON audit
    BEGIN SELECT RAISE(ABORT, 'the audit log only grows'); END;
CREATE TRIGGER audit_detail_no_update BEFORE UPDATE ON audit_detail
    BEGIN SELECT RAISE(ABORT, 'the audit log only grows'); END;
UPDATE schema_version SET version = 3;
"""
VERSION_4 = """
CREATE TABLE text_key (key_id VARCHAR NOT NULL, PRIMARY KEY (key_id));
CREATE TABLE text (text_id INTEGER NOT NULL PRIMARY KEY AUTOINCREMENT, digest BLOB NOT NULL,
    words INTEGER NOT NULL, selection BLOB NOT NULL, UNIQUE (digest));
CREATE TABLE text_output (output_id INTEGER NOT NULL PRIMARY KEY AUTOINCREMENT,
    text_id INTEGER NOT NULL, at VARCHAR NOT NULL, receipt_id VARCHAR, provider VARCHAR,
    model VARCHAR, reference VARCHAR, FOREIGN KEY(text_id) REFERENCES text (text_id),
    FOREIGN KEY(receipt_id) REFERENCES receipt (receipt_id) ON DELETE CASCADE);
CREATE INDEX text_output_by_text ON text_output (text_id, at);
CREATE INDEX text_output_by_time ON text_output (at);
CREATE INDEX text_output_by_receipt ON text_output (receipt_id);
CREATE TABLE text_shingle (shingle INTEGER NOT NULL, text_id INTEGER NOT NULL,
    PRIMARY KEY (shingle, text_id)) WITHOUT ROWID;
UPDATE schema_version SET version = 4;
"""
VERSIONS = (VERSION_1, VERSION_2, VERSION_3, VERSION_4)


def make_earlier(location, version, *receipts):
    """A registry of an earlier version, with receipts that were published."""
    Path(location).parent.mkdir(parents=True, exist_ok=True)
    connection = sqlite3.connect(location)
    connection.execute("PRAGMA journal_mode = WAL")
    connection.executescript("".join(VERSIONS[:version]))
    for receipt in receipts:
        handle = None if receipt.payload is None else receipt.payload.handle
        connection.execute(
            "INSERT INTO receipt VALUES (?, 'published', ?, ?, ?, ?, 'p', ?, ?)",
            (
                receipt.receipt_id,
                NOW.isoformat(),
                None if handle is None else handle.issuer,
                None if handle is None else handle.serial,
                receipt.source_sha256,
                receipt.target,
                receipt.to_json(),
            ),
        )
    connection.commit()
    connection.close()
