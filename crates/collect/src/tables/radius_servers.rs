//! RADIUS configurations: sign-in to Wi-Fi and VPN.

use jumpcloud::endpoints;
use serde_json::json;
use store::schema::{Table, boolean, text, time, time_text};

use super::{Collected, Id, Redact, Source, certificate, redact};

/// `radius_servers`: one row for each RADIUS configuration.
#[rustfmt::skip]
pub(super) static RADIUS_SERVERS: Collected = Collected {
    table: Table {
        name: "radius_servers",
        about: "RADIUS configurations, one for each network or VPN that asks. Who may use one is in associations. The shared secret is never kept.",
        asset: Some("radius_server"),
        label: "name",
        columns: &[
            text("name", "/name", "Name in the console."),
            text("source_ip", "/networkSourceIp", "Public address that requests have to come from."),
            text("mfa", "/mfa", "DISABLED, ENABLED (for users who have it), REQUIRED or ALWAYS."),
            text("authentication_provider", "/authIdp", "JUMPCLOUD or AZURE: who checks passwords."),
            boolean("password_enabled", "/userPasswordEnabled", "Sign-in with a password is possible."),
            boolean("user_certificate_enabled", "/userCertEnabled", "Sign-in with a user's certificate is possible."),
            boolean("device_certificate_enabled", "/deviceCertEnabled", "Sign-in with a device's certificate is possible."),
            text("ca_certificate", "/caCert", "The authorities whose certificates are accepted, in PEM form; public."),
            time("ca_certificate_expires_at", "/ca_certificate_expires_at", "When the first of them expires."),
            boolean("tls_required", "/requireTlsAuth", "Only TLS-protected methods are accepted."),
            boolean("radsec_enabled", "/radsecEnabled", "RADIUS over TLS is possible."),
            boolean("radsec_required", "/requireRadsec", "RADIUS over TLS is required."),
            text("lockout_action", "/userLockoutAction", "What a locked account means here."),
            text("password_expiration_action", "/userPasswordExpirationAction", "What an expired password means here."),
            text("shared_secret_length", "/shared_secret_length", "short (under 16 characters), medium or long (22 and more); NULL when it was not told. The secret itself is removed."),
        ],
        joined: &[],
    },
    sources: &[Source::list(&endpoints::RADIUSSERVERS)],
    id: Id::Member(&["_id", "id"]),
    redact: Redact::Row(|row| {
        let length = row["sharedSecret"].as_str().and_then(length_class);
        let expires = row["caCert"].as_str().and_then(|pem| certificate::expirations(pem).into_iter().min());
        redact::drop_members(row, &["sharedSecret"]);
        if let Some(length) = length {
            redact::add(row, "shared_secret_length", json!(length));
        }
        if let Some(expires) = expires {
            redact::add(row, "ca_certificate_expires_at", json!(time_text(expires)));
        }
    }),
    absent: "the configuration was removed",
    fact: "V1 GET /api/radiusservers",
};

/// All that is told of a secret: roughly how long it is. Stars stand for one that was not told.
fn length_class(secret: &str) -> Option<&'static str> {
    // Stars also are all that there is in an empty text.
    if secret.chars().all(|c| matches!(c, '*' | '•')) {
        return None;
    }
    Some(match secret.chars().count() {
        ..16 => "short",
        16..22 => "medium",
        22.. => "long",
    })
}
