//! Signing in and out, and the first start.

use askama::Template;
use axum::extract::Path;
use axum::http::{HeaderValue, StatusCode, header};
use axum::response::{Html, IntoResponse as _};
use serde_json::json;
use store::Person;

use crate::frame::see;
use crate::permission::Role;
use crate::problem::{Answered, Problem};
use crate::secret::{SHORTEST, check_new, hash, is_same, token_hash, verify};
use crate::session;
use crate::visit::{Ctx, Visit};

/// Longest name of a person, in characters.
const LONGEST_NAME: usize = 100;

#[derive(Template)]
#[template(path = "sign_in.html")]
struct SignInPage<'a> {
    styles: &'static str,
    next: &'a str,
    name: &'a str,
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

fn sign_in_page(visit: &Visit, name: &str, error: Option<String>, status: StatusCode) -> Answered {
    let next = visit.form.get("next").or_else(|| visit.query.get("next")).unwrap_or("/");
    let page = SignInPage { styles: crate::assets::styles_href(), next: session::safe_next(next), name, error };
    Ok((status, Html(page.render()?)).into_response())
}

pub(crate) async fn sign_in(visit: Visit) -> Answered {
    let name = visit.form.text("name").to_owned();
    let address = visit.address.rsplit_once(':').map_or(visit.address.as_str(), |(host, _)| host);
    let keys = [format!("name {}", name.to_lowercase()), format!("address {address}")];
    if let Some(wait) = visit.app.throttle.wait(&keys, visit.now) {
        let seconds = wait.as_secs().max(1);
        let words = format!("too many tries: wait {seconds} s, then try again");
        let mut response = sign_in_page(&visit, &name, Some(words), StatusCode::TOO_MANY_REQUESTS)?;
        response.headers_mut().insert(header::RETRY_AFTER, HeaderValue::from(seconds.unsigned_abs()));
        return Ok(response);
    }
    let found = visit.app.store.find_person(&name).await?;
    let kept = found.as_ref().and_then(|(_, hash)| hash.as_deref());
    let is_right = verify(visit.form.exact("password"), kept).await?;
    let person = found.map(|(person, _)| person).filter(|person| is_right && person.active);
    let Some(person) = person else {
        visit.app.throttle.failed(&keys, visit.now);
        let detail = json!({ "agent": visit.agent });
        let shown: String = name.chars().take(LONGEST_NAME).collect();
        visit.audit_as(&shown, "person", "sign_in", &shown, None, detail, "refused").await?;
        // One sentence for an unknown name, a wrong password and an account that is switched off.
        let words = "this name and password do not belong together".to_owned();
        return sign_in_page(&visit, &name, Some(words), StatusCode::UNAUTHORIZED);
    };
    visit.app.throttle.succeeded(&keys[0]);
    visit
        .audit_as(&person.name, "person", "sign_in", &person.name, None, json!({ "agent": visit.agent }), "done")
        .await?;
    session::begin(&visit, &person, session::safe_next(visit.form.text("next"))).await
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
    session::begin(&visit, &person, session::safe_next(visit.query.text("next"))).await
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
            session::begin(&visit, &person, "/").await
        }
        Err(problem) if problem.status.is_server_error() => Err(problem),
        Err(problem) => setup_page(&visit, Some(problem.message), problem.status),
    }
}

async fn first_person(visit: &Visit) -> Result<Person, Problem> {
    let keys = ["setup".to_owned()];
    if let Some(wait) = visit.app.throttle.wait(&keys, visit.now) {
        let words = format!("too many tries: wait {} s, then try again", wait.as_secs().max(1));
        return Err(Problem::new(StatusCode::TOO_MANY_REQUESTS, "throttled", words));
    }
    let name = checked_person_name(visit.form.text("name"))?;
    let password = visit.form.exact("password");
    check_new(password, &name)?;
    let person = Person {
        id: uuid::Uuid::now_v7().to_string(),
        name,
        email: None,
        role: Role::Owner.word().to_owned(),
        org_ids: None,
        active: true,
        created_at: visit.now,
        last_sign_in_at: None,
    };
    let password_hash = hash(password).await?;
    let token = token_hash(visit.form.text("token"));
    let made = visit.app.store.finish_setup(&token, &person, Some(&password_hash), visit.now).await;
    if made.is_err() {
        visit.app.throttle.failed(&keys, visit.now);
    }
    made?;
    Ok(person)
}

/// A person's name as it is kept.
pub(crate) fn checked_person_name(name: &str) -> Result<String, Problem> {
    let name = name.trim();
    let is_plain = !name.chars().any(posture::harmless::is_steering);
    if name.is_empty() || name.chars().count() > LONGEST_NAME || !is_plain {
        return Err(Problem::bad(format!("a name has 1 to {LONGEST_NAME} characters, all of them visible")));
    }
    Ok(name.to_owned())
}
