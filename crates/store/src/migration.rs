//! Brings the fixed part of the schema to this program's version, step by step and forward only.
//!
//! To change the schema: add `migrations/NNNN_what.sql` (one change, its reason in the first line, SQL that both
//! engines read, but for the words of [`SPELLINGS`]) and its line in [`STEPS`]. A released file is never edited.
//!
//! Which program changed the layout last is noted, so that an older one says what to do instead of undoing it.

use crate::db::Tx;
use crate::{Error, Result, Store};

/// This program's version.
const OWN: &str = env!("CARGO_PKG_VERSION");

const STEPS: &[(i64, &str)] = &[
    (1, include_str!("../migrations/0001_start.sql")),
    (2, include_str!("../migrations/0002_events.sql")),
    (3, include_str!("../migrations/0003_event_upkeep.sql")),
    (4, include_str!("../migrations/0004_event_retention.sql")),
    (5, include_str!("../migrations/0005_archive.sql")),
    (6, include_str!("../migrations/0006_findings.sql")),
    (7, include_str!("../migrations/0007_evidence.sql")),
    (8, include_str!("../migrations/0008_people.sql")),
    (9, include_str!("../migrations/0009_event_channel.sql")),
    (10, include_str!("../migrations/0010_asked_syncs.sql")),
    (11, include_str!("../migrations/0011_sign_in_failures.sql")),
    (12, include_str!("../migrations/0012_notifications.sql")),
    (13, include_str!("../migrations/0013_second_factor.sql")),
    (14, include_str!("../migrations/0014_stable_connections.sql")),
    (15, include_str!("../migrations/0015_evidence_keys.sql")),
    (16, include_str!("../migrations/0016_lease_numbering.sql")),
    (17, include_str!("../migrations/0017_identities.sql")),
    (18, include_str!("../migrations/0018_finding_counts.sql")),
    (19, include_str!("../migrations/0019_event_days.sql")),
];

/// What the engines spell differently: the word in braces, SQLite's text, PostgreSQL's text.
const SPELLINGS: &[(&str, &str, &str)] = &[
    ("{bytes}", "BLOB", "BYTEA"),
    // The table is its primary key's index: rows with neighbouring keys lie together, and there is no second tree.
    ("{clustered}", " WITHOUT ROWID", ""),
    ("{by_month}", "", " PARTITION BY RANGE (time_ms)"),
    ("{other_months}", "", "CREATE TABLE event_month_other PARTITION OF event DEFAULT;"),
];

/// Locks out other processes that migrate the same PostgreSQL database at the same time.
const POSTGRES_LOCK: &str = "SELECT pg_advisory_xact_lock(7206573)";

pub(crate) async fn migrate(store: &Store) -> Result<()> {
    let known = newest_step();
    if version(store).await? == known {
        return Ok(());
    }
    let mut tx = store.db.begin().await?;
    if store.db.is_postgres() {
        tx.run_script(POSTGRES_LOCK).await?;
    }
    tx.run_script("CREATE TABLE IF NOT EXISTS schema_version (version BIGINT NOT NULL)").await?;
    // Read again under the lock: another process may have been faster.
    let found = tx.fetch("SELECT COALESCE(MAX(version), 0) FROM schema_version", vec![]).await?[0].integer(0);
    if found > known {
        let noted = "SELECT program FROM layout_change";
        // Only a layout that is newer than the note can be without it.
        let program = tx.fetch(noted, vec![]).await.ok().and_then(|rows| Some(rows.first()?.text(0)));
        return Err(Error::Newer { program, own: OWN });
    }
    for (number, sql) in STEPS.iter().filter(|(number, _)| *number > found) {
        tx.run_script(&spelled(sql, store.db.is_postgres())).await?;
        tx.execute("INSERT INTO schema_version (version) VALUES ($1)", vec![(*number).into()]).await?;
    }
    note_change(&mut tx).await?;
    tx.commit().await
}

/// Notes that this program changes the layout.
///
/// # Errors
/// [`Error::Newer`] when a newer program changed it last: an older one would take away what that one added.
pub(crate) async fn note_change(tx: &mut Tx) -> Result<()> {
    let noted = tx.fetch("SELECT program FROM layout_change", vec![]).await?;
    let Some(program) = noted.first().map(|row| row.text(0)) else {
        tx.execute("INSERT INTO layout_change (program, changes) VALUES ($1, 1)", vec![OWN.into()]).await?;
        return Ok(());
    };
    if parts(&program) > parts(OWN) {
        return Err(Error::Newer { program: Some(program), own: OWN });
    }
    tx.execute("UPDATE layout_change SET program = $1, changes = changes + 1", vec![OWN.into()]).await?;
    Ok(())
}

/// How often the layout was changed.
pub(crate) async fn layout_changes(store: &Store) -> Result<i64> {
    let rows = store.db.fetch("SELECT changes FROM layout_change", vec![]).await?;
    Ok(rows.first().map_or(0, |row| row.integer(0)))
}

/// Refuses to begin work on a layout that another program has changed since this one opened the store.
pub(crate) async fn check_layout(store: &Store, tx: &mut Tx) -> Result<()> {
    let rows = tx.fetch("SELECT program, changes FROM layout_change", vec![]).await?;
    match rows.first() {
        Some(row) if row.integer(1) != store.layout => Err(Error::LayoutChanged { program: row.text(0), own: OWN }),
        _ => Ok(()),
    }
}

/// A version as numbers, to be compared: `0.10.2` is newer than `0.9`.
fn parts(version: &str) -> Vec<u64> {
    version.split(['.', '-', '+']).map_while(|part| part.parse().ok()).collect()
}

fn spelled(sql: &str, postgres: bool) -> String {
    SPELLINGS.iter().fold(sql.to_owned(), |sql, (word, on_sqlite, on_postgres)| {
        sql.replace(word, if postgres { on_postgres } else { on_sqlite })
    })
}

/// The version of the schema that this program brings a store to.
pub(crate) fn newest_step() -> i64 {
    STEPS.last().map_or(0, |(number, _)| *number)
}

/// The version of the schema that is there; 0 for an empty database.
async fn version(store: &Store) -> Result<i64> {
    let exists = if store.db.is_postgres() {
        "SELECT COUNT(*) FROM information_schema.tables WHERE table_schema = current_schema() AND table_name = 'schema_version'"
    } else {
        "SELECT COUNT(*) FROM sqlite_master WHERE type = 'table' AND name = 'schema_version'"
    };
    if store.db.fetch(exists, vec![]).await?[0].integer(0) == 0 {
        return Ok(0);
    }
    Ok(store.db.fetch("SELECT COALESCE(MAX(version), 0) FROM schema_version", vec![]).await?[0].integer(0))
}
