//! `app`: software on a device.

use crate::json::{Text, Value, Writer, key};

/// A program.
#[derive(Debug, Clone, Copy)]
pub(crate) struct App<'a> {
    pub name: Text<'a>,
    uid: Option<Text<'a>>,
    version: Option<Text<'a>>,
    vendor: Option<Text<'a>>,
    path: Option<Text<'a>>,
}

impl<'a> App<'a> {
    /// Reads `application`; nothing without a name.
    pub(crate) fn read(application: Value<'a>) -> Option<Self> {
        let name = application.text_of("name").or_else(|| application.text_of("display_label"))?;
        Some(Self {
            name,
            uid: application.text_of("id"),
            version: application.text_of("version"),
            vendor: application.text_of("publisher"),
            path: application.text_of("path"),
        })
    }

    /// A program of which nothing is told.
    pub(crate) fn unknown() -> Self {
        Self { name: Text::ours("unknown"), uid: None, version: None, vendor: None, path: None }
    }

    pub(crate) fn write(&self, to: &mut Writer<'_>) {
        to.object(key!("app"), |to| {
            to.text_if(key!("uid"), self.uid);
            to.text(key!("name"), self.name);
            to.text_if(key!("version"), self.version);
            to.text_if(key!("vendor_name"), self.vendor);
            to.text_if(key!("path"), self.path);
        });
    }
}
