//! Brings the fixed part of the schema to this program's version, step by step and forward only.
//!
//! To change the schema: add `migrations/NNNN_what.sql` (one change, its reason in the first line, SQL that both
//! engines read, but for the words of [`SPELLINGS`]) and its line in [`STEPS`]. A released file is never edited.

use crate::{Error, Result, Store};

const STEPS: &[(i64, &str)] =
    &[(1, include_str!("../migrations/0001_start.sql")), (2, include_str!("../migrations/0002_events.sql"))];

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
    let known = STEPS.last().map_or(0, |(number, _)| *number);
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
        return Err(Error::Newer { found, known });
    }
    for (number, sql) in STEPS.iter().filter(|(number, _)| *number > found) {
        tx.run_script(&spelled(sql, store.db.is_postgres())).await?;
        tx.execute("INSERT INTO schema_version (version) VALUES ($1)", vec![(*number).into()]).await?;
    }
    tx.commit().await
}

fn spelled(sql: &str, postgres: bool) -> String {
    SPELLINGS.iter().fold(sql.to_owned(), |sql, (word, on_sqlite, on_postgres)| {
        sql.replace(word, if postgres { on_postgres } else { on_sqlite })
    })
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
