//! `/passwordpolicies/{id}`: the values of a password policy, which the list does not show.
//! Responsible for that single read; the values are those of the organization's settings.

use serde_json::json;

use crate::call::Answer;
use crate::id::Id;
use crate::state::document::Noun;
use crate::world::Scene;

/// Answers the single read of a password policy.
pub(super) fn route(scene: &Scene<'_>, id: &str) -> Option<Answer> {
    let organization = scene.organization;
    let policy = Id::parse(id).and_then(|id| organization.documents.get(Noun::PasswordPolicies, id));
    Some(policy.map_or_else(Answer::not_found, |policy| {
        let group = organization.user_groups.iter().next().filter(|_| policy.body["default"] == false);
        let groups: Vec<_> = group.iter().map(|group| json!({"groupId": group.id, "name": group.name})).collect();
        let values = &organization.settings["settings"]["passwordPolicy"];
        Answer::json(json!({"cached": false, "objectId": policy.id, "groups": groups, "policy": values}).to_string())
    }))
}
