//! The table of event types, `event_types.csv`: one line each, with class, activity, severity on success and the kind of
//! thing that is managed. What an event of that type then becomes is its family's business.
//!
//! Column `source`: `documented` (JumpCloud's specification), `observed` (seen in a live organization), `guess`.

use std::collections::HashMap;
use std::sync::LazyLock;

use crate::class::Class;
use crate::families::{self, Family};

const TABLE: &str = include_str!("event_types.csv");

/// One line of the table.
#[derive(Debug, Clone, Copy)]
pub struct EventType {
    /// `event_type` of the event.
    pub name: &'static str,
    /// The service that it is documented under.
    pub service: &'static str,
    /// Which file of `families` maps it.
    pub family: &'static str,
    /// The OCSF class, unless the event says otherwise (associations, changed roles).
    pub class: Class,
    /// The OCSF activity, unless the event says otherwise.
    pub activity_id: u8,
    /// The activity in words: the schema's caption, or our own for 99.
    pub activity_name: &'static str,
    /// OCSF severity of a success; a failure is at least 2.
    pub severity_id: u8,
    /// OCSF `entity.type_id` and `entity.type`, for class 3004.
    pub entity: Option<(u8, &'static str)>,
    /// `documented`, `observed` or `guess`.
    pub source: &'static str,
    /// What else is to be known.
    pub note: &'static str,
    pub(crate) map: Family,
}

static LINES: LazyLock<Vec<EventType>> =
    LazyLock::new(|| TABLE.lines().skip(1).map(|line| read(line).expect("a test reads every line")).collect());

static BY_NAME: LazyLock<HashMap<&'static str, &'static EventType>> =
    LazyLock::new(|| LINES.iter().map(|line| (line.name, line)).collect());

/// Returns every event type of the table, in its order.
pub fn event_types() -> &'static [EventType] {
    &LINES
}

/// The line of an event type.
pub(crate) fn find(name: &str) -> Option<&'static EventType> {
    BY_NAME.get(name).copied()
}

fn read(line: &'static str) -> Option<EventType> {
    let columns: Vec<&str> = line.split(',').collect();
    let [name, service, family, class, activity, activity_name, severity, entity_id, entity, source, note] =
        columns[..]
    else {
        return None;
    };
    let class: u16 = class.parse().ok()?;
    Some(EventType {
        name,
        service,
        family,
        class: *Class::ALL.iter().find(|known| known.uid == class)?,
        activity_id: activity.parse().ok()?,
        activity_name,
        severity_id: severity.parse().ok()?,
        entity: entity_id.parse().ok().map(|id| (id, entity)),
        source,
        note,
        map: families::named(family)?,
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn every_line_of_the_table_is_read_and_none_is_there_twice() {
        let lines: Vec<EventType> =
            TABLE.lines().skip(1).map(|line| read(line).unwrap_or_else(|| panic!("can not be read: {line}"))).collect();
        assert_eq!(BY_NAME.len(), lines.len());
    }

    #[test]
    fn activity_names_are_the_captions_of_the_schema_and_99_has_a_name_of_its_own() {
        for line in event_types() {
            let caption = line.class.activity(line.activity_id);
            if line.activity_id == 99 {
                assert_ne!(line.activity_name, "Other", "{}", line.name);
            } else {
                assert_eq!(caption, Some(line.activity_name), "{}", line.name);
            }
        }
    }
}
