//! The catalogue of System Insights tables, and how many rows each has on which device.
//! Responsible for finding, counting and writing. What stands in a row is in the files named after their area.

use crate::json::{self, Object};
use crate::state::Organization;
use crate::state::device::{Device, InsightsState};
use crate::state::insights::{Report, accounts, hardware, network, security, software};
use crate::state::table::Table as Devices;

/// One table: its name, its rows on a device, and how one is written.
pub(crate) struct Table {
    pub(crate) name: &'static str,
    /// Whether rows say when the agent sampled; a few tables do not.
    pub(crate) timed: bool,
    pub(crate) rows: fn(&Report<'_>) -> usize,
    pub(crate) write: fn(&Report<'_>, usize, &mut Object<'_>),
}

/// Tables that exist and are empty here.
const EMPTY: &[&str] = &[
    "alf_exceptions",
    "alf_explicit_auths",
    "appcompat_shims",
    "azure_instance_metadata",
    "azure_instance_tags",
    "battery",
    "chassis_info",
    "connectivity",
    "crashes",
    "cups_destinations",
    "disk_info",
    "dns_resolvers",
    "etc_hosts",
    "ie_extensions",
    "launchd",
    "logical_drives",
    "mounts",
    "scheduled_tasks",
    "shadow",
    "shared_resources",
    "system_controls",
    "userassist",
    "wifi_networks",
    "windows_crashes",
];

/// All tables with rows.
fn tables() -> impl Iterator<Item = &'static Table> {
    [accounts::TABLES, hardware::TABLES, network::TABLES, security::TABLES, software::TABLES].into_iter().flatten()
}

/// Names of all tables, empty ones included.
pub(crate) fn names() -> impl Iterator<Item = &'static str> {
    tables().map(|table| table.name).chain(EMPTY.iter().copied())
}

/// The table with this name; `Some(None)` for a table that exists and is empty.
pub(crate) fn find(name: &str) -> Option<Option<&'static Table>> {
    match tables().find(|table| table.name == name) {
        Some(table) => Some(Some(table)),
        None => EMPTY.contains(&name).then_some(None),
    }
}

/// How many rows a table has in an organization, counted device by device.
pub(crate) fn total(organization: &Organization, name: &str) -> u64 {
    let Some(Some(table)) = find(name) else { return 0 };
    organization.devices.iter().map(|device| rows(organization, device, table) as u64).sum()
}

/// How many devices have told when they reported to a table.
pub(crate) fn reports(organization: &Organization, name: &str) -> usize {
    let Some(Some(table)) = find(name).map(|table| table.filter(|table| table.timed)) else { return 0 };
    organization.devices.iter().filter(|device| rows(organization, device, table) > 0).count()
}

/// How many rows a device has in a table: none unless System Insights is on and the agent ever reported.
pub(crate) fn rows(organization: &Organization, device: &Device, table: &Table) -> usize {
    let reports = organization.profile.system_insights
        && device.insights == InsightsState::Enabled
        && device.last_contact.is_some();
    if reports { (table.rows)(&Report { organization, device }) } else { 0 }
}

/// Appends a row of a table.
pub(crate) fn write(organization: &Organization, device: &Device, table: &Table, number: usize, out: &mut String) {
    let report = Report { organization, device };
    json::object(out, |row| {
        row.id("system_id", device.id);
        if table.timed {
            row.time("collection_time", report.collected_at());
        }
        (table.write)(&report, number, row);
    });
}

/// The device at a rank of either order.
pub(crate) fn at(devices: &Devices<Device>, rank: usize, by_id: bool) -> &Device {
    devices.at(if by_id { devices.position_by_id(rank) } else { rank })
}

/// Adds up the rows of some devices.
pub(crate) fn ends<'a>(
    organization: &Organization,
    table: &Table,
    devices: impl Iterator<Item = &'a Device>,
) -> Vec<u32> {
    let mut end = 0;
    devices
        .map(|device| {
            end += rows(organization, device, table) as u32;
            end
        })
        .collect()
}
