//! `asset …`: lists, one asset with everything known, its history, and who reaches what.

use std::collections::{BTreeMap, BTreeSet};
use std::time::Duration;

use anyhow::Result;
use clap::{Args, Subcommand};
use jiff::{SignedDuration, Timestamp};
use posture::{Readiness, access};
use serde_json::{Map, Value, json};
use store::schema::Table;
use store::{Cell, Limits, Parameter, Query, Store};

use super::Global;
use super::connection::described;
use crate::context::Context;
use crate::exit::{Exit, Problem, eprintln_quietly};
use crate::output::{Format, Sheet, printable, to_json, write_json, write_lines};
use crate::when::parse_moment;

#[derive(Debug, Subcommand)]
pub(super) enum AssetCommand {
    /// List assets of one type; without a type, how many there are of each.
    #[command(
        before_help = "Examples:\n  jumpseat asset list\n  jumpseat asset list --type device --where \"os_family = 'darwin'\"\n  jumpseat asset list --type user --as-of 2026-11-01 --output csv"
    )]
    List(ListArgs),
    /// Everything known about one asset.
    Show(OneArgs),
    /// What changed about one asset from sync to sync, field by field.
    History(OneArgs),
    /// Who reaches this thing and how; how far a user, a group or a policy reaches; what is granted and not used.
    #[command(before_help = "Examples:
  jumpseat asset access mara.lind                          what she reaches, by which path, with which right
  jumpseat asset access Payroll --type application         who reaches it
  jumpseat asset access Contractors --type user_group      what its members reach because of it
  jumpseat asset access \"Disk encryption\" --type policy   the devices that it is put onto
  jumpseat asset access --unused-days 90 --output csv      what is granted to anybody and was not used
  jumpseat asset access --orphaned                         groups without members, applications without users")]
    Access(AccessArgs),
}

#[derive(Debug, Args)]
pub(super) struct ListArgs {
    /// Which type, e.g. user, device, application, user_group, policy, ip_address.
    #[arg(long = "type", short = 't', value_name = "TYPE")]
    kind: Option<String>,
    /// A condition in SQL over the type's columns.
    #[arg(long = "where", value_name = "SQL")]
    condition: Option<String>,
    /// Only this organization or connection (name or id).
    #[arg(long, value_name = "NAME")]
    org: Option<String>,
    /// As it was at this time (date or RFC 3339 time).
    #[arg(long, value_name = "TIME", value_parser = parse_moment)]
    as_of: Option<Timestamp>,
    /// Which columns, separated by commas.
    #[arg(long, value_delimiter = ',', value_name = "COLUMN,COLUMN")]
    columns: Vec<String>,
    /// How many rows at most.
    #[arg(long, default_value_t = 1_000_000)]
    limit: u64,
}

#[derive(Debug, Args)]
pub(super) struct OneArgs {
    /// Its id, or its name (user name, device name, …).
    asset: String,
    /// Its type, if the name is not enough.
    #[arg(long = "type", short = 't', value_name = "TYPE")]
    kind: Option<String>,
    /// Only this organization or connection (name or id).
    #[arg(long, value_name = "NAME")]
    org: Option<String>,
    /// As it was at this time (date or RFC 3339 time).
    #[arg(long, value_name = "TIME", value_parser = parse_moment)]
    as_of: Option<Timestamp>,
}

#[derive(Debug, Args)]
pub(super) struct AccessArgs {
    /// Its id, or its name (user name, device name, …).
    #[arg(required_unless_present_any = ["unused_days", "orphaned"])]
    asset: Option<String>,
    /// Its type, if the name is not enough.
    #[arg(long = "type", short = 't', value_name = "TYPE", requires = "asset")]
    kind: Option<String>,
    /// Only this organization or connection (name or id).
    #[arg(long, value_name = "NAME")]
    org: Option<String>,
    /// As it was at this time (date or RFC 3339 time).
    #[arg(long, value_name = "TIME", value_parser = parse_moment)]
    as_of: Option<Timestamp>,
    /// Only applications and devices that are granted and that the user did not sign in to in so many days, by the events.
    #[arg(long, value_name = "DAYS", value_parser = clap::value_parser!(u16).range(1..), conflicts_with = "as_of")]
    unused_days: Option<u16>,
    /// Groups without members, applications without users, policies without devices.
    #[arg(long, conflicts_with_all = ["asset", "unused_days"])]
    orphaned: bool,
}

