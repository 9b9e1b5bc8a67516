//! Workday connections, from which people are imported.

use jumpcloud::endpoints;
use store::schema::{Table, boolean, text, time};

use super::{Collected, Id, Redact, Source};

/// `workdays`: one row for each Workday connection.
#[rustfmt::skip]
pub(super) static WORKDAYS: Collected = Collected {
    table: Table {
        name: "workdays",
        about: "Workday connections. When the credential there has expired, joiners and leavers no longer come in.",
        asset: None,
        label: "name",
        columns: &[
            text("name", "/name", "Name in the console."),
            text("report_url", "/reportUrl", "The report that is read."),
            time("last_import_at", "/lastImport", "When people were last imported."),
            boolean("basic_valid", "/auth/basic/isValid", "The user name and password there still work."),
            time("basic_expires_at", "/auth/basic/expiry", "When they expire."),
            text("basic_message", "/auth/basic/message", "What Workday said of them."),
            boolean("oauth_valid", "/auth/oauth/isValid", "The OAuth permission still works."),
            time("oauth_expires_at", "/auth/oauth/expiry", "When it expires."),
            text("oauth_message", "/auth/oauth/message", "What Workday said of it."),
        ],
        joined: &[],
    },
    sources: &[Source::list(&endpoints::WORKDAYS).optional()],
    id: Id::Member(&["id"]),
    redact: Redact::Nothing,
    absent: "the connection was removed",
    fact: "V2 GET /api/v2/workdays",
};
