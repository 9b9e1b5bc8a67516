//! Evidence: what can be given, the packs that were made, and making one.

use axum::body::Bytes;
use axum::extract::Path;
use collect::when::{parse_day, parse_moment};
use jiff::Timestamp;
use posture::evidence::Sampling;
use serde_json::{Value, json};
use store::EvidencePack;

use super::{ORG, Operation, body_of, get, json_answer, only, post, schema, whole};
use crate::evidence::{self, Wanted};
use crate::problem::{Answered, Problem};
use crate::visit::Ctx;

pub(crate) const ITEMS: Operation = get(
    "/api/v1/evidence/items",
    "What can be given as evidence, with the requirements that each serves.",
    &[],
    || {
        let serves = schema::object([
            ("framework", schema::text("soc2")),
            ("requirement", schema::text("CC6.1")),
            ("marks", schema::text("T")),
        ]);
        schema::items(schema::object([
            ("id", schema::text("ev-user-mfa")),
            ("title", schema::text("Users and their second factors")),
            ("use", schema::text("sso")),
            ("type", schema::text("P")),
            ("shows", schema::text("…")),
            ("notes", schema::text("…")),
            ("query", schema::text("SELECT …")),
            ("reads", schema::list(schema::text("users"))),
            ("serves", schema::list(serves)),
        ]))
    },
);

fn pack_schema() -> Value {
    let time = || schema::time("2026-09-30T23:59:59.999Z");
    schema::object([
        ("number", schema::integer(3)),
        ("org_id", schema::text("5f0000000000000000000001")),
        ("framework", schema::text("soc2")),
        ("from", time()),
        ("to", time()),
        ("as_of", time()),
        ("made_at", time()),
        ("made_by", schema::text("mara")),
        ("files", schema::integer(120)),
        ("bytes", schema::integer(1_048_576)),
        ("digest", schema::text("60303ae22b998861bce3b28f33eec1be758a213c86c93c076dbe9f558c11c752")),
        ("previous", schema::maybe(schema::text("9f86d081884c7d659a2feaa0c55ad015a3bf4f1b2b0b822cd15d6c15b0f00a08"))),
        ("public_key", schema::text("RWQ…")),
        ("kept_here", schema::flag(true)),
    ])
}

pub(crate) const PACKS: Operation = get(
    "/api/v1/evidence/packs",
    "The packs that were made, the newest first, each chained to the one before it.",
    &[ORG],
    || schema::items(pack_schema()),
);

pub(crate) const MAKE: Operation = post(
    "/api/v1/evidence/packs",
    "Makes a signed pack for a framework and a period.",
    Some(|| {
        let time = |example: &str| {
            json!({
                "anyOf": [{ "type": "string", "format": "date" }, { "type": "string", "format": "date-time" }],
                "examples": [example],
            })
        };
        let sample = schema::object([
            ("rows", json!({ "type": "integer", "minimum": 1, "maximum": 1_000, "examples": [25] })),
            ("seed", json!({ "type": "string", "minLength": 1, "examples": ["the auditor's word"] })),
        ]);
        let required = schema::object([
            ("framework", schema::text("soc2")),
            ("org_id", schema::text("5f0000000000000000000001")),
            ("from", time("2026-07-01")),
            ("to", time("2026-09-30")),
        ]);
        let items = json!({ "type": "array", "items": { "type": "string" }, "examples": [["ev-user-mfa"]] });
        schema::with_options(required, [("as_of", time("2026-09-30")), ("items", items), ("sample", sample)])
    }),
    pack_schema,
);

pub(crate) const DOWNLOAD: Operation = Operation {
    is_file: true,
    ..get("/api/v1/evidence/packs/{number}", "The pack as a file (zip).", &[], || json!({}))
};

pub(crate) async fn items(ctx: Ctx) -> Answered {
    let frameworks = ctx.app.posture.library.frameworks();
    let items: Vec<Value> = ctx
        .app
        .items
        .iter()
        .map(|item| {
            let serves = frameworks.iter().flat_map(|framework| {
                item.serves(framework).map(|(requirement, marks)| {
                    json!({ "framework": framework.id, "requirement": requirement.id, "marks": marks })
                })
            });
            json!({
                "id": item.id, "title": item.title, "use": item.usage.word(), "type": item.kind.word(),
                "shows": item.shows, "notes": item.notes, "query": item.query, "reads": item.reads,
                "serves": serves.collect::<Vec<_>>(),
            })
        })
        .collect();
    json_answer(&json!({ "items": items }))
}

fn object(ctx: &Ctx, pack: &EvidencePack) -> Value {
    json!({
        "number": pack.number, "org_id": pack.org_id, "framework": pack.framework, "from": pack.from, "to": pack.to,
        "as_of": pack.as_of, "made_at": pack.made_at, "made_by": pack.made_by, "files": pack.files, "bytes": pack.bytes,
        "digest": pack.digest, "previous": pack.previous, "public_key": pack.public_key,
        "kept_here": evidence::is_kept(&ctx.app, pack.number),
    })
}

pub(crate) async fn packs(ctx: Ctx) -> Answered {
    let items: Vec<Value> = evidence::packs(&ctx).await?.iter().map(|pack| object(&ctx, pack)).collect();
    json_answer(&json!({ "items": items }))
}

pub(crate) async fn make(ctx: Ctx, body: Bytes) -> Answered {
    let body = body_of(&body)?;
    only(&body, ["framework", "org_id", "from", "to", "as_of", "items", "sample"])?;
    let text = |name: &str| body[name].as_str().ok_or_else(|| Problem::bad(format!("{name} is a text")));
    let time = |name: &str, read: fn(&str) -> Result<Timestamp, String>| {
        read(text(name)?).map_err(|why| Problem::bad(format!("{name}: {why}")))
    };
    let sampling = match body.get("sample") {
        None => None,
        Some(sample) => {
            only(sample, ["rows", "seed"])?;
            let rows = whole(&sample["rows"]).filter(|rows| (1..=1_000).contains(rows));
            let seed = sample["seed"].as_str().filter(|seed| !seed.is_empty());
            let (Some(rows), Some(seed)) = (rows, seed) else {
                return Err(Problem::bad("sample has rows, 1 to 1000, and a seed"));
            };
            Some(Sampling { size: rows as usize, seed: seed.to_owned() })
        }
    };
    let items = match body.get("items") {
        None => Vec::new(),
        Some(items) => {
            let ids = items.as_array().and_then(|ids| ids.iter().map(|id| id.as_str().map(str::to_owned)).collect());
            ids.ok_or_else(|| Problem::bad("items is a list of ids"))?
        }
    };
    let wanted = Wanted {
        framework: text("framework")?.to_owned(),
        org_id: text("org_id")?.to_owned(),
        from: time("from", parse_day)?,
        to: time("to", parse_moment)?,
        as_of: if body.get("as_of").is_some() { Some(time("as_of", parse_moment)?) } else { None },
        sampling,
        items,
    };
    let made = evidence::make(&ctx, &wanted).await?;
    json_answer(&object(&ctx, &made.pack))
}

pub(crate) async fn download(ctx: Ctx, Path(number): Path<i64>) -> Answered {
    evidence::download(&ctx, number).await
}