/// How many columns a list shows to people when none are chosen.
const FEW: usize = 7;

pub(super) async fn run(command: AssetCommand, global: &Global) -> Result<Exit> {
    let context = Context::open(global).await?;
    match command {
        AssetCommand::List(args) => list(args, &context).await,
        AssetCommand::Show(args) => show(args, &context).await,
        AssetCommand::History(args) => history(args, &context).await,
        AssetCommand::Access(args) => reach(args, &context).await,
    }
}

fn asset_tables(store: &Store) -> impl Iterator<Item = (&'static str, &'static Table)> + '_ {
    store.tables().iter().filter_map(|table| Some((table.asset?, *table)))
}

/// The table of a type. Plurals and table names are understood as well.
fn table_of(store: &Store, kind: &str) -> Result<&'static Table> {
    let wanted = kind.to_lowercase().replace(['-', ' '], "_");
    let found = asset_tables(store).find(|(asset, table)| *asset == wanted || table.name == wanted);
    found.map(|(_, table)| table).ok_or_else(|| {
        let types: Vec<&str> = asset_tables(store).map(|(asset, _)| asset).collect();
        Problem::not_found(format!("there is no asset type {kind:?}"), format!("Types: {}.", types.join(", ")))
    })
}

/// The id of the organization that the user names by id, by its name or by its connection's.
pub(super) async fn org_of(context: &Context, name: Option<&str>) -> Result<Option<String>> {
    let Some(name) = name else { return Ok(None) };
    let lower = name.to_lowercase();
    for connection in context.store.connections().await? {
        let named = connection.name.to_lowercase() == lower
            || connection.org_id.as_deref() == Some(name)
            || connection.org_name.as_deref().is_some_and(|org| org.to_lowercase() == lower);
        if named && connection.org_id.is_some() {
            return Ok(connection.org_id);
        }
    }
    // A removed connection's organization is known by its id alone.
    if context.store.snapshots(name, 1).await?.is_empty() {
        return Err(Problem::not_found(
            format!("there is no organization {name:?}"),
            "`jumpseat connection list` shows them.",
        ));
    }
    Ok(Some(name.to_owned()))
}

async fn list(args: ListArgs, context: &Context) -> Result<Exit> {
    let org_id = org_of(context, args.org.as_deref()).await?;
    let Some(kind) = &args.kind else { return counts(context, org_id, args.as_of).await };
    let table = table_of(&context.store, kind)?;
    let is_told = context.format == Format::Table
        && args.columns.is_empty()
        && org_id.is_none()
        && table.asset != Some("organization")
        && several(context).await?;
    // Whose it is takes the place of two others.
    let few = if is_told { FEW - 2 } else { FEW };
    let columns = chosen_columns(table, &args.columns, context.format, few)?;
    let condition = args.condition.as_ref().map(|condition| format!(" WHERE ({condition})")).unwrap_or_default();
    let mut quoted: Vec<String> = columns.iter().map(|name| format!("\"{name}\"")).collect();
    let mut joined = "";
    if is_told {
        quoted.insert(0, "COALESCE(of_name, org_id) AS organization".to_owned());
        joined = " LEFT JOIN (SELECT org_id AS of_org, MIN(COALESCE(org_name, name)) AS of_name FROM connections \
                  GROUP BY org_id) o ON of_org = org_id";
    }
    let sql =
        format!("SELECT {} FROM {}{joined}{condition} ORDER BY \"{}\", id", quoted.join(", "), table.name, table.label);
    let query = Query { sql, as_of: args.as_of, org_id, ..Query::default() };
    super::sql::stream(context, &query, &Limits { rows: args.limit, ..Limits::default() }).await?;
    context.tell_if_nothing_collected(args.as_of).await?;
    Ok(Exit::Ok)
}

/// Whether there is more than one organization.
async fn several(context: &Context) -> Result<bool> {
    let connections = context.store.connections().await?;
    let orgs: BTreeSet<&str> = connections.iter().filter_map(|connection| connection.org_id.as_deref()).collect();
    Ok(orgs.len() > 1)
}

