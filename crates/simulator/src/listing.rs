//! Lists: limits, skipping, totals, sorting, projection and filters of every paging family.
//! Responsible for turning rows into one page. What a row is comes from the routes.

use std::cmp::Ordering;

use serde_json::Value;

use crate::call::{Answer, Call};
use crate::faults::Tamper;
use crate::filter::{Filter, compare, lookup};
use crate::state::table::{Identified, Part, Table};

/// How a family of lists pages and what its answers look like.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Family {
    pub(crate) default_limit: usize,
    pub(crate) max_limit: usize,
    pub(crate) shape: Shape,
    /// The parameter that skips rows.
    skip: &'static str,
    /// What separates names in `fields` and `sort`.
    separator: char,
    /// The field that sorting by id names.
    id: &'static str,
    /// Whether `sort` and `fields` mean anything.
    arranges: bool,
}

/// What stands around the rows.
#[derive(Clone, Copy, Debug)]
pub(crate) enum Shape {
    /// `{"totalCount":n,"results":[…]}`
    Totals,
    /// `[…]` with the total in `x-total-count`.
    Array,
    /// An object with the rows under one name and perhaps the total under another.
    Wrapped { rows: &'static str, total: Option<&'static str> },
}

/// V1 lists.
pub(crate) const V1: Family = Family {
    default_limit: 10,
    max_limit: 100,
    shape: Shape::Totals,
    skip: "skip",
    separator: ' ',
    id: "_id",
    arranges: true,
};
/// V1 searches of users and devices, which accept larger pages.
pub(crate) const V1_SEARCH: Family = Family { max_limit: 1000, ..V1 };
/// V2 lists.
pub(crate) const V2: Family = Family {
    default_limit: 10,
    max_limit: 100,
    shape: Shape::Array,
    skip: "skip",
    separator: ',',
    id: "id",
    arranges: true,
};
/// Lists of members, bindings and traversals: they come in the order of the graph.
pub(crate) const GRAPH: Family = Family { arranges: false, ..V2 };
/// Apple MDM servers: one row unless asked for more.
pub(crate) const APPLE_MDMS: Family = Family { default_limit: 1, ..V2 };
/// System Insights.
pub(crate) const INSIGHTS: Family = Family { max_limit: 10_000, ..V2 };
/// SaaS management pages with `offset`.
pub(crate) const SAAS: Family = Family { shape: Shape::Totals, skip: "offset", ..V2 };

/// The newer V2 lists that are wrapped in an object.
pub(crate) const fn wrapped(rows: &'static str, total: Option<&'static str>, id: &'static str) -> Family {
    Family { shape: Shape::Wrapped { rows, total }, id, ..V2 }
}

/// Rows that can be paged.
pub(crate) trait Rows {
    /// How many there are.
    fn len(&self) -> usize;
    /// Appends the row at a position; appends nothing for a row that vanished after the page was cut.
    fn write(&self, position: usize, out: &mut String);
    /// The position of the row with this rank when sorted by id, for rows that know this order.
    fn by_id(&self, _rank: usize) -> Option<usize> {
        None
    }
}

/// Rows of a table with the function that writes one.
pub(crate) struct TableRows<'a, T, W> {
    pub(crate) table: &'a Table<T>,
    pub(crate) write: W,
}

impl<T: Identified, W: Fn(&T, &mut String)> Rows for TableRows<'_, T, W> {
    fn len(&self) -> usize {
        self.table.len()
    }

    fn write(&self, position: usize, out: &mut String) {
        (self.write)(self.table.at(position), out);
    }

    fn by_id(&self, rank: usize) -> Option<usize> {
        Some(self.table.position_by_id(rank))
    }
}

/// Rows of a slice with the function that writes one.
pub(crate) struct SliceRows<'a, T, W> {
    pub(crate) slice: &'a [T],
    pub(crate) write: W,
}

