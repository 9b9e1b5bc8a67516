//! Local accounts on devices, as the agent reports them with the device.

use serde_json::Value;
use store::schema::{Table, boolean, text};

use super::{Collected, Id, Redact, Source, id_of};

/// `device_local_users`: one row for each account on each device.
#[rustfmt::skip]
pub(super) static DEVICE_LOCAL_USERS: Collected = Collected {
    table: Table {
        name: "device_local_users",
        about: "Accounts on devices. An administrator that is not managed survives offboarding. insights_users tells more where System Insights is on.",
        asset: None,
        label: "username",
        columns: &[
            text("device_id", "/device_id", "The device (devices.id).").indexed(),
            text("username", "/userName", "Account name on the device."),
            boolean("admin", "/admin", "Local administrator, or member of the sudo group."),
            boolean("managed", "/managed", "JumpCloud manages the account."),
            boolean("suspended", "/suspended", "The account is disabled on the device."),
            boolean("secure_token", "/secureTokenEnabled", "macOS: the account can unlock the encrypted volume."),
        ],
        joined: &[],
    },
    sources: &[Source::from("devices", &["_id", "id", "userMetrics"], |device| {
        let accounts = device["userMetrics"].as_array().into_iter().flatten();
        accounts.filter_map(|account| with_device(account, device)).collect()
    })],
    id: Id::Loose(&["device_id", "userName"]),
    redact: Redact::Nothing,
    absent: "the account was removed from the device, or the device was deleted",
    fact: "V1 GET /api/systems, userMetrics[]",
};

fn with_device(account: &Value, device: &Value) -> Option<Value> {
    let mut row = account.as_object()?.clone();
    row.insert("device_id".to_owned(), id_of(device).clone());
    Some(Value::Object(row))
}
