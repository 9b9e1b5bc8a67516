//! `group` and `subgroup`.

use crate::json::{Text, Value, Writer, key};

/// A group of users or devices.
#[derive(Debug, Clone, Copy)]
pub(crate) struct Group<'a> {
    pub uid: Option<Text<'a>>,
    pub name: Option<Text<'a>>,
    pub kind: Option<Text<'a>>,
}

impl<'a> Group<'a> {
    /// Reads a group; nothing without an id or a name.
    pub(crate) fn read(value: Value<'a>) -> Option<Self> {
        let group = Self {
            uid: value.text_of("id").or_else(|| value.text_of("object_id")),
            name: value.text_of("name"),
            kind: value.text_of("type"),
        };
        (group.uid.is_some() || group.name.is_some()).then_some(group)
    }

    /// A group of which nothing is told.
    pub(crate) fn unknown() -> Self {
        Self { uid: None, name: Some(Text::ours("unknown")), kind: None }
    }

    pub(crate) fn write(&self, key: &str, to: &mut Writer<'_>) {
        to.object(key, |to| {
            to.text_if(key!("uid"), self.uid);
            to.text_if(key!("name"), self.name);
            to.text_if(key!("type"), self.kind);
        });
    }
}
