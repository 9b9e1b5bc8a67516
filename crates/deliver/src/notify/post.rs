//! One POST of JSON: to the host that it was meant for and no other, within limits of time and size.

use std::time::Duration;

use reqwest::header::HeaderMap;
use reqwest::{Certificate, redirect};
use url::Url;

use super::NotifyError;
use crate::place::{Access, is_loopback};

/// Longest that a place may take.
const PATIENCE: Duration = Duration::from_secs(20);
/// Honest about who calls.
const AGENT: &str = concat!("jumpseat/", env!("CARGO_PKG_VERSION"));

/// A URL that something secret may be sent to, and its host. What is wrong with one is said without repeating it: it may
/// be a secret itself.
pub(super) fn checked(text: &str, access: &Access) -> Result<(Url, String), NotifyError> {
    let unusable = |what: &str| NotifyError::Unusable(format!("the URL can not be used: {what}"));
    let url = Url::parse(text.trim()).map_err(|error| unusable(&error.to_string()))?;
    let is_local = access.allow_loopback && is_loopback(&url);
    if url.scheme() != "https" && !(url.scheme() == "http" && is_local) {
        return Err(unusable("it must be https, or everybody on the way could read along"));
    }
    if !url.username().is_empty() || url.password().is_some() {
        return Err(unusable("a user name or password does not belong into it"));
    }
    let host = url.host_str().ok_or_else(|| unusable("it has no host"))?;
    let host = match url.port() {
        Some(port) => format!("{host}:{port}"),
        None => host.to_owned(),
    };
    Ok((url, host))
}

/// Sends a body and wants an answer of success.
pub(super) async fn post(
    url: Url,
    host: String,
    body: String,
    headers: HeaderMap,
    access: &Access,
) -> Result<(), NotifyError> {
    let not_taken = |what: String| NotifyError::NotTaken { host: host.clone(), what };
    let mut builder = reqwest::Client::builder()
        .user_agent(AGENT)
        .redirect(redirect::Policy::none())
        .retry(reqwest::retry::never())
        .referer(false)
        .connect_timeout(PATIENCE)
        .timeout(PATIENCE);
    if is_loopback(&url) {
        builder = builder.no_proxy();
    }
    for pem in &access.extra_root_certificates {
        let bundle = Certificate::from_pem_bundle(pem).map_err(|error| not_taken(words(error)))?;
        builder = builder.tls_certs_merge(bundle);
    }
    let client = builder.build().map_err(|error| not_taken(words(error)))?;
    let request = client.post(url).headers(headers).header("content-type", "application/json").body(body);
    let answer = request.send().await.map_err(|error| not_taken(words(error)))?;
    let status = answer.status();
    if status.is_success() {
        return Ok(());
    }
    Err(not_taken(match status.as_u16() {
        300..=399 => format!("it answers {status} and points elsewhere, which is not followed"),
        401 | 403 | 404 | 410 => format!("it answers {status}; the URL is wrong, or was taken back there"),
        _ => format!("it answers {status}"),
    }))
}

/// What went wrong, without the URL.
fn words(error: reqwest::Error) -> String {
    let error = error.without_url();
    let mut words = error.to_string();
    let mut source = std::error::Error::source(&error);
    while let Some(inner) = source {
        words = format!("{words}: {inner}");
        source = inner.source();
    }
    words
}
