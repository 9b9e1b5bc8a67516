//! Where JumpCloud sends its alerts.

use jumpcloud::endpoints;
use serde_json::Value;
use store::schema::{Table, text, time};

use super::{Collected, Id, Redact, Source};

/// `notification_channels`: one row for each channel.
#[rustfmt::skip]
pub(super) static NOTIFICATION_CHANNELS: Collected = Collected {
    table: Table {
        name: "notification_channels",
        about: "Channels that alerts are sent to. Their targets are not kept, since the address of a web hook is a secret in itself.",
        asset: Some("notification_channel"),
        label: "name",
        columns: &[
            text("name", "/name", "Name of the channel."),
            text("type", "/type", "CHANNEL_TYPE_EMAIL, CHANNEL_TYPE_WEBHOOK or CHANNEL_TYPE_SLACK."),
            text("description", "/description", "Free text."),
            text("status", "/status", "State, where told."),
            time("created_at", "/createdAt", "When it was made."),
            time("updated_at", "/updatedAt", "When it was last changed."),
        ],
        joined: &[],
    },
    sources: &[Source::list(&endpoints::NOTIFICATION_CHANNELS).optional()],
    id: Id::Member(&["objectId", "id"]),
    redact: Redact::Row(drop_targets),
    absent: "the channel was deleted",
    fact: "V2 GET /api/v2/notifications/channels, observed",
};

/// Keeps what describes the channel. The shape of its configuration is not documented, so everything that could be
/// part of it goes: whatever is nested, and every text that is an address on the web.
fn drop_targets(row: &mut Value) {
    if let Some(fields) = row.as_object_mut() {
        fields.retain(|_, value| {
            let address = value.as_str().is_some_and(|text| text.contains("://"));
            !address && !value.is_object() && !value.is_array()
        });
    }
}
