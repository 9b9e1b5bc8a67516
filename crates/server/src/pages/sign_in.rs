//! Signing in and out, and the first start.

use askama::Template;
use axum::extract::Path;
use axum::http::{HeaderValue, StatusCode, header};
use axum::response::{Html, IntoResponse as _};
use jiff::SignedDuration;
use secrecy::ExposeSecret as _;
use serde_json::{Value, json};
use store::Person;

use super::second_factor::recovery_hash;
use crate::accounts::{LONGEST_NAME, new_person, password_hash};
use crate::frame::see;
use crate::permission::Role;
use crate::problem::{Answered, Problem};
use crate::secret::{SHORTEST, is_same, random_token, token_hash, verify};
use crate::session;
use crate::visit::{Ctx, Pairs, Visit};
use crate::{throttle, totp};

/// So long a sign-in waits for the second factor.
const WAITING: SignedDuration = SignedDuration::from_mins(5);

#[derive(Template)]
#[template(path = "sign_in.html")]
struct SignInPage<'a> {
    styles: &'static str,
    next: &'a str,
    name: &'a str,
    error: Option<String>,
    /// What the provider is called that people can sign in with, and the link.
    provider: Option<(&'a str, String)>,
}

#[derive(Template)]
#[template(path = "sign_in_code.html")]
struct CodePage<'a> {
    styles: &'static str,
    next: &'a str,
    waiting: &'a str,
    error: Option<String>,
}

#[derive(Template)]
#[template(path = "setup.html")]
struct SetupPage<'a> {
    styles: &'static str,
    token: &'a str,
    name: &'a str,
    error: Option<String>,
    shortest: usize,
}

pub(crate) async fn form(visit: Visit) -> Answered {
    if !visit.app.store.has_people().await? {
        return see("/setup");
    }
    sign_in_page(&visit, "", None, StatusCode::OK)
}

/// The page to sign in, with what went wrong if something did.
pub(crate) fn sign_in_page(visit: &Visit, name: &str, error: Option<String>, status: StatusCode) -> Answered {
    let next = visit.form.get("next").or_else(|| visit.query.get("next")).unwrap_or("/");
    let next = session::safe_next(next);
    let link = || format!("/sign-in/oidc?{}", Pairs(vec![("next".to_owned(), next.to_owned())]).with("", None));
    let provider = visit.app.oidc.as_ref().map(|provider| (provider.label(), link()));
    let page = SignInPage { styles: crate::assets::styles_href(), next, name, error, provider };
    Ok((status, Html(page.render()?)).into_response())
}

pub(crate) async fn sign_in(visit: Visit) -> Answered {
    let name = visit.form.text("name").to_owned();
    let keys = [format!("name {}", name.to_lowercase()), format!("address {}", visit.remote_host())];
    if let Some(wait) = throttle::wait(&visit.app.store, &keys, visit.now).await? {
        return too_many_tries(&visit, &name, wait);
    }
    let found = visit.app.store.find_person(&name).await?;
    let kept = found.as_ref().and_then(|(_, hash)| hash.as_deref());
    let is_right = verify(visit.form.exact("password"), kept).await?;
    let person = found.map(|(person, _)| person).filter(|person| is_right && person.active);
    let Some(person) = person else {
        throttle::failed(&visit.app.store, &keys, visit.now).await?;
        let detail = json!({ "agent": visit.agent });
        let shown: String = name.chars().take(LONGEST_NAME).collect();
        visit.audit_as(&shown, "person", "sign_in", &shown, None, detail, "refused").await?;
        // One sentence for an unknown name, a wrong password and an account that is switched off.
        let words = "this name and password do not belong together".to_owned();
        return sign_in_page(&visit, &name, Some(words), StatusCode::UNAUTHORIZED);
    };
    let factor = visit.app.store.second_factor(&person.id, &visit.app.collector.key).await?;
    if factor.is_some_and(|factor| factor.confirmed_at.is_some()) {
        let waiting = random_token("");
        let until = visit.now + WAITING;
        visit.app.store.begin_waiting(&token_hash(&waiting), &person.id, until, visit.now).await?;
        return code_page(&visit, &waiting, None, StatusCode::OK);
    }
    signed_in(&visit, &person, json!({ "agent": visit.agent })).await
}

/// The page to sign in, for somebody who has to wait before the next try.
pub(crate) fn too_many_tries(visit: &Visit, name: &str, wait: SignedDuration) -> Answered {
    let seconds = wait.as_secs().max(1);
    let words = format!("too many tries: wait {seconds} s, then try again");
    let mut response = sign_in_page(visit, name, Some(words), StatusCode::TOO_MANY_REQUESTS)?;
    response.headers_mut().insert(header::RETRY_AFTER, HeaderValue::from(seconds.unsigned_abs()));
    Ok(response)
}

/// Somebody has proven who they are.
async fn signed_in(visit: &Visit, person: &Person, detail: Value) -> Answered {
    throttle::succeeded(&visit.app.store, &format!("name {}", person.name.to_lowercase())).await?;
    visit.audit_as(&person.name, "person", "sign_in", &person.name, None, detail, "done").await?;
    session::begin(visit, person, session::safe_next(visit.form.text("next")), session::LONGEST).await
}

