//! Directory Insights: the event routes.
//! Responsible, for now, for admission, licence and empty answers with the right headers; there are no events yet.

use crate::call::Answer;
use crate::credentials::Role;
use crate::oddity::Oddity;
use crate::world::Scene;

/// Answers a route below `/insights/directory/v1`.
pub(crate) fn route(scene: &Scene<'_>, parts: &[&str]) -> Option<Answer> {
    if !matches!(parts, ["events"] | ["events", "count" | "distinct" | "interval"]) {
        return None;
    }
    if scene.access.principal.role == Role::CommandRunner {
        return Some(Answer::forbidden());
    }
    let profile = &scene.organization.profile;
    if !profile.directory_insights {
        let status = if profile.oddities.has(Oddity::UnlicensedIsForbidden) { 403 } else { 402 };
        return Some(Answer::message(status, "Directory Insights is not part of the plan"));
    }
    let Some(query) = scene.call.json() else { return Some(Answer::message(400, "invalid JSON")) };
    if !query["service"].is_array() || !query["start_time"].is_string() {
        return Some(Answer::message(400, "service and start_time are required"));
    }
    Some(match parts {
        ["events"] => {
            let limit = query["limit"].as_i64().filter(|limit| (1..=10_000).contains(limit)).unwrap_or(1000);
            let descending = query["sort"].as_str().is_some_and(|text| text.eq_ignore_ascii_case("desc"));
            Answer::json("[]".to_owned())
                .with_header("x-result-count", "0".to_owned())
                .with_header("x-limit", limit.to_string())
                .with_header("x-sort", if descending { "DESC" } else { "ASC" }.to_owned())
                .with_header("x-search_after", "[]".to_owned())
                .with_header("x-request-id", format!("{:016x}", crate::dice::mix(scene.now as u64)))
        }
        ["events", "count"] => Answer::json("{\"count\":0}".to_owned()),
        _ => Answer::json("{\"buckets\":[]}".to_owned()),
    })
}
