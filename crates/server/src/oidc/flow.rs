//! One sign-in on its way to the provider and back, tied to one browser by a cookie. Nothing is kept here: state, nonce and
//! the verifier of PKCE are made from what the cookie says, so that a cookie that was changed belongs to no answer.

use data_encoding::BASE64URL_NOPAD;
use jiff::{SignedDuration, Timestamp};
use sha2::{Digest as _, Sha256};

use crate::secret::{is_same, random_token};
use crate::session::safe_next;

/// So long somebody has for signing in at the provider.
pub(crate) const TERM: SignedDuration = SignedDuration::from_mins(10);
/// A longer address is not kept for afterwards: cookies have little room.
const LONGEST_NEXT: usize = 1024;

/// A sign-in that has begun.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct Flow {
    /// When it began: seconds, random characters, and where to go afterwards.
    cookie: String,
    started_at: Timestamp,
    next: String,
}

impl Flow {
    /// Begins one; `next` is where to go afterwards.
    pub(crate) fn begin(next: &str, now: Timestamp) -> Self {
        let next = if next.len() > LONGEST_NEXT { "/" } else { safe_next(next) };
        let cookie = format!("{}.{}.{}", now.as_second(), random_token(""), BASE64URL_NOPAD.encode(next.as_bytes()));
        Self { cookie, started_at: now, next: next.to_owned() }
    }

    /// The one that a cookie is of, if it is not over and the answer with this state belongs to it.
    pub(crate) fn of_answer(cookie: &str, state: &str, now: Timestamp) -> Option<Self> {
        let mut parts = cookie.split('.');
        let (seconds, random, next) = (parts.next()?, parts.next()?, parts.next()?);
        let started_at = Timestamp::from_second(seconds.parse().ok()?).ok()?;
        let next = String::from_utf8(BASE64URL_NOPAD.decode(next.as_bytes()).ok()?).ok()?;
        let flow = Self { cookie: cookie.to_owned(), started_at, next: safe_next(&next).to_owned() };
        let is_its = parts.next().is_none() && random.len() >= 43 && is_same(state, &flow.state());
        let age = now.duration_since(started_at);
        (is_its && !age.is_negative() && age < TERM).then_some(flow)
    }

    /// What the cookie holds.
    pub(crate) fn cookie(&self) -> &str {
        &self.cookie
    }

    /// When it began.
    pub(crate) fn started_at(&self) -> Timestamp {
        self.started_at
    }

    /// Where to go afterwards: a page of ours.
    pub(crate) fn next(&self) -> &str {
        &self.next
    }

    /// What the provider gives back with its answer.
    pub(crate) fn state(&self) -> String {
        self.derived("state")
    }

    /// What the provider puts into the ID token.
    pub(crate) fn nonce(&self) -> String {
        self.derived("nonce")
    }

    /// What proves to the provider that the code was asked for by us (RFC 7636).
    pub(crate) fn verifier(&self) -> String {
        self.derived("verifier")
    }

    /// What the provider holds against the verifier: S256.
    pub(crate) fn challenge(&self) -> String {
        BASE64URL_NOPAD.encode(&Sha256::digest(self.verifier().as_bytes()))
    }

    fn derived(&self, what: &str) -> String {
        let mut hasher = Sha256::new();
        hasher.update(b"jumpseat oidc ");
        hasher.update(what.as_bytes());
        hasher.update(b"\0");
        hasher.update(self.cookie.as_bytes());
        BASE64URL_NOPAD.encode(&hasher.finalize())
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn now() -> Timestamp {
        "2026-11-20T12:00:00Z".parse().unwrap()
    }

    #[test]
    fn an_answer_belongs_to_the_browser_that_asked_and_to_no_other() {
        let (flow, other) = (Flow::begin("/assets?type=user", now()), Flow::begin("/", now()));
        let found = Flow::of_answer(flow.cookie(), &flow.state(), now() + SignedDuration::from_mins(9));
        assert_eq!(found, Some(flow.clone()));
        assert_eq!(found.unwrap().next(), "/assets?type=user");
        assert_eq!(Flow::of_answer(flow.cookie(), &other.state(), now()), None);
        assert_eq!(Flow::of_answer(flow.cookie(), "", now()), None);
        assert_eq!(Flow::of_answer("", "", now()), None);
        let all = [flow.state(), flow.nonce(), flow.verifier(), flow.challenge(), other.state()];
        let different: std::collections::BTreeSet<&String> = all.iter().collect();
        assert_eq!(different.len(), all.len(), "none tells another");
        assert!(all.iter().all(|text| text.len() == 43), "RFC 7636 wants 43 characters at least");
    }

    #[test]
    fn it_is_over_after_its_term_and_a_changed_cookie_belongs_to_nothing() {
        let flow = Flow::begin("/", now());
        for late in [now() + TERM, now() - SignedDuration::from_secs(1)] {
            assert_eq!(Flow::of_answer(flow.cookie(), &flow.state(), late), None, "{late}");
        }
        let later = (now() + TERM).as_second();
        let longer = flow.cookie().replacen(&now().as_second().to_string(), &later.to_string(), 1);
        let elsewhere = flow.cookie().replace(&BASE64URL_NOPAD.encode(b"/"), &BASE64URL_NOPAD.encode(b"/sql"));
        for changed in [longer, elsewhere, format!("{}.", flow.cookie()), format!("{}x", flow.cookie())] {
            assert_ne!(changed, flow.cookie());
            assert_eq!(Flow::of_answer(&changed, &flow.state(), now() + TERM), None, "{changed}");
        }
    }

    #[test]
    fn nobody_is_sent_to_another_host_afterwards() {
        for bad in
            ["//evil.example", "https://evil.example/", "/\\evil.example", "javascript:alert(1)", &"/x".repeat(600)]
        {
            assert_eq!(Flow::begin(bad, now()).next(), "/", "{bad}");
        }
    }
}
