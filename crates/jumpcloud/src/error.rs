//! Everything that can go wrong while reading from JumpCloud, sorted by what the caller must do about it.
//! No message holds a credential or a query string; text that came from outside is made printable and short.

use std::fmt::{self, Write};

use jiff::Timestamp;

/// What is known about a call that failed.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Context {
    /// The endpoint's name, see [`crate::Endpoint::name`]; `oauth2/token` for the token call.
    pub endpoint: &'static str,
    /// The HTTP status, when an answer came.
    pub status: Option<u16>,
    /// What the answer said (or the transport's reason): printable, at most 200 characters.
    pub message: Option<String>,
    /// How often the request was sent.
    pub attempts: u32,
}

impl Context {
    pub(crate) fn new(endpoint: &'static str) -> Self {
        Self { endpoint, status: None, message: None, attempts: 0 }
    }
}

impl fmt::Display for Context {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(self.endpoint)?;
        if let Some(status) = self.status {
            write!(f, ", status {status}")?;
        }
        if self.attempts > 1 {
            write!(f, ", {} attempts", self.attempts)?;
        }
        if let Some(message) = &self.message {
            write!(f, ": {message}")?;
        }
        Ok(())
    }
}

/// Where on the way a request was lost.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Stage {
    /// The host's name has no (allowed) address.
    Dns,
    /// No connection: refused, no route, or the proxy would not connect.
    Connect,
    /// The other side is not proven to be the host.
    Tls,
    /// No answer, or no more of it, in time.
    Timeout,
    /// The connection ended inside an answer.
    Interrupted,
}

impl fmt::Display for Stage {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(match self {
            Self::Dns => "name lookup",
            Self::Connect => "connecting",
            Self::Tls => "TLS",
            Self::Timeout => "waiting for the answer",
            Self::Interrupted => "reading the answer",
        })
    }
}

/// Why a read did not succeed.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum Error {
    /// 401: the credential is wrong, expired, revoked or of another region. The client stays dead.
    #[error("JumpCloud rejected the credential ({0})")]
    KeyRejected(Context),
    /// 401 that asks for an organization: the credential sees several.
    #[error("no organization is selected ({0})")]
    NoOrganization(Context),
    /// 403: the route refuses `x-org-id`.
    #[error("an organization cannot be selected here ({0})")]
    OrganizationHeaderRefused(Context),
    /// 403: the administrator's role lacks the right, or the address is blocked.
    #[error("not permitted ({0})")]
    NotPermitted(Context),
    /// 402: the plan does not include it.
    #[error("not licensed ({0})")]
    NotLicensed(Context),
    /// 404 or 410: it is gone, or was never there.
    #[error("not found ({0})")]
    NotFound(Context),
    /// Another 4xx: JumpCloud does not accept the request as it is.
    #[error("JumpCloud refused the request ({0})")]
    BadRequest(Context),
    /// 429, and waiting longer is not allowed by [`crate::Limits`].
    #[error("rate limited until {retry_at} ({context})")]
    RateLimited {
        /// When to try again.
        retry_at: Timestamp,
        /// The call.
        context: Context,
    },
    /// 5xx (or 408), still after every attempt.
    #[error("JumpCloud is unavailable ({0})")]
    Unavailable(Context),
    /// No complete answer came, still after every attempt.
    #[error("cannot reach JumpCloud at {host}: failed at {stage} ({context})")]
    Unreachable {
        /// The host that was asked, with its port if that is not the usual one.
        host: String,
        /// Where it was lost.
        stage: Stage,
        /// The call.
        context: Context,
    },
    /// 3xx. Redirects are never followed, because they would carry the credential away.
    #[error("redirected to {to_host} ({context})")]
    Redirected {
        /// The host of the target, or `the same host`.
        to_host: String,
        /// The call.
        context: Context,
    },
    /// A successful status with something that is not JSON: a captive portal, a proxy, half an answer.
    #[error("the answer is not JSON: {snippet} ({context})")]
    NotJson {
        /// How it begins: printable, at most 200 characters.
        snippet: String,
        /// The call.
        context: Context,
    },
    /// JSON, but not of the documented shape. It is never read as an empty list.
    #[error("the answer has an unexpected shape: {what} ({context})")]
    UnexpectedShape {
        /// What was found instead.
        what: String,
        /// The call.
        context: Context,
    },
    /// The answer is larger than [`crate::Limits::max_body_bytes`] after decompression.
    #[error("the answer is larger than {limit} bytes ({context})")]
    TooLarge {
        /// The limit, in bytes.
        limit: usize,
        /// The call.
        context: Context,
    },
    /// A list that does not end.
    #[error("the list does not end: {why} ({context})")]
    Endless {
        /// How that was noticed.
        why: String,
        /// The call.
        context: Context,
    },
    /// The caller's mistake: settings or arguments that cannot be used. Nothing was sent.
    #[error("cannot ask JumpCloud: {0}")]
    Config(String),
}