impl<T, W: Fn(&T, &mut String)> Rows for SliceRows<'_, T, W> {
    fn len(&self) -> usize {
        self.slice.len()
    }

    fn write(&self, position: usize, out: &mut String) {
        (self.write)(&self.slice[position], out);
    }
}

/// Rows of one owner with the function that writes one.
pub(crate) struct PartRows<'a, T, W> {
    pub(crate) part: Part<'a, T>,
    pub(crate) write: W,
}

impl<T, W: Fn(&T, &mut String)> Rows for PartRows<'_, T, W> {
    fn len(&self) -> usize {
        self.part.rows.len()
    }

    fn write(&self, position: usize, out: &mut String) {
        (self.write)(&self.part.rows[position], out);
    }

    fn by_id(&self, rank: usize) -> Option<usize> {
        self.part.position_by_id(rank)
    }
}

/// What a request wants to see of a list.
#[derive(Clone, Debug, Default)]
pub(crate) struct Wanted {
    limit: Option<i64>,
    skip: Option<i64>,
    sort: Vec<String>,
    fields: Vec<String>,
    filter: Option<Filter>,
    /// Text looked for, with the fields to look in; empty fields mean the usual ones.
    search: Option<(Vec<String>, Vec<String>)>,
}

impl Wanted {
    /// Reads the parameters of a GET.
    pub(crate) fn from_query(call: &Call, family: &Family) -> Self {
        let names = |name: &str| match call.parameter(name) {
            Some(text) if family.arranges => names(text, family.separator),
            _ => Vec::new(),
        };
        let filters: Vec<Filter> = call.parameters("filter").filter_map(Filter::parse).collect();
        Self {
            limit: call.parameter("limit").and_then(|text| text.parse().ok()),
            skip: call.parameter(family.skip).and_then(|text| text.parse().ok()),
            sort: names("sort"),
            fields: names("fields"),
            filter: (!filters.is_empty()).then_some(Filter::All(filters)),
            search: call
                .parameter("search")
                .filter(|text| !text.is_empty())
                .map(|text| (vec![text.to_owned()], Vec::new())),
        }
    }

    /// Reads the body of a search; limit and skip may stand in the query as well.
    pub(crate) fn from_search(call: &Call, family: &Family, body: &Value) -> Self {
        let query = Self::from_query(call, family);
        let texts = |value: &Value| -> Vec<String> {
            match value {
                Value::String(text) => names(text, family.separator),
                Value::Array(entries) => entries.iter().filter_map(Value::as_str).map(ToOwned::to_owned).collect(),
                _ => Vec::new(),
            }
        };
        let terms: Vec<String> = match &body["searchFilter"]["searchTerm"] {
            Value::String(text) => vec![text.clone()],
            Value::Array(entries) => entries.iter().filter_map(Value::as_str).map(ToOwned::to_owned).collect(),
            _ => Vec::new(),
        };
        let whole = |value: &Value| value.as_i64().or_else(|| value.as_str().and_then(|text| text.parse().ok()));
        Self {
            limit: whole(&body["limit"]).or(query.limit),
            skip: whole(&body["skip"]).or(query.skip),
            sort: if body["sort"].is_null() { query.sort } else { texts(&body["sort"]) },
            fields: if body["fields"].is_null() { query.fields } else { texts(&body["fields"]) },
            filter: Filter::from_json(&body["filter"]).or(query.filter),
            search: (!terms.is_empty()).then(|| (terms, texts(&body["searchFilter"]["fields"]))),
        }
    }

    /// Whether rows are wanted in the order of ids, and whether backwards.
    fn by_id(&self) -> Option<bool> {
        let first = self.sort.first()?;
        is_id(first.trim_start_matches(['-', '+'])).then_some(first.starts_with('-'))
    }

    /// The filter, to be read by routes that have a faster way for it.
    pub(crate) fn filter(&self) -> Option<&Filter> {
        self.filter.as_ref()
    }

