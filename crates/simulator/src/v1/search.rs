//! `POST /api/search/…`: reads with a body.
//! Responsible for the searches of users, devices, commands, command results and organizations.

use crate::call::Answer;
use crate::listing::{self, Family, Rows, SliceRows, TableRows, V1, V1_SEARCH, Wanted};
use crate::oddity::Oddity;
use crate::state::document::Noun;
use crate::world::Scene;

/// Answers a search.
pub(super) fn route(scene: &Scene<'_>, what: &str) -> Option<Answer> {
    let documents = &scene.organization.documents;
    match what {
        "systemusers" => Some(search(scene, &V1_SEARCH, &super::users::rows(scene))),
        "systems" => Some(search(scene, &V1_SEARCH, &super::devices::rows(scene))),
        "commands" => {
            let table = documents.table(Noun::Commands)?;
            Some(search(scene, &V1_SEARCH, &TableRows { table, write: super::documents::write(what) }))
        }
        "commandresults" => {
            let table = documents.table(Noun::CommandResults)?;
            let small = scene.organization.profile.oddities.has(Oddity::CommandResultsLimit);
            let family = if small { V1 } else { V1_SEARCH };
            Some(search(scene, &family, &TableRows { table, write: super::documents::write(what) }))
        }
        "organizations" => {
            let visible = super::organizations::visible(scene);
            Some(search(scene, &V1, &SliceRows { slice: &visible, write: super::organizations::write }))
        }
        _ => None,
    }
}

fn search(scene: &Scene<'_>, family: &Family, rows: &dyn Rows) -> Answer {
    let Some(body) = scene.call.json() else {
        return Answer::message(400, "Bad Request: the body is not JSON");
    };
    let mut wanted = Wanted::from_search(scene.call, family, &body);
    super::devices::hide_online(scene, &mut wanted);
    listing::page(&wanted, scene.tamper, family, rows)
}
