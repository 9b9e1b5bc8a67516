//! `sql`: read-only SQL over everything that was collected, now or in the past; `--tables` and `--describe` tell what there is.

use std::ops::ControlFlow;
use std::time::Duration;

use anyhow::Result;
use clap::Args;
use jiff::Timestamp;
use serde_json::json;
use store::schema::Column;
use store::{Limits, Query, SYSTEM_TABLES};

use super::Global;
use crate::context::Context;
use crate::exit::{Exit, Problem, eprintln_quietly};
use crate::output::{RowWriter, Sheet};
use crate::when::parse_moment;

#[derive(Debug, Args)]
#[command(before_help = "Examples:
  jumpseat sql --tables
  jumpseat sql --describe users
  jumpseat sql \"SELECT username, email FROM users WHERE NOT mfa_configured AND state = 'ACTIVATED'\"
  jumpseat sql \"SELECT COUNT(*) FROM devices\" --as-of 2026-11-01")]
pub(super) struct SqlArgs {
    /// One SELECT statement.
    #[arg(required_unless_present_any = ["tables", "describe", "reference"])]
    query: Option<String>,
    /// List the tables.
    #[arg(long)]
    tables: bool,
    /// List one table's columns.
    #[arg(long, value_name = "TABLE")]
    describe: Option<String>,
    /// All tables and columns as a Markdown page.
    #[arg(long, hide = true)]
    reference: bool,
    /// Read everything as it was at this time (date or RFC 3339 time).
    #[arg(long, value_name = "TIME", value_parser = parse_moment)]
    as_of: Option<Timestamp>,
    /// Longest time, in seconds.
    #[arg(long, default_value_t = 30)]
    timeout: u64,
    /// Most rows.
    #[arg(long, default_value_t = 1_000_000)]
    limit: u64,
}

pub(super) async fn run(args: SqlArgs, global: &Global) -> Result<Exit> {
    if args.reference {
        return reference();
    }
    let context = Context::open(global).await?;
    if args.tables {
        return tables(&context);
    }
    if let Some(name) = &args.describe {
        return describe(name, &context);
    }
    let limits =
        Limits { time: Duration::from_secs(args.timeout.clamp(1, 3_600)), rows: args.limit, ..Limits::default() };
    let query = Query { sql: args.query.unwrap_or_default(), as_of: args.as_of, ..Query::default() };
    stream(&context, &query, &limits).await?;
    if query.as_of.is_some() {
        context.tell_if_nothing_collected(query.as_of).await?;
    }
    Ok(Exit::Ok)
}

/// Bytes of an answer that are written at once: as much as a pipe holds.
const OUT: usize = 1 << 16;

/// Writes an answer as it comes.
pub(super) async fn stream(context: &Context, query: &Query, limits: &Limits) -> Result<()> {
    let mut writer = RowWriter::new(context.format, std::io::BufWriter::with_capacity(OUT, std::io::stdout()));
    let mut failure = None;
    let cut = context
        .store
        .query_each(query, limits, |columns, row| {
            let written = match row {
                None => writer.columns(&columns.iter().map(|column| column.name.clone()).collect::<Vec<_>>()),
                Some(row) => writer.cells(row),
            };
            match written {
                Ok(()) => ControlFlow::Continue(()),
                Err(error) => {
                    failure = Some(error);
                    ControlFlow::Break(())
                }
            }
        })
        .await?;
    if let Some(error) = failure {
        return Err(error.into());
    }
    writer.finish()?;
    if cut {
        eprintln_quietly(&format!("there are more rows than {}; raise --limit to see them", limits.rows));
    }
    Ok(())
}

fn tables(context: &Context) -> Result<Exit> {
    let mut sheet = Sheet::new(&["table", "columns", "about"]);
    for table in context.store.tables() {
        sheet.push(vec![json!(table.name), json!(table.columns.len() + 3), json!(table.about)]);
    }
    for view in context.store.views() {
        sheet.push(vec![json!(view.name), json!(view.columns.len()), json!(view.about)]);
    }
    for table in SYSTEM_TABLES {
        sheet.push(vec![json!(table.name), json!(table.columns.len()), json!(table.about)]);
    }
    sheet.write(context.format)?;
    Ok(Exit::Ok)
}

