//! `resource` and `resources`: what was given, read or run, beside the class's own subject.

use crate::facts::{Named, Target};
use crate::json::{Text, Value, Writer, key};

/// Something that is not the event's main subject.
#[derive(Debug, Clone, Copy, Default)]
pub(crate) struct Resource<'a> {
    pub uid: Option<Text<'a>>,
    pub name: Option<Text<'a>>,
    pub hostname: Option<Text<'a>>,
    pub kind: Option<Text<'a>>,
}

impl<'a> Resource<'a> {
    /// Reads what has an id or a name; `kind` if the event does not say one.
    pub(crate) fn read(value: Value<'a>, kind: Option<&'static str>) -> Option<Self> {
        let name = ["displayName", "name", "username", "email", "application_name"];
        let resource = Self {
            uid: ["id", "object_id", "application_id"].iter().find_map(|key| value.text_of(key)),
            name: name.iter().find_map(|key| value.text_of(key)),
            hostname: value.text_of("hostname"),
            kind: value.text_of("type").or(kind.map(Text::ours)),
        };
        (resource.uid.is_some() || resource.name.is_some()).then_some(resource)
    }

    /// Something of which only an id is told.
    pub(crate) fn with_id(uid: Option<Text<'a>>, kind: &'static str) -> Option<Self> {
        Some(Self { uid: Some(uid?), kind: Some(Text::ours(kind)), ..Self::default() })
    }

    pub(crate) fn named(&self) -> Named<'a> {
        Named::new(self.uid, self.hostname.or(self.name))
    }

    /// The members of an object or element.
    pub(crate) fn members(&self, to: &mut Writer<'_>) {
        to.text_if(key!("uid"), self.uid);
        to.text_if(key!("name"), self.name);
        to.text_if(key!("hostname"), self.hostname);
        to.text_if(key!("type"), self.kind);
    }
}

impl<'a> From<&Resource<'a>> for Target<'a> {
    fn from(resource: &Resource<'a>) -> Self {
        let named = resource.named();
        Self { kind: resource.kind.map(|kind| kind.text), id: named.id, name: named.name }
    }
}
