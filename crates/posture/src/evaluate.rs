//! One check over organizations, each at one snapshot: every row of its query is judged and handed on, none is kept.

use std::collections::BTreeMap;
use std::ops::ControlFlow;
use std::time::Duration;

use hashbrown::HashSet;
use jiff::Timestamp;
use serde_json::{Map, Value, json};
use store::findings::{CheckOutcome, Severity};
use store::schema::Kind;
use store::{AnswerColumn, Cell, FOLD_MARK, FOLDED, Limits, Query, Store, did_you_mean, nearest};

use crate::check::Check;
use crate::parameters::ParameterSet;

/// The columns that a check's query must begin with.
pub(crate) const COLUMNS: [&str; 5] = ["org_id", "id", "name", "outcome", "reason"];

/// What one check may use: it reads everything, but not for ever.
pub(crate) const LIMITS: Limits = Limits { time: Duration::from_secs(300), rows: u64::MAX, memory: 512 << 20 };

/// What a check says of one thing.
#[derive(Debug, Clone)]
pub struct Row {
    /// The organization.
    pub org_id: String,
    /// The thing's id.
    pub id: String,
    /// What people know it by.
    pub name: String,
    /// What the check says.
    pub outcome: CheckOutcome,
    /// Why, with the values that led to it.
    pub reason: String,
    /// Its own severity, if the query gives one.
    pub severity: Option<Severity>,
    /// The values of the other columns, in their order.
    pub evidence: Vec<Cell>,
}

/// How the evaluation of a check ended.
#[derive(Debug, Clone, Default)]
pub struct Evaluated {
    /// The names of the columns behind the fixed ones, in the order of a row's evidence.
    pub columns: Vec<String>,
    /// Why nothing can be told of these organizations, although the query ran.
    pub unusable: BTreeMap<String, String>,
}

impl Row {
    /// The values that led to the outcome, by name.
    pub fn evidence(&self, columns: &[String]) -> Map<String, Value> {
        columns.iter().zip(&self.evidence).map(|(name, cell)| (name.clone(), json_of_cell(cell))).collect()
    }
}

pub(crate) fn json_of_cell(cell: &Cell) -> Value {
    match cell {
        Cell::Null(_) | Cell::Bytes(_) => Value::Null,
        Cell::Text(text) => json!(&**text),
        Cell::Integer(number) => json!(number),
        Cell::Real(number) => json!(number),
        Cell::Boolean(flag) => json!(flag),
    }
}

/// What is only counted, where nobody wants to see it.
const COUNTED: &[&str] = &["pass", "not_applicable", "unknown"];

/// What a check says of one thing, as far as anybody wants to know.
pub(crate) enum Judged<'a> {
    /// All of it.
    Told(Row, &'a [String]),
    /// That the thing is there, and does not fail.
    Counted { org_id: &'a str, id: &'a str, outcome: CheckOutcome },
}

