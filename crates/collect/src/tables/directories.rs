//! Connected directories of every kind, with the health of their connection. Details of each kind are in their own files.

use jumpcloud::endpoints;
use serde_json::Value;
use store::schema::{Table, json, text, time};

use super::{Collected, Id, Redact, Source};

/// `directories`: one row for each connected directory.
#[rustfmt::skip]
pub(super) static DIRECTORIES: Collected = Collected {
    table: Table {
        name: "directories",
        about: "Connected directories: Active Directory, Google Workspace, Microsoft 365, LDAP, Workday. Details are in the table of the kind, under the same id.",
        asset: Some("directory"),
        label: "name",
        columns: &[
            text("name", "/name", "Name in the console."),
            text("type", "/type", "active_directory, g_suite, ldap_server, office_365 or workday."),
            text("default_domain", "/defaultDomain/domain", "Domain that new accounts get."),
            text("oauth_error", "/oAuthStatus/error", "Why JumpCloud can no longer act in the cloud directory; changes stop to flow while it is set."),
            text("oauth_error_message", "/oAuthStatus/errorMessage", "The same in words."),
            time("oauth_expires_at", "/oAuthStatus/expiry", "When the permission expires, where told."),
            json("oauth_status", "/oAuthStatus", "All that is told of the permission."),
        ],
        joined: &[],
    },
    sources: &[Source::list(&endpoints::DIRECTORIES)],
    id: Id::Member(&["id"]),
    redact: Redact::Nothing,
    absent: "the directory was disconnected",
    fact: "V2 GET /api/v2/directories; members of oAuthStatus are observed",
};

/// Whether a received directory is a Google Workspace.
pub(super) fn is_google_workspace(directory: &Value) -> bool {
    directory["type"] == "g_suite"
}

/// Whether a received directory is a Microsoft 365.
pub(super) fn is_microsoft_365(directory: &Value) -> bool {
    directory["type"] == "office_365"
}
