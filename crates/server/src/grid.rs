//! A table on a page: sorted, filtered and paged by its address, with its row count and an export. The rows come from one
//! SELECT, which the export asks again without its pages.

use askama::Template;
use axum::http::{HeaderName, HeaderValue, header};
use axum::response::{IntoResponse as _, Response};
use collect::when::relative;
use jiff::Timestamp;
use posture::harmless::{defused, printable};
use store::Cell;

use crate::problem::{Answered, Problem};
use crate::reading::{Parameters, maybe_text, number};
use crate::visit::Ctx;

/// Rows on one page.
const ROWS: u64 = 100;
/// Longest text of one cell; the whole is in the detail.
const WIDEST: usize = 80;

/// How the values of a column are shown.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Look {
    Plain,
    /// To the right, with all digits of the same width.
    Number,
    /// How long ago, with the exact time on hover.
    Time,
    /// Yes or no, where yes is good.
    Good,
    /// Yes or no, where neither is better.
    Flag,
    Severity,
    /// A word that is a state.
    State,
    /// The id of an organization, shown by its name.
    Organization,
}

/// A column.
#[derive(Debug, Clone)]
pub(crate) struct Column {
    /// Its name in SQL.
    pub(crate) name: String,
    pub(crate) label: String,
    pub(crate) look: Look,
}

/// What a table is made of.
#[derive(Debug, Default)]
pub(crate) struct Spec {
    /// What the table is, for those who do not see it.
    pub(crate) caption: String,
    /// The table or view in SQL.
    pub(crate) from: String,
    /// Columns that are read before those that are shown, for links.
    pub(crate) keys: Vec<String>,
    pub(crate) columns: Vec<Column>,
    pub(crate) conditions: Vec<String>,
    pub(crate) parameters: Parameters,
    /// ORDER BY, unless the address says otherwise.
    pub(crate) order: String,
    /// Which parameters of the address are filters, with their names for people.
    pub(crate) filters: Vec<(&'static str, &'static str)>,
    /// What to do when there is no row.
    pub(crate) empty: String,
    /// What the export is called.
    pub(crate) file: String,
    /// As the table was at this time; as it is, if `None`.
    pub(crate) as_of: Option<Timestamp>,
    /// The rows can be ticked, with this name in the form; the value is the first key.
    pub(crate) tick: Option<&'static str>,
}

/// One value as it is shown.
#[derive(Debug, Clone, Default)]
pub(crate) struct Shown {
    pub(crate) text: String,
    pub(crate) hover: String,
    pub(crate) href: String,
    /// The class of a badge, or nothing.
    pub(crate) tone: &'static str,
    pub(crate) is_number: bool,
}

#[derive(Debug)]
pub(crate) struct Head {
    pub(crate) label: String,
    pub(crate) href: String,
    /// For `aria-sort`.
    pub(crate) sorted: &'static str,
    pub(crate) is_number: bool,
}

#[derive(Debug)]
pub(crate) struct Chip {
    pub(crate) label: String,
    pub(crate) without: String,
}

#[derive(Debug)]
pub(crate) struct GridRow {
    pub(crate) key: String,
    pub(crate) cells: Vec<Shown>,
}

/// A table that is ready to be shown.
#[derive(Debug, Default, Template)]
#[template(path = "grid.html")]
pub(crate) struct Grid {
    pub(crate) caption: String,
    pub(crate) heads: Vec<Head>,
    pub(crate) rows: Vec<GridRow>,
    /// `1 to 100 of 2,310`.
    pub(crate) count: String,
    pub(crate) chips: Vec<Chip>,
    pub(crate) csv: String,
    pub(crate) before: String,
    pub(crate) after: String,
    pub(crate) empty: String,
    pub(crate) tick: Option<&'static str>,
}

// It escapes what it is made of itself, so a page may take it as it is.
impl askama::filters::HtmlSafe for Grid {}

pub(crate) fn column(name: &str, label: &str, look: Look) -> Column {
    Column { name: name.to_owned(), label: label.to_owned(), look }
}

impl Spec {
    fn select(&self, order: &str) -> String {
        let names: Vec<String> =
            self.keys.iter().chain(self.columns.iter().map(|column| &column.name)).map(|name| quoted(name)).collect();
        format!("SELECT {} FROM {}{} ORDER BY {order}", names.join(", "), self.from, self.condition())
    }

