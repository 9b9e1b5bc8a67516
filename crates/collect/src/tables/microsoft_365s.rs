//! Microsoft 365 tenants that JumpCloud provisions users into.

use jumpcloud::endpoints;
use store::schema::{Table, boolean, text};

use super::{Collected, Id, Parents, Redact, Source, directories};

/// `microsoft_365s`: one row for each connected tenant.
#[rustfmt::skip]
pub(super) static MICROSOFT_365S: Collected = Collected {
    table: Table {
        name: "microsoft_365s",
        about: "Connected Microsoft 365 tenants (office_365 in JumpCloud's words). The two actions decide whether a lockout in JumpCloud is felt at Microsoft at all.",
        asset: None,
        label: "name",
        columns: &[
            text("name", "/name", "Name in the console."),
            text("default_domain", "/defaultDomain/domain", "Domain that new accounts get."),
            boolean("groups_enabled", "/groupsEnabled", "Groups are provisioned too."),
            text("lockout_action", "/userLockoutAction", "suspend, or maintain: the account there stays usable while the user is locked out here."),
            text("password_expiration_action", "/userPasswordExpirationAction", "suspend or maintain: the same for an expired password."),
        ],
        joined: &[],
    },
    sources: &[Source::read_each(
        Parents { table: "directories", only: Some(directories::is_microsoft_365) },
        &endpoints::OFFICE365,
    )],
    id: Id::Member(&["id"]),
    redact: Redact::Nothing,
    absent: "the tenant was disconnected",
    fact: "V2 GET /api/v2/office365s/{id}; there is no list",
};
