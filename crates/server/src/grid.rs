//! A table on a page: sorted, filtered, paged and with its columns chosen by its address, with its row count and an export. Its
//! rows come from one SELECT, which the export asks again without its pages; or they are there already, see `sheet`.

use askama::Template;
use axum::http::{HeaderName, HeaderValue, header};
use axum::response::{IntoResponse as _, Response};
use collect::when::relative;
use jiff::Timestamp;
use posture::harmless::{defused, printable};
use store::Cell;

use crate::problem::{Answered, Problem};
use crate::reading::{Parameters, maybe_text, number};
use crate::visit::{Ctx, Pairs};

/// Rows on one page.
pub(crate) const ROWS: u64 = 100;
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
    /// Buttons: nothing to be sorted, hidden or exported.
    Act,
}

/// A column.
#[derive(Debug, Clone)]
pub(crate) struct Column {
    /// Its name in SQL, in the address and in an export.
    pub(crate) name: String,
    pub(crate) label: String,
    pub(crate) look: Look,
    /// It is shown when it is chosen.
    pub(crate) is_more: bool,
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
    /// A line below it, and the class of its badge, or nothing.
    pub(crate) small: String,
    pub(crate) small_tone: &'static str,
    /// The class of the cell: `wrap`, `cut`, `digest`, or nothing.
    pub(crate) class: &'static str,
    /// Markup of a template, in place of the text.
    pub(crate) markup: String,
    /// What it is sorted by in a sheet, where its text does not say.
    pub(crate) order: Option<f64>,
}

#[derive(Debug)]
pub(crate) struct Head {
    pub(crate) label: String,
    /// Empty if the column can not be sorted.
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

/// A column that can be chosen.
#[derive(Debug)]
pub(crate) struct Choice {
    pub(crate) name: String,
    pub(crate) label: String,
    pub(crate) is_shown: bool,
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
    /// The columns that can be chosen; the first is always shown.
    pub(crate) choices: Vec<Choice>,
    /// The page, and what else its address says, for the form that chooses columns.
    pub(crate) path: String,
    pub(crate) kept: Vec<(String, String)>,
}

// It escapes what it is made of itself, so a page may take it as it is.
impl askama::filters::HtmlSafe for Grid {}

pub(crate) fn column(name: &str, label: &str, look: Look) -> Column {
    Column { name: name.to_owned(), label: label.to_owned(), look, is_more: false }
}

impl Column {
    /// The same, shown only when it is chosen.
    pub(crate) fn more(self) -> Self {
        Self { is_more: true, ..self }
    }
}

/// What the address of a page asks of its table.
pub(crate) struct Asked {
    /// Where among the columns those are that are to be shown.
    pub(crate) shown: Vec<usize>,
    /// The column that sorts, and whether downwards.
    pub(crate) sort: Option<(usize, bool)>,
    /// Rows before those of this page.
    pub(crate) from: u64,
    page: u64,
}

impl Asked {
    pub(crate) fn of(ctx: &Ctx, columns: &[Column]) -> Self {
        let chosen: Vec<&str> = ctx.query.all("column").collect();
        let is_chosen = |column: &Column| chosen.contains(&column.name.as_str());
        // A choice of nothing that is here is none.
        let is_choice = columns.iter().any(is_chosen);
        let is_shown = |at: usize, column: &Column| match is_choice {
            true => at == 0 || column.look == Look::Act || is_chosen(column),
            false => !column.is_more,
        };
        let shown = columns.iter().enumerate().filter(|(at, column)| is_shown(*at, column)).map(|(at, _)| at).collect();
        let sort = ctx.query.get("sort").and_then(|asked| {
            let (name, is_down) = asked.strip_prefix('-').map_or((asked, false), |name| (name, true));
            let at = columns.iter().position(|column| column.name == name && column.look != Look::Act)?;
            Some((at, is_down))
        });
        let page = ctx.query.get("page").and_then(|page| page.parse::<u64>().ok()).unwrap_or(1).max(1);
        Self { shown, sort, from: (page - 1).saturating_mul(ROWS), page }
    }