/// The columns that are wanted, or where none are: all of them, and for people as `few` as they can look at.
fn chosen_columns(table: &'static Table, wanted: &[String], format: Format, few: usize) -> Result<Vec<String>> {
    let shown: Vec<&str> = ["org_id", "id"]
        .into_iter()
        .chain(table.columns.iter().map(|column| column.name))
        .chain(table.joined.iter().flat_map(|joined| joined.columns.iter().copied()))
        .collect();
    if wanted.is_empty() {
        if format != Format::Table {
            return Ok(shown.into_iter().map(str::to_owned).collect());
        }
        let others = table.columns.iter().map(|column| column.name).filter(|name| *name != table.label).take(few - 1);
        return Ok([table.label].into_iter().chain(others).chain(["id"]).map(str::to_owned).collect());
    }
    for name in wanted {
        if !shown.contains(&name.as_str()) && name != "raw" {
            let meant = store::did_you_mean(name, shown);
            return Err(Problem::usage(format!(
                "{} have no column {name:?}{meant} (`jumpseat sql --describe {}` lists them)",
                table.name, table.name
            )));
        }
    }
    Ok(wanted.to_vec())
}

async fn counts(context: &Context, org_id: Option<String>, as_of: Option<Timestamp>) -> Result<Exit> {
    let parts: Vec<String> = asset_tables(&context.store)
        .map(|(asset, table)| format!("SELECT '{asset}' AS type, COUNT(*) AS assets FROM {}", table.name))
        .collect();
    let query = Query { sql: parts.join(" UNION ALL "), as_of, org_id, ..Query::default() };
    super::sql::stream(context, &query, &Limits::default()).await?;
    context.tell_if_nothing_collected(as_of).await?;
    Ok(Exit::Ok)
}

/// One asset that the user means.
struct Found {
    table: &'static Table,
    org_id: String,
    id: String,
    label: Option<String>,
}

/// Finds the asset that a name or id means; several are an error that lists them.
async fn find(context: &Context, args: &OneArgs) -> Result<Found> {
    let org_id = org_of(context, args.org.as_deref()).await?;
    let tables: Vec<&'static Table> = match &args.kind {
        Some(kind) => vec![table_of(&context.store, kind)?],
        None => asset_tables(&context.store).map(|(_, table)| table).collect(),
    };
    let wanted = args.asset.replace('\'', "''");
    let parts: Vec<String> = tables
        .iter()
        .map(|table| {
            let email = if table.columns.iter().any(|column| column.name == "email") { format!(" OR email = '{wanted}'") } else { String::new() };
            format!(
                "SELECT '{}' AS type, org_id, id, CAST(\"{}\" AS TEXT) AS label FROM {} WHERE id = '{wanted}' OR \"{}\" = '{wanted}'{email}",
                table.name, table.label, table.name, table.label
            )
        })
        .collect();
    let query = Query { sql: parts.join(" UNION ALL "), as_of: args.as_of, org_id, ..Query::default() };
    let answer = context.store.query(&query, &Limits::default()).await?;
    let mut found: Vec<Found> = answer.rows.iter().filter_map(|row| found_of(&context.store, row)).collect();
    match found.len() {
        1 => Ok(found.remove(0)),
        0 => Err(Problem::not_found(
            format!("there is no asset {:?}", args.asset),
            "`jumpseat asset list --type TYPE` lists them; an asset that is gone is found with --as-of.",
        )),
        _ => {
            let lines: Vec<String> = found
                .iter()
                .take(20)
                .map(|found| {
                    format!(
                        "{} {} ({}, organization {})",
                        found.table.asset.unwrap_or_default(),
                        found.label.as_deref().unwrap_or("-"),
                        found.id,
                        found.org_id
                    )
                })
                .collect();
            Err(Problem::usage(format!(
                "{:?} means several assets; say --type, --org or the id: {}",
                args.asset,
                lines.join("; ")
            )))
        }
    }
}

fn found_of(store: &Store, row: &[Cell]) -> Option<Found> {
    let text = |at: usize| match row.get(at) {
        Some(Cell::Text(text)) => Some(text.to_string()),
        _ => None,
    };
    Some(Found { table: store.table(&text(0)?)?, org_id: text(1)?, id: text(2)?, label: text(3) })
}

