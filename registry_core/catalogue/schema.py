"""What the catalogue's file holds. All of it is derived from the registry; a file of another format is made anew.

While it is built it has no indexes and no full text, which are made at the end, all at once.
"""

from __future__ import annotations

FORMAT = 20

TABLES = """
CREATE TABLE fact (name TEXT PRIMARY KEY, value) WITHOUT ROWID;
-- What a list of models shows is kept with each: the newest version, what that says, how many there are, what changed.
CREATE TABLE model (
    id INTEGER PRIMARY KEY, task TEXT NOT NULL, name TEXT NOT NULL, mark TEXT,
    seq INTEGER NOT NULL, head TEXT, turn INTEGER NOT NULL, lost TEXT, broken TEXT,
    is_whole INTEGER NOT NULL DEFAULT 0,
    description TEXT, versions INTEGER NOT NULL DEFAULT 0, bytes INTEGER NOT NULL DEFAULT 0, newest_id INTEGER,
    changed_at TEXT NOT NULL DEFAULT '', newest_at TEXT NOT NULL DEFAULT '', body TEXT NOT NULL DEFAULT '',
    owner TEXT NOT NULL DEFAULT 'legacy_unowned', -- closed until it is known
    UNIQUE (task, name)
);
CREATE TABLE version (
    id INTEGER PRIMARY KEY, model_id INTEGER NOT NULL, task TEXT NOT NULL, model_name TEXT NOT NULL,
    version TEXT NOT NULL, version_order TEXT NOT NULL, created_at TEXT NOT NULL, stage TEXT NOT NULL,
    size_bytes INTEGER NOT NULL, mark TEXT
);
CREATE TABLE document (
    version_id INTEGER PRIMARY KEY, meta TEXT NOT NULL, annotations TEXT NOT NULL, body TEXT NOT NULL
);
CREATE TABLE changed (
    id INTEGER PRIMARY KEY AUTOINCREMENT, task TEXT NOT NULL, name TEXT NOT NULL, UNIQUE (task, name)
);
-- Announcements that were followed, as far back as others may still come in between.
CREATE TABLE heard (key TEXT PRIMARY KEY) WITHOUT ROWID;
CREATE TABLE left_out (model_id INTEGER NOT NULL, version TEXT NOT NULL, mark TEXT NOT NULL,
    PRIMARY KEY (model_id, version)) WITHOUT ROWID;
-- version_id is null where the version that the alias names is not in the catalogue.
CREATE TABLE alias (model_id INTEGER NOT NULL, alias TEXT NOT NULL, version TEXT NOT NULL, version_id INTEGER,
    updated_at TEXT, actor TEXT, reason TEXT, seq INTEGER, PRIMARY KEY (model_id, alias)) WITHOUT ROWID;
CREATE TABLE metric (version_id INTEGER NOT NULL, key TEXT NOT NULL, value REAL NOT NULL,
    model_id INTEGER NOT NULL, created_at TEXT NOT NULL, PRIMARY KEY (version_id, key)) WITHOUT ROWID;
CREATE TABLE tag (version_id INTEGER NOT NULL, key TEXT NOT NULL, value TEXT NOT NULL,
    PRIMARY KEY (version_id, key)) WITHOUT ROWID;
-- known_at: when it became known here. at: when it happened, empty where it does not say so. said: JSON of more fields.
-- is_own: 0 of a line of older software's. load: what the event says of what loading the version may run.
CREATE TABLE event (position INTEGER PRIMARY KEY AUTOINCREMENT, known_at TEXT NOT NULL, model_id INTEGER NOT NULL,
    seq INTEGER NOT NULL, at TEXT NOT NULL, event TEXT NOT NULL, alias TEXT, version TEXT, previous_version TEXT,
    actor TEXT, reason TEXT, said TEXT, is_own INTEGER NOT NULL DEFAULT 1,
    load TEXT);
-- Aliases that an event has removed and does not name as its own.
CREATE TABLE unaliased (model_id INTEGER NOT NULL, alias TEXT NOT NULL, seq INTEGER NOT NULL,
    PRIMARY KEY (model_id, alias, seq)) WITHOUT ROWID;
-- Events of a build that goes on, in no order yet.
CREATE TABLE arrived (known_at TEXT NOT NULL, model_id INTEGER NOT NULL, seq INTEGER NOT NULL, at TEXT NOT NULL,
    event TEXT NOT NULL, alias TEXT, version TEXT, previous_version TEXT, actor TEXT, reason TEXT, said TEXT,
    is_own INTEGER, load TEXT);
CREATE TABLE event_month (model_id INTEGER NOT NULL, month TEXT NOT NULL, event TEXT NOT NULL, n INTEGER NOT NULL,
    PRIMARY KEY (model_id, month, event)) WITHOUT ROWID;
"""

