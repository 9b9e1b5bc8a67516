//! Assets of every type.

use axum::extract::Path;
use serde_json::{Value, json};
use store::schema::{Kind, Table};

use super::{Keyset, LIST, Operation, json_answer, objects};
use crate::problem::{Answered, Problem};
use crate::reading::{Parameters, number, text};
use crate::visit::Ctx;

pub(crate) const TYPES: Operation = Operation {
    method: "GET",
    path: "/api/v1/assets",
    summary: "How many assets there are of each type.",
    query: &[LIST[2]],
    body: "",
    answer: r#"{"items": [{"type": "user", "assets": 250}]}"#,
};

pub(crate) const OF_TYPE: Operation = Operation {
    method: "GET",
    path: "/api/v1/assets/{kind}",
    summary: "The assets of one type, with every column of their table.",
    query: &LIST,
    body: "",
    answer: r#"{"items": [{"org_id": "5f0000000000000000000001", "id": "5f0000000000000000000a01", "username": "mara.lind"}], "next": null}"#,
};

pub(crate) const ONE: Operation = Operation {
    method: "GET",
    path: "/api/v1/assets/{kind}/{org_id}/{id}",
    summary: "One asset, with the JSON that it came as (secrets removed).",
    query: &[],
    body: "",
    answer: r#"{"org_id": "5f0000000000000000000001", "id": "5f0000000000000000000a01", "username": "mara.lind", "raw": {}}"#,
};

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
    json_answer(json!({ "items": items }))
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
    json_answer(asset)
}
