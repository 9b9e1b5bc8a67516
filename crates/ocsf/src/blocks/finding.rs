//! `finding_info`: an alert of JumpCloud's own.

use crate::json::{Text, Writer, key};

/// An alert.
#[derive(Debug, Clone, Copy)]
pub(crate) struct Finding<'a> {
    pub uid: Text<'a>,
    /// The event is the alert's beginning.
    pub is_new: bool,
    pub title: Option<Text<'a>>,
    pub category: Option<Text<'a>>,
    pub desc: Option<Text<'a>>,
    pub uid_alt: Option<Text<'a>>,
}

impl Finding<'_> {
    pub(crate) fn write(&self, time_ms: i64, to: &mut Writer<'_>) {
        to.object(key!("finding_info"), |to| {
            to.text(key!("uid"), self.uid);
            to.text_if(key!("uid_alt"), self.uid_alt);
            match (self.title, self.category) {
                (Some(title), _) => to.text(key!("title"), title),
                (None, Some(category)) => {
                    to.raw(concat!(key!("title"), "\"JumpCloud alert: "));
                    to.letters(category);
                    to.raw("\",");
                }
                (None, None) => to.ours(key!("title"), "JumpCloud alert"),
            }
            to.text_if(key!("desc"), self.desc);
            if let Some(category) = self.category {
                to.array(key!("types"), |to| to.string(category));
            }
            if self.is_new {
                to.integer(key!("created_time"), time_ms);
            }
            to.integer(key!("modified_time"), time_ms);
        });
    }
}
