//! System Insights about machines: identity, operating system, kernel, uptime and what is plugged in.
//! Responsible for the rows of these tables, with the columns and types of the published specification; paging and
//! counting are elsewhere (`catalog`).

use crate::state::device::Platform;
use crate::state::insights::{Report, Table};
use crate::time::DAY;

pub(super) const TABLES: &[Table] = &[
    Table {
        name: "system_info",
        timed: true,
        rows: |_| 1,
        write: |report, _, row| {
            let device = report.device;
            let profile = &report.organization.profile;
            let name = device.name(profile);
            row.string("computer_name", &name);
            let brand = if device.platform == Platform::Mac { "Apple M4" } else { "Intel(R) Core(TM) Ultra 7" };
            row.string("cpu_brand", brand);
            row.number("cpu_logical_cores", 10);
            row.string("cpu_microcode", "");
            row.number("cpu_physical_cores", 10);
            row.string("cpu_subtype", "");
            row.string("cpu_type", if device.platform == Platform::Mac { "arm64e" } else { "x86_64" });
            row.string("hardware_model", if device.platform == Platform::Mac { "Mac16,1" } else { "21HM" });
            row.string("hardware_serial", &device.serial(profile));
            row.string(
                "hardware_vendor",
                match device.platform {
                    Platform::Mac => "Apple Inc.",
                    Platform::Windows => "LENOVO",
                    _ => "Dell Inc.",
                },
            );
            row.string("hardware_version", "1.0");
            row.string("hostname", &name);
            row.string("local_hostname", &name);
            row.string("physical_memory", "34359738368");
            row.string("uuid", &format!("{:032X}", u128::from(device.number) << 64 | u128::from(profile.seed)));
        },
    },
    Table {
        name: "os_version",
        timed: true,
        rows: |_| 1,
        write: |report, _, row| {
            let device = report.device;
            let (major, minor, patch, release) = device.os_version();
            row.string("build", ["25B78", "26200.7171", ""][place(report)]);
            row.string("codename", release);
            row.string("install_date", "");
            row.number("major", i64::from(major));
            row.number("minor", i64::from(minor));
            row.string("name", ["macOS", "Microsoft Windows 11 Pro", "Ubuntu"][place(report)]);
            row.number("patch", i64::from(patch));
            row.string("platform", ["darwin", "windows", "ubuntu"][place(report)]);
            row.string("platform_like", ["darwin", "windows", "debian"][place(report)]);
            row.string("version", &device.version());
        },
    },
    Table {
        name: "kernel_info",
        timed: true,
        rows: |_| 1,
        write: |report, _, row| {
            row.string("arguments", "");
            row.string("device", "");
            row.string(
                "path",
                ["/System/Library/Kernels/kernel", "C:\\Windows\\System32\\ntoskrnl.exe", "/boot/vmlinuz"]
                    [place(report)],
            );
            row.string("version", ["25.1.0", "10.0.26200.7171", "6.8.0-88-generic"][place(report)]);
        },
    },
    Table {
        name: "uptime",
        timed: true,
        rows: |_| 1,
        write: |report, _, row| {
            let mut dice = report.dice("uptime", (report.collected_at() / DAY) as usize);
            let seconds = dice.below(60 * 86_400) as i64;
            row.number("days", seconds / 86_400);
            row.number("hours", seconds / 3600 % 24);
            row.number("minutes", seconds / 60 % 60);
            row.number("seconds", seconds % 60);
            row.string("total_seconds", &seconds.to_string());
        },
    },
    Table {
        name: "usb_devices",
        timed: true,
        rows: |report| (report.device.id.entropy() % 3) as usize,
        write: |report, number, row| {
            row.string("class", "8");
            row.string("model", ["USB Receiver", "Portable SSD"][number]);
            row.string("model_id", "55ae");
            row.string("protocol", "");
            row.number("removable", number as i64);
            row.string("serial", &format!("{:08X}", report.device.number));
            row.string("subclass", "6");
            row.number("usb_address", number as i64 + 1);
            row.number("usb_port", number as i64 + 1);
            row.string("vendor", ["Logitech", "Samsung"][number]);
            row.string("vendor_id", ["046d", "04e8"][number]);
            row.string("version", "1.0");
        },
    },
];

fn place(report: &Report<'_>) -> usize {
    match report.device.platform {
        Platform::Mac => 0,
        Platform::Windows => 1,
        _ => 2,
    }
}
