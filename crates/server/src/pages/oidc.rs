//! Signing in at a provider: the way there, and the way back. It is a link and not a form, since a form may lead to our own
//! pages only.

use axum::http::{HeaderMap, StatusCode};
use axum::response::Response;
use serde_json::{Value, json};

use super::sign_in::{sign_in_page, too_many_tries};
use crate::frame::see;
use crate::oidc::{Flow, Proven, Provider, admit};
use crate::problem::{Answered, Problem};
use crate::visit::Visit;
use crate::{session, throttle};

/// Sends the browser to the provider.
pub(crate) async fn begin(visit: Visit) -> Answered {
    let provider = provider_of(&visit)?;
    if !visit.app.store.has_people().await? {
        return see("/setup");
    }
    let flow = Flow::begin(visit.query.text("next"), visit.now);
    match provider.sign_in_url(&flow, visit.now).await {
        Ok(url) => {
            let mut response = see(url)?;
            session::set_flow(&visit.app, &mut response, flow.cookie())?;
            Ok(response)
        }
        Err(problem) => refused_page(&visit, problem),
    }
}

/// The browser is back from the provider.
pub(crate) async fn callback(visit: Visit, headers: HeaderMap) -> Answered {
    let provider = provider_of(&visit)?;
    if !visit.app.store.has_people().await? {
        return see("/setup");
    }
    let cookie = session::flow_of(&visit.app, &headers).unwrap_or_default();
    let Some(flow) = Flow::of_answer(&cookie, visit.query.text("state"), visit.now) else {
        return stray(&visit, provider).await;
    };
    let keys = [format!("refused by a provider {}", visit.remote_host())];
    if let Some(wait) = throttle::wait(&visit.app.store, &keys, visit.now).await? {
        return too_many_tries(&visit, "", wait);
    }
    let proven = answered(&visit, provider, &flow).await;
    let who = proven.as_ref().ok().and_then(|proven| proven.email.clone());
    let admitted = match &proven {
        Ok(proven) => admit(&visit, &provider.settings, proven).await,
        Err(problem) => Err(problem.clone()),
    };
    let mut detail = json!({ "agent": visit.agent, "by": provider.settings.issuer });
    if let Ok(proven) = &proven {
        detail["subject"] = Value::from(proven.subject.as_str());
    }
    let mut response = match admitted {
        Ok(person) => {
            visit.audit_as(&person.name, "person", "sign_in", &person.name, None, detail, "done").await?;
            session::begin(&visit, &person, flow.next(), session::LONGEST_WITH_PROVIDER).await?
        }
        Err(problem) => {
            // A provider that fails is nobody's try.
            if problem.status.is_client_error() {
                throttle::failed(&visit.app.store, &keys, visit.now).await?;
            }
            detail["why"] = Value::from(problem.message.as_str());
            note_refusal(&visit, who.as_deref(), detail).await?;
            refused_page(&visit, problem)?
        }
    };
    session::forget_flow(&visit.app, &mut response)?;
    Ok(response)
}

fn provider_of(visit: &Visit) -> Result<&Provider, Problem> {
    let missing = || {
        Problem::not_found("no provider is set up here to sign in with")
            .help("Sign in with name and password. The user guide says how a provider is set up.")
    };
    visit.app.oidc.as_ref().ok_or_else(missing)
}

/// What the provider has proven with its answer.
async fn answered(visit: &Visit, provider: &Provider, flow: &Flow) -> Result<Proven, Problem> {
    let query = &visit.query;
    let bad = |why: String| {
        Problem::new(StatusCode::UNAUTHORIZED, "oidc_unproven", why).help("Sign in again, from this page.")
    };
    if ["state", "iss", "code", "error"].iter().any(|name| query.all(name).count() > 1) {
        return Err(bad(format!("the answer of {} says something twice", provider.label())));
    }
    provider.check_issuer(query.get("iss"), visit.now).await?;
    if let Some(error) = query.get("error") {
        return Err(bad(match error {
            "access_denied" => format!("{} did not let you in, or you said no there", provider.label()),
            _ if is_word(error) => format!("{} could not sign you in: {error}", provider.label()),
            _ => format!("{} could not sign you in", provider.label()),
        }));
    }
    let code = query.get("code").ok_or_else(|| bad(format!("{} gives no code", provider.label())))?;
    provider.prove(code, flow, visit.now).await
}

/// An error as the standard writes it: what else stands there may be anybody's.
fn is_word(text: &str) -> bool {
    text.len() <= 40 && text.chars().all(|letter| letter.is_ascii_lowercase() || letter == '_')
}

/// An answer that no sign-in of this browser waits for. Anybody can make one, so the log is told only a few of them, and
/// nothing is counted against signing in with a password.
async fn stray(visit: &Visit, provider: &Provider) -> Answered {
    let keys = [format!("stray answer {}", visit.remote_host())];
    let store = &visit.app.store;
    if throttle::wait(store, &keys, visit.now).await?.is_none() {
        throttle::failed(store, &keys, visit.now).await?;
        let why = "the answer belongs to no sign-in of this browser (state)";
        let detail = json!({ "agent": visit.agent, "by": provider.settings.issuer, "why": why });
        note_refusal(visit, None, detail).await?;
    }
    let words = "no sign-in of this browser waits for this answer: it took longer than ten minutes, began in another browser or \
                 under another address, or was ended already";
    let problem = Problem::new(StatusCode::BAD_REQUEST, "oidc_stray", words).help("Sign in again, from this page.");
    refused_page(visit, problem)
}

async fn note_refusal(visit: &Visit, who: Option<&str>, detail: Value) -> Result<(), Problem> {
    let who = who.unwrap_or("unknown");
    visit.audit_as(who, "person", "sign_in", who, None, detail, "refused").await
}

/// The page to sign in, with what went wrong.
fn refused_page(visit: &Visit, problem: Problem) -> Result<Response, Problem> {
    if problem.status == StatusCode::INTERNAL_SERVER_ERROR {
        return Err(problem);
    }
    let words = match &problem.help {
        Some(help) => format!("{}. {help}", problem.message),
        None => problem.message,
    };
    sign_in_page(visit, "", Some(words), problem.status)
}