    /// The WHERE, with a blank before it; empty if there is none.
    pub(crate) fn condition(&self) -> String {
        match self.conditions.is_empty() {
            true => String::new(),
            false => format!(" WHERE {}", self.conditions.join(" AND ")),
        }
    }

    /// The order that the address asks for, if it names a column of this table.
    fn asked_order(&self, ctx: &Ctx) -> Option<(usize, bool)> {
        let asked = ctx.query.get("sort")?;
        let (name, is_down) = asked.strip_prefix('-').map_or((asked, false), |name| (name, true));
        let at = self.columns.iter().position(|column| column.name == name)?;
        Some((at, is_down))
    }

    fn order_of(&self, ctx: &Ctx) -> String {
        match self.asked_order(ctx) {
            Some((at, is_down)) => {
                let direction = if is_down { " DESC" } else { "" };
                format!("{}{direction}, {}", quoted(&self.columns[at].name), self.order)
            }
            None => self.order.clone(),
        }
    }

    /// Answers with the table as a file, if the address asks for it.
    pub(crate) async fn export(&self, ctx: &Ctx) -> Option<Answered> {
        if ctx.query.get("format") != Some("csv") {
            return None;
        }
        Some(self.csv(ctx).await)
    }

    async fn csv(&self, ctx: &Ctx) -> Answered {
        ctx.audit(
            "export",
            &self.file,
            ctx.org_id.as_deref(),
            serde_json::json!({ "query": ctx.query.with("", None) }),
        )
        .await?;
        let answer = ctx.read().at(self.as_of).ask(self.select(&self.order_of(ctx)), self.parameters.clone()).await?;
        let names: Vec<&str> =
            self.keys.iter().chain(self.columns.iter().map(|column| &column.name)).map(String::as_str).collect();
        csv_file(&self.file, &names, &answer.rows)
    }

    /// Reads the page of the table that the address asks for; `total` is how many rows there are, where that is known already.
    pub(crate) async fn load(
        &self,
        ctx: &Ctx,
        total: Option<u64>,
        href: impl Fn(&[Cell]) -> String,
    ) -> Result<Grid, Problem> {
        let names = ctx.read().organization_names().await?;
        let page = ctx.query.get("page").and_then(|page| page.parse::<u64>().ok()).unwrap_or(1).max(1);
        let from = (page - 1).saturating_mul(ROWS);
        let total = match total {
            Some(total) => total,
            None => {
                let count = format!("SELECT COUNT(*) FROM {}{}", self.from, self.condition());
                let counted = ctx.read().at(self.as_of).ask(count, self.parameters.clone()).await?.rows;
                counted.first().map_or(0, |row| number(row, 0).unsigned_abs())
            }
        };
        let sql = format!("{} LIMIT {ROWS} OFFSET {from}", self.select(&self.order_of(ctx)));
        let answer = ctx.read().at(self.as_of).ask(sql, self.parameters.clone()).await?;
        let rows: Vec<GridRow> = answer
            .rows
            .iter()
            .map(|row| {
                let mut cells: Vec<Shown> = self
                    .columns
                    .iter()
                    .enumerate()
                    .map(|(at, column)| {
                        let cell = &row[self.keys.len() + at];
                        match column.look {
                            Look::Organization => {
                                let id = maybe_text(std::slice::from_ref(cell), 0).unwrap_or_default();
                                let name = names.get(&id).cloned().unwrap_or_else(|| id.clone());
                                Shown { text: printable(&name), hover: id, ..Shown::default() }
                            }
                            look => shown(cell, look, ctx.now),
                        }
                    })
                    .collect();
                if let Some(first) = cells.first_mut() {
                    first.href = href(row);
                    if first.text.is_empty() || first.text == "–" {
                        "(no name)".clone_into(&mut first.text);
                    }
                }
                GridRow { key: maybe_text(row, 0).unwrap_or_default(), cells }
            })
            .collect();
        let here = |query: String| if query.is_empty() { ctx.path.clone() } else { format!("{}?{query}", ctx.path) };
        let sorted = self.asked_order(ctx);
        let shown_to = from + rows.len() as u64;
        let without_page =
            crate::visit::Pairs(ctx.query.0.iter().filter(|(name, _)| name != "page").cloned().collect());
        Ok(Grid {
            caption: self.caption.clone(),
            heads: self
                .columns
                .iter()
                .enumerate()
                .map(|(at, column)| {
                    let is_up = sorted == Some((at, false));
                    let next = if is_up { format!("-{}", column.name) } else { column.name.clone() };
                    Head {
                        label: column.label.clone(),
                        href: here(without_page.with("sort", Some(&next))),
                        sorted: match sorted {
                            Some((sorted, false)) if sorted == at => "ascending",
                            Some((sorted, true)) if sorted == at => "descending",
                            _ => "none",
                        },
                        is_number: column.look == Look::Number,
                    }
                })
                .collect(),
            count: match total {
                0 => "no rows".to_owned(),
                1 => "1 row".to_owned(),
                _ if from == 0 && shown_to == total => format!("{} rows", grouped(total)),
                _ => format!("{} to {} of {}", grouped(from + 1), grouped(shown_to), grouped(total)),
            },
            chips: self
                .filters
                .iter()
                .filter_map(|(name, label)| {
                    let value = ctx.query.get(name)?;
                    Some(Chip {
                        label: format!("{label}: {}", printable(value)),
                        without: here(without_page.with(name, None)),
                    })
                })
                .collect(),
            csv: here(without_page.with("format", Some("csv"))),
            before: if page > 1 { here(ctx.query.with("page", Some(&(page - 1).to_string()))) } else { String::new() },
            after: if shown_to < total {
                here(ctx.query.with("page", Some(&(page + 1).to_string())))
            } else {
                String::new()
            },
            empty: self.empty.clone(),
            tick: self.tick.filter(|_| !rows.is_empty()),
            rows,
        })
    }
}

