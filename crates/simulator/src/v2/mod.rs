//! The V2 API: `/api/v2/…`.
//! Responsible for what the routes of that API answer; lists are paged by `listing`.

mod documents;
mod graph;
mod groups;
mod insights;
mod mdm;
mod password_policies;
mod policies;
mod provider;
mod push_endpoints;
mod router;
mod software;

pub(crate) use graph::association_targets;
pub(crate) use router::route;
