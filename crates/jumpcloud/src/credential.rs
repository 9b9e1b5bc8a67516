//! What proves to JumpCloud who is asking: an administrator's API key, or a service account. Cleans what a
//! person pasted and keeps it out of every message. How a service account becomes a token is in `token.rs`.

use std::fmt;

use secrecy::{ExposeSecret, SecretString};

/// A credential for one organization (or, for a provider's administrator, for several).
#[derive(Clone)]
pub enum Credential {
    /// An administrator's API key, sent as `x-api-key`.
    ApiKey(SecretString),
    /// A service account's client id and secret, exchanged for short-lived bearer tokens.
    ServiceAccount {
        /// The public half, sent with the secret to the token endpoint only.
        client_id: String,
        /// The secret half.
        client_secret: SecretString,
    },
}

/// Why a pasted text cannot be a credential. The text itself is never part of the message.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum CredentialError {
    /// Nothing but white space was given.
    #[error("the {0} is empty")]
    Empty(&'static str),
    /// White space stands inside: often two things pasted at once, or a line broken by an e-mail program.
    #[error("the {0} has a space or line break inside; copy it again without its surroundings")]
    InnerWhiteSpace(&'static str),
    /// A control or other character that no header may carry.
    #[error("the {0} holds a character that no JumpCloud credential has; copy it again from JumpCloud")]
    StrangeCharacter(&'static str),
}

impl Credential {
    /// Takes an API key as a person pasted it. Neither length nor prefix is checked: JumpCloud changed both
    /// over the years (keys of 40 characters, later ones that begin with `jca_`).
    ///
    /// # Errors
    /// When the text is empty, or has inner white space or characters that a header cannot carry.
    pub fn api_key(pasted: &str) -> Result<Self, CredentialError> {
        clean("API key", pasted).map(|key| Self::ApiKey(key.into()))
    }

    /// Takes a service account's client id and client secret as a person pasted them.
    ///
    /// # Errors
    /// As for [`Credential::api_key`], naming which of the two is wrong.
    pub fn service_account(id: &str, secret: &str) -> Result<Self, CredentialError> {
        Ok(Self::ServiceAccount {
            client_id: clean("client id", id)?.to_owned(),
            client_secret: clean("client secret", secret)?.into(),
        })
    }

    /// Returns the last four characters of the key or secret, by which a person recognizes it; fewer (or
    /// none) of a short one, so that never more than a quarter is shown.
    pub fn last_four(&self) -> String {
        let secret = self.secret();
        let shown = (secret.len() / 4).min(4);
        secret[secret.len() - shown..].to_owned()
    }

    /// Tells whether the parts are clean, which they may not be when the variants were filled directly.
    pub(crate) fn check(&self) -> Result<(), CredentialError> {
        let is_clean = |what, text: &str| match clean(what, text)? == text {
            true => Ok(()),
            false => Err(CredentialError::InnerWhiteSpace(what)),
        };
        if let Self::ServiceAccount { client_id, .. } = self {
            is_clean("client id", client_id)?;
        }
        is_clean("key or secret", self.secret())
    }

    fn secret(&self) -> &str {
        match self {
            Self::ApiKey(key) => key.expose_secret(),
            Self::ServiceAccount { client_secret, .. } => client_secret.expose_secret(),
        }
    }

    /// Returns `text` without this credential in it, plainly or as the token request encodes it, and without
    /// anything else that looks like an API key: an answer may echo what was sent.
    pub(crate) fn scrub(&self, text: &str) -> String {
        let mut text = text.replace(self.secret(), REDACTED);
        if let Self::ServiceAccount { client_id, client_secret } = self {
            text = text.replace(basic(client_id, client_secret).expose_secret(), REDACTED);
        }
        redact_keys(&text)
    }
}

/// Returns the Basic credential (without the word `Basic`) of a service account.
pub(crate) fn basic(client_id: &str, client_secret: &SecretString) -> SecretString {
    let pair = format!("{client_id}:{}", client_secret.expose_secret());
    data_encoding::BASE64.encode(pair.as_bytes()).into()
}

const REDACTED: &str = "[redacted]";
const KEY_PREFIX: &str = "jca_";

fn redact_keys(text: &str) -> String {
    let mut parts = text.split(KEY_PREFIX);
    let mut clean = parts.next().unwrap_or_default().to_owned();
    for part in parts {
        clean.push_str(REDACTED);
        clean.push_str(part.trim_start_matches(|c: char| c.is_ascii_alphanumeric() || c == '_'));
    }
    clean
}

fn clean<'a>(what: &'static str, pasted: &'a str) -> Result<&'a str, CredentialError> {
    // A byte-order mark comes along when the key was kept in a file of some editors.
    let text = pasted.trim_matches(|c: char| c.is_whitespace() || c == '\u{feff}');
    if text.is_empty() {
        Err(CredentialError::Empty(what))
    } else if text.chars().any(char::is_whitespace) {
        Err(CredentialError::InnerWhiteSpace(what))
    } else if !text.chars().all(|c| c.is_ascii_graphic()) {
        Err(CredentialError::StrangeCharacter(what))
    } else {
        Ok(text)
    }
}

impl fmt::Debug for Credential {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(match self {
            Self::ApiKey(_) => "ApiKey([redacted])",
            Self::ServiceAccount { .. } => "ServiceAccount([redacted])",
        })
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_pasted_key_is_trimmed_and_never_judged_by_length_or_prefix() {
        for key in ["jca_abc", "0123456789abcdef0123456789abcdef01234567", "x"] {
            let credential = Credential::api_key(&format!(" \u{feff}{key}\r\n")).unwrap();
            assert_eq!(credential.secret(), key);
        }
    }

    #[test]
    fn what_cannot_be_a_credential_is_refused_with_the_reason_and_without_the_text() {
        let reason = |text: &str| Credential::api_key(text).unwrap_err().to_string();
        assert!(reason(" \n").contains("empty"));
        assert!(reason("jca_abc def").contains("space"));
        assert!(reason("jca_abc\ndef").contains("line break"));
        assert!(reason("jca_\u{0}abc").contains("character"));
        assert!(reason("jca_ключ").contains("character"));
        assert!(!reason("jca_abc def").contains("jca_"));
        let error = Credential::service_account("id", "").unwrap_err();
        assert_eq!(error.to_string(), "the client secret is empty");
    }

    #[test]
    fn debug_output_and_last_four_keep_the_secret() {
        let key = Credential::api_key("jca_CANARY0123456789").unwrap();
        assert_eq!(format!("{key:?}"), "ApiKey([redacted])");
        assert_eq!(key.last_four(), "6789");
        assert_eq!(Credential::api_key("short12").unwrap().last_four(), "2");
        assert_eq!(Credential::api_key("abc").unwrap().last_four(), "");
        let account = Credential::service_account("client", "s3cr3t-s3cr3t-WXYZ").unwrap();
        assert!(!format!("{account:?}").contains("s3cr3t"));
        assert_eq!(account.last_four(), "WXYZ");
    }

    #[test]
    fn an_echoed_credential_is_scrubbed_from_text() {
        let key = Credential::api_key("0123456789abcdef").unwrap();
        let text = key.scrub("bad key 0123456789abcdef, also jca_Other1 and jca_");
        assert_eq!(text, "bad key [redacted], also [redacted] and [redacted]");
        let account = Credential::service_account("client", "s3cr3t").unwrap();
        let text = account.scrub("Basic Y2xpZW50OnMzY3IzdA== s3cr3t");
        assert_eq!(text, "Basic [redacted] [redacted]");
    }
}
