//! `changes`: what an update changed. Usually an array of `{field, from, to}`, in some device events one such object.

use crate::event::Event;
use crate::field::Field;
use crate::json::{Kind, Value};

/// What a field was changed to; `None` within if only the change itself is told.
pub(crate) fn changed_to<'a>(event: &Event<'a>, field: &str) -> Option<Option<Value<'a>>> {
    let changes = event.get(Field::Changes)?;
    if changes.kind() == Kind::Object {
        return of_change(changes, field);
    }
    changes.elements().find_map(|change| of_change(change, field))
}

/// What a switch was changed to.
pub(crate) fn switched(event: &Event<'_>, field: &str) -> Option<bool> {
    let to = changed_to(event, field)??;
    to.boolean().or_else(|| match to.string()?.text {
        "true" => Some(true),
        "false" => Some(false),
        _ => None,
    })
}

fn of_change<'a>(change: Value<'a>, field: &str) -> Option<Option<Value<'a>>> {
    (change.get("field")?.string()?.text == field).then(|| change.get("to"))
}
