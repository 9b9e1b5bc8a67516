//! `/api/organizations`: which organizations a key sees, and the settings of one.
//! Responsible for the short list row and the full single read.

use serde_json::{Value, json};

use crate::call::Answer;
use crate::id::Id;
use crate::listing::{self, SliceRows};
use crate::oddity::Oddity;
use crate::state::Organization;
use crate::world::Scene;

/// Answers a route below `/api/organizations`.
pub(super) fn route(scene: &Scene<'_>, parts: &[&str]) -> Option<Answer> {
    let visible = visible(scene);
    match parts {
        [] => Some(listing::answer(scene.call, scene.tamper, &listing::V1, &SliceRows { slice: &visible, write })),
        [id] => {
            let id = Id::parse(id);
            let found = visible.into_iter().find(|organization| Some(organization.profile.id) == id);
            Some(found.map_or_else(Answer::not_found, |organization| {
                let mut body = organization.settings.clone();
                body["provider"] = json!(scene.provider);
                listing::single(scene.call, &listing::V1, body.to_string())
            }))
        }
        _ => None,
    }
}

/// The organizations that the key sees: its own, or all of the provider.
pub(super) fn visible<'a>(scene: &Scene<'a>) -> Vec<&'a Organization> {
    let home = scene.access.principal.home;
    scene
        .organizations
        .iter()
        .enumerate()
        .filter(|(number, _)| home.is_none_or(|home| home == *number))
        .map(|(_, organization)| organization)
        .collect()
}

/// Appends the short row of lists.
pub(super) fn write(organization: &&Organization, out: &mut String) {
    let settings = &organization.settings;
    let unnamed = organization.profile.oddities.has(Oddity::UnnamedOrganizations);
    let name = if unnamed { &Value::Null } else { &settings["displayName"] };
    let row = json!({
        "_id": settings["_id"], "id": settings["id"], "displayName": name,
        "logoUrl": settings["logoUrl"], "created": settings["created"],
    });
    out.push_str(&row.to_string());
}
