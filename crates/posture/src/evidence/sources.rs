//! Where the facts of a pack came from: the connection, the run that read the snapshot, and for each table how many rows
//! JumpCloud told and how many were read.

use std::collections::{BTreeMap, BTreeSet};

use serde_json::{Value, json};
use store::{CallRecord, Connection, Run, SnapshotInfo, SnapshotOrigin, TableRecord};

use super::PackError;
use super::folder::PackFolder;
use super::item::Item;
use super::reading::{Reading, integer, text};
use super::rows::RowFiles;
use crate::derived;
use crate::readiness::{OF_EVENTS, Readiness};
use crate::run::Organization;

/// One source of one table in the snapshot.
#[derive(Debug, Clone)]
pub(super) struct Source {
    /// The table.
    pub table: String,
    /// Which of its sources; empty where there is one.
    pub part: String,
    /// What it is asked by.
    pub asked: String,
    /// How completely it was read.
    pub state: String,
    /// Why not completely.
    pub reason: Option<String>,
    /// Rows that are held of the table after the snapshot.
    pub held: i64,
    /// What the run read; not known of a snapshot whose run is no longer kept.
    pub read: Option<TableRecord>,
}

/// Where a snapshot came from, and what it read.
#[derive(Debug)]
pub(super) struct Sources {
    pub snapshot: SnapshotInfo,
    pub origin: Option<SnapshotOrigin>,
    pub run: Option<Run>,
    pub connection: Option<Connection>,
    calls: Vec<CallRecord>,
    sources: BTreeMap<String, Vec<Source>>,
    readiness: Readiness,
}

/// Whether an item's population is what it should be.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) enum Completeness {
    /// Everything that it is made of was read completely.
    Complete,
    /// There are rows, but something is missing.
    Partial(Vec<String>),
    /// There is nothing that could be shown.
    NotCollected(Vec<String>),
}

impl Completeness {
    /// Its word.
    pub(super) fn word(&self) -> &'static str {
        match self {
            Self::Complete => "complete",
            Self::Partial(_) => "incomplete",
            Self::NotCollected(_) => "not_collected",
        }
    }

    /// What is missing, in words.
    pub(super) fn reasons(&self) -> &[String] {
        match self {
            Self::Complete => &[],
            Self::Partial(why) | Self::NotCollected(why) => why,
        }
    }
}

impl Sources {
    /// Reads what is known of a snapshot. `asked` says what each table is asked by.
    pub(super) async fn read(
        reading: &Reading<'_>,
        snapshot: SnapshotInfo,
        asked: &BTreeMap<String, String>,
    ) -> Result<Self, PackError> {
        let store = reading.store;
        let origin = store.snapshot_origin(snapshot.number).await?;
        let (mut run, mut records, mut calls, mut connection) = (None, Vec::new(), Vec::new(), None);
        if let Some(origin) = &origin {
            run = store.run(origin.run_id).await?;
            records = store.run_tables(origin.run_id).await?;
            calls = store.run_calls(origin.run_id).await?;
            connection = store.find_connection(&origin.connection_id).await?;
        }
        let mut sources: BTreeMap<String, Vec<Source>> = BTreeMap::new();
        let sql = "SELECT table_name, part, state, reason, rows_held FROM snapshot_tables WHERE snapshot = :snapshot
                   ORDER BY table_name, part";
        reading
            .with("snapshot", snapshot.number.into())
            .rows(sql, |row| {
                let (table, part) = (text(&row[0]).unwrap_or_default(), text(&row[1]).unwrap_or_default());
                let read = records.iter().find(|record| record.table == table && record.part == part).cloned();
                sources.entry(table.clone()).or_default().push(Source {
                    asked: asked_by(&table, asked),
                    table,
                    part,
                    state: text(&row[2]).unwrap_or_default(),
                    reason: text(&row[3]),
                    held: integer(&row[4]),
                    read,
                });
                Ok(())
            })
            .await?;
        let readiness = Readiness::of(store, &snapshot).await?;
        Ok(Self { snapshot, origin, run, connection, calls, sources, readiness })
    }

    /// What people call the organization: its own name, where it is known.
    pub(super) fn name_of(&self, organization: &Organization) -> String {
        let own = self.connection.as_ref().and_then(|connection| connection.org_name.clone());
        own.unwrap_or_else(|| organization.names[0].clone())
    }

