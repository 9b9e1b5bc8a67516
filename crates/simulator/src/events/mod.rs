//! Directory Insights events: what happens in an organization, minute by minute, computed when somebody asks.
//! Responsible for which events there are and what each looks like. The routes are in `directory_insights`.
//!
//! Nothing is kept: an hour of one organization is a pure function of the seed, of the hour and of who and what was
//! there at the time (`roster`), so thirty days or ten million events cost no memory and always read the same.
//! `hour` decides what happens in an hour and when it is published, `episodes` plants attacks, `changes` tells what
//! life did to the inventory, `shapes` writes one event as JSON, `feed` keeps the hours that were asked for lately,
//! `query` reads a request, `search` finds events, and `truth` tells tests what there is.
//!
//! To add an event type: one word in `catalogue`. To add a shape: one file in `shapes`.

pub(crate) mod catalogue;
mod changes;
pub(crate) mod episodes;
pub(crate) mod feed;
pub(crate) mod hour;
mod part;
pub(crate) mod places;
pub(crate) mod query;
mod rhythm;
pub(crate) mod roster;
mod scripts;
pub(crate) mod search;
pub(crate) mod shapes;
pub(crate) mod slot;
pub(crate) mod truth;
