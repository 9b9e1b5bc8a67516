//! What a client is made of: hosts, credential, organization, and the limits of time and size within which
//! it asks. Settings are checked where the client is made, in `client.rs`.

use std::{fmt, sync::Arc, time::Duration};

use crate::{
    clock::{Clock, SystemClock},
    credential::Credential,
    hosts::Hosts,
};

/// What a [`crate::Client`] is made of.
#[derive(Clone)]
pub struct ClientConfig {
    /// Where to ask.
    pub hosts: Hosts,
    /// Who asks.
    pub credential: Credential,
    /// The organization, sent as `x-org-id` wherever that is allowed. Needed by providers' administrators
    /// and service accounts.
    pub org_id: Option<String>,
    /// Further organizations, each sent as an `x-org-id` of its own beside the first with requests for events: Directory
    /// Insights then answers with the events of all of them.
    pub more_org_ids: Vec<String>,
    /// The most requests in flight at once.
    pub max_in_flight: usize,
    /// The most requests a second; without it only JumpCloud's own limit counts, which the client finds.
    pub requests_per_second: Option<f64>,
    /// Limits of time and size.
    pub limits: Limits,
    /// The time.
    pub clock: Arc<dyn Clock>,
    /// Certificate authorities trusted besides the system's, each in PEM form.
    pub extra_root_certificates: Vec<Vec<u8>>,
}

impl ClientConfig {
    /// Returns the usual settings: ten requests in flight, no rate, usual limits, the machine's clock.
    pub fn new(hosts: Hosts, credential: Credential) -> Self {
        Self {
            hosts,
            credential,
            org_id: None,
            more_org_ids: Vec::new(),
            max_in_flight: 10,
            requests_per_second: None,
            limits: Limits::default(),
            clock: Arc::new(SystemClock),
            extra_root_certificates: Vec::new(),
        }
    }
}

impl fmt::Debug for ClientConfig {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("ClientConfig")
            .field("hosts", &self.hosts)
            .field("credential", &self.credential)
            .field("org_id", &self.org_id)
            .field("more_org_ids", &self.more_org_ids.len())
            .field("max_in_flight", &self.max_in_flight)
            .field("requests_per_second", &self.requests_per_second)
            .field("limits", &self.limits)
            .finish_non_exhaustive()
    }
}

/// Bounds for one request and one list.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Limits {
    /// The largest answer, in bytes after decompression: 64 MiB.
    pub max_body_bytes: usize,
    /// The most pages of one list: 100,000.
    pub max_pages: u64,
    /// Name lookup, connection and TLS together: 10 s.
    pub connect_timeout: Duration,
    /// From sending to the answer's headers, connecting included: 30 s.
    pub header_timeout: Duration,
    /// Between two pieces of an answer: 30 s.
    pub idle_timeout: Duration,
    /// One whole exchange: 120 s.
    pub page_timeout: Duration,
    /// How often a request is sent when it fails for other reasons than a rate limit: 6.
    pub max_attempts: u32,
    /// The longest single `Retry-After` that is obeyed as it is; longer ones are cut to it: 1 h.
    pub max_wait: Duration,
    /// The longest that one request may be put off by rate limits, or wait between attempts: 2 h.
    pub total_wait: Duration,
    /// How long is tried while nothing has succeeded yet, for a person who waits and would rather know; not bounded further
    /// by default. What has worked once is worth the whole patience.
    pub first_success: Option<Duration>,
}

impl Default for Limits {
    fn default() -> Self {
        Self {
            max_body_bytes: 64 * 1024 * 1024,
            max_pages: 100_000,
            connect_timeout: Duration::from_secs(10),
            header_timeout: Duration::from_secs(30),
            idle_timeout: Duration::from_secs(30),
            page_timeout: Duration::from_secs(120),
            max_attempts: 6,
            max_wait: Duration::from_secs(3600),
            total_wait: Duration::from_secs(2 * 3600),
            first_success: None,
        }
    }
}
