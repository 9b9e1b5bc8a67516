//! Alerts, the rules that raise them, and the channels that tell people.
//! Responsible for their documents; all of them are of the newer kind with `objectId`.

use serde_json::json;

use crate::config::Character;
use crate::oddity::Oddity;
use crate::state::Profile;
use crate::state::document::{Document, Documents, Noun};
use crate::time::{DAY, HOUR, ZERO_TIME, text};

/// Makes up notification channels, alert rules and alerts.
pub(crate) fn grow(profile: &Profile, now: i64, documents: &mut Documents) {
    let channels = ["CHANNEL_TYPE_EMAIL", "CHANNEL_TYPE_WEBHOOK", "CHANNEL_TYPE_SLACK"].into_iter().enumerate();
    let channels = channels.map(|(number, kind)| {
        let id = profile.make_id("channel", number as u64, now - 90 * DAY);
        Document::new(id, json!({"objectId": id, "name": format!("channel {number}"), "type": kind, "description": ""}))
    });
    documents.put(Noun::NotificationChannels, channels.collect());
    let rules =
        ["Device offline", "Disk almost full", "User locked out", "Administrator added"].into_iter().enumerate();
    let rules = rules.map(|(number, name)| {
        let id = profile.make_id("health rule", number as u64, now - 90 * DAY);
        let off = number == 3 || profile.character == Character::Neglected;
        let status = if off { "RULE_STATUS_DISABLED" } else { "RULE_STATUS_ENABLED" };
        Document::new(id, json!({"objectId": id, "name": name, "status": status, "description": ""}))
    });
    documents.put(Noun::HealthRules, rules.collect());
    let statuses =
        ["ALERT_STATUS_OPEN", "ALERT_STATUS_ACKNOWLEDGED", "ALERT_STATUS_RESOLVED", "ALERT_STATUS_AUTO_RESOLVED"];
    let alerts = (0..u64::from(profile.bad()(4, 60, 20))).map(|number| {
        let id = profile.make_id("alert", number, now - number as i64 * HOUR);
        let never = number == 1 && profile.oddities.has(Oddity::ZeroTime);
        Document::new(
            id,
            json!({
                "objectId": id,
                "title": "Device offline",
                "severity": "SEVERITY_MEDIUM",
                "status": statuses[number as usize % statuses.len()],
                "sourceName": "Health monitoring",
                "lastOccurredAt": if never { ZERO_TIME.to_owned() } else { text(now - number as i64 * HOUR) },
            }),
        )
    });
    documents.put(Noun::Alerts, alerts.collect());
    let views = (0..2_u64).map(|number| {
        let id = profile.make_id("saved view", number, now - 90 * DAY);
        Document::new(id, json!({"id": id, "name": format!("view {number}")}))
    });
    documents.put(Noun::SavedViews, views.collect());
}
