//! What happens on devices (systems).
//! Responsible for device sign-ins, local passwords, disk keys, upgrades, remote sessions and Android management.

use super::pen::Pen;
use crate::events::roster::Machine;
use crate::json::Object;
use crate::state::device::Platform;
use crate::time;

/// Whether a sign-in on a device is that of an account which belongs to no user of the directory.
pub(super) fn is_local(pen: &Pen<'_>) -> bool {
    let planted = pen.part().is_some_and(|part| part.actor.is_some());
    !planted && (pen.owner_of(pen.machine()).is_none() || pen.permille(100, 60))
}

/// Whether a sign-in on a device went well.
pub(super) fn login_succeeds(pen: &Pen<'_>) -> bool {
    pen.succeeds(45)
}

pub(super) fn login(pen: &Pen<'_>, row: &mut Object<'_>) {
    let machine = pen.machine();
    let person = pen.owner_of(machine);
    let local = is_local(pen);
    let who = pen.user_actor(person);
    let success = login_succeeds(pen);
    let name = if local { pen.pick(101, &["root", "admin", "deploy"]).to_owned() } else { who.name.clone() };
    let platform = machine.map_or(Platform::Mac, |machine| machine.platform);
    let process = match platform {
        Platform::Linux => "sshd",
        Platform::Windows => "lsass",
        _ => "loginwindow",
    };
    system(pen, row, machine);
    row.boolean("success", success);
    row.string("username", &name);
    row.string("process_name", process);
    let origin = pen.origin(person);
    if platform == Platform::Linux {
        row.string("src_ip", "10.0.2.2");
    }
    let outcome = if success { "logged in" } else { "failed to log in" };
    row.string("message", &format!("User {name} {outcome}, process name: {process}"));
    row.text("system_timestamp", |out| local_time(pen.slot.time, out));
    if platform == Platform::Windows {
        row.object("windows_meta", |row| {
            row.boolean("elevated", pen.permille(102, 100));
            row.string("logon_type", pen.pick(103, &["2", "7", "11", "3", "10", "5"]));
        });
    }
    if !local {
        pen.initiated_by(row, &who);
        pen.resource(row, "resource", &who);
    }
    pen.origin_fields(row, &origin, "");
}

pub(super) fn user(pen: &Pen<'_>, row: &mut Object<'_>) {
    let machine = pen.machine();
    let person = pen.owner_of(machine).or_else(|| pen.person());
    let target = pen.part().and_then(|part| part.target.clone()).unwrap_or_else(|| pen.user_actor(person));
    system(pen, row, machine);
    pen.resource(row, "resource", &target);
    row.string("username", &target.name);
    row.boolean("success", pen.succeeds(10));
    if pen.name() == "user_password_change" {
        pen.changes(row, r#"[{"field":"password"}]"#);
        pen.initiated_by(row, &target);
    }
    pen.origin_fields(row, &pen.origin(person), "");
}

pub(super) fn change(pen: &Pen<'_>, row: &mut Object<'_>) {
    let machine = pen.machine();
    match pen.part().and_then(|part| part.target.clone()) {
        Some(device) => pen.resource(row, "system", &device),
        None => system(pen, row, machine),
    }
    if let Some(machine) = machine {
        let device = pen.part().and_then(|part| part.target.clone());
        let device = device.unwrap_or_else(|| machine.item(&pen.source.profile));
        pen.resource(row, "resource", &device);
    }
    let name = pen.name();
    let by_agent = name.starts_with("os_") || name == "system_fde_key_update";
    if !by_agent {
        pen.initiated_by(row, &pen.admin_actor());
        pen.auth_method(row);
    }
    let drawn = match name {
        "os_minor_upgrade" => r#"[{"field":"os_version","from":"26.0","to":"26.1"}]"#,
        "os_major_upgrade" => r#"[{"field":"os_version","from":"15.7","to":"26.0"}]"#,
        "os_minor_rollback" => r#"[{"field":"os_version","from":"26.1","to":"26.0"}]"#,
        "os_major_rollback" => r#"[{"field":"os_version","from":"26.0","to":"15.7"}]"#,
        "google_emm_patch" => r#"{"policy":{"from":"v1","to":"v2"}}"#,
        _ => "",
    };
    if !drawn.is_empty() || pen.part().is_some_and(|part| part.changes.is_some()) {
        pen.changes(row, drawn);
    }
    if name.starts_with("remote_session") {
        row.string("message", "Remote assistance session");
        row.object("correlation", |row| {
            row.id("id", pen.slot.document().child(104));
            row.string("type", "remote_session");
        });
    }
    if name == "device_command" {
        let command = pen.part().and_then(|part| part.word).unwrap_or("LOCK");
        row.object("command", |row| row.string("request_type", command));
    }
    row.boolean("success", pen.succeeds(15));
    pen.provider(row);
    pen.origin_fields(row, &pen.origin(pen.owner_of(machine)), "");
}

/// `system`: the device that an event is about.
fn system(pen: &Pen<'_>, row: &mut Object<'_>, machine: Option<&Machine>) {
    let Some(machine) = machine else { return };
    let name = machine.hostname(&pen.source.profile);
    row.object("system", |row| {
        row.id("id", machine.id);
        row.string("hostname", &name);
        row.string("displayName", &name);
        if pen.other_generation() {
            row.string("type", "system");
        }
    });
}

/// The time on the device's own wall, two hours ahead of UTC.
fn local_time(milliseconds: i64, out: &mut String) {
    time::write_decimals(milliseconds + 2 * time::HOUR, 0, 0, out);
    out.pop();
    out.push_str("+02:00");
}
