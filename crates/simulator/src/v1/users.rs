//! `/api/systemusers`: the list, single reads, and what belongs to one user.
//! Responsible for routing; the row is written by `state::user`.

use crate::call::Answer;
use crate::id::Id;
use crate::listing::{self, TableRows};
use crate::state::user::User;
use crate::world::Scene;

/// Answers a route below `/api/systemusers`.
pub(super) fn route(scene: &Scene<'_>, parts: &[&str]) -> Option<Answer> {
    let organization = scene.organization;
    match parts {
        [] => Some(listing::answer(scene.call, scene.tamper, &listing::V1, &rows(scene))),
        [id] => Some(match Id::parse(id).and_then(|id| organization.users.get(id)) {
            Some(user) => {
                let mut row = String::with_capacity(2048);
                user.write(organization, &mut row);
                listing::single(scene.call, &listing::V1, row)
            }
            None => Answer::not_found(),
        }),
        [id, "sshkeys"] => Some(match Id::parse(id).and_then(|id| organization.users.get(id)) {
            Some(user) => {
                let mut row = String::new();
                user.write(organization, &mut row);
                let row: serde_json::Value = serde_json::from_str(&row).unwrap_or_default();
                Answer::json(row["ssh_keys"].to_string())
            }
            None => Answer::not_found(),
        }),
        _ => None,
    }
}

/// All users as rows.
pub(super) fn rows<'a>(scene: &Scene<'a>) -> TableRows<'a, User, impl Fn(&User, &mut String) + use<'a>> {
    let organization = scene.organization;
    TableRows { table: &organization.users, write: |user: &User, out: &mut String| user.write(organization, out) }
}
