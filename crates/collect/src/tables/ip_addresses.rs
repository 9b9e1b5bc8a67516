//! Every address that a device has or was seen from, brought into one form so that it can be searched and joined.

use serde_json::{Value, json};
use store::schema::{Table, boolean, text};

use super::device_contacts::name_of;
use super::{Collected, Id, Redact, Source, address, id_of};

/// `ip_addresses`: one row for each address of each interface, and one for the address of the device's last contact.
#[rustfmt::skip]
pub(super) static IP_ADDRESSES: Collected = Collected {
    table: Table {
        name: "ip_addresses",
        about: "Addresses of devices in canonical form. Private ones repeat from network to network, and a remote address is mostly a router's: an address alone does not identify a device. The API has no MAC addresses here; see insights_interface_details.",
        asset: Some("ip_address"),
        label: "address_text",
        columns: &[
            text("device_id", "/device_id", "The device (devices.id).").indexed(),
            text("device_name", "/device_name", "The device's name."),
            text("address", "/ip", "Canonical form; an IPv4 address written as IPv6 is IPv4. NULL when the text is no address."),
            text("address_text", "/address", "The address as it was sent."),
            text("zone", "/zone", "Interface that a link-local address belongs to, where it was sent with the address."),
            text("family", "/family", "IPv4 or IPv6."),
            text("interface", "/name", "Interface name, e.g. en0."),
            text("scope", "/scope", "loopback, link_local, private, shared (provider NAT, VPN), public, multicast, documentation, reserved or unspecified."),
            boolean("is_internal", "/internal", "The device itself calls the interface internal, such as loopback."),
            text("source", "/source", "interface: the device has the address; remote: JumpCloud saw the device from it."),
        ],
        joined: &[],
    },
    sources: &[Source::from("devices", &["_id", "id", "displayName", "hostname", "networkInterfaces", "remoteIP"], addresses)],
    id: Id::Loose(&["device_id", "source", "name", "address"]),
    redact: Redact::Nothing,
    absent: "the device no longer has the address",
    fact: "V1 GET /api/systems, networkInterfaces[] and remoteIP",
};

fn addresses(device: &Value) -> Vec<Value> {
    let interfaces = device["networkInterfaces"].as_array().into_iter().flatten();
    let remote = json!({"address": device["remoteIP"]});
    interfaces
        .filter_map(|interface| row(device, interface, "interface"))
        .chain(row(device, &remote, "remote"))
        .collect()
}

/// One row, or none where there is no address at all.
fn row(device: &Value, interface: &Value, source: &str) -> Option<Value> {
    let sent = interface["address"].as_str().filter(|text| !text.trim().is_empty())?;
    let mut row = interface.as_object()?.clone();
    row.insert("device_id".to_owned(), id_of(device).clone());
    row.insert("device_name".to_owned(), json!(name_of(device)));
    row.insert("source".to_owned(), json!(source));
    if let Some(address) = address::parse(sent) {
        row.insert("ip".to_owned(), json!(address.ip.to_string()));
        row.insert("zone".to_owned(), json!(address.zone));
        row.insert("family".to_owned(), json!(address::family(address.ip)));
        row.insert("scope".to_owned(), json!(address::scope(address.ip)));
    }
    Some(Value::Object(row))
}
