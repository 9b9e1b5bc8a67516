//! All evidence items: ours in the program and the user's own beside them; and what is asked for that can not be given.

use std::collections::BTreeMap;
use std::path::Path;

use include_dir::{Dir, include_dir};

use super::item::{self, Item};
use crate::check::Origin;
use crate::content::{FileError, Library, add, embedded, own_files};
use crate::framework::Framework;

static ITEMS: Dir<'_> = include_dir!("$CARGO_MANIFEST_DIR/../../content/evidence");

/// What auditors ask for and what was not collected: it is told, in place of an item that would look like an answer.
#[derive(Debug)]
pub struct Absent {
    /// The id that it would have.
    pub id: &'static str,
    /// What it is.
    pub title: &'static str,
    /// Why it is not there, and where it is to be had.
    pub why: &'static str,
}

/// What can not be given.
pub const ABSENT: &[Absent] = &[
    Absent {
        id: "ev-access-review",
        title: "Access review campaigns: who confirmed which access, and when",
        why: "Jumpseat has no review workflow. Take the decisions from where the review was done; ev-app-access and \
              ev-group-membership before and after it show what was removed.",
    },
    Absent {
        id: "ev-alert-handling",
        title: "Alerts and how each was handled",
        why: "Jumpseat does not keep who handled an alert. Take it from the SIEM or ticket system that gets the events.",
    },
    Absent {
        id: "ev-termination-dates",
        title: "Termination dates by HR",
        why: "JumpCloud does not know the last day of employment, and no list of HR was given. ev-leavers tells when \
              access ended; the hours between the two have to be reckoned with the list of HR.",
    },
    Absent {
        id: "ev-access-approvals",
        title: "Approval of new access",
        why: "JumpCloud does not record who approved an account or a membership before it was made. ev-joiners and \
              ev-movers tell what was made, when and by whom; the approval is in the ticket system.",
    },
];

/// All items, by id.
#[derive(Debug, Clone, Default)]
pub struct Items(BTreeMap<String, Item>);

impl Items {
    /// Reads what is in the program, and the user's own items in `own`, if that folder is there. `library` knows the
    /// profiles.
    ///
    /// # Errors
    /// All files that can not be used.
    pub fn load(own: Option<&Path>, library: &Library) -> Result<Self, Vec<FileError>> {
        let (items, errors) = Self::load_usable(own, library);
        if errors.is_empty() { Ok(items) } else { Err(errors) }
    }

    /// The same without what can not be used, and why not.
    pub fn load_usable(own: Option<&Path>, library: &Library) -> (Self, Vec<FileError>) {
        let (mut items, mut errors) = (BTreeMap::new(), Vec::new());
        for (path, text) in embedded(&ITEMS) {
            add(&mut items, item::read(text, Origin::Ours(format!("content/evidence/{path}"))), &mut errors);
        }
        for path in own.map(|own| own_files(own, &mut errors)).unwrap_or_default() {
            add(&mut items, Item::read_file(&path), &mut errors);
        }
        for item in items.values() {
            if let Some(what) = library.unknown_profile(&item.profiles) {
                errors.push(FileError { file: item.origin.to_string(), line: 2, what });
            }
        }
        (Self(items), errors)
    }

    /// All items by id.
    pub fn iter(&self) -> impl Iterator<Item = &Item> {
        self.0.values()
    }

    /// An item.
    pub fn get(&self, id: &str) -> Option<&Item> {
        self.0.get(id)
    }

    /// All ids.
    pub fn ids(&self) -> impl Iterator<Item = &str> {
        self.0.keys().map(String::as_str)
    }

    /// The items that serve a framework, what is about people first.
    pub fn serving<'a>(&'a self, framework: &'a Framework) -> Vec<&'a Item> {
        let mut serving: Vec<&Item> = self.iter().filter(|item| item.serves(framework).next().is_some()).collect();
        serving.sort_by(|a, b| (a.usage, &a.id).cmp(&(b.usage, &b.id)));
        serving
    }
}
