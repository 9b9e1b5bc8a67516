//! Software on devices (software): what agents found added, changed and removed, and what was asked of them.
//! Responsible for `software_*` of the specification.

use super::pen::Pen;
use crate::events::part::Thing;
use crate::json::Object;
use crate::state::device::Platform;
use crate::words;

pub(super) fn write(pen: &Pen<'_>, row: &mut Object<'_>) {
    let machine = pen.machine();
    let id = machine.map_or_else(|| pen.thing(Thing::Device, 120).id, |machine| machine.id);
    let request = pen.name().ends_with("_request");
    row.object("system", |row| {
        row.id("id", id);
        row.string("type", "system");
    });
    row.object("resource", |row| {
        row.id("id", id);
        row.string("type", "system");
    });
    let version = application(pen, row, machine.map_or(Platform::Mac, |machine| machine.platform));
    if pen.name().starts_with("software_change") {
        row.array("changes", |list| {
            list.object(|row| {
                row.string("field", "version");
                row.string("from", "1.0.0");
                row.string("to", version);
            });
        });
    }
    row.string("app_management_source", if request { "JumpCloud App Catalog" } else { "" });
    if request {
        pen.initiated_by(row, &pen.admin_actor());
        row.boolean("success", pen.succeeds(20));
    }
    pen.provider(row);
}

fn application(pen: &Pen<'_>, row: &mut Object<'_>, platform: Platform) -> &'static str {
    let (name, publisher, version) = match platform {
        Platform::Windows => {
            let (name, publisher, version) = pen.pick(121, words::WINDOWS_PROGRAMS);
            (name, publisher, version)
        }
        Platform::Linux => {
            let (name, version) = pen.pick(121, words::LINUX_PACKAGES);
            (name, "", version)
        }
        _ => {
            let (name, bundle, version) = pen.pick(121, words::MAC_APPS);
            (name, bundle, version)
        }
    };
    row.object("application", |row| {
        row.string("name", name);
        row.string("version", version);
        match platform {
            Platform::Windows => {
                row.string("publisher", publisher);
                row.string("uninstall_string", "C:\\Program Files\\Common\\uninstall.exe /S");
            }
            Platform::Linux => row.string("path", "/usr/bin"),
            _ => {
                row.string("path", "/Applications");
                row.string("bundle_identifier", publisher);
            }
        }
    });
    version
}
