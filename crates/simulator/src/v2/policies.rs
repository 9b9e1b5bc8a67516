//! Results of policies: `/policyresults`, and those of one policy or one device.
//! Responsible for choosing the rows; they are worked out in `state::derived`.

use crate::call::Answer;
use crate::id::Id;
use crate::listing::{self, PartRows, SliceRows, TableRows};
use crate::state::derived::PolicyResult;
use crate::state::document::Noun;
use crate::world::Scene;

/// Answers a route about policy results.
pub(super) fn route(scene: &Scene<'_>, parts: &[&str]) -> Option<Answer> {
    let organization = scene.organization;
    let runs = organization.policy_runs();
    Some(match parts {
        ["policyresults"] => {
            let rows = TableRows { table: &runs.results.all, write: PolicyResult::write };
            listing::answer(scene.call, scene.tamper, &listing::V2, &rows)
        }
        ["policyresults", id] => {
            let found = Id::parse(id).and_then(|id| runs.results.all.get(id));
            found.map_or_else(Answer::not_found, |result| {
                let mut row = String::new();
                result.write(&mut row);
                listing::single(scene.call, &listing::V2, row)
            })
        }
        ["policies", id, relation] => {
            let Some(policy) = Id::parse(id).filter(|id| organization.documents.get(Noun::Policies, *id).is_some())
            else {
                return Some(Answer::not_found());
            };
            let all = if *relation == "policystatuses" { &runs.statuses } else { &runs.results };
            let rows = PartRows { part: all.of(policy), write: PolicyResult::write };
            listing::answer(scene.call, scene.tamper, &listing::V2, &rows)
        }
        ["systems", id, "policystatuses"] => {
            let Some(device) = Id::parse(id).filter(|id| organization.devices.contains(*id)) else {
                return Some(Answer::not_found());
            };
            let rows: Vec<&PolicyResult> = runs.of_device(device).collect();
            let rows = SliceRows { slice: &rows, write: |row: &&PolicyResult, out: &mut String| row.write(out) };
            listing::answer(scene.call, scene.tamper, &listing::V2, &rows)
        }
        _ => return None,
    })
}
