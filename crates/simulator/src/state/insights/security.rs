//! System Insights about protection: encryption, firewalls, antivirus, boot and sharing.
//! Responsible for the rows of these tables, with the columns and types of the published specification; paging and
//! counting are elsewhere (`catalog`).

use crate::state::device::Platform;
use crate::state::insights::Table;
use crate::time::{DAY, text};

pub(super) const TABLES: &[Table] = &[
    Table {
        name: "disk_encryption",
        timed: true,
        rows: |report| if report.on(&[Platform::Mac, Platform::Linux]) { 2 } else { 0 },
        write: |report, number, row| {
            let active = report.device.encrypted == Some(true) && (number == 0 || !report.device.open_volume);
            row.number("encrypted", i64::from(active));
            row.string("encryption_status", if active { "encrypted" } else { "not encrypted" });
            row.string(
                "name",
                if report.device.platform == Platform::Mac {
                    ["/dev/disk3s1", "/dev/disk3s5"][number]
                } else {
                    ["/dev/dm-0", "/dev/dm-1"][number]
                },
            );
            row.string("type", if report.device.platform == Platform::Mac { "AES" } else { "LUKS" });
            row.string("uid", "");
            row.string("user_uuid", "");
            row.string("uuid", &format!("{:016X}", report.device.id.child(80 + number as u64).entropy()));
        },
    },
    Table {
        name: "bitlocker_info",
        timed: true,
        rows: |report| {
            if report.device.platform == Platform::Windows { 1 + usize::from(report.device.second_volume()) } else { 0 }
        },
        write: |report, number, row| {
            let active = report.device.encrypted == Some(true) && (number == 0 || !report.device.open_volume);
            row.number("conversion_status", i64::from(active));
            row.string("device_id", &format!("\\\\?\\Volume{{00000000-0000-0000-0000-{}00000000000}}\\", number + 1));
            row.string("drive_letter", ["C:", "D:"][number]);
            row.string("encryption_method", if active { "XTS_AES_256" } else { "None" });
            row.number("percentage_encrypted", if active { 100 } else { 0 });
            row.string("persistent_volume_id", "");
            row.number("protection_status", i64::from(active));
        },
    },
    Table {
        name: "alf",
        timed: true,
        rows: |report| usize::from(report.device.platform == Platform::Mac),
        write: |report, _, row| {
            row.number("allow_signed_enabled", 1);
            row.number("firewall_unload", 0);
            row.number("global_state", i64::from(report.device.firewall));
            row.number("logging_enabled", i64::from(report.device.firewall));
            row.number("logging_option", 0);
            row.number("stealth_enabled", i64::from(report.device.firewall && report.device.number.is_multiple_of(2)));
            row.string("version", "1.6");
        },
    },
    Table {
        name: "windows_security_center",
        timed: true,
        rows: |report| usize::from(report.device.platform == Platform::Windows),
        write: |report, _, row| {
            let firewall = if report.device.firewall { "Good" } else { "Poor" };
            row.string("antispyware", "Good");
            row.string("antivirus", if report.device.number.is_multiple_of(15) { "Snoozed" } else { "Good" });
            row.string("autoupdate", if report.device.behind > 1 { "Poor" } else { "Good" });
            row.string("firewall", firewall);
            row.string("internet_settings", "Good");
            row.string("user_account_control", "Good");
            row.string("windows_security_center_service", "Good");
        },
    },
    Table {
        name: "windows_security_products",
        timed: true,
        rows: |report| if report.device.platform == Platform::Windows { 2 } else { 0 },
        write: |report, number, row| {
            let on = if number == 0 { !report.device.number.is_multiple_of(15) } else { report.device.firewall };
            row.string("name", ["Microsoft Defender Antivirus", "Windows Firewall"][number]);
            row.string("remediation_path", "windowsdefender://");
            row.number("signatures_up_to_date", i64::from(on));
            row.string("state", if on { "On" } else { "Off" });
            row.string("state_timestamp", &text(report.collected_at() - 3 * DAY));
            row.string("type", ["Antivirus", "Firewall"][number]);
        },
    },
    Table {
        name: "sip_config",
        timed: true,
        rows: |report| usize::from(report.device.platform == Platform::Mac),
        write: |report, _, row| {
            let on = !report.device.number.is_multiple_of(29);
            row.string("config_flag", "sip");
            row.number("enabled", i64::from(on));
            row.number("enabled_nvram", i64::from(on));
        },
    },
    Table {
        name: "secureboot",
        timed: true,
        rows: |report| usize::from(report.on(&[Platform::Windows, Platform::Linux])),
        write: |report, _, row| {
            row.number("secure_boot", i64::from(!report.device.number.is_multiple_of(11)));
            row.number("setup_mode", 0);
        },
    },
    Table {
        name: "tpm_info",
        timed: true,
        rows: |report| usize::from(report.device.platform == Platform::Windows),
        write: |_, _, row| {
            row.number("activated", 1);
            row.number("enabled", 1);
            row.number("manufacturer_id", 1_229_346_816);
            row.string("manufacturer_name", "INTC");
            row.string("manufacturer_version", "600.18.0.0");
            row.number("owned", 1);
            row.string("physical_presence_version", "1.3");
            row.string("product_name", "");
            row.string("spec_version", "2.0");
        },
    },
    Table {
        name: "sharing_preferences",
        timed: true,
        rows: |report| usize::from(report.device.platform == Platform::Mac),
        write: |report, _, row| {
            let open = i64::from(report.device.number.is_multiple_of(8));
            for name in [
                "bluetooth_sharing",
                "content_caching",
                "disc_sharing",
                "internet_sharing",
                "printer_sharing",
                "remote_apple_events",
            ] {
                row.number(name, 0);
            }
            for name in ["file_sharing", "remote_login", "screen_sharing"] {
                row.number(name, open);
            }
            row.number("remote_management", i64::from(report.device.number.is_multiple_of(24)));
        },
    },
    Table {
        name: "shared_folders",
        timed: true,
        rows: |report| usize::from(report.device.number.is_multiple_of(8)),
        write: |report, _, row| {
            row.string("name", "Public");
            row.string("path", &format!("{}/Public", report.home()));
        },
    },
    Table {
        name: "certificates",
        timed: false,
        rows: |_| 3,
        write: |report, number, row| {
            let device = report.device;
            let ends = report.organization.now + [3000, 400, (device.number % 90) as i64 - 30][number] * DAY;
            let name = ["Simulated Root CA", "Device Identity", "vpn.corp.example"][number];
            row.string("authority_key_id", "");
            row.number("ca", i64::from(number == 0));
            row.string("common_name", name);
            row.string("issuer", "/C=FI/O=Simulated/CN=Simulated Root CA");
            row.string("key_algorithm", "rsaEncryption");
            row.string("key_strength", "2048");
            row.string("key_usage", "Digital Signature");
            row.string("not_valid_after", &(ends / 1000).to_string());
            row.string("not_valid_before", &((ends - 3650 * DAY) / 1000).to_string());
            row.string("path", "/Library/Keychains/System.keychain");
            row.number("self_signed", i64::from(number == 0));
            row.string("serial", &format!("{:X}", device.number));
            row.string("sha1", &format!("{:040x}", u128::from(device.id.child(90 + number as u64).entropy())));
            row.string("signing_algorithm", "sha256WithRSAEncryption");
            row.string("subject", &format!("/C=FI/O=Simulated/CN={name}"));
            row.string("subject_key_id", "");
            if device.platform == Platform::Windows {
                row.string("sid", "");
                row.string("store", "Personal");
                row.string("store_id", "");
                row.string("store_location", "LocalMachine");
                row.string("username", "");
            }
        },
    },
    Table {
        name: "managed_policies",
        timed: true,
        rows: |report| if report.device.platform == Platform::Mac && report.device.mdm { 2 } else { 0 },
        write: |_, number, row| {
            row.string("domain", ["com.apple.screensaver", "com.apple.MCX"][number]);
            row.number("manual", 0);
            row.string("name", ["idleTime", "DisableGuestAccount"][number]);
            row.string("username", "");
            row.string("uuid", "");
            row.string("value", ["300", "1"][number]);
        },
    },
];
