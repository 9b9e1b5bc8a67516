//! IP lists, which authentication policies use as "trusted networks".

use jumpcloud::endpoints;
use store::schema::{Table, json, text};

use super::{Collected, Id, Redact, Source};

/// `ip_lists`: one row for each list.
#[rustfmt::skip]
pub(super) static IP_LISTS: Collected = Collected {
    table: Table {
        name: "ip_lists",
        about: "Lists of addresses that authentication policies name. A list that is too wide turns a condition into none.",
        asset: Some("ip_list"),
        label: "name",
        columns: &[
            text("name", "/name", "Name of the list."),
            text("description", "/description", "Free text."),
            json("entries", "/ips", "Single addresses, networks (a/n) and ranges (a-b), as typed. One row each: ip_list_entries."),
        ],
        joined: &[],
    },
    sources: &[Source::list(&endpoints::IPLISTS)],
    id: Id::Member(&["id"]),
    redact: Redact::Nothing,
    absent: "the list was deleted",
    fact: "V2 GET /api/v2/iplists",
};