/// Runs a check; `each` gets every row that is as it must be. Where `is_shown` is not said, those that do not fail may be
/// counted only: they are many, and making the others' texts takes longer than finding them.
///
/// # Errors
/// Why the query can not be run or used at all, in words.
pub(crate) async fn evaluate(
    store: &Store,
    check: &Check,
    parameters: &ParameterSet,
    at: Vec<(String, i64)>,
    now: Timestamp,
    is_shown: bool,
    mut each: impl FnMut(Judged<'_>),
) -> Result<Evaluated, String> {
    let names = || {
        let collected = store.tables().iter().map(|table| table.name);
        collected
            .chain(store.views().iter().map(|view| view.name))
            .chain(store::SYSTEM_TABLES.iter().map(|table| table.name))
    };
    if let Some(table) = check.reads.iter().find(|table| !names().any(|name| name == table.as_str())) {
        let meant = did_you_mean(table, names());
        return Err(format!("there is no table {table}, which the front matter names under reads{meant}"));
    }
    let query = Query {
        sql: check.query.clone(),
        at: Some(at.clone()),
        parameters: parameters.bound(now),
        sorts_on_disk: true,
        fold: if is_shown { &[] } else { COUNTED },
        ..Query::default()
    };
    let read = store.tables_read(&query).await.map_err(|error| error.to_string())?;
    if let Some(table) = read.iter().find(|table| !check.reads.contains(table)) {
        return Err(format!("the query reads {table}, which the front matter does not name under reads"));
    }
    let mut judge = Judge { evaluated: Evaluated::default(), severity: None, extra: Vec::new(), met: BTreeMap::new() };
    for (org_id, _) in &at {
        judge.met.insert(org_id.clone(), HashSet::new());
    }
    let mut wrong = None;
    let cut = store
        .query_each(&query, &LIMITS, |columns, row| match row {
            None => match judge.columns(columns) {
                Ok(()) => ControlFlow::Continue(()),
                Err(why) => {
                    wrong = Some(why);
                    ControlFlow::Break(())
                }
            },
            Some(cells) => match judge.unfolded(cells, &mut each) {
                Ok(()) => ControlFlow::Continue(()),
                Err(why) => {
                    wrong = Some(why);
                    ControlFlow::Break(())
                }
            },
        })
        .await
        .map_err(|error| with_nearest_column(error.to_string(), store, check))?;
    match wrong {
        Some(why) => Err(why),
        None if cut => Err("the query gave more rows than can be counted".to_owned()),
        None => Ok(judge.evaluated),
    }
}

/// Says which column was perhaps meant, if the engine knows none of that name.
fn with_nearest_column(words: String, store: &Store, check: &Check) -> String {
    let after = |begin: &str| words.split_once(begin).map(|(_, rest)| rest.trim_start_matches('"'));
    let Some(rest) = after("no such column: ").or_else(|| after("column ")) else { return words };
    let is_name = |letter: char| letter.is_ascii_alphanumeric() || letter == '_' || letter == '.';
    let name = rest.split(|letter| !is_name(letter)).next().unwrap_or_default();
    let name = name.rsplit('.').next().unwrap_or_default();
    let mut known = vec!["id", "org_id", "raw"];
    for reads in &check.reads {
        if let Some(table) = store.table(reads) {
            known.extend(table.columns.iter().map(|column| column.name));
            known.extend(table.joined.iter().flat_map(|joined| joined.columns.iter().copied()));
        }
        let view = store.views().iter().find(|view| view.name == reads).map(|view| view.columns);
        let system = store::SYSTEM_TABLES.iter().find(|table| table.name == reads).map(|table| table.columns);
        known.extend(view.or(system).into_iter().flatten().map(|column| column.name));
    }
    match nearest(name, known) {
        Some(near) if near != name => format!("{words}; did you mean {near}?"),
        _ => words,
    }
}

/// Holds a query's rows against what a check must give.
struct Judge {
    evaluated: Evaluated,
    /// Where the column `severity` is.
    severity: Option<usize>,
    /// Where the evidence is.
    extra: Vec<usize>,
    /// The ids that were met, for each organization.
    met: BTreeMap<String, HashSet<Box<str>>>,
}

impl Judge {
    fn columns(&mut self, columns: &[AnswerColumn]) -> Result<(), String> {
        let names: Vec<&str> = columns.iter().map(|column| column.name.as_str()).collect();
        if !names.starts_with(&COLUMNS) {
            return Err(format!(
                "the query must give the columns {} first, in this order; it gives {}",
                COLUMNS.join(", "),
                names.join(", ")
            ));
        }
        for (at, name) in names.iter().enumerate().skip(COLUMNS.len()) {
            if *name == "severity" {
                self.severity = Some(at);
            } else {
                self.extra.push(at);
                self.evaluated.columns.push((*name).to_owned());
            }
        }
        Ok(())
    }

    /// Judges a row, or each of those that were folded into it.
    fn unfolded(&mut self, cells: Vec<Cell>, each: &mut impl FnMut(Judged<'_>)) -> Result<(), String> {
        let word = match &cells[3] {
            Cell::Text(word) => word.strip_prefix(FOLDED).map(str::to_owned),
            _ => None,
        };
        let (Some(word), [org_id, Cell::Text(ids), Cell::Integer(count), ..]) = (word, cells.as_slice()) else {
            if let Some(row) = self.row(cells)? {
                each(Judged::Told(row, &self.evaluated.columns));
            }
            return Ok(());
        };
        let (Some(org_id), Some(outcome)) = (text_of(org_id.clone()), CheckOutcome::of_word(&word)) else {
            return Err("the query gave rows that can not be counted".to_owned());
        };
        let met = self.met.get_mut(&org_id).ok_or_else(|| not_asked_for(&org_id))?;
        let mut found = 0;
        for id in ids.split(FOLD_MARK) {
            found += 1;
            let why = if id.is_empty() {
                "the query gave a row without id".to_owned()
            } else if !met.insert(id.into()) {
                format!("the query gave {id} more than once")
            } else {
                each(Judged::Counted { org_id: &org_id, id, outcome });
                continue;
            };
            self.evaluated.unusable.entry(org_id.clone()).or_insert(why);
        }
        if found == *count { Ok(()) } else { Err("the query gave an id with a control character".to_owned()) }
    }

    /// Judges one row; `None` when it makes its organization's rows unusable. An error is about all organizations.
    fn row(&mut self, mut cells: Vec<Cell>) -> Result<Option<Row>, String> {
        let mut take = |at: usize| std::mem::replace(&mut cells[at], Cell::Null(Kind::Text));
        let Some(org_id) = text_of(take(0)) else { return Err("the query gave a row without org_id".to_owned()) };
        let met = self.met.get_mut(&org_id).ok_or_else(|| not_asked_for(&org_id))?;
        let unusable = &mut self.evaluated.unusable;
        let mut spoil = |why: String| {
            unusable.entry(org_id.clone()).or_insert(why);
            Ok(None)
        };
        let Some(id) = text_of(take(1)) else { return spoil("the query gave a row without id".to_owned()) };
        let name = text_of(take(2)).unwrap_or_else(|| id.clone());
        let outcome = match take(3) {
            Cell::Text(word) => match CheckOutcome::of_word(&word) {
                Some(outcome) => outcome,
                None => {
                    return spoil(format!(
                        "the outcome of {id} is {word:?}; it can be pass, fail, unknown or not_applicable"
                    ));
                }
            },
            Cell::Null(_) => return spoil(format!("the outcome of {id} is NULL")),
            other => return spoil(format!("the outcome of {id} is no text: {other:?}")),
        };
        if !met.insert(id.as_str().into()) {
            return spoil(format!("the query gave {id} more than once"));
        }
        let reason = match text_of(take(4)) {
            Some(reason) => reason,
            None if outcome == CheckOutcome::Pass => String::new(),
            None => return spoil(format!("the reason of {id} is NULL")),
        };
        let severity = match self.severity.map(&mut take) {
            None | Some(Cell::Null(_)) => None,
            Some(Cell::Text(word)) => match Severity::of_word(&word) {
                Some(severity) => Some(severity),
                None => {
                    return spoil(format!(
                        "the severity of {id} is {word:?}; it can be critical, high, medium, low or info"
                    ));
                }
            },
            Some(other) => return spoil(format!("the severity of {id} is no text: {other:?}")),
        };
        let evidence = self.extra.iter().map(|at| take(*at)).collect();
        Ok(Some(Row { org_id, id, name, outcome, reason, severity, evidence }))
    }
}

fn text_of(cell: Cell) -> Option<String> {
    match cell {
        Cell::Text(text) if !text.is_empty() => Some(text.to_string()),
        Cell::Integer(number) => Some(number.to_string()),
        _ => None,
    }
}

fn not_asked_for(org_id: &str) -> String {
    format!("the query gave a row of an organization that it was not asked for: {org_id}")
}
