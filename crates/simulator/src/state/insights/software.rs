//! System Insights about software: applications, packages, patches, extensions and services.
//! Responsible for the rows of these tables, with the columns and types of the published specification; paging and
//! counting are elsewhere (`catalog`).

use crate::state::device::Platform;
use crate::state::insights::{Report, Table};
use crate::time::{DAY, SECOND};
use crate::words;

pub(super) const TABLES: &[Table] = &[
    Table {
        name: "apps",
        timed: true,
        rows: |report| {
            if report.device.platform == Platform::Mac { report.installed(words::MAC_APPS.len(), 4) } else { 0 }
        },
        write: |report, number, row| {
            let (name, bundle, _) = words::MAC_APPS[number];
            let version = version(report, number, words::MAC_APPS[number].2);
            row.string("applescript_enabled", "");
            row.string("bundle_executable", name.trim_end_matches(".app"));
            row.string("bundle_identifier", bundle);
            row.string("bundle_name", name.trim_end_matches(".app"));
            row.string("bundle_package_type", "APPL");
            row.string("bundle_short_version", &version);
            row.string("bundle_version", &version);
            row.string("category", "public.app-category.business");
            row.string("compiler", "");
            row.string("copyright", "");
            row.string("development_region", "en");
            row.string("display_name", name.trim_end_matches(".app"));
            row.string("element", "");
            row.string("environment", "");
            row.string("info_string", "");
            row.number("last_opened_time", (report.collected_at() - (number as i64) * DAY) / SECOND);
            row.string("minimum_system_version", "13.0");
            row.string("name", report.shown(name, number));
            row.string("path", &format!("/Applications/{name}"));
        },
    },
    Table {
        name: "programs",
        timed: true,
        rows: |report| {
            if report.device.platform == Platform::Windows {
                report.installed(words::WINDOWS_PROGRAMS.len(), 4)
            } else {
                0
            }
        },
        write: |report, number, row| {
            let (name, publisher, newest) = words::WINDOWS_PROGRAMS[number];
            row.string("identifying_number", &format!("{{{:08X}-0000-0000-0000-000000000000}}", number + 1));
            row.string("install_date", ["20250114", "1/14/2025", ""][number % 3]);
            row.string("install_location", &format!("C:\\Program Files\\{name}"));
            row.string("install_source", "");
            row.string("language", "1033");
            row.string("name", report.shown(name, number));
            row.string("publisher", publisher);
            row.string("uninstall_string", "MsiExec.exe /X");
            row.string("version", &version(report, number, newest));
        },
    },
    Table {
        name: "linux_packages",
        timed: false,
        rows: |report| {
            if report.device.platform == Platform::Linux { report.installed(words::LINUX_PACKAGES.len(), 6) } else { 0 }
        },
        write: |report, number, row| {
            let (name, newest) = words::LINUX_PACKAGES[number];
            row.string("arch", "amd64");
            row.number("install_time", (report.device.created_at) / SECOND);
            row.string("maintainer_or_vendor", "Ubuntu Developers");
            row.string("mount_namespace_id", "");
            row.string("name", report.shown(name, number));
            row.string("package_format", "deb");
            row.string("package_group_or_section", "admin");
            row.number("pid_with_namespace", 0);
            row.string("release_or_revision", "");
            row.string("size", "1048576");
            row.string("version", &version(report, number, newest));
        },
    },
    Table {
        name: "patches",
        timed: true,
        rows: |report| {
            if report.device.platform == Platform::Windows { 4 - usize::from(report.device.behind.min(3)) } else { 0 }
        },
        write: |report, number, row| {
            let hotfix = ["KB5007651", "KB5064531", "KB5066835", "KB5068861"][number];
            row.string("caption", "http://support.example/help");
            row.string("csname", &report.device.name(&report.organization.profile));
            row.string("description", if number == 0 { "Update" } else { "Security Update" });
            row.string("fix_comments", "");
            row.string("hotfix_id", hotfix);
            row.string("install_date", "");
            row.string("installed_by", "NT AUTHORITY\\SYSTEM");
            row.string("installed_on", &report.patched_on(number));
        },
    },
    Table {
        name: "chrome_extensions",
        timed: true,
        rows: |report| report.installed(words::EXTENSIONS.len(), 1),
        write: |report, number, row| {
            let (name, identifier, permissions) = words::EXTENSIONS[number];
            row.string("author", "");
            row.string("description", "");
            row.string("identifier", identifier);
            row.string("locale", "en");
            row.string("name", report.shown(name, number));
            row.string("path", &format!("{}/Extensions/{identifier}", report.home()));
            row.string("permissions", permissions);
            row.number("persistent", 1);
            row.string("uid", "501");
            row.string("update_url", "https://clients2.example/service/update2/crx");
            row.string("version", "1.66.4");
        },
    },
    Table {
        name: "firefox_addons",
        timed: true,
        rows: |report| usize::from(report.device.id.entropy().is_multiple_of(4)),
        write: |report, _, row| {
            row.number("active", 1);
            row.number("autoupdate", 1);
            row.string("creator", "");
            row.string("description", "");
            row.number("disabled", 0);
            row.string("identifier", "uBlock0@raymondhill.net");
            row.string("location", "app-profile");
            row.string("name", "uBlock Origin");
            row.string("path", &format!("{}/addons/ublock.xpi", report.home()));
            row.string("source_url", "");
            row.string("type", "extension");
            row.string("uid", "501");
            row.string("version", "1.66.4");
            row.number("visible", 1);
        },
    },
    Table {
        name: "safari_extensions",
        timed: true,
        rows: |report| {
            usize::from(report.device.platform == Platform::Mac && report.device.id.entropy().is_multiple_of(3))
        },
        write: |report, _, row| {
            row.string("author", "");
            row.string("description", "");
            row.string("developer_id", "");
            row.string("identifier", "com.1password.safari.extension");
            row.string("name", "1Password for Safari");
            row.string("path", &format!("{}/Library/Safari", report.home()));
            row.string("sdk", "");
            row.string("uid", "501");
            row.string("update_url", "");
            row.string("version", "8.11.18");
        },
    },
    Table {
        name: "browser_plugins",
        timed: true,
        rows: |report| {
            usize::from(report.device.platform == Platform::Mac && report.device.id.entropy().is_multiple_of(5))
        },
        write: |_, _, row| {
            row.string("description", "");
            row.string("development_region", "en");
            row.number("disabled", 0);
            row.string("identifier", "com.example.plugin");
            row.string("name", "Simulated Plugin");
            row.number("native", 1);
            row.string("path", "/Library/Internet Plug-Ins/Simulated.plugin");
            row.string("sdk", "");
            row.string("uid", "501");
            row.string("version", "1.0");
        },
    },
    Table {
        name: "services",
        timed: false,
        rows: |report| if report.device.platform == Platform::Windows { 3 } else { 0 },
        write: |report, number, row| {
            let name = ["wuauserv", "WinDefend", "RemoteRegistry"][number];
            row.string("description", "");
            row.string(
                "display_name",
                ["Windows Update", "Microsoft Defender Antivirus Service", "Remote Registry"][number],
            );
            row.string("module_path", "");
            row.string("name", report.shown(name, number));
            row.string("path", "C:\\Windows\\system32\\svchost.exe");
            row.number("pid", [1204, 2210, 0][number]);
            row.number("service_exit_code", 0);
            row.string("service_type", "SHARE_PROCESS");
            row.string("start_type", ["DEMAND_START", "AUTO_START", "DISABLED"][number]);
            row.string("status", ["RUNNING", "RUNNING", "STOPPED"][number]);
            row.string("user_account", "LocalSystem");
            row.number("win32_exit_code", 0);
        },
    },
    Table {
        name: "startup_items",
        timed: false,
        rows: |report| usize::from(report.on(&[Platform::Mac, Platform::Windows])),
        write: |report, _, row| {
            row.string("args", "");
            row.string("name", "Slack");
            row.string("path", &format!("{}/Slack", report.home()));
            row.string("source", "");
            row.string("status", "enabled");
            row.string("type", "Startup Item");
            row.string("username", &report.account());
        },
    },
    Table {
        name: "python_packages",
        timed: false,
        rows: |report| if report.on(&[Platform::Mac, Platform::Linux]) { 2 } else { 0 },
        write: |_, number, row| {
            // The misspelt column is the service's own.
            row.string("auther", "");
            row.string("directory", "/usr/lib/python3/dist-packages");
            row.string("license", "MIT");
            row.string("name", ["requests", "pip"][number]);
            row.string("path", "/usr/lib/python3/dist-packages");
            row.string("summary", "");
            row.string("version", ["2.32.5", "25.3"][number]);
        },
    },
];

/// The newest version, or an older one on devices that are behind.
fn version(report: &Report<'_>, number: usize, newest: &str) -> String {
    let behind = u32::from(report.device.behind);
    if behind == 0 || !(number as u32 + report.device.number).is_multiple_of(2) {
        return newest.to_owned();
    }
    let (start, rest) = newest.split_once('.').unwrap_or((newest, "0"));
    match start.parse::<u32>() {
        Ok(major) => format!("{}.{rest}", major.saturating_sub(behind)),
        Err(_) => format!("{newest}~{behind}"),
    }
}
