//! Google Workspaces that JumpCloud provisions users into.

use jumpcloud::endpoints;
use store::schema::{Table, boolean, text};

use super::{Collected, Id, Parents, Redact, Source, directories};

/// `google_workspaces`: one row for each connected workspace.
#[rustfmt::skip]
pub(super) static GOOGLE_WORKSPACES: Collected = Collected {
    table: Table {
        name: "google_workspaces",
        about: "Connected Google Workspaces. The two actions decide whether a lockout in JumpCloud is felt in Google at all.",
        asset: None,
        label: "name",
        columns: &[
            text("name", "/name", "Name in the console."),
            text("default_domain", "/defaultDomain/domain", "Domain that new accounts get."),
            boolean("groups_enabled", "/groupsEnabled", "Groups are provisioned too."),
            text("lockout_action", "/userLockoutAction", "suspend, or maintain: the account there stays usable while the user is locked out here."),
            text("password_expiration_action", "/userPasswordExpirationAction", "suspend, maintain or remove_access: the same for an expired password."),
            text("import_filter", "/importFilter", "Which users are imported."),
        ],
        joined: &[],
    },
    sources: &[Source::read_each(
        Parents { table: "directories", only: Some(directories::is_google_workspace) },
        &endpoints::GSUITE,
    )],
    id: Id::Member(&["id"]),
    redact: Redact::Nothing,
    absent: "the workspace was disconnected",
    fact: "V2 GET /api/v2/gsuites/{id}; there is no list",
};
