//! A small organization written by hand: rows by the names of their columns, so that a check can be tried without one.
//!
//! ```json
//! { "users": [{ "id": "u1", "username": "ann", "mfa_configured": false }], "devices": [] }
//! ```
//!
//! A table that is not named is empty and complete. `"!devices": "not_permitted"` says that devices could not be read.

use std::collections::{BTreeMap, HashMap};
use std::sync::Mutex;

use jiff::Timestamp;
use serde_json::{Map, Value};
use store::schema::Table;
use store::{
    Cell, Error, LeaseHolder, Marks, NewRow, Result, SnapshotWriter, Store, TableRecord, TableState, did_you_mean,
};

/// Writes a fixture as the next snapshot of an organization.
///
/// # Errors
/// A table or a column does not exist, or a row has no id.
pub async fn write(store: &Store, org_id: &str, fixture: &Value, holder: &LeaseHolder, now: Timestamp) -> Result<()> {
    let wrong = |what: String| Error::Refused(format!("the fixture can not be used: {what}"));
    let tables = fixture.as_object().ok_or_else(|| wrong("it is an object of tables".to_owned()))?;
    let mut rows: BTreeMap<&str, Vec<Map<String, Value>>> = BTreeMap::new();
    let mut states: HashMap<&str, TableState> = HashMap::new();
    for (name, value) in tables {
        if let Some(name) = name.strip_prefix('!') {
            let table = find(store, name).map_err(wrong)?;
            let word = value.as_str().unwrap_or_default();
            let state = STATES.iter().find(|state| state.word() == word);
            let state = state.ok_or_else(|| wrong(format!("{word:?} is no state of a table")))?;
            states.insert(table.name, *state);
            continue;
        }
        let table = find(store, name).map_err(wrong)?;
        let items = value.as_array().ok_or_else(|| wrong(format!("{name} is a list of rows")))?;
        for item in items {
            let row = item.as_object().ok_or_else(|| wrong(format!("a row of {name} is an object")))?;
            place(store, table, row, &mut rows).map_err(wrong)?;
        }
    }
    let lease = store.take_lease(&format!("inventory {org_id}"), "a fixture", holder, now).await?;
    let mut writer = store.begin_snapshot(org_id, "fixture", 0, &lease, now).await?;
    let mut records = Vec::new();
    for table in store.tables() {
        if crate::derived::TABLES.iter().any(|derived| derived.name == table.name) {
            continue;
        }
        let rows = rows.remove(table.name).unwrap_or_default();
        let held = rows.len() as u64;
        write_table(&mut writer, table, rows, now).await?;
        let state = states.get(table.name).copied().unwrap_or(TableState::Complete);
        records.push(record(table.name, state, held));
    }
    writer.commit(&records, now).await?;
    store.release_lease(lease).await
}

const STATES: [TableState; 7] = [
    TableState::Complete,
    TableState::NotPermitted,
    TableState::NotLicensed,
    TableState::Failed,
    TableState::Short,
    TableState::Shrunken,
    TableState::Dependent,
];

fn find(store: &Store, name: &str) -> Result<&'static Table, String> {
    store.table(name).ok_or_else(|| {
        let meant = did_you_mean(name, store.tables().iter().map(|table| table.name));
        format!("there is no table {name}{meant}")
    })
}

/// Puts a row's values into its table, and those that a sister table keeps into that one.
fn place(
    store: &Store,
    table: &'static Table,
    row: &Map<String, Value>,
    rows: &mut BTreeMap<&'static str, Vec<Map<String, Value>>>,
) -> Result<(), String> {
    if !row.get("id").is_some_and(Value::is_string) {
        return Err(format!("a row of {} has no id", table.name));
    }
    let mut own = Map::new();
    for (name, value) in row {
        if name == "id" || table.columns.iter().any(|column| column.name == name) {
            own.insert(name.clone(), value.clone());
            continue;
        }
        let Some(joined) = table.joined.iter().find(|joined| joined.columns.contains(&name.as_str())) else {
            let columns = table.columns.iter().map(|column| column.name);
            let joined = table.joined.iter().flat_map(|joined| joined.columns.iter().copied());
            let meant = did_you_mean(name, columns.chain(joined));
            return Err(format!("{} has no column {name}{meant}", table.name));
        };
        let sister = find(store, joined.table)?;
        let id = row.get(joined.by).cloned().unwrap_or_default();
        let there = rows.entry(sister.name).or_default();
        match there.iter_mut().find(|other| other.get("id") == Some(&id)) {
            Some(other) => _ = other.insert(name.clone(), value.clone()),
            None => there.push([("id".to_owned(), id), (name.clone(), value.clone())].into_iter().collect()),
        }
    }
    rows.entry(table.name).or_default().push(own);
    Ok(())
}

async fn write_table(
    writer: &mut SnapshotWriter,
    table: &Table,
    rows: Vec<Map<String, Value>>,
    now: Timestamp,
) -> Result<()> {
    let marks = Mutex::new(Marks::default());
    for chunk in rows.chunks(500) {
        let ids: Vec<&str> = chunk.iter().filter_map(|row| row.get("id")?.as_str()).collect();
        let known = writer.known(table, &ids).await?;
        let mut fresh = Vec::new();
        for row in chunk {
            let id = row.get("id").and_then(Value::as_str).unwrap_or_default().to_owned();
            let raw = Value::Object(row.clone()).to_string();
            let mut content = [0; 16];
            content.copy_from_slice(&blake3::hash(raw.as_bytes()).as_bytes()[..16]);
            let stored = known.get(&id);
            if let Some(stored) = stored.filter(|stored| stored.content == content) {
                let mut marks = marks.lock().unwrap_or_else(std::sync::PoisonError::into_inner);
                marks.seen.insert(stored.row_id.cast_unsigned());
                continue;
            }
            let cell = |column: &store::schema::Column| {
                let value = row.get(column.name).unwrap_or(&Value::Null);
                column.kind.read(value).unwrap_or(Cell::Null(column.kind))
            };
            let cells = table.columns.iter().map(cell).collect();
            let replaces = stored.map(|stored| stored.row_id);
            fresh.push(NewRow {
                id: id.into(),
                part: "",
                content,
                cells,
                raw: raw.into(),
                replaces,
                distinguish: false,
                keep_stored: false,
                first: false,
            });
        }
        if !fresh.is_empty() {
            writer.write(table, fresh, known, &marks, now).await?;
        }
    }
    let marks = marks.into_inner().unwrap_or_else(std::sync::PoisonError::into_inner);
    writer.mark_gone(table, "", &marks, now).await.map(drop)
}

fn record(table: &str, state: TableState, held: u64) -> TableRecord {
    TableRecord {
        table: table.to_owned(),
        part: String::new(),
        state,
        reason: None,
        optional: false,
        told: None,
        read: held,
        new: 0,
        changed: 0,
        gone: 0,
        unchanged: 0,
        duplicates: 0,
        misfits: 0,
        quarantined: 0,
        held,
    }
}
