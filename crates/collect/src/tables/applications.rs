//! Applications that users sign in to through JumpCloud.

use jumpcloud::endpoints;
use serde_json::{Value, json};
use store::schema::{Table, boolean, json as json_column, text, time};

use super::{Collected, Id, Redact, Source, redact};

/// `applications`: one row for each connected application.
#[rustfmt::skip]
pub(super) static APPLICATIONS: Collected = Collected {
    table: Table {
        name: "applications",
        about: "Connected applications, single sign-on and bookmarks. Who may use one is in associations; who does is in events. The signing key is never kept.",
        asset: Some("application"),
        label: "label",
        columns: &[
            text("label", "/displayLabel", "Title that users see."),
            text("name", "/name", "Connector that it was made from, e.g. aws or custom; not a title."),
            text("display_name", "/displayName", "The connector's own title."),
            text("description", "/description", "Free text."),
            boolean("active", "/active", "Users can sign in."),
            boolean("beta", "/beta", "The connector is not finished."),
            text("sso_type", "/sso/type", "saml, oidc, bookmark, …; any word is possible."),
            text("sso_url", "/ssoUrl", "Address where sign-in begins."),
            boolean("jit_provisioning", "/sso/jit", "Accounts are made in the application at the first sign-in."),
            boolean("hidden", "/sso/hidden", "Not shown in the user portal."),
            time("idp_certificate_expires_at", "/sso/idpCertExpirationAt", "When the signing certificate expires and sign-in stops."),
            time("idp_certificate_updated_at", "/sso/idpCertificateUpdatedAt", "When that certificate was last changed."),
            time("idp_private_key_updated_at", "/sso/idpPrivateKeyUpdatedAt", "When the signing key was last changed."),
            time("sp_certificate_updated_at", "/sso/spCertificateUpdatedAt", "When the application's own certificate was last changed."),
            text("acs_url", "/config/acsUrl/value", "Where assertions are sent; plain http sends them in clear."),
            text("idp_entity_id", "/config/idpEntityId/value", "SAML name of JumpCloud."),
            text("sp_entity_id", "/config/spEntityId/value", "SAML name of the application."),
            text("idp_init_url", "/config/idpInitUrl/value", "Address for sign-in that begins at JumpCloud."),
            text("default_target_url", "/config/defaultTargetUrl/value", "Where users land."),
            boolean("redirect_endpoint_declared", "/config/declareRedirectEndpoint/value", "The redirect endpoint is in the metadata."),
            boolean("assertion_signed", "/config/signAssertion/value", "The assertion is signed."),
            boolean("response_signed", "/config/signResponse/value", "The response is signed. With neither, assertions can be forged."),
            text("signature_algorithm", "/config/signatureAlgorithm/text", "Name of the chosen algorithm; SHA1 is weak."),
            text("subject_field", "/config/subjectField/text", "User field that becomes the subject."),
            text("name_id_format", "/config/overrideNameIdFormat/text", "Format of the subject."),
            boolean("groups_sent", "/config/includeGroups/value", "Names of the user's groups are sent along."),
            text("groups_attribute", "/config/groupsAttributeName/value", "Attribute that carries them."),
            json_column("constant_attributes", "/config/constantAttributes/value", "Attributes that are the same for all users."),
            json_column("user_attributes", "/config/databaseAttributes/value", "Attributes that are read from the user."),
            text("parent_application_id", "/parentApp", "The application that this one belongs to."),
            time("created_at", "/created", "When the application was connected."),
        ],
        joined: &[],
    },
    sources: &[Source::list(&endpoints::APPLICATIONS)],
    id: Id::Member(&["_id", "id"]),
    redact: Redact::Row(|row| {
        redact::remove(row, "/config/idpPrivateKey");
        redact::drop_members(row, &["logo", "color", "learnMore"]);
        for pointer in ["/config/signatureAlgorithm", "/config/subjectField", "/config/overrideNameIdFormat"] {
            if let Some(field) = row.pointer_mut(pointer) {
                name_choice(field);
            }
        }
    }),
    absent: "the application was removed",
    fact: "V1 GET /api/applications; that list rows carry config is observed",
};

/// Writes beside a chosen number, as `text`, what the form calls it; a choice that is text already is its own name. The
/// choice can be told as text (`"0"`) where its options are numbers (`0`), and the other way round.
fn name_choice(field: &mut Value) {
    let chosen = &field["value"];
    let is_chosen = |option: &&Value| {
        option["value"] == *chosen || written(chosen).is_some() && written(&option["value"]) == written(chosen)
    };
    let name = match field["options"].as_array().into_iter().flatten().find(is_chosen) {
        Some(option) => option["text"].clone(),
        None if is_number(chosen) => return,
        None => chosen.clone(),
    };
    if let Some(field) = field.as_object_mut() {
        field.insert("text".to_owned(), json!(name));
    }
}

/// A choice as it is written, whether it is told as a number or as text.
fn written(choice: &Value) -> Option<String> {
    choice.as_str().map(str::to_owned).or_else(|| choice.as_i64().map(|number| number.to_string()))
}

/// Whether a choice is the number of an option and says nothing by itself.
fn is_number(choice: &Value) -> bool {
    written(choice).is_none_or(|text| text.bytes().all(|byte| byte.is_ascii_digit()))
}
