//! Events of OCSF 1.8.0 as OCSF 1.1.0 has them: what Amazon Security Lake's own sources write. A projection of what the mapper
//! has written, not a second mapper: `attributes` says what 1.1.0 does not have, and that moves to `unmapped.ocsf`, in the
//! shape that it has in 1.8.0. Nothing is dropped, and an event stays one event.
//!
//! What else differs stands here: numbers that 1.1.0 does not know become 99 (Other) and keep their words; where an
//! attribute has another name there, it gets it; and a change of a group that names nobody is one of a managed entity there.

use std::collections::BTreeMap;
use std::ops::RangeInclusive;

use ocsf::Class;
use serde_json::value::{RawValue, to_raw_value};

use crate::attributes::{ATTRIBUTES, Attribute, Kind};
use crate::{Error, Result};

/// The version.
pub(crate) const VERSION: &str = "1.1.0";

/// Members of an object; the values as they are written, so that no digit changes.
type Members = BTreeMap<String, Box<RawValue>>;

/// Numbers of an enumeration that 1.1.0 does not know, and the classes in which that is so; all, if none is named.
const UNKNOWN: &[(&str, RangeInclusive<u64>, &[u16])] = &[
    ("activity_id", 12..=98, &[3001]),
    ("activity_id", 6..=98, &[3002]),
    ("activity_id", 5..=98, &[3004, 6002]),
    ("activity_id", 7..=98, &[3006]),
    ("auth_protocol_id", 11..=98, &[]),
    ("logon_type_id", 1..=1, &[]),
];
/// The same of objects: which, its member, the numbers.
const UNKNOWN_OF: &[(&str, &str, RangeInclusive<u64>)] = &[
    ("user", "type_id", 4..=98),
    ("device", "type_id", 12..=98),
    ("observables", "type_id", 11..=19),
    ("observables", "type_id", 31..=98),
];
/// What stands for all that an enumeration does not name.
const OTHER: u64 = 99;
const GROUP: u16 = 3006;
const ENTITY: u16 = 3004;

/// An event, as the mapper writes it, in OCSF 1.1.0; and its class there.
///
/// # Errors
/// It is no OCSF event.
pub fn to_ocsf_1_1_0(ocsf: &[u8]) -> Result<(u16, Vec<u8>)> {
    let failed = |error: serde_json::Error| Error::Columns(error.to_string());
    let mut event: Members = serde_json::from_slice(ocsf).map_err(failed)?;
    let mut class_uid = u16::try_from(number(&event, "class_uid").unwrap_or(0)).unwrap_or(0);
    let mut lost = Members::new();
    if class_uid == GROUP && !event.contains_key("user") && !event.contains_key("privileges") {
        class_uid = ENTITY;
        if let Some(group) = event.get("group") {
            event.insert("entity".to_owned(), of_group(group).map_err(failed)?);
        }
        let activity = match number(&event, "activity_id") {
            Some(6) => (1, "Create"),
            Some(5) => (4, "Delete"),
            _ => (3, "Update"),
        };
        for name in ["activity_id", "activity_name"] {
            lost.extend(event.remove(name).map(|value| (name.to_owned(), value)));
        }
        event.insert("activity_id".to_owned(), raw(&activity.0));
        event.insert("activity_name".to_owned(), raw(&activity.1));
    }
    for (name, unknown, classes) in UNKNOWN {
        if classes.is_empty() || classes.contains(&class_uid) {
            limit(&mut event, name, unknown);
        }
    }
    name_type(&mut event, class_uid);
    let (mut event, lost_members) = split(ATTRIBUTES, class_uid, event).map_err(failed)?;
    lost.extend(lost_members);
    describe(&mut event);
    if !lost.is_empty() {
        point_to_lost(&mut event, &lost).map_err(failed)?;
        let mut unmapped: Members = match event.get("unmapped") {
            Some(members) => serde_json::from_str(members.get()).map_err(failed)?,
            None => Members::new(),
        };
        unmapped.insert("ocsf".to_owned(), to_raw_value(&lost).map_err(failed)?);
        event.insert("unmapped".to_owned(), to_raw_value(&unmapped).map_err(failed)?);
    }
    Ok((class_uid, serde_json::to_vec(&event).map_err(failed)?))
}

