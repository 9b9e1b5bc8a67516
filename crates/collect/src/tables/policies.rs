//! Device policies: what is to be enforced on which operating system.

use jumpcloud::endpoints;
use serde_json::{Value, json};
use store::schema::{Table, json as json_column, text};

use super::{Collected, Id, Parents, Redact, Source, redact};

/// `policies`: one row for each configured policy.
#[rustfmt::skip]
pub(super) static POLICIES: Collected = Collected {
    table: Table {
        name: "policies",
        about: "Configured device policies. A policy does something only on devices that it is bound to (associations, directly or by groups) and where its last result is a success (policy_statuses).",
        asset: Some("policy"),
        label: "name",
        columns: &[
            text("name", "/name", "Name that an administrator gave it."),
            text("notes", "/notes", "Free text."),
            text("template_id", "/template/id", "The template that it was made from."),
            text("template_name", "/template/name", "The template's technical name, e.g. lock_screen_darwin; tells what the policy controls."),
            text("template_display_name", "/template/displayName", "The template's title."),
            text("template_description", "/template/description", "What the template does."),
            text("os_family", "/template/osMetaFamily", "linux, darwin, windows, ios, android or universal."),
            json_column("delivery_types", "/template/deliveryTypes", "agent, mdm or both."),
            text("template_state", "/template/state", "State of the template, e.g. active or deprecated."),
            text("behavior", "/template/behavior", "What the template says of its behavior."),
            text("activation", "/template/activation", "What has to happen before it takes effect."),
            json_column("os_restrictions", "/template/osRestrictions", "Versions and kinds of enrollment that it needs."),
            json_column("settings", "/values", "The configured values with the field names; sensitive ones without their value, files as SHA-256."),
        ],
        joined: &[],
    },
    // The list leaves out notes and values.
    sources: &[
        Source::list(&endpoints::POLICIES).part("list"),
        Source::read_each(Parents::all("policies"), &endpoints::POLICY).part("details"),
    ],
    id: Id::Member(&["id"]),
    redact: Redact::Row(redact_values),
    absent: "the policy was deleted",
    fact: "V2 GET /api/v2/policies and /api/v2/policies/{id}",
};

/// Names each value by its field, removes those that are sensitive by flag or by name, and hashes files.
fn redact_values(policy: &mut Value) {
    let fields = policy["configFields"].as_array().cloned().unwrap_or_default();
    let is_secret = |field: &Value, value: &Value| {
        field["sensitive"] == true || redact::is_secret(field["name"].as_str().unwrap_or_default(), value)
    };
    for value in policy.get_mut("values").and_then(Value::as_array_mut).into_iter().flatten() {
        let field = fields.iter().find(|field| field["id"] == value["configFieldID"]).unwrap_or(&Value::Null);
        let secret = value["sensitive"] == true || is_secret(field, &value["value"]);
        let Some(members) = value.as_object_mut() else { continue };
        if secret {
            members.remove("value");
        } else if field["displayType"] == "file"
            && let Some(file) = members.remove("value")
        {
            members.insert("value_sha256".to_owned(), json!(redact::sha256(&file.to_string())));
        }
        if let Some(name) = field["name"].as_str() {
            members.insert("field".to_owned(), json!(name));
        }
    }
    // Of the form itself only what tells a default value from a configured one is worth keeping.
    for field in policy.get_mut("configFields").and_then(Value::as_array_mut).into_iter().flatten() {
        let secret = is_secret(field, &field["defaultValue"]);
        redact::drop_members(field, &["tooltip", "displayOptions", "validators", "position"]);
        if secret {
            redact::drop_members(field, &["defaultValue"]);
        }
    }
}
