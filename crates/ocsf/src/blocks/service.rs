//! `service`: what was signed in to.

use crate::facts::Named;
use crate::json::{Text, Writer, key};

/// A service with a name.
#[derive(Debug, Clone, Copy)]
pub(crate) struct Service<'a> {
    pub uid: Option<Text<'a>>,
    pub name: Text<'a>,
}

impl<'a> Service<'a> {
    /// One of JumpCloud's own.
    pub(crate) const fn ours(uid: &'static str, name: &'static str) -> Self {
        Self { uid: Some(Text::ours(uid)), name: Text::ours(name) }
    }

    pub(crate) fn named(&self) -> Named<'a> {
        Named::new(self.uid, Some(self.name))
    }

    pub(crate) fn write(&self, to: &mut Writer<'_>) {
        to.object(key!("service"), |to| {
            to.text_if(key!("uid"), self.uid);
            to.text(key!("name"), self.name);
        });
    }
}
