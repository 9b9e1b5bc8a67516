//! Software that JumpCloud installs on devices, and what became of it.

use jumpcloud::endpoints;
use store::schema::{Table, boolean, integer, json, text, time};

use super::{Collected, Id, Redact, Source};

/// `software_apps`: one row for each managed program.
#[rustfmt::skip]
pub(super) static SOFTWARE_APPS: Collected = Collected {
    table: Table {
        name: "software_apps",
        about: "Programs that JumpCloud is told to install. What is installed in truth is in the insights_ tables; the columns show the first setting, all are in settings.",
        asset: Some("software_app"),
        label: "display_name",
        columns: &[
            text("display_name", "/displayName", "Name of the program."),
            text("package_manager", "/settings/0/packageManager", "APPLE_VPP, CHOCOLATEY, …: who installs it."),
            text("package_id", "/settings/0/packageId", "Its name there."),
            text("package_version", "/settings/0/packageVersion", "Version that is installed."),
            text("desired_state", "/settings/0/desiredState", "What is wanted: INSTALL, UNINSTALL, …"),
            boolean("auto_update", "/settings/0/autoUpdate", "Kept up to date."),
            boolean("update_delay_allowed", "/settings/0/allowUpdateDelay", "Users may put updates off."),
            text("bundle_id", "/settings/0/bundleId", "macOS, iOS: the bundle's identifier."),
            text("team_id", "/settings/0/teamId", "Apple's identifier of the developer."),
            text("download_url", "/settings/0/downloadUrl", "Where it is loaded from."),
            json("asset_sha256", "/settings/0/assetSha256Strings", "SHA-256 of the file."),
            json("settings", "/settings", "All settings."),
            time("created_at", "/createdAt", "When it was set up."),
            time("updated_at", "/updatedAt", "When it was last changed."),
        ],
        joined: &[],
    },
    sources: &[Source::list(&endpoints::SOFTWAREAPPS)],
    id: Id::Member(&["id"]),
    redact: Redact::Nothing,
    absent: "the program is no longer managed",
    fact: "V2 GET /api/v2/softwareapps",
};

/// `software_app_statuses`: one row for each device and managed program.
#[rustfmt::skip]
pub(super) static SOFTWARE_APP_STATUSES: Collected = Collected {
    table: Table {
        name: "software_app_statuses",
        about: "What became of each managed program on each device.",
        asset: None,
        label: "state",
        columns: &[
            text("software_app_id", "/softwareAppId", "The program (software_apps.id)."),
            text("device_id", "/systemId", "The device (devices.id).").indexed(),
            text("state", "/state", "INSTALLED, …; any word is possible."),
            integer("code", "/code", "JumpCloud's code for the state."),
            text("details", "/details", "Why it failed."),
            text("version", "/version", "Version on the device."),
            time("reported_at", "/timestamp", "When the device said so."),
        ],
        joined: &[],
    },
    sources: &[Source::list_each("software_apps", &endpoints::SOFTWAREAPP_STATUSES, "softwareAppId")],
    id: Id::Joined(&["softwareAppId", "systemId"]),
    redact: Redact::Nothing,
    absent: "the program no longer applies to the device",
    fact: "V2 GET /api/v2/softwareapps/{id}/statuses",
};
