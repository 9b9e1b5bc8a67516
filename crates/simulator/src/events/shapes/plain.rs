//! Types that no specification describes.
//! Responsible for a plausible shape: who, on what, and some fields with names that nobody knows.

use super::pen::Pen;
use crate::json::Object;

pub(super) fn write(pen: &Pen<'_>, row: &mut Object<'_>) {
    let kind = pen.slot.kind();
    let person = pen.person();
    match (kind.by_machine, pen.machine()) {
        (true, Some(machine)) => {
            let device = machine.item(&pen.source.profile);
            pen.resource(row, "system", &device);
            row.string("status", pen.pick(190, &["SUCCESS", "SUCCESS", "FAILED", "PENDING"]));
        }
        _ => {
            let who = if pen.permille(191, 500) { pen.user_actor(person) } else { pen.admin_actor() };
            pen.initiated_by(row, &who);
            row.boolean("success", pen.succeeds(20));
        }
    }
    row.object("detail", |row| {
        row.string("summary", kind.name);
        row.number("sequence", (pen.draw(192) % 100_000) as i64);
        row.array("parts", |list| {
            for number in 0..pen.draw(193) % 4 {
                list.object(|row| {
                    row.number("number", number as i64);
                    row.null("note");
                });
            }
        });
    });
    if kind.service == "workflows" || kind.service == "aigw" {
        row.string("state", "RUNNING");
        row.string("previous_state", "QUEUED");
        row.number("repeat_count", 0);
    }
    pen.origin_fields(row, &pen.origin(person), "useragent");
}
