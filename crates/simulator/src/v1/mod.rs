//! The V1 API: `/api/…`.
//! Responsible for what the routes of that API answer; lists are paged by `listing`.

mod administrators;
mod devices;
mod documents;
mod organizations;
mod router;
mod search;
mod users;

pub(crate) use router::route;
