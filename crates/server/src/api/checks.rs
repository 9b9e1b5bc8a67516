//! Checks and frameworks: what is looked at, and how each stands.

use std::collections::BTreeMap;

use axum::extract::Path;
use posture::framework::RequirementStanding;
use posture::{Check, Tally, numbers};
use serde_json::{Value, json};

use super::{ORG, Operation, Param, get, json_answer, objects, schema};
use crate::evidence::organization;
use crate::problem::{Answered, Problem};
use crate::reading::{Parameters, text};
use crate::visit::Ctx;

fn check_schema() -> Value {
    schema::object([
        ("id", schema::text("user-mfa-not-enrolled")),
        ("title", schema::text("A user has no second factor")),
        ("area", schema::text("users")),
        ("severity", schema::word(&["critical", "high", "medium", "low", "info"])),
        ("resource", schema::text("user")),
        ("reads", schema::list(schema::text("users"))),
        ("results", schema::list(result_schema())),
    ])
}

fn result_schema() -> Value {
    schema::object([
        ("org_id", schema::text("5f0000000000000000000001")),
        ("passed", schema::integer(230)),
        ("failed", schema::integer(20)),
        ("unknown", schema::integer(0)),
        ("not_applicable", schema::integer(0)),
        ("reason", schema::maybe(schema::text("users was not collected"))),
    ])
}

pub(crate) const CHECKS: Operation =
    get("/api/v1/checks", "Every check with its numbers in each organization.", &[ORG], || {
        schema::items(check_schema())
    });

pub(crate) const CHECK: Operation =
    get("/api/v1/checks/{id}", "One check: its page, its query and its numbers.", &[], || {
        let mut check = check_schema();
        for name in ["why", "how", "fix", "query"] {
            check["properties"][name] = schema::text("…");
        }
        check
    });

