//! Whether what a check reads is there: every table that it names was read completely in the snapshot, or nothing can be
//! told.

use std::collections::{BTreeMap, BTreeSet};

use store::{Result, SnapshotInfo, Store, TableShortfall};

use crate::check::Check;

/// Tables that are made of events: they say nothing where events were never collected.
pub(crate) const OF_EVENTS: [&str; 8] =
    ["events", "logins", "activity", "last_sign_ins", "windows", "event_counts", "event_types", "events_unmapped"];

/// What one snapshot of one organization knows of its tables.
#[derive(Debug, Clone)]
pub struct Readiness {
    read: BTreeSet<String>,
    short: BTreeMap<String, Vec<TableShortfall>>,
    has_events: bool,
    /// Names that are read whenever they are asked for.
    always: BTreeSet<&'static str>,
    /// The tables that a view reads.
    views: BTreeMap<&'static str, &'static [&'static str]>,
}

/// Why nothing can be told.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Shortfall {
    /// The table.
    pub table: String,
    /// Why, in words.
    pub why: String,
    /// Nothing of it was read in this snapshot: it was refused, or not asked for. Otherwise something is held of it.
    pub is_unread: bool,
}

impl Readiness {
    /// Reads what a snapshot knows.
    pub async fn of(store: &Store, snapshot: &SnapshotInfo) -> Result<Self> {
        let (read, shortfalls) = store.tables_of_snapshot(snapshot.number).await?;
        let mut short: BTreeMap<String, Vec<TableShortfall>> = BTreeMap::new();
        for shortfall in shortfalls {
            short.entry(shortfall.table.clone()).or_default().push(shortfall);
        }
        Ok(Self {
            read: read.into_iter().collect(),
            short,
            has_events: store.has_windows(&snapshot.org_id).await?,
            always: store::SYSTEM_TABLES.iter().map(|table| table.name).collect(),
            views: store.views().iter().map(|view| (view.name, view.reads)).collect(),
        })
    }

    /// The first thing that is missing of what a check reads.
    pub fn shortfall(&self, check: &Check) -> Option<Shortfall> {
        check.reads.iter().find_map(|table| self.shortfall_of(table))
    }

    /// Why a table can not be relied on.
    pub fn shortfall_of(&self, table: &str) -> Option<Shortfall> {
        let because = |why: String, is_unread: bool| Some(Shortfall { table: table.to_owned(), why, is_unread });
        if OF_EVENTS.contains(&table) {
            return if self.has_events { None } else { because("events were never collected".to_owned(), true) };
        }
        if self.always.contains(table) {
            return None;
        }
        if let Some(reads) = self.views.get(table) {
            return reads.iter().find_map(|table| self.shortfall_of(table));
        }
        if let Some(short) = self.short.get(table) {
            let words: Vec<String> = short.iter().map(words_of).collect();
            let is_refused = |short: &TableShortfall| ["not_permitted", "not_licensed"].contains(&short.state.as_str());
            return because(words.join("; "), short.iter().all(is_refused));
        }
        if self.read.contains(table) { None } else { because("it was not read in this snapshot".to_owned(), true) }
    }
}

fn words_of(shortfall: &TableShortfall) -> String {
    let state = match shortfall.state.as_str() {
        "not_permitted" => "reading it is not permitted",
        "not_licensed" => "it is not licensed",
        "failed" => "reading it failed",
        "short" => "fewer rows came than JumpCloud has",
        "shrunken" => "suspiciously many rows are missing",
        "dependent" => "what it depends on was not read completely",
        other => other,
    };
    let part = if shortfall.part.is_empty() { String::new() } else { format!("{}: ", shortfall.part) };
    match &shortfall.reason {
        // What JumpCloud answered begins with the same words.
        Some(reason) if shortfall.state == "not_permitted" && reason.starts_with("not permitted") => {
            format!("{part}reading it is {reason}")
        }
        Some(reason) => format!("{part}{state} ({reason})"),
        None => format!("{part}{state}"),
    }
}

impl std::fmt::Display for Shortfall {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        write!(f, "the table {} is not complete: {}", self.table, self.why)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn that_reading_is_not_permitted_is_said_once() {
        let words = |reason: Option<&str>| {
            let (table, part, state) = ("service_accounts".to_owned(), String::new(), "not_permitted".to_owned());
            words_of(&TableShortfall { table, part, state, reason: reason.map(str::to_owned) })
        };
        assert_eq!(
            words(Some("not permitted (status 403: Forbidden)")),
            "reading it is not permitted (status 403: Forbidden)"
        );
        assert_eq!(words(Some("a fault")), "reading it is not permitted (a fault)");
        assert_eq!(words(None), "reading it is not permitted");
    }
}
