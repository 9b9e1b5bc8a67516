//! Managed software: applications that the service installs on devices.
//! Responsible for their documents. The state on each device is worked out in `derived`.

use serde_json::json;

use crate::state::Profile;
use crate::state::document::{Document, Documents, Noun};
use crate::time::{DAY, text};
use crate::words;

/// Makes up the managed software.
pub(crate) fn grow(profile: &Profile, now: i64, documents: &mut Documents) {
    let apps = words::SOFTWARE.iter().enumerate().map(|(number, (name, manager, package))| {
        let created_at = now - (200 + number as i64) * DAY;
        let id = profile.make_id("software app", number as u64, created_at);
        Document::new(id, json!({
            "id": id,
            "displayName": name,
            "createdAt": text(created_at),
            "updatedAt": text(created_at + 30 * DAY),
            "settings": [{
                "packageManager": manager, "packageId": package, "desiredState": "INSTALL", "autoUpdate": number % 2 == 0,
                "allowUpdateDelay": false, "packageVersion": "", "description": "", "location": "", "scope": "",
            }],
        }))
    });
    documents.put(Noun::SoftwareApps, apps.collect());
}
