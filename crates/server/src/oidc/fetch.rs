//! Asking the provider: within limits of time and size, without following it anywhere.

use std::time::Duration;

use reqwest::{Certificate, Client, RequestBuilder, StatusCode, redirect};
use serde::de::DeserializeOwned;
use url::Url;

/// No answer of a provider is larger, in bytes.
const LARGEST: usize = 256 * 1024;
/// Honest about who asks.
const AGENT: &str = concat!("jumpseat/", env!("CARGO_PKG_VERSION"));

/// What asks.
#[derive(Debug)]
pub(crate) struct Fetcher {
    client: Client,
}

impl Fetcher {
    /// `roots`: certificate authorities to trust beside the system's, as PEM.
    pub(crate) fn new(patience: Duration, roots: &[Vec<u8>], is_local: bool) -> Result<Self, String> {
        let mut builder = Client::builder()
            .user_agent(AGENT)
            .redirect(redirect::Policy::none())
            .retry(reqwest::retry::never())
            .referer(false)
            .connect_timeout(patience)
            .timeout(patience);
        if is_local {
            builder = builder.no_proxy();
        }
        for pem in roots {
            let bundle = Certificate::from_pem_bundle(pem).map_err(words)?;
            builder = builder.tls_certs_merge(bundle);
        }
        Ok(Self { client: builder.build().map_err(words)? })
    }

    pub(crate) fn get(&self, url: &Url) -> RequestBuilder {
        self.client.get(url.clone())
    }

    pub(crate) fn post(&self, url: &Url) -> RequestBuilder {
        self.client.post(url.clone())
    }
}

/// The answer of a request that is to succeed.
///
/// # Errors
/// There is none in time, it is too large, no success, or not what it should be.
pub(crate) async fn json<T: DeserializeOwned>(request: RequestBuilder) -> Result<T, String> {
    let (status, body) = answer(request).await?;
    if !status.is_success() {
        return Err(format!("it answers {status}"));
    }
    // What does not fit is named without its content.
    serde_json::from_slice(&body).map_err(|error| match error.is_data() {
        true => format!("its answer is not what OpenID Connect says: {error}"),
        false => "its answer is not JSON".to_owned(),
    })
}

/// Any answer: its status and its body.
///
/// # Errors
/// There is none in time, or it is too large.
pub(crate) async fn answer(request: RequestBuilder) -> Result<(StatusCode, Vec<u8>), String> {
    let mut response = request.header("accept", "application/json").send().await.map_err(words)?;
    let mut body = Vec::new();
    while let Some(chunk) = response.chunk().await.map_err(words)? {
        if body.len() + chunk.len() > LARGEST {
            return Err(format!("its answer is larger than {} KiB", LARGEST / 1024));
        }
        body.extend_from_slice(&chunk);
    }
    Ok((response.status(), body))
}

/// What went wrong, without the URL: that may name a code.
fn words(error: reqwest::Error) -> String {
    if error.is_timeout() {
        return "it does not answer in time".to_owned();
    }
    let error = error.without_url();
    let mut innermost: &dyn std::error::Error = &error;
    while let Some(inner) = innermost.source() {
        innermost = inner;
    }
    innermost.to_string()
}
