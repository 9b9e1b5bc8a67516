//! Cookies: that of a session, with signing in and out, and that of a sign-in which is under way at a provider.

use axum::http::{HeaderMap, HeaderValue, header};
use axum::response::{IntoResponse as _, Redirect, Response};
use jiff::SignedDuration;
use store::{NewSession, Person};

use crate::problem::Problem;
use crate::secret::{random_token, token_hash};
use crate::visit::Visit;
use crate::{App, oidc};

/// A session that was not used for so long is over.
pub(crate) const IDLE: SignedDuration = SignedDuration::from_hours(8);
/// A session is over after so long, however much it is used.
pub(crate) const LONGEST: SignedDuration = SignedDuration::from_hours(7 * 24);
/// So is one of somebody who signed in with a provider: what it says of them now is asked once a working day.
pub(crate) const LONGEST_WITH_PROVIDER: SignedDuration = SignedDuration::from_hours(8);

/// The name of the session's cookie.
const SESSION: &str = "jumpseat";
/// The name of the cookie of a sign-in that is under way.
const FLOW: &str = "jumpseat-oidc";

/// A cookie's full name. Over https it is one that no other host and no plain connection can set.
fn full(app: &App, name: &str) -> String {
    if app.is_https() { format!("__Host-{name}") } else { name.to_owned() }
}

/// The session's token, if the browser sent one.
pub(crate) fn token_of(app: &App, headers: &HeaderMap) -> Option<String> {
    cookie_of(app, headers, SESSION)
}

/// What is kept in the browser of a sign-in that is under way.
pub(crate) fn flow_of(app: &App, headers: &HeaderMap) -> Option<String> {
    cookie_of(app, headers, FLOW)
}

fn cookie_of(app: &App, headers: &HeaderMap, name: &str) -> Option<String> {
    let name = full(app, name);
    let cookies = headers.get_all(header::COOKIE).iter().filter_map(|value| value.to_str().ok());
    cookies
        .flat_map(|value| value.split(';'))
        .filter_map(|cookie| cookie.trim().split_once('='))
        .find(|(other, _)| *other == name)
        .map(|(_, token)| token.to_owned())
}

/// Signs somebody in with a new session of at most this term, whatever the browser had before, and sends them on.
pub(crate) async fn begin(
    visit: &Visit,
    person: &Person,
    next: &str,
    term: SignedDuration,
) -> Result<Response, Problem> {
    let token = random_token("");
    let session = NewSession {
        token_hash: &token_hash(&token),
        id: &uuid::Uuid::now_v7().to_string(),
        person_id: &person.id,
        address: &visit.address,
        agent: &visit.agent,
        expires_at: visit.now + term,
    };
    visit.app.store.begin_session(&session, visit.now).await?;
    let mut response = Redirect::to(next).into_response();
    set_cookie(&visit.app, &mut response, SESSION, &token, term.as_secs())?;
    Ok(response)
}

/// Takes the session's cookie away.
pub(crate) fn forget(app: &App, response: &mut Response) -> Result<(), Problem> {
    set_cookie(app, response, SESSION, "", 0)
}

/// Keeps a sign-in that is under way in the browser.
pub(crate) fn set_flow(app: &App, response: &mut Response, value: &str) -> Result<(), Problem> {
    set_cookie(app, response, FLOW, value, oidc::TERM.as_secs())
}

/// A sign-in is no longer under way.
pub(crate) fn forget_flow(app: &App, response: &mut Response) -> Result<(), Problem> {
    set_cookie(app, response, FLOW, "", 0)
}

fn set_cookie(app: &App, response: &mut Response, name: &str, value: &str, seconds: i64) -> Result<(), Problem> {
    let secure = if app.is_https() { "; Secure" } else { "" };
    let cookie = format!("{}={value}; Path=/; HttpOnly; SameSite=Lax; Max-Age={seconds}{secure}", full(app, name));
    let value = HeaderValue::from_str(&cookie).map_err(Problem::internal)?;
    response.headers_mut().append(header::SET_COOKIE, value);
    Ok(())
}

/// Where somebody goes after signing in: a page of ours, never another host.
pub(crate) fn safe_next(next: &str) -> &str {
    let is_ours = next.starts_with('/')
        && !next.starts_with("//")
        && !next.contains(['\\', '\r', '\n', '\t'])
        && next.chars().all(|letter| letter.is_ascii_graphic());
    if is_ours { next } else { "/" }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn nobody_is_sent_to_another_host_after_signing_in() {
        assert_eq!(safe_next("/assets?type=user"), "/assets?type=user");
        for bad in
            ["//evil.example", "https://evil.example", "/\\evil.example", "javascript:alert(1)", "", "/a\r\nX: 1"]
        {
            assert_eq!(safe_next(bad), "/", "{bad:?}");
        }
    }
}