async fn show(args: OneArgs, context: &Context) -> Result<Exit> {
    let found = find(context, &args).await?;
    let quoted = found.id.replace('\'', "''");
    let query = Query {
        sql: format!("SELECT * FROM {} WHERE id = '{quoted}'", found.table.name),
        as_of: args.as_of,
        org_id: Some(found.org_id.clone()),
        ..Query::default()
    };
    let answer = context.store.query(&query, &Limits::default()).await?;
    let mut shown = Map::new();
    shown.insert("type".to_owned(), json!(found.table.asset));
    for (column, cell) in answer.columns.iter().zip(answer.rows.into_iter().next().unwrap_or_default()) {
        let json_column = found
            .table
            .columns
            .iter()
            .any(|declared| declared.name == column.name && declared.kind == store::schema::Kind::Json);
        let value = to_json(cell);
        let value = match value.as_str() {
            Some(text) if json_column || column.name == "raw" => serde_json::from_str(text).unwrap_or(value),
            _ => value,
        };
        shown.insert(column.name.clone(), value);
    }
    shown.insert("groups".to_owned(), related(context, &found, args.as_of, GROUPS_OF).await?);
    shown.insert("bindings".to_owned(), related(context, &found, args.as_of, BINDINGS_OF).await?);
    if context.format == Format::Table {
        // For people, the raw JSON says everything once more; it is there with --output json.
        shown.remove("raw");
        write_lines(&described(&Value::Object(shown), ""))?;
    } else {
        write_json(&Value::Object(shown))?;
    }
    Ok(Exit::Ok)
}

const GROUPS_OF: &str = "
SELECT COALESCE(ug.name, dg.name, m.group_id) AS name, m.group_id AS id, m.is_direct
FROM group_memberships m
LEFT JOIN user_groups ug ON ug.org_id = m.org_id AND ug.id = m.group_id
LEFT JOIN device_groups dg ON dg.org_id = m.org_id AND dg.id = m.group_id
WHERE m.member_id = '{id}' ORDER BY 1";

const BINDINGS_OF: &str = "
SELECT from_type, from_id, to_type, to_id, sudo_enabled FROM associations
WHERE from_id = '{id}' OR to_id = '{id}' ORDER BY 1, 2, 3, 4";

/// Rows of another table that belong to an asset.
async fn related(context: &Context, found: &Found, as_of: Option<Timestamp>, sql: &str) -> Result<Value> {
    let sql = sql.replace("{id}", &found.id.replace('\'', "''"));
    let query = Query { sql, as_of, org_id: Some(found.org_id.clone()), ..Query::default() };
    let answer = context.store.query(&query, &Limits { rows: 1_000, ..Limits::default() }).await?;
    let names: Vec<String> = answer.columns.iter().map(|column| column.name.clone()).collect();
    Ok(answer
        .rows
        .into_iter()
        .map(|row| Value::Object(names.iter().cloned().zip(row.into_iter().map(to_json)).collect()))
        .collect())
}

async fn history(args: OneArgs, context: &Context) -> Result<Exit> {
    // An asset that is gone has a history as well: an id needs no look at what is there now.
    let found = match find(context, &args).await {
        Ok(found) => vec![(found.table, found.id, Some(found.org_id))],
        Err(error) if matches!(error.downcast_ref::<Problem>(), Some(problem) if problem.exit == Exit::NotFound) => {
            let gone: Vec<_> = match &args.kind {
                Some(kind) => vec![table_of(&context.store, kind)?],
                None => asset_tables(&context.store).map(|(_, table)| table).collect(),
            };
            let mut all = Vec::new();
            for table in gone {
                if !context.store.versions(table, &args.asset, None).await?.is_empty() {
                    all.push((table, args.asset.clone(), None));
                }
            }
            if all.is_empty() {
                return Err(error);
            }
            all
        }
        Err(error) => return Err(error),
    };
    let people = context.format == Format::Table;
    let mut sheet = Sheet::new(&["at", "change", "field", "before", "after"]);
    for (table, id, org_id) in found {
        let mut before: Option<store::Version> = None;
        for version in context.store.versions(table, &id, org_id.as_deref()).await? {
            let at = |moment: Timestamp| {
                json!(if people { moment.to_string().chars().take(19).collect::<String>() } else { moment.to_string() })
            };
            let follows =
                before.as_ref().filter(|before| before.until == Some(version.from) && before.org_id == version.org_id);
            match follows {
                None => {
                    if let Some(gone) =
                        before.as_ref().filter(|before| before.org_id == version.org_id).and_then(|before| before.until)
                    {
                        sheet.push(vec![at(gone), json!("gone"), Value::Null, Value::Null, Value::Null]);
                    }
                    sheet.push(vec![at(version.from), json!("first seen"), Value::Null, Value::Null, Value::Null]);
                }
                Some(before) => {
                    for (field, from, to) in differences(&before.raw, &version.raw) {
                        sheet.push(vec![at(version.from), json!("changed"), json!(field), from, to]);
                    }
                }
            }
            before = Some(version);
        }
        if let Some(gone) = before.and_then(|last| last.until) {
            let at = if people { gone.to_string().chars().take(19).collect::<String>() } else { gone.to_string() };
            sheet.push(vec![json!(at), json!("gone"), Value::Null, Value::Null, Value::Null]);
        }
    }
    sheet.write(context.format)?;
    Ok(Exit::Ok)
}

