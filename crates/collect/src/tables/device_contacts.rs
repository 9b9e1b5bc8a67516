//! What moves with every heartbeat of a device, apart from it so that a device gets a new version only when it changes.

use serde_json::{Value, json};
use store::schema::{Table, boolean, text, time};

use super::{Collected, Id, Redact, Source, id_of};

/// `device_contacts`: one row for each device, under the device's id.
#[rustfmt::skip]
pub(super) static DEVICE_CONTACTS: Collected = Collected {
    table: Table {
        name: "device_contacts",
        about: "When each device was last heard of, and from where. The id is the device's. devices shows these columns as its own.",
        asset: None,
        label: "device_name",
        columns: &[
            text("device_name", "/device_name", "The device's name."),
            time("last_contact", "/lastContact", "When the agent last made contact; NULL for never. All other facts of the device are as old as this."),
            boolean("active", "/active", "Online at the time of the sync; does not mean enabled."),
            text("remote_ip", "/remoteIP", "Address that the device's contact came from: mostly that of a router, shared by many."),
        ],
        joined: &[],
    },
    sources: &[Source::from("devices", &["_id", "id", "displayName", "hostname", "lastContact", "active", "remoteIP"], |device| {
        vec![json!({
            "id": id_of(device),
            "device_name": name_of(device),
            "lastContact": device["lastContact"],
            "active": device["active"],
            "remoteIP": device["remoteIP"],
        })]
    })],
    id: Id::Member(&["id"]),
    redact: Redact::Nothing,
    absent: "the device was deleted or unenrolled",
    fact: "V1 GET /api/systems",
};

/// The name that a person knows a received device by.
pub(super) fn name_of(device: &Value) -> &str {
    let name = |member: &str| device[member].as_str().filter(|name| !name.is_empty());
    name("displayName").or_else(|| name("hostname")).unwrap_or_default()
}
