//! `/api/users`: the administrators (not the directory's users), and the one who asks.
//! Responsible for the listing of an organization or of the provider.

use serde_json::{Value, json};

use crate::call::Answer;
use crate::id::Id;
use crate::listing::{self, SliceRows};
use crate::oddity::Oddity;
use crate::state::document::{Document, Noun};
use crate::world::Scene;

/// Answers a route below `/api/users`.
pub(super) fn route(scene: &Scene<'_>, parts: &[&str]) -> Option<Answer> {
    let visible = super::organizations::visible(scene);
    let rows: Vec<String> = visible
        .iter()
        .flat_map(|organization| {
            let unset = scene.access.principal.home.is_none()
                && organization.profile.oddities.has(Oddity::AdministratorsLackOrganization);
            organization.documents.iter(Noun::Administrators).map(move |administrator| row(administrator, unset))
        })
        .collect();
    match parts {
        [] => {
            let rows = SliceRows { slice: &rows, write: |row: &String, out: &mut String| out.push_str(row) };
            Some(listing::answer(scene.call, scene.tamper, &listing::V1, &rows))
        }
        ["getSelf"] => {
            let role = scene.access.principal.role.name();
            let all: Vec<Value> = rows.iter().filter_map(|row| serde_json::from_str(row).ok()).collect();
            let mut own = all.iter().find(|row| row["roleName"] == role).or(all.first())?.clone();
            // Not every organization has an administrator of each role, but every role has a key.
            own["roleName"] = json!(role);
            own["roleNames"] = json!([role]);
            if scene.access.principal.home.is_none() {
                own["organization"] = Value::Null;
                own["provider"] = json!(scene.provider);
            }
            Some(listing::single(scene.call, &listing::V1, own.to_string()))
        }
        [id] => {
            let found = Id::parse(id).and_then(|id| {
                visible.iter().find_map(|organization| organization.documents.get(Noun::Administrators, id))
            });
            Some(found.map_or_else(Answer::not_found, |administrator| {
                listing::single(scene.call, &listing::V1, administrator.row.clone())
            }))
        }
        _ => None,
    }
}

fn row(administrator: &Document, unset: bool) -> String {
    if !unset {
        return administrator.row.clone();
    }
    let mut body = administrator.body.clone();
    if let Value::Object(fields) = &mut body {
        fields.remove("organization");
    }
    body.to_string()
}