/// The fields in which two versions differ, by their path in the JSON.
fn differences(before: &Value, after: &Value) -> Vec<(String, Value, Value)> {
    let mut found = Vec::new();
    compare("", before, after, &mut found);
    found
}

fn compare(path: &str, before: &Value, after: &Value, found: &mut Vec<(String, Value, Value)>) {
    match (before, after) {
        (Value::Object(a), Value::Object(b)) => {
            let keys: std::collections::BTreeSet<&String> = a.keys().chain(b.keys()).collect();
            for key in keys {
                let path = if path.is_empty() { key.clone() } else { format!("{path}.{key}") };
                compare(&path, a.get(key).unwrap_or(&Value::Null), b.get(key).unwrap_or(&Value::Null), found);
            }
        }
        _ if before == after => {}
        _ => found.push((path.to_owned(), before.clone(), after.clone())),
    }
}

async fn reach(args: AccessArgs, context: &Context) -> Result<Exit> {
    let mut parameters = BTreeMap::new();
    let (asset, org_id) = match &args.asset {
        None => (None, org_of(context, args.org.as_deref()).await?),
        Some(name) => {
            let (asset, kind, org) = (name.clone(), args.kind.clone(), args.org.clone());
            let found = find(context, &OneArgs { asset, kind, org, as_of: args.as_of }).await?;
            parameters.insert("id".to_owned(), Parameter::from(found.id.as_str()));
            (found.table.asset, Some(found.org_id))
        }
    };
    let sql = match (args.unused_days, asset) {
        (Some(days), _) => {
            let since = context.now - SignedDuration::from_hours(24 * i64::from(days));
            parameters.insert("since".to_owned(), Parameter::from(store::schema::time_text(since).as_str()));
            access::unused(asset)
        }
        (None, Some(asset)) => access::of(asset),
        (None, None) => access::ORPHANED.to_owned(),
    };
    let query = Query { sql, as_of: args.as_of, org_id: org_id.clone(), parameters, ..Query::default() };
    let limits = Limits { rows: u64::MAX, time: Duration::from_secs(300), ..Limits::default() };
    super::sql::stream(context, &query, &limits).await?;
    tell_what_is_missing(context, org_id.as_deref(), args.as_of).await
}

/// A way that was not read is a way that is not shown: says so.
async fn tell_what_is_missing(context: &Context, org_id: Option<&str>, as_of: Option<Timestamp>) -> Result<Exit> {
    let mut exit = Exit::Ok;
    for snapshot in context.store.snapshots_held(as_of, org_id).await? {
        let readiness = Readiness::of(&context.store, &snapshot).await?;
        let missing: Vec<_> = access::READS.iter().filter_map(|table| readiness.shortfall_of(table)).collect();
        if let Some(missing) = missing.first() {
            eprintln_quietly(&format!(
                "not everything of {} was read, so there may be more ways than these: {}",
                snapshot.org_id,
                printable(&missing.to_string())
            ));
            exit = Exit::Partial;
        }
    }
    Ok(exit)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_history_tells_the_fields_that_changed() {
        let before = json!({ "a": 1, "mfa": { "configured": true, "x": 1 }, "tags": ["a"], "old": 1 });
        let after = json!({ "a": 1, "mfa": { "configured": false, "x": 1 }, "tags": ["a", "b"], "new": "n" });
        assert_eq!(
            differences(&before, &after),
            [
                ("mfa.configured".to_owned(), json!(true), json!(false)),
                ("new".to_owned(), Value::Null, json!("n")),
                ("old".to_owned(), json!(1), Value::Null),
                ("tags".to_owned(), json!(["a"]), json!(["a", "b"])),
            ]
        );
    }
}
