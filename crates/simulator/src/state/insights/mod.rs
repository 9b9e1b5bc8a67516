//! System Insights: what the agent of a device reports, table by table.
//! Responsible for which tables exist, how many rows a device has in each, and what stands in them.
//! Rows are made up when they are asked for; nothing is kept, so a large fleet costs no memory.
//!
//! To add a table: an entry in the list of the file of its area, with the columns of the published specification.

mod accounts;
mod hardware;
mod network;
mod security;
mod software;

use crate::dice::Dice;
use crate::json::{self, Object};
use crate::state::Organization;
use crate::state::device::{Device, InsightsState, Platform};
use crate::state::table::Table as Devices;
use crate::time::MINUTE;

/// One table: its name, its rows on a device, and how one is written.
pub(crate) struct Table {
    pub(crate) name: &'static str,
    /// Whether rows say when the agent sampled; a few tables do not.
    pub(crate) timed: bool,
    pub(crate) rows: fn(&Report<'_>) -> usize,
    pub(crate) write: fn(&Report<'_>, usize, &mut Object<'_>),
}

/// What a table may look at.
pub(crate) struct Report<'a> {
    pub(crate) organization: &'a Organization,
    pub(crate) device: &'a Device,
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
pub(crate) fn tables() -> impl Iterator<Item = &'static Table> {
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

impl Report<'_> {
    /// When the agent sampled: some time within the hour before its last contact.
    pub(crate) fn collected_at(&self) -> i64 {
        let contact = self.device.last_contact.unwrap_or(self.device.created_at);
        contact - (self.device.id.entropy() % 55) as i64 * MINUTE
    }

    /// Chance for a row of a table.
    pub(crate) fn dice(&self, what: &str, number: usize) -> Dice {
        Dice::of(self.device.id.entropy(), what, number as u64)
    }

    /// One row on devices of these platforms.
    pub(crate) fn on(&self, platforms: &[Platform]) -> bool {
        platforms.contains(&self.device.platform)
    }

    /// The name of the person's account on the device.
    pub(crate) fn account(&self) -> String {
        format!("user{}", self.device.number)
    }

    /// The home folder of that account.
    pub(crate) fn home(&self) -> String {
        match self.device.platform {
            Platform::Windows => format!("C:\\Users\\{}", self.account()),
            Platform::Linux => format!("/home/{}", self.account()),
            _ => format!("/Users/{}", self.account()),
        }
    }

    /// How many entries of a catalogue are installed here: the first ones everywhere, the rest by chance.
    pub(crate) fn installed(&self, catalogue: usize, everywhere: usize) -> usize {
        let spread = (catalogue - everywhere).max(1) as u64;
        (everywhere + (self.device.id.entropy() % (spread + 1)) as usize).min(catalogue)
    }
}
