//! `/usergroups`, `/systemgroups`, `/policygroups` and `/groups`: lists and single reads.
//! Responsible for group rows. Members and everything else below a group is in `graph`.

use crate::call::Answer;
use crate::id::Id;
use crate::listing::{self, Rows, SliceRows, TableRows};
use crate::state::graph::Kind;
use crate::state::group::Group;
use crate::world::Scene;

/// Answers a list or a single read of groups.
pub(super) fn route(scene: &Scene<'_>, parts: &[&str]) -> Option<Answer> {
    let organization = scene.organization;
    let write = |group: &Group, out: &mut String| group.write(&organization.profile, out);
    if parts == ["groups"] {
        let all: Vec<&Group> = organization.user_groups.iter().chain(organization.device_groups.iter()).collect();
        let rows = SliceRows { slice: &all, write: |group: &&Group, out: &mut String| write(group, out) };
        let answer = listing::answer(scene.call, scene.tamper, &listing::V2, &rows);
        return Some(if scene.call.header("x-unfiltered-total-count").is_some() {
            answer.with_header("x-unfiltered-total-count", rows.len().to_string())
        } else {
            answer
        });
    }
    let table = organization.groups(kind(parts.first()?)?)?;
    Some(match parts {
        [_] => listing::answer(scene.call, scene.tamper, &listing::V2, &TableRows { table, write }),
        [_, id] => Id::parse(id).and_then(|id| table.get(id)).map_or_else(Answer::not_found, |group| {
            let mut row = String::new();
            write(group, &mut row);
            listing::single(scene.call, &listing::V2, row)
        }),
        _ => return None,
    })
}

fn kind(collection: &str) -> Option<Kind> {
    Some(match collection {
        "usergroups" => Kind::UserGroup,
        "systemgroups" => Kind::SystemGroup,
        "policygroups" => Kind::PolicyGroup,
        _ => return None,
    })
}
