//! JumpCloud's cloud LDAP and the Samba domains in it.

use jumpcloud::endpoints;
use store::schema::{Table, text};

use super::{Collected, Id, Redact, Source};

/// `ldap_servers`: one row for each LDAP directory.
#[rustfmt::skip]
pub(super) static LDAP_SERVERS: Collected = Collected {
    table: Table {
        name: "ldap_servers",
        about: "Cloud LDAP directories. Whether clients use encryption is seen only in events.",
        asset: None,
        label: "name",
        columns: &[
            text("name", "/name", "Name in the console."),
            text("lockout_action", "/userLockoutAction", "disable or remove: what happens to the entry of a locked user."),
            text("password_expiration_action", "/userPasswordExpirationAction", "disable or remove: the same for an expired password."),
        ],
        joined: &[],
    },
    sources: &[Source::list(&endpoints::LDAPSERVERS)],
    id: Id::Member(&["id"]),
    redact: Redact::Nothing,
    absent: "the directory was removed",
    fact: "V2 GET /api/v2/ldapservers",
};

/// `samba_domains`: one row for each Samba domain of an LDAP directory.
#[rustfmt::skip]
pub(super) static SAMBA_DOMAINS: Collected = Collected {
    table: Table {
        name: "samba_domains",
        about: "Samba domains. Where there is one, users with Samba have an NT hash in LDAP.",
        asset: None,
        label: "name",
        columns: &[
            text("ldap_server_id", "/ldap_server_id", "The directory (ldap_servers.id)."),
            text("name", "/name", "Name of the domain."),
            text("sid", "/sid", "Its security identifier."),
        ],
        joined: &[],
    },
    sources: &[Source::list_each("ldap_servers", &endpoints::LDAPSERVER_SAMBADOMAINS, "ldap_server_id")],
    id: Id::Member(&["id"]),
    redact: Redact::Nothing,
    absent: "the domain was removed",
    fact: "V2 GET /api/v2/ldapservers/{id}/sambadomains",
};
