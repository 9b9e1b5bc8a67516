//! Packages that administrators upload (object_storage).
//! Responsible for `object_storage_*`.

use super::pen::Pen;
use crate::events::part::Thing;
use crate::json::Object;

pub(super) fn write(pen: &Pen<'_>, row: &mut Object<'_>) {
    let software = pen.thing(Thing::SoftwareApp, 140);
    row.string("result", if pen.succeeds(30) { "Success" } else { "Failure" });
    row.id("referrer_object_id", software.id);
    row.string("referrer_type", "SOFTWARE_APP");
    row.id("object_storage_item_object_id", software.id.child(60));
    row.id("object_storage_item_version_object_id", software.id.child(61));
    row.string("object_storage_item_version_name", &format!("{}.pkg", software.name));
    row.number("object_storage_item_version_size", 178_398_259);
    row.text("object_storage_item_version_sha_256_sum", |out| {
        for part in 0..3 {
            software.id.child(62 + part).write(out);
        }
        out.truncate(out.len() - 8);
    });
    row.number("total_software_item_count", 12 + (pen.draw(141) % 9) as i64);
    row.number("total_space_used", 234_523_452_323);
    if let Some(machine) = pen.machine().filter(|_| pen.name().ends_with("download_url_request")) {
        row.id("system_object_id", machine.id);
    }
}