/// A name as SQL takes it. Names are our own; the quotes keep words such as `order` from meaning something.
fn quoted(name: &str) -> String {
    format!("\"{}\"", name.replace('"', "\"\""))
}

/// A value as it is shown in a cell.
pub(crate) fn shown(cell: &Cell, look: Look, now: Timestamp) -> Shown {
    let flag = match cell {
        Cell::Boolean(flag) => Some(*flag),
        Cell::Integer(number) if matches!(look, Look::Good | Look::Flag) => Some(*number != 0),
        _ => None,
    };
    if let Some(flag) = flag {
        let tone = match (look, flag) {
            (Look::Good, true) => "good",
            (Look::Good, false) => "bad",
            _ => "",
        };
        return Shown { text: if flag { "yes" } else { "no" }.to_owned(), tone, ..Shown::default() };
    }
    let whole = match cell {
        Cell::Null(_) => None,
        Cell::Bytes(bytes) => Some(format!("{} bytes", bytes.len())),
        other => maybe_text(std::slice::from_ref(other), 0),
    };
    let Some(whole) = whole else {
        // Not known is neither yes nor no.
        let tone = if look == Look::Good { "unknown" } else { "" };
        let text = if look == Look::Good { "unknown" } else { "–" };
        return Shown { text: text.to_owned(), tone, is_number: look == Look::Number, ..Shown::default() };
    };
    match look {
        Look::Time => match whole.parse::<Timestamp>() {
            Ok(at) => Shown { text: relative(at, now), hover: whole, ..Shown::default() },
            Err(_) => plain(&whole),
        },
        Look::Number => Shown {
            text: whole.parse::<i64>().map_or_else(|_| whole.clone(), signed),
            is_number: true,
            ..Shown::default()
        },
        Look::Severity => Shown { tone: severity_tone(&whole), ..plain(&whole) },
        Look::State => Shown { tone: state_tone(&whole), ..plain(&whole.replace('_', " ")) },
        _ => plain(&whole),
    }
}

fn plain(whole: &str) -> Shown {
    let text = printable(whole);
    if text.chars().count() > WIDEST {
        let cut = text.chars().take(WIDEST - 1).chain(['…']).collect();
        return Shown { text: cut, hover: text.chars().take(2_000).collect(), ..Shown::default() };
    }
    Shown { text, ..Shown::default() }
}

/// A size in the unit that people would choose: `812 B`, `4.5 MiB`.
pub(crate) fn size_words(bytes: u64) -> String {
    const UNITS: [&str; 4] = ["KiB", "MiB", "GiB", "TiB"];
    if bytes < 1_024 {
        return format!("{bytes} B");
    }
    let (mut size, mut unit) = (bytes as f64 / 1_024.0, 0);
    while size >= 1_024.0 && unit + 1 < UNITS.len() {
        size /= 1_024.0;
        unit += 1;
    }
    format!("{size:.1} {}", UNITS[unit])
}

