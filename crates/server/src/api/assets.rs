//! Assets of every type.

use axum::extract::Path;
use serde_json::{Value, json};
use store::schema::{Kind, Table};

use super::{Keyset, LIST, ORG, Operation, get, json_answer, objects, schema};
use crate::problem::{Answered, Problem};
use crate::reading::{Parameters, number, text};
use crate::visit::Ctx;

pub(crate) const TYPES: Operation = get("/api/v1/assets", "How many assets there are of each type.", &[ORG], || {
    schema::items(schema::object([("type", kind_schema()), ("assets", schema::integer(250))]))
});

pub(crate) const OF_TYPE: Operation =
    get("/api/v1/assets/{kind}", "The assets of one type, with every column of their table.", LIST, || {
        schema::page(json!({ "anyOf": schemas(false) }))
    });

pub(crate) const ONE: Operation = get(
    "/api/v1/assets/{kind}/{org_id}/{id}",
    "One asset, with the JSON that it came as (secrets removed).",
    &[],
    || json!({ "anyOf": schemas(true) }),
);

/// The words for types of assets.
pub(crate) fn kind_schema() -> Value {
    let words: Vec<&str> = collect::tables::ALL.iter().filter_map(|collected| collected.table.asset).collect();
    schema::word(&words)
}

/// What an asset of each type looks like: its table's columns, each of them null where it is not known. As a whole it has
/// the JSON that it came as, and documents are JSON; in a list they are its text.
fn schemas(is_whole: bool) -> Vec<Value> {
    let assets = collect::tables::ALL.iter().map(|collected| &collected.table).filter(|table| table.asset.is_some());
    assets
        .map(|table| {
            let joined = table.joined.iter().flat_map(|joined| {
                let sister = collect::tables::ALL.iter().find(|sister| sister.table.name == joined.table);
                let columns = sister.map(|sister| sister.table.columns).unwrap_or_default();
                columns.iter().filter(|column| joined.columns.contains(&column.name))
            });
            let mut members = schema::object([
                ("org_id", schema::text("5f0000000000000000000001")),
                ("id", schema::text("5f0000000000000000000a01")),
            ]);
            for column in table.columns.iter().chain(joined) {
                let value = match column.kind {
                    Kind::Integer => schema::maybe(schema::integer(0)),
                    Kind::Real => json!({ "type": ["number", "null"] }),
                    Kind::Boolean => schema::maybe(schema::flag(true)),
                    Kind::Json if is_whole => json!({}),
                    Kind::Text | Kind::Time | Kind::Json => json!({ "type": ["string", "null"] }),
                };
                members["properties"][column.name] = value;
                members["properties"][column.name]["description"] = json!(column.about);
            }
            if is_whole {
                members["properties"]["raw"] = json!({ "description": "As received, secrets removed." });
            }
            members["title"] = json!(table.asset);
            members["required"] =
                members["properties"].as_object().map(|named| named.keys().cloned().collect()).unwrap_or_default();
            members
        })
        .collect()
}

fn kinds(ctx: &Ctx) -> Vec<(&'static str, &'static Table)> {
    ctx.app.store.tables().iter().filter_map(|table| Some((table.asset?, *table))).collect()
}

fn table_of(ctx: &Ctx, kind: &str) -> Result<&'static Table, Problem> {
    let found = kinds(ctx).into_iter().find(|(known, _)| *known == kind);
    found.map(|(_, table)| table).ok_or_else(|| Problem::not_found("there is no such type of asset"))
}

pub(crate) async fn types(ctx: Ctx) -> Answered {
    let parts: Vec<String> = kinds(&ctx)
        .iter()
        .map(|(kind, table)| format!("SELECT '{kind}' AS kind, COUNT(*) AS assets FROM {}", table.name))
        .collect();
    let rows = ctx.read().rows(parts.join(" UNION ALL ")).await?;
    let items: Vec<Value> = rows.iter().map(|row| json!({ "type": text(row, 0), "assets": number(row, 1) })).collect();
    json_answer(&json!({ "items": items }))
}

pub(crate) async fn of_type(ctx: Ctx, Path(kind): Path<String>) -> Answered {
    let table = table_of(&ctx, &kind)?;
    let mut columns = vec!["org_id".to_owned(), "id".to_owned()];
    columns.extend(table.columns.iter().map(|column| column.name.to_owned()));
    columns.extend(table.joined.iter().flat_map(|joined| joined.columns.iter().map(|name| (*name).to_owned())));
    let keyset = Keyset {
        table: table.name,
        columns,
        keys: &["org_id", "id"],
        conditions: Vec::new(),
        parameters: Parameters::new(),
    };
    keyset.answer(&ctx).await
}

pub(crate) async fn one(ctx: Ctx, Path((kind, org_id, id)): Path<(String, String, String)>) -> Answered {
    let table = table_of(&ctx, &kind)?;
    let parameters = Parameters::from([("id".to_owned(), id.as_str().into())]);
    let answer = ctx.read().of(&org_id).ask(format!("SELECT * FROM {} WHERE id = :id", table.name), parameters).await?;
    let mut asset = objects(&answer).into_iter().next().ok_or_else(|| Problem::not_found("there is no such asset"))?;
    let documents = table.columns.iter().filter(|column| column.kind == Kind::Json).map(|column| column.name);
    for name in documents.chain(["raw"]) {
        if let Some(document) = asset[name].as_str().and_then(|text| serde_json::from_str::<Value>(text).ok()) {
            asset[name] = document;
        }
    }
    json_answer(&asset)
}
