//! Duo as a second factor.

use jumpcloud::endpoints;
use store::schema::{Table, text};

use super::{Collected, Id, Redact, Source};

/// `duo_accounts`: one row for each connected Duo account.
#[rustfmt::skip]
pub(super) static DUO_ACCOUNTS: Collected = Collected {
    table: Table {
        name: "duo_accounts",
        about: "Duo accounts that JumpCloud can use as a second factor.",
        asset: Some("duo_account"),
        label: "name",
        columns: &[text("name", "/name", "Name in the console.")],
        joined: &[],
    },
    sources: &[Source::list(&endpoints::DUO_ACCOUNTS)],
    id: Id::Member(&["id"]),
    redact: Redact::Nothing,
    absent: "the account was disconnected",
    fact: "V2 GET /api/v2/duo/accounts",
};

/// `duo_applications`: one row for each application of a Duo account.
#[rustfmt::skip]
pub(super) static DUO_APPLICATIONS: Collected = Collected {
    table: Table {
        name: "duo_applications",
        about: "Duo's applications for JumpCloud. The integration key is removed.",
        asset: None,
        label: "name",
        columns: &[
            text("duo_account_id", "/duo_account_id", "The account (duo_accounts.id)."),
            text("name", "/name", "Name of the application."),
            text("api_host", "/apiHost", "Duo's host for it."),
        ],
        joined: &[],
    },
    sources: &[Source::list_each("duo_accounts", &endpoints::DUO_APPLICATIONS, "duo_account_id")],
    id: Id::Member(&["id"]),
    redact: Redact::Drops(&["integrationKey", "integrationSecretKey"]),
    absent: "the application was removed",
    fact: "V2 GET /api/v2/duo/accounts/{id}/applications",
};
