//! System Insights about networks: interfaces, addresses and wireless.
//! Responsible for the rows of these tables, with the columns and types of the published specification; paging and
//! counting are elsewhere (`catalog`).

use crate::state::device::Platform;
use crate::state::insights::{Report, Table};

pub(super) const TABLES: &[Table] = &[
    Table {
        name: "interface_addresses",
        timed: true,
        rows: |_| 4,
        write: |report, number, row| {
            let device = report.device;
            let (high, low) = (device.number / 250 % 250, device.number % 250 + 1);
            let (address, mask) = match number {
                0 => (format!("10.20.{high}.{low}"), "255.255.0.0"),
                1 => (format!("2001:db8:20:{high:x}::{low:x}"), "ffff:ffff:ffff:ffff::"),
                2 => ("127.0.0.1".to_owned(), "255.0.0.0"),
                _ => ("::1".to_owned(), "ffff:ffff:ffff:ffff:ffff:ffff:ffff:ffff"),
            };
            row.string("address", &address);
            row.string("broadcast", "");
            row.string("friendly_name", interface(report, number / 2));
            row.string("interface", interface(report, number / 2));
            row.string("mask", mask);
            row.string("point_to_point", "");
            row.string("type", if number == 0 { "dhcp" } else { "manual" });
        },
    },
    Table {
        name: "interface_details",
        timed: false,
        rows: |_| 2,
        write: |report, number, row| {
            let windows = report.device.platform == Platform::Windows;
            for name in [
                "connection_id",
                "connection_status",
                "description",
                "dhcp_lease_expires",
                "dhcp_lease_obtained",
                "dhcp_server",
                "dns_domain",
                "dns_domain_suffix_search_order",
                "dns_host_name",
                "dns_server_search_order",
                "last_change",
                "manufacturer",
                "pci_slot",
                "service",
            ] {
                row.string(name, "");
            }
            for name in
                ["collisions", "ibytes", "idrops", "ierrors", "ipackets", "obytes", "odrops", "oerrors", "opackets"]
            {
                row.string(name, if name.ends_with("errors") { "0" } else { "123456" });
            }
            // The agent writes -1 where a platform does not tell.
            row.number("dhcp_enabled", if windows { 1 } else { -1 });
            row.number("enabled", if windows { 1 } else { -1 });
            row.number("flags", 34_915);
            row.string("friendly_name", interface(report, number));
            row.string("interface", interface(report, number));
            row.string("link_speed", "1000");
            row.string("mac", &if number == 0 { report.device.mac_address() } else { "00:00:00:00:00:00".to_owned() });
            row.number("metric", 0);
            row.number("mtu", 1500);
            row.number("physical_adapter", if windows { 1 } else { -1 });
            row.number("speed", 1000);
            row.number("type", 6);
        },
    },
    Table {
        name: "wifi_status",
        timed: true,
        rows: |report| usize::from(report.device.platform == Platform::Mac),
        write: |report, _, row| {
            row.string("bssid", "02:00:5e:00:53:aa");
            row.number("channel", 44);
            row.number("channel_band", 5);
            row.number("channel_width", 80);
            row.string("country_code", "FI");
            row.string("interface", "en0");
            row.string("mode", "station");
            row.string("network_name", "office-wifi");
            row.number("noise", -92);
            row.number("rssi", -55 - i64::from(report.device.number % 20));
            row.string(
                "security_type",
                if report.device.number.is_multiple_of(17) { "Open" } else { "WPA2 Enterprise" },
            );
            row.string("ssid", "office-wifi");
            row.string("transmit_rate", "866");
        },
    },
];

fn interface(report: &Report<'_>, number: usize) -> &'static str {
    match (report.device.platform, number) {
        (Platform::Mac, 0) => "en0",
        (Platform::Mac, _) => "lo0",
        (Platform::Windows, 0) => "Ethernet",
        (Platform::Windows, _) => "Loopback Pseudo-Interface 1",
        (_, 0) => "eth0",
        _ => "lo",
    }
}
