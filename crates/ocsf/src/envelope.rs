//! Writes an OCSF event: what all have in common (ocsf-mapping, section 3), and every block that its mapping holds.

use std::str::from_utf8;

use crate::OCSF_VERSION;
use crate::blocks::{caption, observables, product};
use crate::class::Class;
use crate::event::{Event, Received};
use crate::field::Field;
use crate::json::{Text, Writer, escape, key};
use crate::mapping::{Labels, Mapping};
use crate::uid::{UNKNOWN_SERVICE, event_uid, raw_hash};
use crate::unmapped;

pub(crate) fn write(event: &Event<'_>, mapping: &Mapping<'_>, received: &Received<'_>, out: &mut Vec<u8>) {
    let time_ms = event.time_ms();
    let moment = time_ms.unwrap_or(received.logged_ms);
    let mut labels = mapping.labels;
    if time_ms.is_none() {
        labels.add(Labels::TIME_SUBSTITUTED);
    }
    if event.text(Field::Id).is_none() {
        labels.add(Labels::ID_MISSING);
    }
    out.reserve(3 * event.raw().len() + 2048);
    let to = &mut Writer { out };
    to.raw("{");
    write_class(mapping, to);
    to.integer(key!("time"), moment);
    if let Some(minutes) = event.offset_minutes() {
        to.integer(key!("timezone_offset"), minutes);
    }
    to.integer(key!("severity_id"), mapping.severity_id);
    to.ours(key!("severity"), caption::severity(mapping.severity_id));
    to.integer(key!("status_id"), mapping.outcome.id);
    to.text(key!("status"), mapping.outcome.name());
    to.text_if(key!("status_code"), mapping.outcome.code);
    to.text_if(key!("status_detail"), mapping.outcome.detail);
    write_message(event, mapping, to);
    write_metadata(event, mapping, received, labels, to);
    write_blocks(mapping, event.tenant_or(received), moment, to);
    observables::write(mapping, to);
    unmapped::write(event, mapping, to);
    write_raw(event.raw(), received.with_raw, to);
    to.close(b'}');
}

fn write_class(mapping: &Mapping<'_>, to: &mut Writer<'_>) {
    let class = mapping.class;
    to.integer(key!("class_uid"), class.uid);
    to.ours(key!("class_name"), class.name);
    to.integer(key!("category_uid"), class.category_uid);
    to.ours(key!("category_name"), class.category_name);
    to.integer(key!("activity_id"), mapping.activity_id);
    to.text(key!("activity_name"), mapping.activity_name);
    to.integer(key!("type_uid"), u32::from(class.uid) * 100 + u32::from(mapping.activity_id));
    to.raw(concat!(key!("type_name"), "\""));
    to.raw(class.name);
    to.raw(": ");
    to.raw(class.activity(mapping.activity_id).unwrap_or("Other"));
    to.raw("\",");
}

/// What the event says, else its type in words and how it ended.
fn write_message(event: &Event<'_>, mapping: &Mapping<'_>, to: &mut Writer<'_>) {
    if let Some(message) = event.message() {
        return to.text(key!("message"), message);
    }
    let Some(kind) = event.text(Field::EventType) else {
        return to.ours(key!("message"), "unrecognised record");
    };
    to.raw(concat!(key!("message"), "\""));
    for (place, word) in kind.text.split('_').enumerate() {
        if place > 0 {
            to.raw(" ");
        }
        to.letters(Text { text: word, plain: kind.plain });
    }
    if let Some(word) = mapping.outcome.word() {
        to.raw(" (");
        to.raw(word);
        to.raw(")");
    }
    to.raw("\",");
}