    /// The sources behind these tables, by way of what they are made of.
    pub(super) fn behind<'a>(&'a self, tables: &[String]) -> Vec<&'a Source> {
        let mut names = BTreeSet::new();
        tables.iter().for_each(|table| collect_names(table, &mut names));
        names.iter().filter_map(|name| self.sources.get(name)).flatten().collect()
    }

    /// Whether an item's population is what it should be, as far as the snapshot tells.
    pub(super) fn completeness(&self, item: &Item) -> Completeness {
        let (mut unread, mut short) = (Vec::new(), Vec::new());
        for table in &item.population {
            match self.readiness.shortfall_of(table) {
                Some(shortfall) if shortfall.is_unread => {
                    unread.push(format!("{table} was not collected: {}", shortfall.why))
                }
                Some(shortfall) => short.push(format!("{table} is not complete: {}", shortfall.why)),
                None => {}
            }
        }
        for table in item.details() {
            if let Some(shortfall) = self.readiness.shortfall_of(table) {
                short.push(format!("what {table} tells is not known: {}", shortfall.why));
            }
        }
        match (unread.is_empty(), short.is_empty()) {
            (true, true) => Completeness::Complete,
            (true, false) => Completeness::Partial(short),
            (false, _) => Completeness::NotCollected(unread.into_iter().chain(short).collect()),
        }
    }

    /// Writes every source and every kind of request into the pack.
    pub(super) fn write(&self, folder: &mut PackFolder) -> Result<(), PackError> {
        let columns = [
            "table",
            "part",
            "asked",
            "state",
            "reason",
            "told_by_jumpcloud",
            "read",
            "held",
            "repeated",
            "put_aside",
            "unreadable_values",
        ];
        let columns: Vec<String> = columns.map(str::to_owned).to_vec();
        let mut files = RowFiles::begin(folder, "ledger/sources", &columns)?;
        for source in self.sources.values().flatten() {
            files.push(&source.row())?;
        }
        files.finish(folder)?;
        let columns: Vec<String> =
            ["endpoint", "requests", "tried_again", "rate_limited", "last_status"].map(str::to_owned).to_vec();
        let mut files = RowFiles::begin(folder, "ledger/requests", &columns)?;
        for call in &self.calls {
            files.push(&[
                json!(call.endpoint),
                json!(call.calls),
                json!(call.retries),
                json!(call.rate_limited),
                json!(call.last_status),
            ])?;
        }
        files.finish(folder)?;
        Ok(())
    }

    /// The snapshot for the records in the pack.
    pub(super) fn document(&self) -> Value {
        json!({
            "snapshot": self.snapshot.number,
            "committed_at": self.snapshot.committed_at,
            "complete": self.snapshot.complete,
            "missing": self.origin.as_ref().and_then(|origin| origin.reason.clone()),
            "reading_began_at": self.origin.as_ref().map(|origin| origin.started_at),
            "run": self.run.as_ref().map(|run| json!({
                "number": run.id, "started_by": run.started_by, "started_at": run.started_at, "ended_at": run.ended_at,
                "requests": run.calls, "tried_again": run.retries, "bytes": run.bytes,
            })),
            "connection": self.connection.as_ref().map(|connection| json!({
                "name": connection.name, "region": connection.place.region, "console_url": connection.place.console_url,
                "insights_url": connection.place.insights_url, "credential_kind": connection.credential_kind,
                "credential_added_at": connection.credential_added_at,
            })),
        })
    }
}

impl Source {
    fn row(&self) -> Vec<Value> {
        let read = self.read.as_ref();
        vec![
            json!(self.table),
            json!(self.part),
            json!(self.asked),
            json!(self.state),
            json!(self.reason),
            json!(self.told()),
            json!(read.map(|read| read.read)),
            json!(self.held),
            json!(read.map(|read| read.duplicates)),
            json!(read.map(|read| read.quarantined)),
            json!(read.map(|read| read.misfits)),
        ]
    }

    /// How many rows JumpCloud told that there are.
    pub(super) fn told(&self) -> Option<u64> {
        self.read.as_ref().and_then(|read| read.told)
    }

    /// For the record of an item.
    pub(super) fn document(&self) -> Value {
        let read = self.read.as_ref();
        json!({
            "table": self.table, "part": self.part, "asked": self.asked, "state": self.state, "reason": self.reason,
            "told_by_jumpcloud": self.told(), "read": read.map(|read| read.read), "held": self.held,
            "repeated": read.map(|read| read.duplicates), "put_aside": read.map(|read| read.quarantined),
            "unreadable_values": read.map(|read| read.misfits),
        })
    }
}

/// The collected tables that a name stands for.
fn collect_names(table: &str, names: &mut BTreeSet<String>) {
    match derived::made_of(table) {
        Some(made_of) => made_of.iter().for_each(|table| collect_names(table, names)),
        None => _ = names.insert(table.to_owned()),
    }
}

fn asked_by(table: &str, asked: &BTreeMap<String, String>) -> String {
    match asked.get(table) {
        Some(asked) => asked.clone(),
        None if derived::made_of(table).is_some() => "worked out of other tables".to_owned(),
        None => String::new(),
    }
}

/// Whether a table is made of events.
pub fn is_of_events(table: &str) -> bool {
    OF_EVENTS.contains(&table)
}

/// Whether a table of events stays as it is when the retention removes them: what is counted and proven.
pub(super) fn outlives_events(table: &str) -> bool {
    matches!(table, "windows" | "event_counts" | "event_types" | "events_unmapped")
}
