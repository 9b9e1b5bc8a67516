//! Questions in SQL, read-only and within limits, with all tables beside them and the columns of the one that is looked at.

use std::time::{Duration, Instant};

use askama::Template;
use posture::harmless::printable;
use store::schema::Column;
use store::{Limits, SYSTEM_TABLES};

use crate::frame::{Frame, Section, page};
use crate::grid::{Look, Shown, csv_file, grouped, shown};
use crate::problem::{Answered, Problem};
use crate::reading::Parameters;
use crate::visit::Ctx;

/// Longest run time, most rows of an answer, and most that a page shows.
const TIME: Duration = Duration::from_secs(30);
const MOST: u64 = 10_000;
const MOST_SHOWN: usize = 1_000;

#[derive(Template)]
#[template(path = "sql.html")]
struct SqlPage {
    frame: Frame,
    sql: String,
    org_id: String,
    as_of: String,
    table: String,
    error: Option<Problem>,
    answer: Option<AnswerView>,
    tables: Vec<TableView>,
    csv: String,
    examples: Vec<(&'static str, String)>,
}

struct AnswerView {
    columns: Vec<String>,
    rows: Vec<Vec<Shown>>,
    words: String,
}

struct TableView {
    name: &'static str,
    about: String,
    /// The same page with this table's columns.
    href: String,
    /// What it consists of, if it is the one that is looked at: all of all tables would be half as large again as a page may be.
    columns: Vec<ColumnView>,
}

/// Name, kind and what it is.
type ColumnView = (&'static str, &'static str, String);

const EXAMPLES: &[(&str, &str)] = &[
    ("Users without MFA", "SELECT username, email, mfa_status FROM users WHERE NOT mfa_configured ORDER BY username"),
    (
        "Devices by system",
        "SELECT os_family, os_version, COUNT(*) AS devices FROM devices GROUP BY os_family, os_version ORDER BY devices DESC",
    ),
    (
        "Failed sign-ins by country",
        "SELECT country, COUNT(*) AS failures FROM logins WHERE outcome = 'failure' AND day >= '{week}' GROUP BY country ORDER BY failures DESC",
    ),
    (
        "Worst findings",
        "SELECT severity, check_id, name, reason FROM findings WHERE state = 'open' ORDER BY severity_id DESC LIMIT 50",
    ),
];

pub(crate) async fn show(ctx: Ctx) -> Answered {
    let sql = ctx.query.text("sql").to_owned();
    let limits = Limits { time: TIME, rows: MOST, memory: 64 << 20 };
    let (mut answer, mut error) = (None, None);
    if !sql.is_empty() {
        let started = Instant::now();
        match ctx.app.store.query(&ctx.read().at(ctx.as_of()?).question(sql.clone(), Parameters::new()), &limits).await
        {
            Ok(found) if ctx.query.get("format") == Some("csv") => {
                ctx.audit("export", "sql", ctx.org_id.as_deref(), serde_json::json!({ "sql": sql })).await?;
                let names: Vec<&str> = found.columns.iter().map(|column| column.name.as_str()).collect();
                return csv_file("sql", &names, &found.rows);
            }
            Ok(found) => {
                let cut = if found.cut { " (cut at the limit)" } else { "" };
                let count = found.rows.len();
                let more = if count > MOST_SHOWN {
                    format!(", the first {} are shown", grouped(MOST_SHOWN as u64))
                } else {
                    String::new()
                };
                answer = Some(AnswerView {
                    words: format!(
                        "{} rows{cut}{more}, in {} ms",
                        grouped(count as u64),
                        started.elapsed().as_millis()
                    ),
                    columns: found.columns.iter().map(|column| printable(&column.name)).collect(),
                    rows: found
                        .rows
                        .iter()
                        .take(MOST_SHOWN)
                        .map(|row| row.iter().map(|cell| shown(cell, look_of(cell), ctx.now)).collect())
                        .collect(),
                });
            }
            Err(failure) => error = Some(Problem::from(failure)),
        }
    }
    let week = (ctx.now - jiff::SignedDuration::from_hours(7 * 24)).to_string()[..10].to_owned();
    page(&SqlPage {
        frame: Frame::of(&ctx, Section::Sql, "SQL").await?.with_freshness(&ctx).await?,
        csv: format!("/sql?{}", ctx.query.with("format", Some("csv"))),
        org_id: ctx.org_id.clone().unwrap_or_default(),
        as_of: ctx.query.text("as_of").to_owned(),
        table: ctx.query.text("table").to_owned(),
        tables: tables(&ctx),
        examples: EXAMPLES.iter().map(|(label, sql)| (*label, sql.replace("{week}", &week))).collect(),
        sql,
        error,
        answer,
    })
}

fn look_of(cell: &store::Cell) -> Look {
    match cell {
        store::Cell::Integer(_) | store::Cell::Real(_) => Look::Number,
        _ => Look::Plain,
    }
}

fn tables(ctx: &Ctx) -> Vec<TableView> {
    // Written for the page of the docs, where code stands in backticks.
    let plain = |about: &str| about.replace('`', "");
    let shown = |column: &'static Column| (column.name, column.kind.word(), plain(column.about));
    let columns = |columns: &'static [Column]| -> Vec<ColumnView> { columns.iter().map(shown).collect() };
    let href = |name: &str| format!("/sql?{}#{name}", ctx.query.with("table", Some(name)));
    let collected = ctx.app.store.tables().iter().map(|table| {
        let mut all = vec![
            ("org_id", "text", "The organization.".to_owned()),
            ("id", "text", "Unique within the organization.".to_owned()),
        ];
        all.extend(columns(table.columns));
        for joined in table.joined {
            let sister = ctx.app.store.table(joined.table);
            let found = |name: &str| sister.and_then(|sister| sister.columns.iter().find(|column| column.name == name));
            all.extend(joined.columns.iter().filter_map(|name| found(name)).map(shown));
        }
        all.push(("raw", "json", "The row as received, secrets removed.".to_owned()));
        TableView { name: table.name, about: plain(table.about), href: href(table.name), columns: all }
    });
    let views = ctx.app.store.views().iter().map(|view| TableView {
        name: view.name,
        about: plain(view.about),
        href: href(view.name),
        columns: columns(view.columns),
    });
    let system = SYSTEM_TABLES.iter().map(|table| TableView {
        name: table.name,
        about: plain(table.about),
        href: href(table.name),
        columns: columns(table.columns),
    });
    let mut all: Vec<TableView> = collected.chain(views).chain(system).collect();
    all.sort_by_key(|table| table.name);
    let chosen = ctx.query.text("table");
    for table in all.iter_mut().filter(|table| table.name != chosen) {
        table.columns.clear();
    }
    all
}
