//! Device management (mdm).
//! Responsible for results of MDM commands, which can be very large, and for enrolments.

use super::pen::Pen;
use crate::events::part::Thing;
use crate::json::Object;
use crate::oddity::Oddity;

/// What is asked of devices, most common first.
const REQUESTS: &[&str] = &[
    "DeviceInformation",
    "DeviceInformation",
    "SecurityInfo",
    "ProfileList",
    "InstalledApplicationList",
    "AvailableOSUpdates",
    "CertificateList",
    "InstallProfile",
    "RestartDevice",
];

pub(super) fn result(pen: &Pen<'_>, row: &mut Object<'_>) {
    device(pen, row);
    let request = pen.part().and_then(|part| part.word).unwrap_or_else(|| pen.pick(110, REQUESTS));
    let success = pen.succeeds(40);
    row.string("request_type", request);
    row.object("command", |row| {
        row.string("request_type", request);
        row.raw("payload", "{}");
    });
    row.text("command_uuid", |out| {
        crate::events::slot::uuid(pen.draw(111), pen.draw(112), b"0123456789abcdef", out);
    });
    row.string(
        "status",
        if success { "Acknowledged" } else { pen.pick(113, &["Error", "CommandFormatError", "Idle"]) },
    );
    if success {
        row.null("error_chain");
    } else {
        row.raw(
            "error_chain",
            r#"[{"error_code":12021,"error_domain":"MCMDMErrorDomain","localized_description":"not supported"}]"#,
        );
    }
    if let Some(actor) = pen.part().and_then(|part| part.actor.clone()) {
        pen.initiated_by(row, &actor);
    }
    match request {
        "DeviceInformation" => {
            row.raw("query_responses", r#"{"device_name":"device","os_version":"26.1","is_supervised":true}"#)
        }
        "SecurityInfo" => {
            row.raw("security_info", r#"{"fde_enabled":true,"firewall_enabled":true,"passcode_present":true}"#)
        }
        "AvailableOSUpdates" => row.raw(
            "available_os_updates",
            r#"[{"human_readable_name":"macOS 26.2","is_critical":false,"version":"26.2"}]"#,
        ),
        "ProfileList" | "CertificateList" => profiles(pen, row),
        _ => {}
    }
}

/// The list of profiles; thousands of lines of certificates where the oddity is on.
fn profiles(pen: &Pen<'_>, row: &mut Object<'_>) {
    let large = pen.has(Oddity::LargeMdmEvents) && pen.permille(114, 60);
    let count = if large { 400 } else { 2 + pen.draw(115) % 5 };
    row.array("profile_list", |list| {
        for number in 0..count {
            list.object(|row| {
                row.string("payload_display_name", "Baseline");
                row.text("payload_uuid", |out| {
                    crate::events::slot::uuid(pen.draw(116 + number), number, b"0123456789ABCDEF", out);
                });
                // Spelled like this by the service.
                row.number("payload_verion", 1);
                if large {
                    row.text("signer_certificate", |out| {
                        for block in 0..40 {
                            pen.slot.document().child(number * 64 + block).write(out);
                        }
                    });
                }
            });
        }
    });
}

pub(super) fn enrollment(pen: &Pen<'_>, row: &mut Object<'_>) {
    device(pen, row);
    let success = pen.succeeds(60);
    row.boolean("success", success);
    row.string("result", if success { "successful enrollment of device" } else { "enrollment failed" });
    pen.initiated_by(row, &pen.admin_actor());
    pen.origin_fields(row, &pen.origin(None), "");
}

/// Which device of which manager; the names of the fields differ by generation.
fn device(pen: &Pen<'_>, row: &mut Object<'_>) {
    let machine = pen.machine();
    let planted = pen.part().and_then(|part| part.target.as_ref().map(|item| item.id));
    let id = planted.or(machine.map(|machine| machine.id)).unwrap_or_else(|| pen.thing(Thing::Device, 119).id);
    let manager = pen.source.profile.make_id("mdm manager", 0, pen.source.profile.created_at);
    let windows = machine.is_some_and(|machine| machine.platform == crate::state::device::Platform::Windows);
    row.string("mdm_type", if windows { "windows" } else { "apple" });
    let (device, owner) = if pen.other_generation() {
        ("mdm_device_id", "mdm_device_manager_id")
    } else {
        ("device_object_id", "device_manager_object_id")
    };
    row.id(device, id);
    row.id(owner, manager);
    if windows {
        row.text("windows_device_uuid", |out| {
            crate::events::slot::uuid(id.entropy(), id.entropy() ^ 7, b"0123456789ABCDEF", out);
        });
    }
}