    /// Takes out a condition that a field has one of some values, for routes that have a faster way for it.
    pub(crate) fn take_filter(&mut self, field: &str) -> Option<Vec<String>> {
        let values = self.filter.as_mut().and_then(|filter| filter.take_values(field));
        self.filter = self.filter.take().filter(|filter| *filter != Filter::All(Vec::new()));
        values
    }

    /// Takes out sorting by this field, and says whether it was asked for as the first one.
    pub(crate) fn take_sort(&mut self, field: &str) -> bool {
        let asked = self.sort.first().is_some_and(|name| name == field);
        if asked {
            self.sort.clear();
        }
        asked
    }

    /// Narrows the list by one more condition.
    pub(crate) fn also(&mut self, filter: Filter) {
        self.filter = Some(match self.filter.take() {
            Some(first) => Filter::All(vec![first, filter]),
            None => filter,
        });
    }
}

/// Answers a GET list.
pub(crate) fn answer(call: &Call, tamper: &Tamper, family: &Family, rows: &dyn Rows) -> Answer {
    page(&Wanted::from_query(call, family), tamper, family, rows)
}

/// Answers with the page that is wanted, or 400 when the limit is too large.
pub(crate) fn page(wanted: &Wanted, tamper: &Tamper, family: &Family, rows: &dyn Rows) -> Answer {
    let limit = match wanted.limit {
        Some(limit) if limit > family.max_limit as i64 => {
            let maximum = family.max_limit;
            let message = format!("Bad Request: request parameter \"limit\" exceeds maximum value of {maximum}");
            return Answer::message(400, &message);
        }
        Some(limit) if limit > 0 => limit as usize,
        _ => tamper.default_limit(family),
    };
    let skip = wanted.skip.unwrap_or(0).max(0) as usize;
    let selection = select(wanted, family, rows);
    let count = selection.as_ref().map_or(rows.len(), Vec::len);
    let cut = tamper.cut(skip, limit, count);
    let mut body = String::with_capacity(64 + cut.positions.len() * 512);
    open(&mut body, family.shape, &cut.total);
    let mut texts = Vec::new();
    let mut row = String::new();
    let start = body.len();
    for rank in cut.positions {
        let position = match (&selection, wanted.by_id()) {
            (Some(positions), _) => positions[rank],
            (None, Some(reverse)) => rows.by_id(if reverse { count - 1 - rank } else { rank }).unwrap_or(rank),
            (None, None) => rank,
        };
        row.clear();
        rows.write(position, &mut row);
        if row.is_empty() {
            continue;
        }
        if wanted.fields.is_empty() {
            if body.len() > start {
                body.push(',');
            }
            body.push_str(&row);
        } else {
            texts.push(row.clone());
        }
    }
    if !wanted.fields.is_empty() {
        body.push_str(&project(&texts, &wanted.fields, family.id).join(","));
    }
    close(&mut body, family.shape);
    let answer = Answer::json(body);
    match family.shape {
        Shape::Array => answer.with_header("x-total-count", cut.total.trim_matches('"').to_owned()),
        _ => answer,
    }
}

/// Answers with one object, cut down to the wanted fields.
pub(crate) fn single(call: &Call, family: &Family, row: String) -> Answer {
    let fields = names(call.parameter("fields").unwrap_or(""), family.separator);
    if fields.is_empty() {
        return Answer::json(row);
    }
    Answer::json(project(&[row], &fields, family.id).concat())
}