    /// A table with rows, of `total`, and everything around them. `filters` are parameters of the address that narrow it
    /// down, with their names for people.
    pub(crate) fn grid(
        &self,
        ctx: &Ctx,
        columns: &[Column],
        rows: Vec<GridRow>,
        total: u64,
        filters: &[(&'static str, &'static str)],
    ) -> Grid {
        let here = |query: String| if query.is_empty() { ctx.path.clone() } else { format!("{}?{query}", ctx.path) };
        let without = |names: &[&str]| {
            let kept = ctx.query.0.iter().filter(|(name, value)| !names.contains(&name.as_str()) && !value.is_empty());
            Pairs(kept.cloned().collect())
        };
        let without_page = without(&["page", "done"]);
        let head = |at: &usize| {
            let (at, column) = (*at, &columns[*at]);
            let next = if self.sort == Some((at, false)) { format!("-{}", column.name) } else { column.name.clone() };
            Head {
                label: column.label.clone(),
                href: match column.look {
                    Look::Act => String::new(),
                    _ => here(without_page.with("sort", Some(&next))),
                },
                sorted: match self.sort {
                    Some((sorted, false)) if sorted == at => "ascending",
                    Some((sorted, true)) if sorted == at => "descending",
                    _ => "none",
                },
                is_number: column.look == Look::Number,
            }
        };
        let chip = |(name, label): &(&str, &str)| {
            let value = ctx.query.get(name)?;
            let label = format!("{label}: {}", printable(value));
            Some(Chip { label, without: here(without_page.with(name, None)) })
        };
        let choice = |(at, column): (usize, &Column)| Choice {
            name: column.name.clone(),
            label: column.label.clone(),
            is_shown: self.shown.contains(&at),
        };
        let shown_to = self.from + rows.len() as u64;
        let page = |number: u64| here(ctx.query.with("page", Some(&number.to_string())));
        Grid {
            heads: self.shown.iter().map(head).collect(),
            count: match total {
                0 => "no rows".to_owned(),
                1 => "1 row".to_owned(),
                _ if self.from == 0 && shown_to == total => format!("{} rows", grouped(total)),
                _ => format!("{} to {} of {}", grouped(self.from + 1), grouped(shown_to), grouped(total)),
            },
            chips: filters.iter().filter_map(chip).collect(),
            csv: here(without_page.with("format", Some("csv"))),
            before: if self.page > 1 { page(self.page - 1) } else { String::new() },
            after: if shown_to < total { page(self.page + 1) } else { String::new() },
            choices: columns.iter().enumerate().filter(|(_, column)| column.look != Look::Act).map(choice).collect(),
            path: ctx.path.clone(),
            kept: without(&["column", "page", "sort", "done"]).0,
            rows,
            ..Grid::default()
        }
    }
}

impl Spec {
    fn select(&self, asked: &Asked) -> String {
        let shown = asked.shown.iter().map(|at| &self.columns[*at].name);
        let names: Vec<String> = self.keys.iter().chain(shown).map(|name| quoted(name)).collect();
        let order = match asked.sort {
            Some((at, is_down)) => {
                let direction = if is_down { " DESC" } else { "" };
                format!("{}{direction}, {}", quoted(&self.columns[at].name), self.order)
            }
            None => self.order.clone(),
        };
        format!("SELECT {} FROM {}{} ORDER BY {order}", names.join(", "), self.from, self.condition())
    }

    /// The WHERE, with a blank before it; empty if there is none.
    pub(crate) fn condition(&self) -> String {
        match self.conditions.is_empty() {
            true => String::new(),
            false => format!(" WHERE {}", self.conditions.join(" AND ")),
        }
    }

    /// Answers with the table as a file, if the address asks for it.
    pub(crate) async fn export(&self, ctx: &Ctx) -> Option<Answered> {
        if !asks_for_file(ctx) {
            return None;
        }
        Some(self.csv(ctx).await)
    }

    async fn csv(&self, ctx: &Ctx) -> Answered {
        audit_export(ctx, &self.file).await?;
        let asked = Asked::of(ctx, &self.columns);
        let answer = ctx.read().at(self.as_of).ask(self.select(&asked), self.parameters.clone()).await?;
        let shown = asked.shown.iter().map(|at| &self.columns[*at].name);
        let names: Vec<&str> = self.keys.iter().chain(shown).map(String::as_str).collect();
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
        let asked = Asked::of(ctx, &self.columns);
        let total = match total {
            Some(total) => total,
            None => {
                let count = format!("SELECT COUNT(*) FROM {}{}", self.from, self.condition());
                let counted = ctx.read().at(self.as_of).ask(count, self.parameters.clone()).await?.rows;
                counted.first().map_or(0, |row| number(row, 0).unsigned_abs())
            }
        };
        let sql = format!("{} LIMIT {ROWS} OFFSET {}", self.select(&asked), asked.from);
        let answer = ctx.read().at(self.as_of).ask(sql, self.parameters.clone()).await?;
        let looks: Vec<Look> = asked.shown.iter().map(|at| self.columns[*at].look).collect();
        let rows: Vec<GridRow> = answer
            .rows
            .iter()
            .map(|row| {
                let mut cells: Vec<Shown> = row[self.keys.len()..]
                    .iter()
                    .zip(&looks)
                    .map(|(cell, look)| match look {
                        Look::Organization => {
                            let id = maybe_text(std::slice::from_ref(cell), 0).unwrap_or_default();
                            let name = names.get(&id).cloned().unwrap_or_else(|| id.clone());
                            Shown { text: printable(&name), hover: id, ..Shown::default() }
                        }
                        look => shown(cell, *look, ctx.now),
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
        let tick = self.tick.filter(|_| !rows.is_empty());
        let grid = asked.grid(ctx, &self.columns, rows, total, &self.filters);
        Ok(Grid { caption: self.caption.clone(), empty: self.empty.clone(), tick, ..grid })
    }
}

/// Whether the address asks for the table as a file.
pub(crate) fn asks_for_file(ctx: &Ctx) -> bool {
    ctx.query.get("format") == Some("csv")
}

/// Writes down that a table leaves as a file.
pub(crate) async fn audit_export(ctx: &Ctx, file: &str) -> Result<(), Problem> {
    let query = serde_json::json!({ "query": ctx.query.with("", None) });
    ctx.audit("export", file, ctx.org_id.as_deref(), query).await
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
