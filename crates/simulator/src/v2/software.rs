//! `/softwareapps/{id}/statuses`: how a managed software stands on each device.
//! Responsible for choosing the rows; they are worked out in `state::derived`.

use crate::call::Answer;
use crate::id::Id;
use crate::listing::{self, PartRows};
use crate::state::derived::SoftwareStatus;
use crate::state::document::Noun;
use crate::world::Scene;

/// Answers the statuses of one software.
pub(super) fn route(scene: &Scene<'_>, parts: &[&str]) -> Option<Answer> {
    let ["softwareapps", id, "statuses"] = parts else { return None };
    let organization = scene.organization;
    let Some(app) = Id::parse(id).filter(|id| organization.documents.get(Noun::SoftwareApps, *id).is_some()) else {
        return Some(Answer::not_found());
    };
    let rows = PartRows { part: organization.software_statuses().of(app), write: SoftwareStatus::write };
    Some(listing::answer(scene.call, scene.tamper, &listing::V2, &rows))
}