impl Error {
    /// Returns a stable word for the kind of error, for logs, JSON output and documentation.
    pub fn code(&self) -> &'static str {
        match self {
            Self::KeyRejected(_) => "key_rejected",
            Self::NoOrganization(_) => "no_organization",
            Self::OrganizationHeaderRefused(_) => "organization_header_refused",
            Self::NotPermitted(_) => "not_permitted",
            Self::NotLicensed(_) => "not_licensed",
            Self::NotFound(_) => "not_found",
            Self::BadRequest(_) => "bad_request",
            Self::RateLimited { .. } => "rate_limited",
            Self::Unavailable(_) => "unavailable",
            Self::Unreachable { .. } => "unreachable",
            Self::Redirected { .. } => "redirected",
            Self::NotJson { .. } => "not_json",
            Self::UnexpectedShape { .. } => "unexpected_shape",
            Self::TooLarge { .. } => "too_large",
            Self::Endless { .. } => "endless",
            Self::Config(_) => "config",
        }
    }

    /// Returns what a person can do about it, in full sentences.
    pub fn help(&self) -> String {
        match self {
            Self::KeyRejected(_) => "The key or secret is wrong, expired or replaced (a new API key revokes the old one at once), \
                or it belongs to another region: keys work only in their own (us, eu or in). \
                Create a new one in JumpCloud.",
            Self::NoOrganization(_) => "This credential belongs to a provider's administrator and sees several organizations. \
                Set the organization id of the one that is meant.",
            Self::OrganizationHeaderRefused(_) => "This route works above organizations. This is a fault of this program or a change at JumpCloud; please report it.",
            Self::NotPermitted(_) => "The role of this administrator or service account may not read this. Give it a role that may \
                (Read Only is enough for most of the inventory), or leave this part out. \
                If everything is refused, JumpCloud may have blocked this address for a while.",
            Self::NotLicensed(_) => "The organization's plan does not include this feature. Leave this part out, or ask JumpCloud to enable it.",
            Self::NotFound(_) => "It was deleted in the meantime, or the id is of another organization.",
            Self::BadRequest(_) => "JumpCloud did not understand the request. This is a fault of this program or a change at JumpCloud; please report it with the message above.",
            Self::RateLimited { .. } => "Other programs may use the same organization's allowance. Wait, or set a lower number of requests per second.",
            Self::Unavailable(_) => "JumpCloud has a problem; see status.jumpcloud.com. It will be tried again later.",
            Self::Unreachable { stage, .. } => match stage {
                Stage::Dns => "Check the host name, the DNS server and, for a host of your own, that its name resolves to public addresses only.",
                Stage::Connect => "Check the network, the firewall and the proxy settings (HTTPS_PROXY, NO_PROXY).",
                Stage::Tls => "Check this machine's clock, and whether a proxy inspects TLS: its certificate authority must then be added to the settings. Verification cannot be switched off.",
                Stage::Timeout => "Check the network and the proxy; JumpCloud may also be slow, see status.jumpcloud.com.",
                Stage::Interrupted => "The connection broke, or something between here and JumpCloud changes answers. It will be tried again later.",
            },
            Self::Redirected { .. } => "JumpCloud's API does not redirect a request that has a key. Check that the host is JumpCloud's and that no proxy or captive portal stands between. The credential was not sent on.",
            Self::NotJson { .. } => "Something between here and JumpCloud answered instead: a captive portal, a proxy or a block page. Check the network and the host.",
            Self::UnexpectedShape { .. } => "JumpCloud's answer differs from its documentation, or another server answered. Nothing was taken from it; please report it if it stays.",
            Self::TooLarge { .. } => "Raise the limit if the organization really has answers of this size.",
            Self::Endless { .. } => "JumpCloud's paging misbehaves for this list. Nothing was concluded from it; try again later and report it if it stays.",
            Self::Config(_) => "Correct the settings.",
        }
        .to_owned()
    }

    /// Returns what is known about the call, except for [`Error::Config`].
    pub fn context(&self) -> Option<&Context> {
        match self {
            Self::KeyRejected(context)
            | Self::NoOrganization(context)
            | Self::OrganizationHeaderRefused(context)
            | Self::NotPermitted(context)
            | Self::NotLicensed(context)
            | Self::NotFound(context)
            | Self::BadRequest(context)
            | Self::Unavailable(context)
            | Self::RateLimited { context, .. }
            | Self::Unreachable { context, .. }
            | Self::Redirected { context, .. }
            | Self::NotJson { context, .. }
            | Self::UnexpectedShape { context, .. }
            | Self::TooLarge { context, .. }
            | Self::Endless { context, .. } => Some(context),
            Self::Config(_) => None,
        }
    }

    /// Tells whether the same request may succeed later without anybody changing anything.
    pub fn is_transient(&self) -> bool {
        matches!(
            self,
            Self::RateLimited { .. }
                | Self::Unavailable(_)
                | Self::Unreachable { .. }
                | Self::NotJson { .. }
                | Self::Endless { .. }
        )
    }
}

