//! Facets of a list of assets: how many have each value of a few telling columns, each a link that narrows the list down.

use std::collections::BTreeMap;

use posture::harmless::printable;
use store::schema::{Kind, Table};
use store::{Cell, Parameter};

use crate::grid::{Spec, grouped};
use crate::problem::Problem;
use crate::reading::{maybe_text, number};
use crate::visit::Ctx;

/// The columns, by type of asset.
const COLUMNS: &[(&str, &[&str])] = &[
    ("user", &["state", "mfa_configured", "sudo"]),
    ("device", &["os_family", "disk_encrypted", "active"]),
    ("application", &["sso_type", "active"]),
    ("administrator", &["role_name", "totp_enrolled", "suspended"]),
];
/// Values that are shown of one column.
const MOST: usize = 6;
/// What a value is called that is not there.
const UNKNOWN: &str = "unknown";

/// A column with its values.
#[derive(Debug)]
pub(crate) struct Facet {
    pub(crate) label: String,
    pub(crate) values: Vec<FacetValue>,
}

#[derive(Debug)]
pub(crate) struct FacetValue {
    pub(crate) label: String,
    pub(crate) count: String,
    pub(crate) href: String,
    pub(crate) is_chosen: bool,
}

/// The facets of a type.
pub(crate) fn columns_of(table: &Table) -> &'static [&'static str] {
    COLUMNS.iter().find(|(kind, _)| Some(*kind) == table.asset).map_or(&[], |(_, columns)| columns)
}

fn is_flag(ctx: &Ctx, table: &Table, name: &str) -> bool {
    let sisters = table.joined.iter().filter(|joined| joined.columns.contains(&name));
    let sisters = sisters.filter_map(|joined| ctx.app.store.table(joined.table)).flat_map(|sister| sister.columns);
    let column = table.columns.iter().chain(sisters).find(|column| column.name == name);
    column.is_some_and(|column| column.kind == Kind::Boolean)
}

/// Narrows a list down to what the address has chosen.
pub(crate) fn narrow(ctx: &Ctx, table: &Table, spec: &mut Spec) {
    for (number, name) in columns_of(table).iter().enumerate() {
        let Some(value) = ctx.query.get(name) else { continue };
        let condition = match (value, is_flag(ctx, table, name)) {
            (UNKNOWN, _) => format!("\"{name}\" IS NULL"),
            ("yes", true) => format!("\"{name}\""),
            ("no", true) => format!("NOT \"{name}\""),
            _ => {
                spec.parameters.insert(format!("facet_{number}"), Parameter::Text(value.to_owned()));
                format!("CAST(\"{name}\" AS TEXT) = :facet_{number}")
            }
        };
        spec.conditions.push(condition);
    }
}

/// Counts the values among what the list is narrowed down to, in one pass over it, which counts all of it as well.
pub(crate) async fn facets(
    ctx: &Ctx,
    table: &Table,
    spec: &Spec,
    label: impl Fn(&str) -> String,
) -> Result<(Vec<Facet>, Option<u64>), Problem> {
    let columns = columns_of(table);
    if columns.is_empty() {
        return Ok((Vec::new(), None));
    }
    let names = columns.iter().map(|name| format!("\"{name}\"")).collect::<Vec<_>>().join(", ");
    let condition = spec.condition();
    let sql = format!("SELECT {names}, COUNT(*) FROM {}{condition} GROUP BY {names}", spec.from);
    let rows = ctx.read().at(spec.as_of).ask(sql, spec.parameters.clone()).await?.rows;
    let facet = |(at, name): (usize, &&'static str)| {
        let mut counts: BTreeMap<String, u64> = BTreeMap::new();
        for row in &rows {
            *counts.entry(value_of(row, at, is_flag(ctx, table, name))).or_default() +=
                number(row, columns.len()).unsigned_abs();
        }
        let mut counts: Vec<(String, u64)> = counts.into_iter().collect();
        counts.sort_by_key(|(_, count)| std::cmp::Reverse(*count));
        counts.truncate(MOST);
        let values = counts.into_iter().map(|(value, count)| {
            let is_chosen = ctx.query.get(name) == Some(value.as_str());
            let query = crate::visit::Pairs(ctx.query.0.iter().filter(|(other, _)| other != "page").cloned().collect());
            let query = query.with(name, Some(value.as_str()).filter(|_| !is_chosen));
            FacetValue { label: printable(&value), count: grouped(count), href: format!("/assets?{query}"), is_chosen }
        });
        Facet { label: label(name), values: values.collect() }
    };
    let total = rows.iter().map(|row| number(row, columns.len()).unsigned_abs()).sum();
    Ok((columns.iter().enumerate().map(facet).filter(|facet| !facet.values.is_empty()).collect(), Some(total)))
}

fn value_of(row: &[Cell], at: usize, is_flag: bool) -> String {
    match (row.get(at), is_flag) {
        (Some(Cell::Boolean(flag)), _) => if *flag { "yes" } else { "no" }.to_owned(),
        (Some(Cell::Integer(number)), true) => if *number == 0 { "no" } else { "yes" }.to_owned(),
        _ => maybe_text(row, at).unwrap_or_else(|| UNKNOWN.to_owned()),
    }
}