fn code_page(visit: &Visit, waiting: &str, error: Option<String>, status: StatusCode) -> Answered {
    let next = session::safe_next(visit.form.text("next"));
    let page = CodePage { styles: crate::assets::styles_href(), next, waiting, error };
    Ok((status, Html(page.render()?)).into_response())
}

/// The second factor, after the password was right.
pub(crate) async fn code(visit: Visit) -> Answered {
    let store = &visit.app.store;
    let waiting = visit.form.text("waiting").to_owned();
    let id = store.who_waits(&token_hash(&waiting), visit.now).await?;
    let person = match id {
        Some(id) => store.person(&id).await?.filter(|person| person.active),
        None => None,
    };
    let Some(person) = person else {
        let words = "too much time has passed: sign in again".to_owned();
        return sign_in_page(&visit, "", Some(words), StatusCode::UNAUTHORIZED);
    };
    // The password is known to whoever is here, so that its name is slowed down, not only the address.
    let keys = [format!("name {}", person.name.to_lowercase())];
    if let Some(wait) = throttle::wait(store, &keys, visit.now).await? {
        let words = format!("too many tries: wait {} s, then try again", wait.as_secs().max(1));
        return code_page(&visit, &waiting, Some(words), StatusCode::TOO_MANY_REQUESTS);
    }
    let given = visit.form.text("code");
    let factor = store.second_factor(&person.id, &visit.app.collector.key).await?;
    let step =
        factor.and_then(|factor| totp::accepted(factor.secret.expose_secret(), given, factor.last_step, visit.now));
    let by = match step {
        Some(step) if store.use_second_factor(&person.id, step).await? => Some("code"),
        _ if store.use_recovery_code(&person.id, &recovery_hash(given)).await? => Some("recovery code"),
        _ => None,
    };
    let Some(by) = by else {
        throttle::failed(store, &keys, visit.now).await?;
        let detail = json!({ "agent": visit.agent, "second_factor": "wrong" });
        visit.audit_as(&person.name, "person", "sign_in", &person.name, None, detail, "refused").await?;
        let words = "this is not the code of now, or it was used already".to_owned();
        return code_page(&visit, &waiting, Some(words), StatusCode::UNAUTHORIZED);
    };
    store.end_waiting(&token_hash(&waiting)).await?;
    signed_in(&visit, &person, json!({ "agent": visit.agent, "second_factor": by })).await
}

pub(crate) async fn sign_out(ctx: Ctx) -> Answered {
    ctx.audit("sign_out", &ctx.person.name, None, json!({})).await?;
    if let Some(session) = &ctx.session {
        ctx.app.store.end_session(&session.id).await?;
    }
    let mut response = see("/sign-in")?;
    session::forget(&ctx.app, &mut response)?;
    Ok(response)
}

/// The link of a demonstration. It is the one GET that changes something: it begins a session.
pub(crate) async fn enter(visit: Visit, Path(token): Path<String>) -> Answered {
    let person = match &visit.app.entry {
        Some((known, name)) if is_same(known, &token) => visit.app.store.find_person(name).await?,
        _ => None,
    };
    let Some((person, _)) = person else {
        return Err(Problem::not_found("this link does not sign anybody in")
            .help("A demonstration prints a new link each time it starts."));
    };
    visit.audit_as(&person.name, "person", "sign_in", &person.name, None, json!({ "by": "link" }), "done").await?;
    session::begin(&visit, &person, session::safe_next(visit.query.text("next")), session::LONGEST).await
}

pub(crate) async fn setup_form(visit: Visit) -> Answered {
    if visit.app.store.has_people().await? {
        return see("/sign-in");
    }
    setup_page(&visit, None, StatusCode::OK)
}

fn setup_page(visit: &Visit, error: Option<String>, status: StatusCode) -> Answered {
    let page = SetupPage {
        styles: crate::assets::styles_href(),
        token: visit.form.text("token"),
        name: visit.form.text("name"),
        error,
        shortest: SHORTEST,
    };
    Ok((status, Html(page.render()?)).into_response())
}

pub(crate) async fn setup(visit: Visit) -> Answered {
    match first_person(&visit).await {
        Ok(person) => {
            let detail = json!({ "role": person.role });
            visit.audit_as(&person.name, "person", "setup", &person.name, None, detail, "done").await?;
            session::begin(&visit, &person, "/", session::LONGEST).await
        }
        Err(problem) if problem.status.is_server_error() => Err(problem),
        Err(problem) => setup_page(&visit, Some(problem.message), problem.status),
    }
}

async fn first_person(visit: &Visit) -> Result<Person, Problem> {
    let keys = ["setup".to_owned()];
    if let Some(wait) = throttle::wait(&visit.app.store, &keys, visit.now).await? {
        let words = format!("too many tries: wait {} s, then try again", wait.as_secs().max(1));
        return Err(Problem::new(StatusCode::TOO_MANY_REQUESTS, "throttled", words));
    }
    let person = new_person(visit.form.text("name"), Role::Owner, None, None, visit.now)?;
    let password_hash = password_hash(visit.form.exact("password"), &person.name).await?;
    let token = token_hash(visit.form.text("token"));
    let made = visit.app.store.finish_setup(&token, &person, Some(&password_hash), visit.now).await;
    if made.is_err() {
        throttle::failed(&visit.app.store, &keys, visit.now).await?;
    }
    made?;
    Ok(person)
}