/// The class of a severity.
pub(crate) fn severity_tone(word: &str) -> &'static str {
    match word {
        "critical" => "critical",
        "high" => "high",
        "medium" => "medium",
        "low" => "low",
        _ => "info",
    }
}

/// The class of a state's word.
pub(crate) fn state_tone(word: &str) -> &'static str {
    match word {
        "pass" | "succeeded" | "complete" | "sealed" | "met" | "success" | "Active" | "Connected" | "resolved"
        | "done" => "good",
        "fail" | "failed" | "failure" | "Action required" | "Unreachable" | "Failing" | "refused" | "gap" => "bad",
        "incomplete" | "Active, incomplete" | "Late" | "Stalled" | "Degraded" | "warn" | "interrupted" | "short"
        | "shrunken" | "not_permitted" | "not_licensed" | "open" | "reopened" => "warn",
        "Syncing" | "running" => "busy",
        "unknown" | "not_applicable" | "not applicable" | "Pending" | "Not synced yet" | "dependent" => "unknown",
        _ => "",
    }
}

/// A number with its digits in groups of three.
pub(crate) fn grouped(number: u64) -> String {
    let digits = number.to_string();
    let mut text = String::with_capacity(digits.len() + digits.len() / 3);
    for (at, digit) in digits.chars().enumerate() {
        if at > 0 && (digits.len() - at).is_multiple_of(3) {
            text.push(',');
        }
        text.push(digit);
    }
    text
}

fn signed(number: i64) -> String {
    format!("{}{}", if number < 0 { "−" } else { "" }, grouped(number.unsigned_abs()))
}

/// Rows as a file that a spreadsheet can open without running anything in it.
pub(crate) fn csv_file(name: &str, columns: &[&str], rows: &[Vec<Cell>]) -> Answered {
    let mut writer = csv::WriterBuilder::new().terminator(csv::Terminator::CRLF).from_writer(Vec::new());
    writer.write_record(columns).map_err(Problem::internal)?;
    for row in rows {
        let cells = row.iter().map(|cell| match cell {
            Cell::Null(_) => String::new(),
            Cell::Text(text) => defused(text.to_string()),
            other => maybe_text(std::slice::from_ref(other), 0).unwrap_or_default(),
        });
        writer.write_record(cells).map_err(Problem::internal)?;
    }
    let bytes = writer.into_inner().map_err(|error| Problem::internal(error.error()))?;
    Ok(file(name, "csv", "text/csv; charset=utf-8", bytes))
}

/// A file to be kept, never shown by the browser.
pub(crate) fn file(name: &str, ending: &str, kind: &'static str, bytes: Vec<u8>) -> Response {
    let safe: String = name.chars().map(|letter| if letter.is_ascii_alphanumeric() { letter } else { '-' }).collect();
    let mut response = bytes.into_response();
    let disposition = format!("attachment; filename=\"jumpseat-{safe}.{ending}\"");
    let set = |response: &mut Response, name: HeaderName, value: &str| {
        if let Ok(value) = HeaderValue::from_str(value) {
            response.headers_mut().insert(name, value);
        }
    };
    set(&mut response, header::CONTENT_TYPE, kind);
    set(&mut response, header::CONTENT_DISPOSITION, &disposition);
    response
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn numbers_are_grouped_and_unknown_is_neither_yes_nor_no() {
        assert_eq!(grouped(0), "0");
        assert_eq!(grouped(1_234_567), "1,234,567");
        let now = Timestamp::UNIX_EPOCH;
        assert_eq!(shown(&Cell::Boolean(false), Look::Good, now).tone, "bad");
        assert_eq!(shown(&Cell::Null(store::schema::Kind::Boolean), Look::Good, now).text, "unknown");
    }

    #[test]
    fn a_name_can_not_steer_what_is_shown() {
        let hostile = Cell::from("\u{202e}evil\u{1b}[31m");
        let text = shown(&hostile, Look::Plain, Timestamp::UNIX_EPOCH).text;
        assert!(!text.contains('\u{202e}') && !text.contains('\u{1b}'), "{text:?}");
    }
}