/// Every column of a table as (name, kind, meaning).
fn columns_of(name: &str) -> Option<Vec<(String, &'static str, String)>> {
    let plain = |column: &Column| (column.name.to_owned(), column.kind.word(), column.about.to_owned());
    if let Some(system) = SYSTEM_TABLES.iter().find(|table| table.name == name) {
        return Some(system.columns.iter().map(plain).collect());
    }
    if let Some(view) = posture::derived::VIEWS.iter().find(|view| view.name == name) {
        return Some(view.columns.iter().map(plain).collect());
    }
    let all = collect::tables::ALL;
    let collected = all.iter().map(|collected| &collected.table);
    let table = collected.chain(posture::derived::TABLES.iter().copied()).find(|table| table.name == name)?;
    let mut columns = vec![
        ("org_id".to_owned(), "text", "The organization.".to_owned()),
        ("id".to_owned(), "text", "Unique within the organization.".to_owned()),
    ];
    columns.extend(table.columns.iter().map(plain));
    for joined in table.joined {
        let sister = all.iter().find(|collected| collected.table.name == joined.table);
        for name in joined.columns {
            let column = sister.and_then(|sister| sister.table.columns.iter().find(|column| column.name == *name));
            columns.extend(column.map(|column| {
                (column.name.to_owned(), column.kind.word(), format!("{} (kept in {})", column.about, joined.table))
            }));
        }
    }
    columns.push(("raw".to_owned(), "json", "The row as received, secrets removed.".to_owned()));
    Some(columns)
}

fn describe(name: &str, context: &Context) -> Result<Exit> {
    let columns = columns_of(name).ok_or_else(|| {
        let names = collect::tables::ALL
            .iter()
            .map(|collected| collected.table.name)
            .chain(posture::derived::TABLES.iter().map(|table| table.name))
            .chain(posture::derived::VIEWS.iter().map(|view| view.name))
            .chain(SYSTEM_TABLES.iter().map(|table| table.name));
        Problem::unknown_name(format!("there is no table {name:?}"), name, names, "jumpseat sql --tables")
    })?;
    let mut sheet = Sheet::new(&["column", "type", "meaning"]);
    for (name, kind, about) in columns {
        sheet.push(vec![json!(name), json!(kind), json!(about)]);
    }
    sheet.write(context.format)?;
    Ok(Exit::Ok)
}

/// The page docs/tables.md.
fn reference() -> Result<Exit> {
    let mut lines = vec![
        "# Tables".to_owned(),
        String::new(),
        "Made from the declarations in `crates/collect/src/tables` by `jumpseat sql --reference`; do not edit."
            .to_owned(),
        "Every table can be read as it was at any past sync with `--as-of`. Times are RFC 3339 text in UTC.".to_owned(),
        String::new(),
    ];
    let escaped = |text: &str| text.replace('|', "\\|").replace('\n', " ");
    for collected in collect::tables::ALL {
        let table = &collected.table;
        lines.push(format!("## {}", table.name));
        lines.push(String::new());
        lines.push(format!(
            "{} Source: {}. A row is no longer there when {}.",
            table.about, collected.fact, collected.absent
        ));
        lines.push(String::new());
        push_columns(&mut lines, table.name, escaped);
    }
    lines.push("## What follows from it".to_owned());
    lines.push(String::new());
    lines.push("Declared in `crates/posture/src/derived`. A check that reads one of these is unknown where something that it is made of is not complete.".to_owned());
    lines.push(String::new());
    for table in posture::derived::TABLES {
        lines.push(format!("### {}", table.name));
        lines.push(String::new());
        lines.push(format!("{} Worked out of every snapshot and stored with it.", table.about));
        lines.push(String::new());
        push_columns(&mut lines, table.name, escaped);
    }
    for view in posture::derived::VIEWS {
        lines.push(format!("### {}", view.name));
        lines.push(String::new());
        let reads: Vec<String> = view.reads.iter().map(|name| format!("`{name}`")).collect();
        lines.push(format!("{} Made of {}.", view.about, reads.join(", ")));
        lines.push(String::new());
        push_columns(&mut lines, view.name, escaped);
    }
    lines.push("## About the collecting and the checks".to_owned());
    lines.push(String::new());
    for table in SYSTEM_TABLES {
        lines.push(format!("### {}", table.name));
        lines.push(String::new());
        lines.push(table.about.to_owned());
        lines.push(String::new());
        push_columns(&mut lines, table.name, escaped);
    }
    lines.pop();
    crate::output::write_lines(&lines)?;
    Ok(Exit::Ok)
}

fn push_columns(lines: &mut Vec<String>, table: &str, escaped: impl Fn(&str) -> String) {
    lines.push("| column | type | meaning |".to_owned());
    lines.push("|---|---|---|".to_owned());
    for (name, kind, about) in columns_of(table).unwrap_or_default() {
        lines.push(format!("| `{name}` | {kind} | {} |", escaped(&about)));
    }
    lines.push(String::new());
}
