//! The V1 collections that are plain documents: applications, commands, their results, RADIUS servers.
//! Responsible for their lists and single reads. To add a collection: a line in `noun`.

use crate::call::Answer;
use crate::id::Id;
use crate::listing::{self, SliceRows, TableRows};
use crate::state::document::{Document, Noun};
use crate::world::Scene;

/// Answers a route of a plain collection.
pub(super) fn route(scene: &Scene<'_>, parts: &[&str]) -> Option<Answer> {
    match parts {
        ["commands", id, "results"] => {
            let Some(command) = command(scene, id) else { return Some(Answer::not_found()) };
            let results: Vec<&Document> =
                command_results(scene).filter(|result| result.parent == Some(command.id)).collect();
            let rows =
                SliceRows { slice: &results, write: |result: &&Document, out: &mut String| out.push_str(&result.row) };
            Some(listing::answer(scene.call, scene.tamper, &listing::V2, &rows))
        }
        ["files", "command", id] => {
            if command(scene, id).is_none() {
                return Some(Answer::not_found());
            }
            let rows = SliceRows::<(), _> { slice: &[], write: |(): &(), _: &mut String| {} };
            Some(listing::answer(scene.call, scene.tamper, &listing::V1, &rows))
        }
        [collection] => {
            let table = scene.organization.documents.table(noun(collection)?)?;
            let rows = TableRows { table, write: write(collection) };
            Some(listing::answer(scene.call, scene.tamper, &listing::V1, &rows))
        }
        [collection, id] => {
            let found = Id::parse(id).and_then(|id| scene.organization.documents.get(noun(collection)?, id));
            noun(collection)?;
            Some(found.map_or_else(Answer::not_found, |document| {
                listing::single(scene.call, &listing::V1, document.body.to_string())
            }))
        }
        _ => None,
    }
}

fn noun(collection: &str) -> Option<Noun> {
    Some(match collection {
        "applications" => Noun::Applications,
        "application-templates" => Noun::ApplicationTemplates,
        "commands" => Noun::Commands,
        "commandresults" => Noun::CommandResults,
        "radiusservers" => Noun::RadiusServers,
        _ => return None,
    })
}

/// How a row of a collection is written in lists: command results show only 40 characters of their output there.
pub(super) fn write(collection: &str) -> fn(&Document, &mut String) {
    match collection {
        "commandresults" => |document, out| {
            let mut row = document.body.clone();
            let output = &mut row["response"]["data"]["output"];
            *output = output.as_str().map(|text| text.chars().take(40).collect::<String>()).into();
            out.push_str(&row.to_string());
        },
        _ => |document, out| out.push_str(&document.row),
    }
}

fn command<'a>(scene: &Scene<'a>, id: &str) -> Option<&'a Document> {
    scene.organization.documents.get(Noun::Commands, Id::parse(id)?)
}

fn command_results<'a>(scene: &Scene<'a>) -> impl Iterator<Item = &'a Document> {
    scene.organization.documents.iter(Noun::CommandResults)
}
