//! Everything that administrators configure (directory): created, updated, deleted, run.
//! Responsible for `<thing>_<verb>` events of devices, groups, applications, policies, commands, integrations and the
//! multi-tenant portal.

use super::pen::Pen;
use crate::events::part::{Item, Thing};
use crate::json::Object;

/// How event types begin and what they are about; the first fit counts.
const SUBJECTS: &[(&str, Thing)] = &[
    ("system_", Thing::Device),
    ("application_", Thing::Application),
    ("user_group_", Thing::UserGroup),
    ("group_", Thing::UserGroup),
    ("command", Thing::Command),
    ("file_", Thing::File),
    ("policy_", Thing::Policy),
    ("auth", Thing::AuthnPolicy),
    ("iplist_", Thing::IpList),
    ("radiusserver_", Thing::RadiusServer),
    ("activedirectory_", Thing::ActiveDirectory),
    ("idsource_", Thing::IdSource),
    ("sambadomain_", Thing::SambaDomain),
    ("workday_", Thing::Workday),
    ("gsuite_", Thing::GSuite),
    ("o365_", Thing::Office365),
    ("integrationattribute_", Thing::GSuite),
    ("integration_domain", Thing::Office365),
    ("integration_", Thing::GSuite),
    ("notification_", Thing::Channel),
    ("", Thing::Organization),
];

/// Whether the agent of a device itself reports the change.
pub(super) fn by_agent(pen: &Pen<'_>) -> bool {
    matches!(pen.name(), "system_update" | "system_create") && pen.part().is_none()
}

pub(super) fn write(pen: &Pen<'_>, row: &mut Object<'_>) {
    let name = pen.name();
    let target = pen.part().and_then(|part| part.target.clone()).unwrap_or_else(|| subject(pen, name));
    pen.resource(row, "resource", &target);
    let actor = pen.admin_actor();
    let by_program = match name {
        _ if by_agent(pen) => {
            // The agent itself reports these.
            row.object("initiated_by", |row| {
                row.id("id", target.id);
                row.string("type", "system");
                row.string("name", &target.name);
            });
            row.string("auth_method", "");
            true
        }
        _ => {
            pen.initiated_by(row, &actor);
            pen.auth_method(row)
        }
    };
    if name == "command_run" {
        let machine = pen.machine().map(|machine| machine.item(&pen.source.profile));
        if let Some(device) = pen.part().and_then(|part| part.other.clone()).or(machine) {
            pen.resource(row, "system", &device);
        }
    }
    if name.starts_with("user_group_admin") {
        let group = pen.thing(Thing::DeviceGroup, 41);
        row.object("system_group", |row| {
            row.string("type", "system_group");
            row.id("object_id", group.id);
            row.string("name", &group.name);
        });
    }
    if name.starts_with("msp_ticket") {
        row.string("detail", "A ticket was created for an alert");
    }
    pen.changes(row, changes(pen, name));
    pen.success(row);
    pen.provider(row);
    let origin = pen.origin(None);
    let origin = if by_program { origin.by_program() } else { origin };
    pen.origin_fields(row, &origin, "useragent");
}

/// What an event of this type is about.
fn subject(pen: &Pen<'_>, name: &str) -> Item {
    let thing =
        SUBJECTS.iter().find(|(start, _)| name.starts_with(start)).map_or(Thing::Organization, |(_, thing)| *thing);
    let machine = pen.machine().filter(|_| thing == Thing::Device);
    match machine {
        Some(machine) => machine.item(&pen.source.profile),
        None if name.starts_with("group_") && pen.permille(40, 400) => pen.thing(Thing::DeviceGroup, 42),
        None => pen.thing(thing, 43),
    }
}

fn changes(pen: &Pen<'_>, name: &str) -> &'static str {
    let (_, verb) = name.rsplit_once('_').unwrap_or(("", name));
    match (verb, name) {
        ("update", "system_update") => pen.pick(
            44,
            &[
                r#"[{"field":"agentVersion","from":"2.60.0","to":"2.61.0"}]"#,
                r#"[{"field":"displayName","from":"laptop","to":"loaner"}]"#,
                r#"[{"field":"hostname","from":"unnamed","to":"renamed"}]"#,
                r#"[{"field":"allowSshPasswordAuthentication","from":true,"to":false}]"#,
            ],
        ),
        ("update", "organization_update") => r#"[{"field":"contactName","from":"","to":"IT"}]"#,
        ("update", "application_update") => pen.pick(
            45,
            &[r#"[{"field":"displayLabel","from":"Wiki","to":"Knowledge"}]"#, r#"[{"field":"logo","to":"new"}]"#],
        ),
        ("update", "authpolicy_update") => r#"[{"field":"description","from":"","to":"reviewed"}]"#,
        ("update", "iplist_update") => {
            r#"[{"field":"ips","from":["198.51.100.0/24"],"to":["198.51.100.0/24","203.0.113.10"]}]"#
        }
        ("update", _) => r#"[{"field":"name","from":"before","to":"after"}]"#,
        ("create", _) => r#"[{"field":"name","to":"new"}]"#,
        _ => "",
    }
}
