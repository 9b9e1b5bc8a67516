//! The external identity provider that users may sign in with instead of a JumpCloud password.

use jumpcloud::endpoints;
use store::schema::{Table, text, time};

use super::{Collected, Id, Redact, Source};

/// `identity_providers`: at most one row.
#[rustfmt::skip]
pub(super) static IDENTITY_PROVIDERS: Collected = Collected {
    table: Table {
        name: "identity_providers",
        about: "The external identity provider, at most one. Where there is one, passwords and MFA of its users are its business.",
        asset: Some("identity_provider"),
        label: "name",
        columns: &[
            text("name", "/name", "Name in the console."),
            text("type", "/type", "OIDC, GOOGLE, OKTA or AZURE."),
            text("issuer_url", "/oidc/url", "Address of the provider."),
            text("client_id", "/oidc/clientId", "JumpCloud's client id there."),
            time("created_at", "/createdAt", "When it was connected."),
            time("updated_at", "/updatedAt", "When it was last changed."),
        ],
        joined: &[],
    },
    sources: &[Source::list(&endpoints::IDENTITY_PROVIDERS)],
    id: Id::Member(&["objectId", "id", "_id"]),
    redact: Redact::Nothing,
    absent: "the identity provider was disconnected",
    fact: "V2 GET /api/v2/identity-providers, observed",
};