# What a document says that its own version was made of, and by which run. What older software wrote may be no JSON.
PARENT, RUN = (
    "CASE WHEN json_valid(meta) THEN coalesce("
    f"json_extract(meta, '$.lineage.{key}'), json_extract(meta, '$.{key}')) END"
    for key in ("parent_version", "run_id")
)
_INDEXES = f"""
CREATE INDEX IF NOT EXISTS model_name ON model (name);
CREATE INDEX IF NOT EXISTS model_by_name ON model (task, name) WHERE seq > 0 OR versions > 0;
CREATE INDEX IF NOT EXISTS model_changed ON model (changed_at, task, name) WHERE seq > 0 OR versions > 0;
CREATE INDEX IF NOT EXISTS model_newest ON model (newest_at, task, name, newest_id) WHERE seq > 0 OR versions > 0;
CREATE INDEX IF NOT EXISTS model_versions ON model (versions, task, name) WHERE seq > 0 OR versions > 0;
CREATE INDEX IF NOT EXISTS model_bytes ON model (bytes, task, name) WHERE seq > 0 OR versions > 0;
CREATE INDEX IF NOT EXISTS model_lost ON model (id) WHERE lost IS NOT NULL;
CREATE INDEX IF NOT EXISTS model_damaged ON model (id) WHERE coalesce(lost, broken) IS NOT NULL;
CREATE INDEX IF NOT EXISTS model_unsure ON model (id) WHERE mark = '?';
CREATE UNIQUE INDEX IF NOT EXISTS version_name ON version (task, model_name, version_order, version);
CREATE INDEX IF NOT EXISTS version_created ON version (created_at, task, model_name, version_order, version);
CREATE INDEX IF NOT EXISTS version_model ON version (model_id, created_at, id);
CREATE INDEX IF NOT EXISTS version_open ON version (model_id) WHERE mark IS NOT NULL;
CREATE INDEX IF NOT EXISTS version_stage ON version (stage);
CREATE INDEX IF NOT EXISTS alias_name ON alias (alias, version_id);
CREATE INDEX IF NOT EXISTS alias_version ON alias (model_id, version);
CREATE INDEX IF NOT EXISTS document_parent ON document ({PARENT}) WHERE {PARENT} IS NOT NULL;
CREATE INDEX IF NOT EXISTS document_run ON document ({RUN}) WHERE {RUN} IS NOT NULL;
CREATE INDEX IF NOT EXISTS metric_value ON metric (key, value, version_id);
CREATE INDEX IF NOT EXISTS metric_model ON metric (model_id, key, created_at, value);
CREATE INDEX IF NOT EXISTS tag_value ON tag (key, value, version_id);
CREATE UNIQUE INDEX IF NOT EXISTS event_seq ON event (model_id, seq);
CREATE INDEX IF NOT EXISTS event_known ON event (known_at);
CREATE INDEX IF NOT EXISTS event_at ON event (at);
CREATE INDEX IF NOT EXISTS event_alias ON event (model_id, alias, seq);
CREATE INDEX IF NOT EXISTS event_moves ON event (model_id, seq) WHERE alias IS NOT NULL;
CREATE INDEX IF NOT EXISTS unaliased_seq ON unaliased (model_id, seq);
CREATE INDEX IF NOT EXISTS event_version ON event (model_id, version, seq);
CREATE INDEX IF NOT EXISTS event_actor ON event (model_id, actor, seq);
CREATE INDEX IF NOT EXISTS event_kind ON event (model_id, event, seq);
CREATE INDEX IF NOT EXISTS event_about ON event (model_id, coalesce(version, previous_version), seq);
CREATE INDEX IF NOT EXISTS event_load ON event (load, model_id, version, seq) WHERE load IS NOT NULL;
CREATE INDEX IF NOT EXISTS event_loads ON event (model_id, version, seq) WHERE load IS NOT NULL;
CREATE INDEX IF NOT EXISTS event_when ON event (model_id, at, seq);
CREATE VIRTUAL TABLE IF NOT EXISTS words USING fts5 (
    body, content = 'document', content_rowid = 'version_id', detail = 'none', columnsize = 0, tokenize = 'ascii',
    prefix = '1 2 3'
);
CREATE VIRTUAL TABLE IF NOT EXISTS model_words USING fts5 (
    body, content = 'model', content_rowid = 'id', detail = 'none', columnsize = 0, tokenize = 'ascii',
    prefix = '1 2 3'
);
"""
INDEXES = tuple(statement.strip() for statement in _INDEXES.split(";") if statement.strip())