fn tally_members() -> [(&'static str, Value); 4] {
    ["met", "failed", "unknown", "not_applicable"].map(|name| (name, schema::integer(3)))
}

pub(crate) const FRAMEWORKS: Operation =
    get("/api/v1/frameworks", "Every framework, and how each organization stands.", &[ORG], || {
        let [met, failed, unknown, not_applicable] = tally_members();
        let org_id = ("org_id", schema::text("5f0000000000000000000001"));
        schema::items(schema::object([
            ("id", schema::text("soc2")),
            ("name", schema::text("SOC 2")),
            ("version", schema::text("2017")),
            ("about", schema::text("…")),
            ("standings", schema::list(schema::object([org_id, met, failed, unknown, not_applicable]))),
        ]))
    });

const ONE_ORG: Param =
    super::param("org", "The organization; it may be left out where there is one.", || json!({ "type": "string" }));

pub(crate) const FRAMEWORK: Operation = get(
    "/api/v1/frameworks/{id}",
    "How an organization stands, requirement by requirement, with the checks and the evidence items behind each.",
    &[ONE_ORG],
    || {
        let standing = || schema::word(&["failed", "unknown", "met", "not applicable"]);
        let check = schema::object([
            ("id", schema::text("user-mfa-not-enrolled")),
            ("standing", standing()),
            ("failed", schema::integer(20)),
            ("marks", schema::text("PS")),
        ]);
        schema::object([
            ("id", schema::text("soc2")),
            ("org_id", schema::text("5f0000000000000000000001")),
            (
                "requirements",
                schema::list(schema::object([
                    ("id", schema::text("CC6.1")),
                    ("title", schema::text("Logical access is restricted")),
                    ("standing", standing()),
                    ("demands", schema::list(schema::text("stale_days is at most 90"))),
                    ("checks", schema::list(check)),
                    ("evidence", schema::list(schema::text("ev-user-mfa"))),
                ])),
            ),
        ])
    },
);

/// The numbers of every check, by its id.
async fn results(ctx: &Ctx) -> Result<BTreeMap<String, Vec<Value>>, Problem> {
    let sql = "SELECT check_id, org_id, passed, failed, unknown, not_applicable, reason FROM check_results
               WHERE until_run IS NULL ORDER BY check_id, org_id";
    let mut answer = ctx.read().ask(sql, Parameters::new()).await?;
    let ids: Vec<String> = answer.rows.iter().map(|row| text(row, 0)).collect();
    answer.columns.remove(0);
    answer.rows.iter_mut().for_each(|row| _ = row.remove(0));
    let mut all: BTreeMap<String, Vec<Value>> = BTreeMap::new();
    for (id, result) in ids.into_iter().zip(objects(&answer)) {
        all.entry(id).or_default().push(result);
    }
    Ok(all)
}

fn object(check: &Check, results: &BTreeMap<String, Vec<Value>>) -> Value {
    json!({
        "id": check.id, "title": check.title, "area": check.area, "severity": check.severity.word(),
        "resource": check.resource, "reads": check.reads, "results": results.get(&check.id).cloned().unwrap_or_default(),
    })
}

pub(crate) async fn list(ctx: Ctx) -> Answered {
    let results = results(&ctx).await?;
    let items: Vec<Value> = ctx.app.posture.library.checks().map(|check| object(check, &results)).collect();
    json_answer(&json!({ "items": items }))
}

pub(crate) async fn one(ctx: Ctx, Path(id): Path<String>) -> Answered {
    let check = ctx.app.posture.library.check(&id).ok_or_else(|| Problem::not_found("there is no such check"))?;
    let mut answer = object(check, &results(&ctx).await?);
    for (name, text) in [("why", &check.why), ("how", &check.how), ("fix", &check.fix), ("query", &check.query)] {
        answer[name] = json!(text);
    }
    json_answer(&answer)
}

pub(crate) async fn frameworks(ctx: Ctx) -> Answered {
    let posture = &ctx.app.posture;
    let mut organizations = posture.organizations().await?;
    organizations.retain(|organization| ctx.read().sees(Some(&organization.org_id)));
    let mut counted = Vec::new();
    for organization in &organizations {
        counted.push(numbers(&ctx.app.store, &organization.org_id, None).await?);
    }
    let items: Vec<Value> = posture
        .library
        .frameworks()
        .iter()
        .map(|framework| {
            let standings = organizations.iter().zip(&counted).map(|(organization, numbers)| {
                let tally = Tally::of(&posture.stand(framework, organization, numbers));
                json!({
                    "org_id": organization.org_id, "met": tally.met, "failed": tally.failed, "unknown": tally.unknown,
                    "not_applicable": tally.not_applicable,
                })
            });
            json!({
                "id": framework.id, "name": framework.name, "version": framework.version, "about": framework.about,
                "standings": standings.collect::<Vec<_>>(),
            })
        })
        .collect();
    json_answer(&json!({ "items": items }))
}

pub(crate) async fn framework(ctx: Ctx, Path(id): Path<String>) -> Answered {
    let posture = &ctx.app.posture;
    let framework = posture.library.framework(&id).ok_or_else(|| Problem::not_found("there is no such framework"))?;
    let org_id = match &ctx.org_id {
        Some(org_id) => org_id.clone(),
        None => {
            let mut seen = posture.organizations().await?;
            seen.retain(|organization| ctx.read().sees(Some(&organization.org_id)));
            match seen.as_slice() {
                [only] => only.org_id.clone(),
                [] => return Err(Problem::not_found("nothing was collected yet")),
                _ => {
                    return Err(Problem::new(
                        axum::http::StatusCode::UNPROCESSABLE_ENTITY,
                        "which_organization",
                        "there are several organizations",
                    )
                    .help("Name one with org."));
                }
            }
        }
    };
    let organization = organization(&ctx, &org_id).await?;
    let numbers = numbers(&ctx.app.store, &org_id, None).await?;
    let standings = posture.stand(framework, &organization, &numbers);
    let evidence = |standing: &RequirementStanding<'_>| -> Vec<&str> {
        let serves =
            ctx.app.items.serving(framework).into_iter().filter(|item| {
                item.serves(framework).any(|(requirement, _)| requirement.id == standing.requirement.id)
            });
        serves.map(|item| item.id.as_str()).collect()
    };
    let requirements: Vec<Value> = standings
        .iter()
        .map(|standing| {
            let checks = standing.checks.iter().map(|behind| {
                let failed = behind
                    .numbers
                    .as_ref()
                    .map_or(0, |numbers| numbers.result.failed - numbers.excused.min(numbers.result.failed));
                json!({
                    "id": behind.check.id, "standing": behind.standing.word(), "failed": failed, "marks": behind.marks,
                })
            });
            json!({
                "id": standing.requirement.id, "title": standing.requirement.title,
                "standing": standing.standing.word(), "demands": standing.demands,
                "checks": checks.collect::<Vec<_>>(), "evidence": evidence(standing),
            })
        })
        .collect();
    json_answer(&json!({ "id": framework.id, "org_id": org_id, "requirements": requirements }))
}
