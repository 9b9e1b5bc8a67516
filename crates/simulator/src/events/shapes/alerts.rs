//! Alerts, the rules that raise them, and the channels that tell people (alerts, notifications).
//! Responsible for `alert_*`, `rule_*` and `notification_channel_*`.

use super::pen::Pen;
use crate::events::part::Thing;
use crate::json::Object;
use crate::oddity::Oddity;

pub(super) fn alert(pen: &Pen<'_>, row: &mut Object<'_>) {
    let rule = pen.thing(Thing::Rule, 150);
    let machine = pen.machine();
    row.string("severity", pen.pick(151, &["Low", "Medium", "High", "Critical"]));
    row.string("category", pen.pick(152, &["System", "Directory"]));
    row.object("correlation", |row| row.id("id", rule.id));
    row.object("resource", |row| {
        row.id("id", pen.slot.document().child(70));
        row.string("context", &format!("{{\"rule\":\"{}\"}}", pen.draw(153) % 9));
        row.optional_text_id("source_id", machine.map(|machine| machine.id));
        row.string("source_type", "device");
        row.id("reference_id", pen.slot.document().child(71));
    });
    match pen.name() {
        "alert_created" => row.string("username", ""),
        _ => {
            let who = pen.admin_actor();
            row.string("username", &who.name);
            let status =
                r#"[{"field":"Status","from":"Open","to":"Acknowledged"},{"field":"Remark","from":"","to":"seen"}]"#;
            // The specification's example has the changes in the place of the person.
            if pen.has(Oddity::ChangesChangeShape) && pen.permille(154, 100) {
                row.raw("initiated_by", status);
            } else {
                pen.initiated_by(row, &who);
                pen.changes(row, status);
            }
        }
    }
    row.boolean("success", true);
    if pen.other_generation() {
        row.id("alert_id", pen.slot.document().child(70));
        row.string("alert_title", &rule.name);
        row.id("rule_id", rule.id);
    }
    pen.origin_fields(row, &pen.origin(None), "");
}

pub(super) fn rule(pen: &Pen<'_>, row: &mut Object<'_>) {
    let rule = pen.part().and_then(|part| part.target.clone()).unwrap_or_else(|| pen.thing(Thing::Rule, 155));
    let who = pen.admin_actor();
    pen.initiated_by(row, &who);
    row.string("username", &who.name);
    pen.resource(row, "resource", &rule);
    pen.changes(row, r#"[{"field":"status","from":"ENABLED","to":"DISABLED"}]"#);
    row.boolean("success", true);
    pen.origin_fields(row, &pen.origin(None), "");
}

pub(super) fn channel(pen: &Pen<'_>, row: &mut Object<'_>) {
    let channel = pen.part().and_then(|part| part.target.clone()).unwrap_or_else(|| pen.thing(Thing::Channel, 156));
    row.string("name", &channel.name);
    row.string("type", pen.pick(157, &["email", "webhook", "slack"]));
    row.string("description", "");
    row.id("channel_object_id", channel.id);
    row.object("correlation", |row| row.id("id", channel.id.child(72)));
    let who = pen.admin_actor();
    row.array("config", |list| {
        list.object(|row| {
            row.string("name", "first");
            row.string("email", &who.name);
        });
    });
    row.boolean("success", true);
    pen.initiated_by(row, &who);
    pen.origin_fields(row, &pen.origin(None), "");
}
