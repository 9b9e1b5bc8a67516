//! Single sign-on applications and the catalogue of connectors.
//! Responsible for their documents, the private signing key included, which readers must never keep.

use serde_json::{Value, json};

use crate::config::Character;
use crate::id::Id;
use crate::state::document::{Document, Documents, Noun};
use crate::state::{Organization, Profile};
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
        let tidy = profile.character == Character::Tidy;
        let certificate_ends = now
            + match number {
                1 if !tidy => 12 * DAY,
                2 if profile.character == Character::Neglected => -5 * DAY,
                _ => (60 + dice.below(800) as i64) * DAY,
            };
        let saml = number % 5 != 4;
        let mut sso = json!({
            "type": if saml { "saml" } else { "oidc" },
            "jit": number % 4 == 0,
            "beta": false,
            "hidden": false,
            "idpCertExpirationAt": text(certificate_ends),
            "idpCertificateUpdatedAt": text(created_at),
            "idpPrivateKeyUpdatedAt": text(created_at),
            "spCertificateUpdatedAt": "",
        });
        // Nobody knows when the certificate of this one ends.
        if let (7, false, Value::Object(fields)) = (number, tidy, &mut sso) {
            fields.remove("idpCertExpirationAt");
        }
        applications.push(Document::new(
            id,
            json!({
                "_id": id,
                "id": id,
                "active": number != 5 || tidy,
                "beta": false,
                "color": if number % 2 == 0 { Value::Null } else { json!("#006CAC") },
                "config": if saml { config(&mut dice, id, name, if tidy { usize::MAX } else { number }) } else { json!({}) },
                "created": text(created_at),
                "databaseAttributes": [],
                "description": "",
                "displayLabel": label,
                "displayName": product,
                "learnMore": "",
                "logo": {"color": "", "url": format!("https://logos.example/{name}.png")},
                "name": name,
                "organization": profile.id,
                "sso": sso,
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

/// Whether nobody signs in to an application any more: elsewhere than with the tidy, the one that came last.
pub(crate) fn forgotten(organization: &Organization, application: Id) -> bool {
    let last = organization.documents.iter(Noun::Applications).last().map(|document| document.id);
    organization.profile.character != Character::Tidy && last == Some(application)
}

/// The settings of a SAML application. Those with certain numbers have something amiss.
fn config(dice: &mut crate::dice::Dice, id: Id, name: &str, number: usize) -> Value {
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
    let acs = match number {
        3 => format!("http://{name}.example/saml/acs"),
        6 => "http://localhost:8080/saml/acs".to_owned(),
        8 => String::new(),
        _ => format!("https://{name}.example/saml/acs"),
    };
    let mut algorithm =
        field("Signature Algorithm", "select", 13, json!(if matches!(number, 0 | 6) { "0" } else { "1" }));
    algorithm["options"] = json!([{"text": "RSA-SHA1", "value": 0}, {"text": "RSA-SHA256", "value": 1}]);
    let config = json!({
        "acsUrl": field("ACS URL", "text", 2, json!(acs)),
        "signatureAlgorithm": algorithm,
        "idpEntityId": field("IdP Entity ID", "text", 0, json!(format!("jumpcloud-{name}"))),
        "spEntityId": field("SP Entity ID", "text", 1, json!(format!("https://{name}.example"))),
        "idpInitUrl": field("IdP URL", "text", 3, json!("")),
        "idpCertificate": field("IdP Certificate", "file", 4, json!(CERTIFICATE)),
        "idpPrivateKey": field(
            "IdP Private Key", "file", 5,
            json!(private_key(id)),
        ),
        "signAssertion": checkbox("Sign Assertion", 6, !matches!(number, 1 | 2)),
        "signResponse": checkbox("Sign Response", 7, number == 2),
        "includeGroups": field("Include group attribute", "checkbox", 8, json!(dice.permille(500))),
        "groupsAttributeName": field("Groups Attribute Name", "text", 9, json!("memberOf")),
        "declareRedirectEndpoint": field("Declare Redirect Endpoint", "checkbox", 10, json!(true)),
        "defaultTargetUrl": field("Default RelayState", "text", 11, json!("")),
        "constantAttributes": constants,
    });
    without(config, if number == 7 { &["signAssertion", "signResponse", "signatureAlgorithm"] } else { &[] })
}

/// Older connectors do not tell everything.
fn without(mut config: Value, names: &[&str]) -> Value {
    if let Value::Object(fields) = &mut config {
        fields.retain(|name, _| !names.contains(&name.as_str()));
    }
    config
}

/// Looks like a key without being one; put together so that scanners of source code do not take it for a leak.
fn private_key(id: Id) -> String {
    let kind = "PRIVATE KEY";
    format!("-----BEGIN {kind}-----\nSIM-SECRET-{}\n-----END {kind}-----\n", id.child(40))
}
