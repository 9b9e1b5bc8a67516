//! Routes of the provider (MTP) and of organization-level links.
//! Responsible for `/providers…`, `/organizations/{id}/administratorlinks` and the reverse.

use serde_json::json;

use crate::call::Answer;
use crate::id::Id;
use crate::listing::{self, SliceRows, wrapped};
use crate::state::document::Noun;
use crate::world::Scene;

/// Answers a route above single organizations.
pub(super) fn route(scene: &Scene<'_>, parts: &[&str]) -> Option<Answer> {
    match parts {
        ["organizations", id, "administratorlinks"] => {
            let organization =
                scene.organizations.iter().find(|organization| Some(organization.profile.id) == Id::parse(id));
            let Some(organization) = organization else { return Some(Answer::not_found()) };
            let links = organization.documents.ids(Noun::Administrators).into_iter();
            let rows = links.map(|administrator| {
                json!({"administrator": administrator, "organization": organization.profile.id}).to_string()
            });
            return Some(list(scene, &listing::V2, rows.collect()));
        }
        ["administrators", id, "organizationlinks"] => {
            let administrator = Id::parse(id)?;
            let homes = scene
                .organizations
                .iter()
                .filter(|organization| organization.documents.get(Noun::Administrators, administrator).is_some());
            let rows = homes.map(|organization| {
                json!({"administrator": administrator, "organization": organization.profile.id}).to_string()
            });
            return Some(list(scene, &listing::V2, rows.collect()));
        }
        _ => {}
    }
    let ["providers", rest @ ..] = parts else { return None };
    let provider = scene.provider.filter(|_| scene.access.principal.home.is_none());
    let Some(provider) = provider else { return Some(Answer::forbidden()) };
    let family = wrapped("results", Some("totalCount"), "id");
    let known = |id: &str| Id::parse(id) == Some(provider);
    match rest {
        [] => Some(list(scene, &listing::V2, vec![describe(provider)])),
        [id, ..] if !known(id) => Some(Answer::not_found()),
        [_] => Some(Answer::json(describe(provider))),
        [_, "organizations"] => {
            let rows = scene.organizations.iter().map(|organization| {
                json!({"id": organization.profile.id, "name": organization.profile.name, "maxSystemUsers": 20_000})
                    .to_string()
            });
            Some(list(scene, &family, rows.collect()))
        }
        [_, "administrators"] => {
            let rows = (0..3_u64).map(|number| {
                json!({
                    "id": provider.child(number), "email": format!("msp{number}@provider.example"), "firstname": "Provider", "lastname": format!("Admin {number}"),
                    "roleName": "Administrator", "roleNames": ["Administrator"], "enableMultiFactor": number != 2, "registered": true,
                    "suspended": false, "organizationAccessTotal": scene.organizations.len(), "apiKeyAllowed": true, "apiKeySet": number == 0,
                })
                .to_string()
            });
            Some(list(scene, &family, rows.collect()))
        }
        _ => None,
    }
}

fn describe(provider: Id) -> String {
    json!({"id": provider, "name": "Simulated Provider"}).to_string()
}

fn list(scene: &Scene<'_>, family: &listing::Family, rows: Vec<String>) -> Answer {
    let rows = SliceRows { slice: &rows, write: |row: &String, out: &mut String| out.push_str(row) };
    listing::answer(scene.call, scene.tamper, family, &rows)
}
