//! `/applemdms/{id}/devices`: devices under Apple MDM.
//! Responsible for the list and single reads; the row is written by `state::mdm`.

use crate::call::Answer;
use crate::id::Id;
use crate::listing::{self, TableRows};
use crate::state::derived::MdmDevice;
use crate::state::document::Noun;
use crate::state::mdm;
use crate::world::Scene;

/// Answers a route about devices of an Apple MDM server.
pub(super) fn route(scene: &Scene<'_>, parts: &[&str]) -> Option<Answer> {
    let organization = scene.organization;
    let table = organization.mdm_devices();
    let write = |row: &MdmDevice, out: &mut String| mdm::write_device(organization, row, out);
    let ["applemdms", server, "devices", rest @ ..] = parts else { return None };
    if Id::parse(server).and_then(|id| organization.documents.get(Noun::AppleMdms, id)).is_none() {
        return Some(Answer::not_found());
    }
    match rest {
        [] => Some(listing::answer(scene.call, scene.tamper, &listing::V2, &TableRows { table, write })),
        [id] => Some(Id::parse(id).and_then(|id| table.get(id)).map_or_else(Answer::not_found, |device| {
            let mut row = String::new();
            write(device, &mut row);
            listing::single(scene.call, &listing::V2, row)
        })),
        _ => None,
    }
}
