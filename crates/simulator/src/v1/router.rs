//! Which file answers which V1 route.
//! Responsible for dispatch by method and path, nothing else.

use crate::call::Answer;
use crate::v1::{administrators, devices, documents, organizations, search, users};
use crate::world::Scene;

/// Answers a route below `/api`, or `None` when there is no such route.
pub(crate) fn route(scene: &Scene<'_>, parts: &[&str]) -> Option<Answer> {
    if scene.call.method == "POST" {
        let ["search", what] = parts else { return None };
        return search::route(scene, what);
    }
    match parts {
        ["systemusers", rest @ ..] => users::route(scene, rest),
        ["systems", rest @ ..] => devices::route(scene, rest),
        ["organizations", rest @ ..] => organizations::route(scene, rest),
        ["users", rest @ ..] => administrators::route(scene, rest),
        _ => documents::route(scene, parts),
    }
}