/// Characters that a message keeps of a text from outside.
const SHOWN: usize = 200;

/// Returns `text` on one line, without anything that a terminal or a log could obey, at most 200 characters.
pub(crate) fn printable(text: &str) -> String {
    let mut shown = String::new();
    let mut count = 0;
    for c in text.trim().chars() {
        let mut piece = String::new();
        if obeyed(c) {
            let _ = write!(piece, "{}", c.escape_unicode());
        } else {
            piece.push(c);
        }
        count += piece.chars().count();
        if count > SHOWN - 1 {
            shown.push('…');
            break;
        }
        shown.push_str(&piece);
    }
    shown
}

/// Control, direction and invisible characters: what changes how other characters are shown.
fn obeyed(c: char) -> bool {
    c.is_control()
        || matches!(c, '\u{ad}' | '\u{61c}' | '\u{180e}' | '\u{200b}'..='\u{200f}' | '\u{2028}'..='\u{202e}'
            | '\u{2060}'..='\u{206f}' | '\u{feff}' | '\u{fff9}'..='\u{fffb}' | '\u{e0000}'..='\u{e007f}')
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn text_from_outside_cannot_steer_a_terminal_and_stays_short() {
        let shown = printable("\u{1b}]52;c;aGk=\u{7}\r\nlevel=error \u{202e}x\u{9b}0m");
        assert!(!shown.chars().any(obeyed), "{shown}");
        assert!(shown.starts_with("\\u{1b}]52"));
        assert_eq!(printable(&"ä".repeat(500)).chars().count(), SHOWN);
        assert!(printable(&"\u{1b}".repeat(500)).chars().count() <= SHOWN);
        assert_eq!(printable("  plain \"text\"\n"), "plain \"text\"");
    }

    #[test]
    fn a_message_names_endpoint_status_and_attempts() {
        let error = Error::Unavailable(Context {
            endpoint: "systems",
            status: Some(503),
            message: Some("try later".to_owned()),
            attempts: 6,
        });
        assert_eq!(error.to_string(), "JumpCloud is unavailable (systems, status 503, 6 attempts: try later)");
        assert_eq!(error.code(), "unavailable");
        assert!(error.is_transient());
    }
}
