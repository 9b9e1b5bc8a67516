//! Rules by which JumpCloud raises alerts.

use jumpcloud::endpoints;
use store::schema::{Table, json, text, time};

use super::{Collected, Id, Redact, Source};

/// `alert_rules`: one row for each rule.
#[rustfmt::skip]
pub(super) static ALERT_RULES: Collected = Collected {
    table: Table {
        name: "alert_rules",
        about: "Rules by which JumpCloud raises alerts (health monitoring). A rule without a channel raises them for nobody.",
        asset: Some("alert_rule"),
        label: "name",
        columns: &[
            text("name", "/name", "Name of the rule."),
            text("description", "/description", "Free text."),
            text("status", "/status", "RULE_STATUS_ENABLED or RULE_STATUS_DISABLED."),
            text("severity", "/severity", "Severity of its alerts."),
            text("category", "/category", "Kind of rule."),
            json("conditions", "/conditions", "When it raises an alert, where told."),
            json("channel_ids", "/channels", "Where its alerts go (notification_channels.id), where told."),
            time("created_at", "/createdAt", "When it was made."),
            time("updated_at", "/updatedAt", "When it was last changed."),
        ],
        joined: &[],
    },
    sources: &[Source::list(&endpoints::HEALTHMONITORING_RULES).optional()],
    id: Id::Member(&["objectId", "id"]),
    redact: Redact::Nothing,
    absent: "the rule was deleted",
    fact: "V2 GET /api/v2/healthmonitoring/rules, observed",
};
