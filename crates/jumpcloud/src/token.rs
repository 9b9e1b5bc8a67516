//! A service account's bearer token: asked for once for everybody, kept until shortly before it ends.
//! How the request is sent and repeated is in `client.rs`.

use std::{
    sync::{Mutex, MutexGuard, PoisonError},
    time::Duration,
};

use jiff::Timestamp;
use secrecy::{ExposeSecret, SecretString};
use serde::Deserialize;

use crate::clock::{after, until};

/// The name of the token call in messages and counters.
pub(crate) const ENDPOINT: &str = "oauth2/token";

/// Assumed when the answer gives no sensible lifetime; JumpCloud's own client does the same.
const USUAL: u64 = 3600;
const SHORTEST: u64 = 60;
const LONGEST: u64 = 24 * 3600;
/// A token is replaced when less than this remains (or half its life, if that is shorter).
const MARGIN: Duration = Duration::from_secs(60);

/// A token and when to replace it.
#[derive(Clone)]
pub(crate) struct Token {
    pub(crate) value: SecretString,
    /// Tells tokens apart, so that a 401 discards only the one that it was about.
    pub(crate) serial: u64,
    ends_at: Timestamp,
    lifetime: Duration,
}

#[derive(Default)]
pub(crate) struct Tokens {
    /// Held by whoever asks for a new token; everybody else waits for that one.
    pub(crate) asking: tokio::sync::Mutex<()>,
    state: Mutex<State>,
}

#[derive(Default)]
struct State {
    token: Option<Token>,
    serial: u64,
}

impl Tokens {
    /// Returns the token if it is good for a while.
    pub(crate) fn current(&self, now: Timestamp) -> Option<Token> {
        let margin = |token: &Token| MARGIN.min(token.lifetime / 2);
        self.state().token.clone().filter(|token| until(now, token.ends_at) >= margin(token))
    }

    /// Keeps the token of an answer's body, or says what the body lacks.
    pub(crate) fn keep(&self, body: &[u8], now: Timestamp) -> Result<Token, &'static str> {
        #[derive(Deserialize)]
        struct Grant {
            access_token: SecretString,
            #[serde(default)]
            expires_in: serde_json::Value,
        }
        let grant: Grant = serde_json::from_slice(body).map_err(|_| "no access_token")?;
        let value = grant.access_token.expose_secret();
        if value.is_empty() || !value.bytes().all(|b| b.is_ascii_graphic()) {
            return Err("an access_token that no header can carry");
        }
        let lifetime = Duration::from_secs(lifetime(&grant.expires_in));
        let mut state = self.state();
        state.serial += 1;
        let token = Token { value: grant.access_token, serial: state.serial, ends_at: after(now, lifetime), lifetime };
        state.token = Some(token.clone());
        Ok(token)
    }

    /// Forgets the token with this serial, if it still is the current one.
    pub(crate) fn discard(&self, serial: u64) {
        let mut state = self.state();
        if state.token.as_ref().is_some_and(|token| token.serial == serial) {
            state.token = None;
        }
    }

    /// Returns `text` without the current token in it.
    pub(crate) fn scrub(&self, text: String) -> String {
        match &self.state().token {
            Some(token) => text.replace(token.value.expose_secret(), "[redacted]"),
            None => text,
        }
    }

    fn state(&self) -> MutexGuard<'_, State> {
        // Nothing in this file panics while it holds the lock.
        self.state.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

fn lifetime(expires_in: &serde_json::Value) -> u64 {
    let seconds = match expires_in {
        serde_json::Value::Number(number) => number.as_f64(),
        serde_json::Value::String(text) => text.trim().parse().ok(),
        _ => None,
    };
    match seconds {
        Some(seconds) if seconds >= 1.0 => (seconds as u64).clamp(SHORTEST, LONGEST),
        _ => USUAL,
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn lives(body: &str) -> Duration {
        let tokens = Tokens::default();
        tokens.keep(body.as_bytes(), Timestamp::UNIX_EPOCH).unwrap().lifetime
    }

    #[test]
    fn a_senseless_lifetime_is_replaced_or_bounded() {
        let usual = Duration::from_secs(USUAL);
        assert_eq!(lives(r#"{"access_token":"t"}"#), usual);
        for senseless in ["0", "-1", "null", r#""soon""#, "{}"] {
            assert_eq!(lives(&format!(r#"{{"access_token":"t","expires_in":{senseless}}}"#)), usual);
        }
        assert_eq!(lives(r#"{"access_token":"t","expires_in":"900"}"#), Duration::from_secs(900));
        assert_eq!(lives(r#"{"access_token":"t","expires_in":5}"#), Duration::from_secs(SHORTEST));
        assert_eq!(lives(r#"{"access_token":"t","expires_in":1e9}"#), Duration::from_secs(LONGEST));
    }

    #[test]
    fn a_token_is_used_until_a_minute_before_its_end() {
        let tokens = Tokens::default();
        let begin = Timestamp::UNIX_EPOCH;
        assert!(tokens.current(begin).is_none());
        tokens.keep(br#"{"access_token":"t","expires_in":3600}"#, begin).unwrap();
        assert!(tokens.current(after(begin, Duration::from_secs(3540))).is_some());
        assert!(tokens.current(after(begin, Duration::from_secs(3541))).is_none());
        tokens.keep(br#"{"access_token":"t","expires_in":1}"#, begin).unwrap();
        assert!(tokens.current(after(begin, Duration::from_secs(30))).is_some());
        assert!(tokens.current(after(begin, Duration::from_secs(31))).is_none());
    }

    #[test]
    fn only_the_token_that_failed_is_discarded() {
        let tokens = Tokens::default();
        let now = Timestamp::UNIX_EPOCH;
        let old = tokens.keep(br#"{"access_token":"old"}"#, now).unwrap();
        let new = tokens.keep(br#"{"access_token":"new"}"#, now).unwrap();
        tokens.discard(old.serial);
        assert_eq!(tokens.current(now).unwrap().serial, new.serial);
        assert_eq!(tokens.scrub("a new one".to_owned()), "a [redacted] one");
        tokens.discard(new.serial);
        assert!(tokens.current(now).is_none());
    }

    #[test]
    fn an_answer_without_a_usable_token_is_refused() {
        let tokens = Tokens::default();
        for body in
            ["", "{}", "<html>", r#"{"access_token":""}"#, r#"{"access_token":"a\nb"}"#, r#"{"access_token":1}"#]
        {
            assert!(tokens.keep(body.as_bytes(), Timestamp::UNIX_EPOCH).is_err(), "{body}");
        }
    }
}