/// The positions that pass, in the wanted order; `None` when every row passes in an order that rows know themselves.
fn select(wanted: &Wanted, family: &Family, rows: &dyn Rows) -> Option<Vec<usize>> {
    let known_order = match wanted.by_id() {
        Some(_) => rows.len() == 0 || rows.by_id(0).is_some(),
        None => wanted.sort.is_empty(),
    };
    if wanted.filter.is_none() && wanted.search.is_none() && known_order {
        return None;
    }
    let mut text = String::new();
    let mut kept: Vec<(usize, Value)> = Vec::new();
    for position in 0..rows.len() {
        text.clear();
        rows.write(position, &mut text);
        let Ok(row) = serde_json::from_str::<Value>(&text) else { continue };
        if wanted.filter.as_ref().is_none_or(|filter| filter.matches(&row)) && found(wanted, &row) {
            kept.push((position, row));
        }
    }
    kept.sort_by(|(_, left), (_, right)| arranged(&wanted.sort, family, left, right));
    Some(kept.into_iter().map(|(position, _)| position).collect())
}

/// The order of two rows; names that neither has leave them as they are.
fn arranged(sort: &[String], family: &Family, left: &Value, right: &Value) -> Ordering {
    sort.iter().fold(Ordering::Equal, |order, name| {
        let field = name.trim_start_matches(['-', '+']);
        let field = if is_id(field) { family.id } else { field };
        let next = match (lookup(left, field), lookup(right, field)) {
            (Some(left), Some(right)) => compare(left, right).unwrap_or_else(|| right.is_null().cmp(&left.is_null())),
            (left, right) => left.is_some().cmp(&right.is_some()),
        };
        order.then(if name.starts_with('-') { next.reverse() } else { next })
    })
}

fn found(wanted: &Wanted, row: &Value) -> bool {
    const USUAL: [&str; 8] =
        ["username", "email", "firstname", "lastname", "displayname", "displayName", "hostname", "name"];
    let Some((terms, fields)) = &wanted.search else { return true };
    let contains = |field: &str, term: &String| {
        lookup(row, field)
            .and_then(Value::as_str)
            .is_some_and(|text| text.to_lowercase().contains(&term.to_lowercase()))
    };
    terms.iter().any(|term| {
        if fields.is_empty() {
            USUAL.iter().any(|field| contains(field, term))
        } else {
            fields.iter().any(|field| contains(field, term))
        }
    })
}

/// Keeps the wanted fields and the id. Names that no row has are ignored; if none is known, the rows stay whole.
fn project(rows: &[String], fields: &[String], id: &str) -> Vec<String> {
    let wanted: Vec<&str> = fields.iter().map(|field| field.split('.').next().unwrap_or("")).collect();
    let parsed: Vec<Value> = rows.iter().filter_map(|row| serde_json::from_str(row).ok()).collect();
    let known = parsed.iter().any(|row| wanted.iter().any(|name| row.get(name).is_some()));
    if !known {
        return rows.to_vec();
    }
    let cut = |row: &Value| {
        let names = wanted.iter().copied().chain([id]);
        let kept = names.filter_map(|name| Some((name.to_owned(), row.get(name)?.clone())));
        Value::Object(kept.collect()).to_string()
    };
    // A row that is not an object (a `null` in the middle of a page) stays as it is.
    parsed.iter().map(|row| if row.is_object() { cut(row) } else { row.to_string() }).collect()
}

fn open(body: &mut String, shape: Shape, total: &str) {
    match shape {
        Shape::Totals => {
            body.push_str("{\"totalCount\":");
            body.push_str(total);
            body.push_str(",\"results\":[");
        }
        Shape::Array => body.push('['),
        Shape::Wrapped { rows, total: name } => {
            body.push('{');
            if let Some(name) = name {
                body.push_str(&format!("\"{name}\":{total},"));
            }
            body.push_str(&format!("\"{rows}\":["));
        }
    }
}

fn close(body: &mut String, shape: Shape) {
    body.push_str(match shape {
        Shape::Array => "]",
        Shape::Totals | Shape::Wrapped { .. } => "]}",
    });
}

fn names(text: &str, separator: char) -> Vec<String> {
    text.split(separator).map(str::trim).filter(|name| !name.is_empty()).map(ToOwned::to_owned).collect()
}

fn is_id(name: &str) -> bool {
    matches!(name, "_id" | "id" | "objectId")
}
