//! `device`: the device that an event is about.

use crate::facts::Named;
use crate::json::{Text, Value, Writer, key};

/// A managed device. Directory Insights never says of what type.
#[derive(Debug, Clone, Copy, Default)]
pub(crate) struct Device<'a> {
    pub uid: Option<Text<'a>>,
    pub hostname: Option<Text<'a>>,
    pub name: Option<Text<'a>>,
}

impl<'a> Device<'a> {
    /// As the event names it: `id`, `hostname`, `displayName` (older: `name`).
    pub(crate) fn read(system: Value<'a>) -> Self {
        Self {
            uid: system.text_of("id").or_else(|| system.text_of("object_id")),
            hostname: system.text_of("hostname"),
            name: system.text_of("displayName").or_else(|| system.text_of("name")),
        }
    }

    pub(crate) fn is_identified(&self) -> bool {
        self.uid.is_some() || self.hostname.is_some() || self.name.is_some()
    }

    pub(crate) fn named(&self) -> Named<'a> {
        Named::new(self.uid, self.hostname.or(self.name))
    }

    pub(crate) fn write(&self, to: &mut Writer<'_>) {
        to.object(key!("device"), |to| {
            to.text_if(key!("uid"), self.uid);
            to.text_if(key!("hostname"), self.hostname);
            to.text_if(key!("name"), self.name);
            to.raw("\"type_id\":0,\"type\":\"Unknown\",");
        });
    }
}
