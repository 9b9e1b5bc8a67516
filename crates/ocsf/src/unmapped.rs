//! `unmapped`: every top-level field that was not mapped without loss, as it came, without what is empty.

use crate::blocks::user;
use crate::event::Event;
use crate::field::Field;
use crate::json::{Kind, Text, Value, Writer, key, last_places};
use crate::mapping::Mapping;

/// Writes them; nothing if all was mapped.
pub(crate) fn write(event: &Event<'_>, mapping: &Mapping<'_>, to: &mut Writer<'_>) {
    let Some(root) = event.root() else { return };
    let begins = to.out.len();
    to.raw(key!("unmapped"));
    to.raw("{");
    let first = to.out.len();
    let last = root.may_repeat().then(|| last_places(root));
    for (place, ((name, value), field)) in root.members().zip(event.fields()).enumerate() {
        if value.is_empty() || last.as_ref().is_some_and(|last| last.get(name.text) != Some(&place)) {
            continue;
        }
        match *field {
            Some(field) if is_mapped(event, mapping, field) => {}
            Some(Field::InitiatedBy) if is_told(event, mapping, value) => write_rest(name, value, to),
            _ => to.member(name, value),
        }
    }
    if to.out.len() == first {
        to.out.truncate(begins);
    } else {
        to.close(b'}');
        to.raw(",");
    }
}

/// Whether nothing is lost of a field: because the family said so, or because the envelope has all of it.
fn is_mapped(event: &Event<'_>, mapping: &Mapping<'_>, field: Field) -> bool {
    match field {
        Field::Version | Field::Id | Field::EventType | Field::Service | Field::Organization => {
            event.text(field).is_some()
        }
        Field::Timestamp => event.original_time().is_some(),
        Field::Message => event.string(Field::Message).is_some(),
        Field::Detail => event.string(Field::Message).is_none() && event.string(Field::Detail).is_some(),
        Field::OperationNumber => event.get(field).and_then(Value::integer).is_some(),
        Field::ConnectionId => event.is(Field::Service, "ldap") && event.get(Field::Correlation).is_none(),
        Field::ClientIp => mapping.mapped.holds(field) || (mapping.class.room.src_endpoint && mapping.src.ip.is_some()),
        _ => mapping.mapped.holds(field),
    }
}

/// Whether the initiator is in the event as actor or user.
fn is_told(event: &Event<'_>, mapping: &Mapping<'_>, initiator: Value<'_>) -> bool {
    let somebody = user::User::read(initiator);
    initiator.kind() == Kind::Object
        && event.is_event()
        && match somebody {
            None => true,
            Some(somebody) => {
                mapping.class.room.actor && mapping.actor.user.is_some()
                    || mapping.user.as_ref().is_some_and(|user| user.is(&somebody))
            }
        }
}

/// Writes what of an initiator is in no user.
fn write_rest(name: Text<'_>, initiator: Value<'_>, to: &mut Writer<'_>) {
    let begins = to.out.len();
    to.raw("\"");
    to.letters(name);
    to.raw("\":{");
    let first = to.out.len();
    let has = |key| initiator.text_of(key).is_some();
    let email = initiator.text_of("email");
    let has_username = has("username");
    for (key, value) in initiator.members() {
        let in_user = match key.text {
            "id" | "type" | "username" => value.text().is_some(),
            "name" => value.text().is_some() && !has_username,
            "email" => email.is_some_and(|email| user::is_address(email.text) || (!has_username && !has("name"))),
            _ => false,
        };
        if !in_user && !value.is_empty() {
            to.member(key, value);
        }
    }
    if to.out.len() == first {
        to.out.truncate(begins);
    } else {
        to.close(b'}');
        to.raw(",");
    }
}
