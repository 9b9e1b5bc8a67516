//! Credentials between Test Connection and Save: a key that was typed once must not be sent back to the browser, and not
//! be typed twice. A draft belongs to one session and one place, and is forgotten after a while.

use std::collections::HashMap;
use std::sync::{Mutex, PoisonError};

use jiff::{SignedDuration, Timestamp};
use jumpcloud::Credential;
use store::Place;

use crate::secret::random_token;

const TERM: SignedDuration = SignedDuration::from_mins(15);
const MOST: usize = 200;

/// Credentials that were tested and not saved yet.
#[derive(Default)]
pub(crate) struct Drafts {
    drafts: Mutex<HashMap<String, Draft>>,
}

struct Draft {
    session: String,
    place: Place,
    credential: Credential,
    made_at: Timestamp,
}

impl std::fmt::Debug for Drafts {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.write_str("Drafts")
    }
}

impl Drafts {
    /// Keeps a credential; returns the name that the form carries instead of it.
    pub(crate) fn keep(&self, session: &str, place: &Place, credential: &Credential, now: Timestamp) -> String {
        let name = random_token("");
        let draft =
            Draft { session: session.to_owned(), place: place.clone(), credential: credential.clone(), made_at: now };
        let mut drafts = self.drafts.lock().unwrap_or_else(PoisonError::into_inner);
        drafts.retain(|_, draft| now.duration_since(draft.made_at) < TERM);
        if drafts.len() < MOST {
            drafts.insert(name.clone(), draft);
        }
        name
    }

    /// The credential of a draft, for the session and the place that it was given for.
    pub(crate) fn find(&self, name: &str, session: &str, place: &Place, now: Timestamp) -> Option<Credential> {
        let drafts = self.drafts.lock().unwrap_or_else(PoisonError::into_inner);
        let draft = drafts.get(name)?;
        let is_meant = draft.session == session && draft.place == *place && now.duration_since(draft.made_at) < TERM;
        is_meant.then(|| draft.credential.clone())
    }

    /// Forgets a draft.
    pub(crate) fn forget(&self, name: &str) {
        self.drafts.lock().unwrap_or_else(PoisonError::into_inner).remove(name);
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_draft_serves_only_the_session_and_the_place_that_it_was_made_for() {
        let place = |url: &str| Place { region: None, console_url: url.to_owned(), insights_url: url.to_owned() };
        let now: Timestamp = "2026-11-20T12:00:00Z".parse().unwrap();
        let drafts = Drafts::default();
        let credential = Credential::api_key("jca_0123456789abcdef0123456789abcdef").unwrap();
        let name = drafts.keep("one", &place("https://a.example/"), &credential, now);
        assert!(drafts.find(&name, "one", &place("https://a.example/"), now).is_some());
        assert!(drafts.find(&name, "two", &place("https://a.example/"), now).is_none());
        assert!(drafts.find(&name, "one", &place("https://b.example/"), now).is_none());
        assert!(drafts.find(&name, "one", &place("https://a.example/"), now + TERM).is_none());
        drafts.forget(&name);
        assert!(drafts.find(&name, "one", &place("https://a.example/"), now).is_none());
    }
}
