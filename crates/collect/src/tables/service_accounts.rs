//! Service accounts: identities of machines that use the API.

use jumpcloud::endpoints;
use store::schema::{Table, json, text, time};

use super::{Collected, Id, Redact, Source};

/// `service_accounts`: one row for each service account.
#[rustfmt::skip]
pub(super) static SERVICE_ACCOUNTS: Collected = Collected {
    table: Table {
        name: "service_accounts",
        about: "Machine identities with a role and a credential of their own. Only administrators with billing rights, or a custom role, can list them: no rows can mean not permitted.",
        asset: Some("service_account"),
        label: "name",
        columns: &[
            text("name", "/name", "Name in the console."),
            text("description", "/description", "What the account is for."),
            text("status", "/status", "State in JumpCloud's words, e.g. ACTIVE; any word is possible."),
            text("role_id", "/roleId", "The role's id (roles.id)."),
            text("role_name", "/roleName", "The role's name."),
            time("expires_at", "/expiresAt", "When the credential expires; NULL is not known, not never."),
            json("credentials", "/authConfigList", "Kinds and dates of the credentials (client secret or API key), without the secrets."),
            time("created_at", "/createdAt", "When the account was created."),
        ],
        joined: &[],
    },
    sources: &[Source::list(&endpoints::SERVICE_ACCOUNTS).optional()],
    id: Id::Member(&["objectId", "id", "_id"]),
    redact: Redact::Nothing,
    absent: "the service account was deleted",
    fact: "V2 GET /api/v2/service-accounts, observed",
};
