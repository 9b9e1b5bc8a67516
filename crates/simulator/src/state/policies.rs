//! Device policies and the catalogue of policy templates.
//! Responsible for their documents. Results of policies are worked out in `derived`.

use serde_json::json;

use crate::config::Character;
use crate::state::Profile;
use crate::state::document::{Document, Documents, Noun};
use crate::time::DAY;
use crate::words;

/// Makes up one policy for each template; a neglected organization lacks some.
pub(crate) fn grow(profile: &Profile, now: i64, documents: &mut Documents) {
    let mut templates = Vec::new();
    let mut policies = Vec::new();
    for (number, (name, shown, family, delivery)) in words::POLICY_TEMPLATES.iter().enumerate() {
        let template_id = profile.make_id("policy template", number as u64, profile.created_at - 900 * DAY);
        let template = json!({
            "id": template_id, "name": name, "displayName": shown, "description": format!("Sets {shown} on {family} devices"),
            "osMetaFamily": family, "deliveryTypes": [delivery], "activation": "", "alert": "", "behavior": "", "reference": "",
            "state": "", "osRestrictions": [],
        });
        templates.push(Document::new(template_id, template.clone()));
        if profile.character == Character::Neglected && number % 5 == 4 {
            continue;
        }
        let id = profile.make_id("policy", number as u64, now - (100 + number as i64 * 13) * DAY);
        let field = profile.make_id("config field", number as u64, profile.created_at);
        let title = format!("{family} {shown}");
        policies.push(Document::with_hidden(id, json!({
            "id": id,
            "name": title,
            "template": template,
            "notes": "",
            "configFields": [{
                "id": field, "name": "value", "label": "Value", "displayType": "text", "displayOptions": {}, "position": 0,
                "readOnly": false, "required": true, "sensitive": number % 6 == 0, "defaultValue": "", "validators": {},
                "tooltip": {"template": "", "variables": {"icon": "", "message": ""}},
            }],
            "values": [{
                "configFieldID": field, "sensitive": number % 6 == 0,
                "value": if number % 6 == 0 { format!("SIM-SECRET-{}", id.child(48)) } else { "300".to_owned() },
            }],
        }), &["notes", "configFields", "values"]));
    }
    documents.put(Noun::PolicyTemplates, templates);
    documents.put(Noun::Policies, policies);
}