/// Splits an object into what 1.1.0 has of it and what it has not.
fn split(attributes: &[Attribute], class_uid: u16, members: Members) -> serde_json::Result<(Members, Members)> {
    let (mut kept, mut lost) = (Members::new(), Members::new());
    for (name, mut value) in members {
        let Some(attribute) = attributes.iter().find(|attribute| attribute.name == name) else {
            // The columns refuse it by its name.
            kept.insert(name, value);
            continue;
        };
        match name.as_str() {
            "app_name" => _ = kept.insert("invoked_by".to_owned(), value),
            _ if attribute.is_newer(class_uid) || !attribute.is_of(class_uid) => _ = lost.insert(name, value),
            _ => {
                match attribute.kind {
                    Kind::Object(inner) if value.get().starts_with('{') => {
                        let members = limited(&name, serde_json::from_str(value.get())?);
                        let (mine, others) = split(inner, class_uid, members)?;
                        if !others.is_empty() {
                            lost.insert(name.clone(), to_raw_value(&others)?);
                        }
                        if mine.is_empty() {
                            continue;
                        }
                        value = to_raw_value(&mine)?;
                    }
                    Kind::Objects(inner) if value.get().starts_with('[') => {
                        let objects: Vec<Members> = serde_json::from_str(value.get())?;
                        let (mut mine, mut others) = (Vec::new(), Vec::new());
                        for object in objects {
                            let (one, other) = split(inner, class_uid, limited(&name, object))?;
                            mine.push(one);
                            others.push(other);
                        }
                        // One for each, so that it stays known what belongs to what.
                        if others.iter().any(|other| !other.is_empty()) {
                            lost.insert(name.clone(), to_raw_value(&others)?);
                        }
                        value = to_raw_value(&mine)?;
                    }
                    _ => {}
                }
                kept.insert(name, value);
            }
        }
    }
    if let (Some(lat), Some(long)) = (lost.get("lat"), lost.get("long")) {
        kept.insert("coordinates".to_owned(), to_raw_value(&[long, lat])?);
        lost.retain(|name, _| name != "lat" && name != "long");
    }
    Ok((kept, lost))
}

/// A group as what it is to everybody: something that is managed.
fn of_group(group: &RawValue) -> serde_json::Result<Box<RawValue>> {
    let mut entity: Members = serde_json::from_str(group.get())?;
    entity.retain(|name, _| name == "uid" || name == "name");
    entity.insert("type".to_owned(), raw(&"Group"));
    to_raw_value(&entity)
}

/// The names and numbers that follow from the class and the activity.
fn name_type(event: &mut Members, class_uid: u16) {
    let Some(class) = Class::ALL.iter().find(|class| class.uid == class_uid) else { return };
    let activity = number(event, "activity_id").unwrap_or(0);
    event.insert("class_uid".to_owned(), raw(&class.uid));
    event.insert("class_name".to_owned(), raw(&class.name));
    event.insert("type_uid".to_owned(), raw(&(u64::from(class_uid) * 100 + activity)));
    let caption = event.get("activity_name").and_then(|name| serde_json::from_str::<String>(name.get()).ok());
    let caption = if activity == OTHER { Some("Other".to_owned()) } else { caption };
    if let Some(caption) = caption {
        event.insert("type_name".to_owned(), raw(&format!("{}: {caption}", class.name)));
    }
}

/// What 1.1.0 asks of an event beside its contents: its version, that its actor and device are said to be those of the profile
/// `host`, and who made an application, which is not known of all.
fn describe(event: &mut Members) {
    let has_host = event.contains_key("actor") || event.contains_key("device");
    let is_of_host = !matches!(number(event, "class_uid"), Some(6003));
    change(event, "metadata", |members| {
        members.insert("version".to_owned(), raw(&VERSION));
        if has_host && is_of_host {
            members.insert("profiles".to_owned(), raw(&["host"]));
        }
    });
    change(event, "app", |members| {
        members.entry("vendor_name".to_owned()).or_insert_with(|| raw(&"Unknown"));
    });
}

fn change(event: &mut Members, name: &str, change: impl FnOnce(&mut Members)) {
    if let Some(object) = event.get_mut(name)
        && let Ok(mut members) = serde_json::from_str(object.get())
    {
        change(&mut members);
        *object = raw(&members);
    }
}

/// Observables name where their value stands: they follow it.
fn point_to_lost(event: &mut Members, lost: &Members) -> serde_json::Result<()> {
    let Some(list) = event.get("observables") else { return Ok(()) };
    let mut observables: Vec<Members> = serde_json::from_str(list.get())?;
    for observable in &mut observables {
        let Some(name) = observable.get("name") else { continue };
        let name: String = serde_json::from_str(name.get())?;
        let first = name.split('.').next().unwrap_or_default();
        if lost.contains_key(first) && !event.contains_key(first) {
            observable.insert("name".to_owned(), raw(&format!("unmapped.ocsf.{name}")));
        }
    }
    event.insert("observables".to_owned(), to_raw_value(&observables)?);
    Ok(())
}

fn limited(of: &str, mut members: Members) -> Members {
    for (object, name, unknown) in UNKNOWN_OF {
        if *object == of {
            limit(&mut members, name, unknown);
        }
    }
    members
}

fn limit(members: &mut Members, name: &str, unknown: &RangeInclusive<u64>) {
    if number(members, name).is_some_and(|number| unknown.contains(&number)) {
        members.insert(name.to_owned(), raw(&OTHER));
    }
}

fn number(members: &Members, name: &str) -> Option<u64> {
    members.get(name)?.get().parse().ok()
}

fn raw(value: &impl serde::Serialize) -> Box<RawValue> {
    to_raw_value(value).expect("texts, numbers and what was JSON can be written as JSON")
}
