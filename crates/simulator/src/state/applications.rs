//! Single sign-on applications and the catalogue of connectors.
//! Responsible for their documents, the private signing key included, which readers must never keep.

use serde_json::{Value, json};

use crate::state::Profile;
use crate::state::document::{Document, Documents, Noun};
use crate::time::{DAY, text};
use crate::words;

const CERTIFICATE: &str = "-----BEGIN CERTIFICATE-----\nSIMULATED\n-----END CERTIFICATE-----\n";

/// Makes up applications; marks every secret with `SIM-SECRET-`.
pub(crate) fn grow(profile: &Profile, now: i64, documents: &mut Documents) {
    let bad = profile.bad();
    let count = bad(8, 12, 10) as usize;
    let mut applications = Vec::new();
    for (number, (name, product, label)) in words::APPLICATIONS.iter().enumerate().take(count) {
        let mut dice = profile.dice("application", number as u64);
        let created_at = now - (100 + dice.below(900) as i64) * DAY;
        let id = profile.make_id("application", number as u64, created_at);
        let certificate_ends = now
            + if dice.permille(bad(20, 400, 120)) {
                -20 * DAY + dice.below(40) as i64 * DAY
            } else {
                (60 + dice.below(800) as i64) * DAY
            };
        let saml = number % 5 != 4;
        applications.push(Document::new(
            id,
            json!({
                "_id": id,
                "id": id,
                "active": !dice.permille(bad(0, 150, 50)),
                "beta": false,
                "color": if number % 2 == 0 { Value::Null } else { json!("#006CAC") },
                "config": if saml { config(&mut dice, id, name) } else { json!({}) },
                "created": text(created_at),
                "databaseAttributes": [],
                "description": "",
                "displayLabel": label,
                "displayName": product,
                "learnMore": "",
                "logo": {"color": "", "url": format!("https://logos.example/{name}.png")},
                "name": name,
                "organization": profile.id,
                "sso": {
                    "type": if saml { "saml" } else { "oidc" },
                    "jit": number % 4 == 0,
                    "beta": false,
                    "hidden": false,
                    "idpCertExpirationAt": text(certificate_ends),
                    "idpCertificateUpdatedAt": text(created_at),
                    "idpPrivateKeyUpdatedAt": text(created_at),
                    "spCertificateUpdatedAt": "",
                },
                "ssoUrl": format!("https://sso.simulator.example/saml2/{name}{number}"),
            }),
        ));
    }
    documents.put(Noun::Applications, applications);
    let templates = words::APPLICATIONS.iter().enumerate().map(|(number, (name, product, _))| {
        let id = profile.make_id("application template", number as u64, profile.created_at);
        Document::new(
            id,
            json!({
                "_id": id,
                "id": id,
                "active": true,
                "beta": false,
                "displayLabel": product,
                "displayName": product,
                "isConfigured": number < count,
                "keywords": [name],
                "name": name,
                "status": "beta",
            }),
        )
    });
    documents.put(Noun::ApplicationTemplates, templates.collect());
}

fn config(dice: &mut crate::dice::Dice, id: crate::id::Id, name: &str) -> Value {
    let field = |label: &str, kind: &str, position: u32, value: Value| {
        json!({
            "label": label, "type": kind, "value": value, "required": position < 4, "visible": true, "readOnly": false,
            "position": position, "tooltip": {"template": "", "variables": {"icon": "", "message": ""}},
        })
    };
    // These three have no tooltip.
    let checkbox = |label: &str, position: u32, on: bool| {
        json!({
            "label": label, "type": "checkbox", "value": on, "required": false, "visible": true, "readOnly": false,
            "position": position,
        })
    };
    let mut constants = checkbox("Constant Attributes", 12, false);
    constants["type"] = json!("array");
    constants["value"] = json!([]);
    constants["mutable"] = json!(true);
    json!({
        "acsUrl": field("ACS URL", "text", 2, json!(format!("https://{name}.example/saml/acs"))),
        "idpEntityId": field("IdP Entity ID", "text", 0, json!(format!("jumpcloud-{name}"))),
        "spEntityId": field("SP Entity ID", "text", 1, json!(format!("https://{name}.example"))),
        "idpInitUrl": field("IdP URL", "text", 3, json!("")),
        "idpCertificate": field("IdP Certificate", "file", 4, json!(CERTIFICATE)),
        "idpPrivateKey": field(
            "IdP Private Key", "file", 5,
            json!(private_key(id)),
        ),
        "signAssertion": checkbox("Sign Assertion", 6, !dice.permille(200)),
        "signResponse": checkbox("Sign Response", 7, false),
        "includeGroups": field("Include group attribute", "checkbox", 8, json!(dice.permille(500))),
        "groupsAttributeName": field("Groups Attribute Name", "text", 9, json!("memberOf")),
        "declareRedirectEndpoint": field("Declare Redirect Endpoint", "checkbox", 10, json!(true)),
        "defaultTargetUrl": field("Default RelayState", "text", 11, json!("")),
        "constantAttributes": constants,
    })
}

/// Looks like a key without being one; put together so that scanners of source code do not take it for a leak.
fn private_key(id: crate::id::Id) -> String {
    let kind = "PRIVATE KEY";
    format!("-----BEGIN {kind}-----\nSIM-SECRET-{}\n-----END {kind}-----\n", id.child(40))
}
