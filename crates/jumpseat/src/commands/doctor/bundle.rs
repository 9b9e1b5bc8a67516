//! The support bundle: one JSON file with what a supporter needs to know, and nothing that is secret or about a person. It
//! says what is in it by its names; what it leaves out is left out by never being read: columns are named one by one.

use std::io::Write as _;
use std::os::unix::fs::OpenOptionsExt as _;
use std::path::Path;

use anyhow::{Context as _, Result};
use jiff::Timestamp;
use serde_json::{Value, json};
use store::{Limits, Query, Store, StoreLook};

use super::Finding;
use crate::config::Loaded;
use crate::exit::Problem;
use crate::output::to_json;

/// What is asked of the store, each answer under its name.
const QUESTIONS: &[(&str, &str)] = &[
    (
        "runs",
        "SELECT id, org_id, action, started_at, ended_at, outcome, error, calls, retries FROM runs ORDER BY id DESC LIMIT 200",
    ),
    (
        "snapshots",
        "SELECT number, org_id, started_at, committed_at, complete, reason FROM snapshots ORDER BY number DESC LIMIT 50",
    ),
    (
        "incomplete",
        "SELECT snapshot, org_id, table_name, part, state, reason, rows_held FROM snapshot_tables
       WHERE state <> 'complete' ORDER BY snapshot DESC LIMIT 200",
    ),
    (
        "windows",
        "SELECT org_id, state, COUNT(*) AS windows, MIN(hour) AS first, MAX(hour) AS last FROM windows GROUP BY org_id, state",
    ),
    (
        "gaps",
        "SELECT org_id, hour, reason, stored, counted FROM windows WHERE state = 'gap' ORDER BY hour DESC LIMIT 200",
    ),
    (
        "unmapped",
        "SELECT service, event_type, COUNT(*) AS organizations FROM events_unmapped GROUP BY service, event_type",
    ),
    ("findings", "SELECT check_id, state, COUNT(*) AS findings FROM findings GROUP BY check_id, state"),
    (
        "posture_runs",
        "SELECT number, org_id, snapshot, started_at, ended_at FROM posture_runs ORDER BY number DESC LIMIT 50",
    ),
];

pub(super) async fn write(
    path: &Path,
    loaded: &Loaded,
    findings: &[Finding],
    look: Option<&StoreLook>,
    store: Option<&Store>,
    now: Timestamp,
) -> Result<()> {
    let settings: Vec<Value> = loaded
        .origins()?
        .into_iter()
        .map(|(key, value, from)| json!({ "setting": key, "value": value, "from": from }))
        .collect();
    let found: Vec<Value> = findings
        .iter()
        .map(|finding| {
            json!({ "what": finding.what, "result": finding.grade.word(), "said": finding.said, "what_to_do": finding.help })
        })
        .collect();
    let bundle = json!({
        "about": "Jumpseat support bundle. No credential, no person's data and no event is in it; names of connections are.",
        "made_at": now.to_string(),
        "version": env!("CARGO_PKG_VERSION"),
        "system": std::env::consts::OS,
        "machine": std::env::consts::ARCH,
        "settings": settings,
        "doctor": found,
        "store": look.map(|look| json!({ "schema": look.version, "known": look.known, "bytes": look.bytes, "damage": look.damage })),
        "answers": match store {
            Some(store) => answers(store).await?,
            None => Value::Null,
        },
    });
    let file = std::fs::OpenOptions::new().create_new(true).write(true).mode(0o600).open(path);
    let mut file = match file {
        Err(error) if error.kind() == std::io::ErrorKind::AlreadyExists => {
            return Err(Problem::usage(format!("{} is there already; name a new file", path.display())));
        }
        other => other.with_context(|| format!("{} can not be made", path.display()))?,
    };
    file.write_all(serde_json::to_string_pretty(&bundle)?.as_bytes())?;
    file.write_all(b"\n")?;
    Ok(())
}

async fn answers(store: &Store) -> Result<Value> {
    let mut all = serde_json::Map::new();
    for (name, sql) in QUESTIONS {
        let query = Query { sql: (*sql).to_owned(), ..Query::default() };
        let answer = match store.query(&query, &Limits::default()).await {
            Ok(answer) => answer,
            // What can not be told is told as that.
            Err(error) => {
                all.insert((*name).to_owned(), json!({ "error": error.to_string() }));
                continue;
            }
        };
        let rows: Vec<Value> = answer
            .rows
            .into_iter()
            .map(|row| {
                let members = answer.columns.iter().zip(row).map(|(column, cell)| (column.name.clone(), to_json(cell)));
                Value::Object(members.collect())
            })
            .collect();
        all.insert((*name).to_owned(), Value::Array(rows));
    }
    Ok(Value::Object(all))
}
