//! System Insights about accounts: users, groups, sessions and keys on devices.
//! Responsible for the rows of these tables, with the columns and types of the published specification; paging and
//! counting are elsewhere (`catalog`).

use crate::state::device::Platform;
use crate::state::insights::Table;
use crate::time::{HOUR, SECOND, text};

pub(super) const TABLES: &[Table] = &[
    Table {
        name: "users",
        timed: true,
        rows: |report| 2 + usize::from(report.device.unmanaged_admin),
        write: |report, number, row| {
            let device = report.device;
            let windows = device.platform == Platform::Windows;
            let root = if windows { "Administrator" } else { "root" };
            let person = report.account();
            let (name, uid, admin, managed) = match number {
                0 => (root, if windows { 500 } else { 0 }, true, false),
                1 => (person.as_str(), 501, device.number.is_multiple_of(4), device.primary_user.is_some()),
                _ => ("localadmin", 502, true, false),
            };
            row.boolean("ad_managed", false);
            row.boolean("admin", admin);
            row.string("description", report.shown("", number));
            row.string("directory", &if number == 0 { String::new() } else { report.home() });
            row.string("gid", "20");
            row.string("gid_signed", "20");
            row.string("last_login", &if number == 0 { String::new() } else { text(report.collected_at() - HOUR) });
            row.boolean("managed", managed);
            row.boolean("real_user", number > 0);
            row.string("shell", if windows { "C:\\Windows\\system32\\cmd.exe" } else { "/bin/zsh" });
            row.boolean("suspended", number == 0);
            row.string("type", "");
            row.string("uid", &uid.to_string());
            row.string("uid_signed", &uid.to_string());
            row.string("username", report.shown(name, number + 1));
            row.string("uuid", &format!("{:032X}", u128::from(device.id.child(number as u64).entropy())));
        },
    },
    Table {
        name: "logged_in_users",
        timed: true,
        rows: |report| usize::from(report.device.primary_user.is_some()),
        write: |report, _, row| {
            row.string("host", "");
            row.number("pid", 400 + i64::from(report.device.number % 900));
            row.number("time", (report.collected_at() - 3 * HOUR) / SECOND);
            row.string("tty", if report.device.platform == Platform::Windows { "" } else { "console" });
            row.string("type", if report.device.platform == Platform::Windows { "active" } else { "user" });
            row.string("user", &report.account());
        },
    },
    Table {
        name: "groups",
        timed: true,
        rows: |_| 2,
        write: |report, number, row| {
            let windows = report.device.platform == Platform::Windows;
            let (name, gid) = match (windows, number) {
                (true, 0) => ("Administrators", 544),
                (true, _) => ("Users", 545),
                (false, 0) => ("admin", 80),
                (false, _) => ("staff", 20),
            };
            row.string("comment", "");
            row.string("gid", &gid.to_string());
            row.string("gid_signed", &gid.to_string());
            row.string("group_sid", &if windows { format!("S-1-5-32-{gid}") } else { String::new() });
            row.string("groupname", name);
        },
    },
    Table {
        name: "user_groups",
        timed: true,
        rows: |_| 2,
        write: |_, number, row| {
            row.string("gid", ["80", "20"][number]);
            row.string("uid", ["0", "501"][number]);
        },
    },
    Table {
        name: "user_ssh_keys",
        timed: true,
        rows: |report| usize::from(report.device.id.entropy().is_multiple_of(3)),
        write: |report, _, row| {
            row.number("encrypted", i64::from(report.device.number.is_multiple_of(2)));
            row.string("path", &format!("{}/.ssh/id_ed25519", report.home()));
            row.string("uid", "501");
        },
    },
    Table {
        name: "authorized_keys",
        timed: true,
        rows: |report| usize::from(report.device.platform == Platform::Linux),
        write: |report, _, row| {
            let key = report.authorized_key().text();
            let (algorithm, body) = key.split_once(' ').unwrap_or(("", ""));
            row.string("algorithm", algorithm);
            row.string("key", &format!("{body} SIM-SECRET-{}", report.device.id.child(70)));
            row.string("key_file", &format!("{}/.ssh/authorized_keys", report.home()));
            row.string("uid", "501");
        },
    },
];