fn write_metadata(
    event: &Event<'_>,
    mapping: &Mapping<'_>,
    received: &Received<'_>,
    labels: Labels,
    to: &mut Writer<'_>,
) {
    to.object(key!("metadata"), |to| {
        to.ours(key!("version"), OCSF_VERSION);
        product::write(to);
        let mut uid = [0; uuid::fmt::Hyphenated::LENGTH];
        let uid = event_uid(event, received).hyphenated().encode_lower(&mut uid);
        to.text(key!("uid"), Text { text: uid, plain: true });
        to.text_if(key!("tenant_uid"), event.tenant_or(received));
        to.text_if(key!("original_event_uid"), event.text(Field::Id));
        to.text_if(key!("original_time"), event.original_time());
        to.text_if(key!("event_code"), event.text(Field::EventType));
        let unknown = (mapping.class != Class::BASE).then_some(Text::ours(UNKNOWN_SERVICE));
        to.text_if(key!("log_name"), event.text(Field::Service).or(unknown));
        to.text_if(key!("log_version"), event.text(Field::Version));
        to.integer(key!("logged_time"), received.logged_ms);
        to.text_if(key!("correlation_uid"), correlation(event));
        if let Some(number) = event.get(Field::OperationNumber).and_then(|number| number.integer()) {
            to.integer(key!("sequence"), number);
        }
        if labels != Labels::default() {
            to.array(key!("labels"), |to| labels.names().for_each(|name| to.string(Text::ours(name))));
        }
        if uses_host_profile(mapping) {
            to.raw(r#""profiles":["host"],"#);
        }
    });
}

/// What ties an import's events, or a bind and its searches, together.
fn correlation<'a>(event: &Event<'a>) -> Option<Text<'a>> {
    let of_import = event.get(Field::Correlation).and_then(|correlation| correlation.text_of("id"));
    of_import.or_else(|| event.text(Field::ConnectionId).filter(|_| event.is(Field::Service, "ldap")))
}

/// The only profile that is used: it gives software events their device and actor.
fn uses_host_profile(mapping: &Mapping<'_>) -> bool {
    mapping.class == Class::APPLICATION_LIFECYCLE && (mapping.device.is_some() || !mapping.actor.is_empty())
}

fn write_blocks(mapping: &Mapping<'_>, tenant: Option<Text<'_>>, moment: i64, to: &mut Writer<'_>) {
    let room = mapping.class.room;
    if let Some(user) = &mapping.user {
        user.write(key!("user"), tenant, to);
    }
    if room.actor {
        mapping.actor.write(tenant, to);
    }
    if room.src_endpoint {
        mapping.src.write(key!("src_endpoint"), to);
    }
    mapping.dst.write(key!("dst_endpoint"), to);
    if room.http_request {
        mapping.http.write(to);
    }
    if let Some(service) = &mapping.service {
        service.write(to);
    }
    if let Some(group) = &mapping.group {
        group.write(key!("group"), to);
    }
    if let Some(group) = &mapping.subgroup {
        group.write(key!("subgroup"), to);
    }
    if let Some(privilege) = mapping.privilege {
        to.array(key!("privileges"), |to| to.string(privilege));
    }
    if mapping.class == Class::GROUP_MANAGEMENT {
        if let Some(resource) = mapping.resources.iter().next() {
            to.object(key!("resource"), |to| resource.members(to));
        }
    } else if mapping.resources.iter().next().is_some() {
        to.array(key!("resources"), |to| {
            mapping.resources.iter().for_each(|resource| to.element(|to| resource.members(to)));
        });
    }
    if let Some(entity) = &mapping.entity {
        entity.write(to);
    }
    if let Some(device) = &mapping.device {
        device.write(to);
    }
    if let Some(app) = &mapping.app {
        app.write(to);
    }
    if let Some(api) = &mapping.api {
        api.write(to);
    }
    if let Some(finding) = &mapping.finding {
        finding.write(moment, to);
    }
    mapping.factors.write(to);
    if let Some(protocol) = mapping.auth_protocol_id {
        to.integer(key!("auth_protocol_id"), protocol);
        to.ours(key!("auth_protocol"), caption::auth_protocol(protocol));
    }
    if let Some(logon) = mapping.logon_type_id
        && let Some(caption) = caption::logon_type(logon)
    {
        to.integer(key!("logon_type_id"), logon);
        to.ours(key!("logon_type"), caption);
    }
    for (key, flag) in [
        (key!("is_mfa"), mapping.is_mfa),
        (key!("is_remote"), mapping.is_remote),
        (key!("is_cleartext"), mapping.is_cleartext),
    ] {
        if let Some(flag) = flag {
            to.boolean(key, flag);
        }
    }
    if let Some(uid) = mapping.session {
        to.object(key!("session"), |to| to.text(key!("uid"), uid));
    }
    if let Some(comment) = mapping.comment {
        to.ours(key!("comment"), comment);
    }
}

/// The source text; without it, size and hash still prove it against the store of raw events.
fn write_raw(raw: &str, whole: bool, to: &mut Writer<'_>) {
    if whole && !raw.is_empty() {
        to.raw(concat!(key!("raw_data"), "\""));
        escape(to.out, raw);
        to.raw("\",");
    }
    to.integer(key!("raw_data_size"), raw.len());
    to.raw(r#""raw_data_hash":{"algorithm_id":3,"algorithm":"SHA-256","value":""#);
    to.raw(from_utf8(&raw_hash(raw)).unwrap_or_default());
    to.raw("\"},");
}
