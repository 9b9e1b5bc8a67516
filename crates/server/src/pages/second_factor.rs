//! One's own second factor: set up with an authenticator app, proven with a first code, with recovery codes for the day on
//! which the app is gone.

use askama::Template;
use axum::http::StatusCode;
use axum::response::{Html, IntoResponse as _};
use data_encoding::BASE32_NOPAD;
use secrecy::{ExposeSecret as _, SecretString};
use serde_json::json;

use super::parts::Moment;
use crate::frame::{Frame, Section, see};
use crate::problem::{Answered, Problem};
use crate::secret::{token_hash, verify};
use crate::visit::Ctx;
use crate::{throttle, totp};

/// How many recovery codes somebody gets.
const CODES: usize = 10;

#[derive(Template)]
#[template(path = "second_factor.html")]
struct SecondFactorPage {
    frame: Frame,
    /// Since when it is asked for.
    since: Option<Moment>,
    codes_left: u64,
    /// What to put into the app, while it is set up.
    secret: String,
    link: String,
    /// The one time that they are shown.
    codes: Vec<String>,
    error: Option<Problem>,
}

pub(crate) async fn show(ctx: Ctx) -> Answered {
    second_factor_page(&ctx, Vec::new(), None).await
}

async fn second_factor_page(ctx: &Ctx, codes: Vec<String>, error: Option<Problem>) -> Answered {
    let store = &ctx.app.store;
    let factor = store.second_factor(&ctx.person.id, &ctx.app.collector.key).await?;
    let confirmed_at = factor.as_ref().and_then(|factor| factor.confirmed_at);
    let secret = factor.filter(|factor| factor.confirmed_at.is_none());
    let secret = secret.map(|factor| factor.secret.expose_secret().to_owned()).unwrap_or_default();
    let shown = SecondFactorPage {
        frame: Frame::of(ctx, Section::Account, "Second factor").await?,
        since: confirmed_at.map(|at| Moment::of(Some(at), ctx.now)),
        codes_left: store.recovery_codes_left(&ctx.person.id).await?,
        link: totp::link(&secret, &ctx.person.name),
        secret,
        codes,
        error,
    };
    let status = shown.error.as_ref().map_or(StatusCode::OK, |error| error.status);
    Ok((status, Html(shown.render()?)).into_response())
}

/// Only somebody at a browser, with the password: a session that was left open is not enough.
async fn check_password(ctx: &Ctx) -> Result<(), Problem> {
    let keys = [format!("name {}", ctx.person.name.to_lowercase())];
    if let Some(wait) = throttle::wait(&ctx.app.store, &keys, ctx.now).await? {
        let words = format!("too many tries: wait {} s, then try again", wait.as_secs().max(1));
        return Err(Problem::new(StatusCode::TOO_MANY_REQUESTS, "throttled", words));
    }
    let kept = ctx.app.store.find_person(&ctx.person.name).await?.and_then(|(_, hash)| hash);
    if verify(ctx.form.exact("password"), kept.as_deref()).await? {
        return Ok(());
    }
    throttle::failed(&ctx.app.store, &keys, ctx.now).await?;
    Err(Problem::bad("the password is another one"))
}

pub(crate) async fn begin(ctx: Ctx) -> Answered {
    match begun(&ctx).await {
        Ok(()) => see("/account/second-factor"),
        Err(problem) if problem.status.is_server_error() => Err(problem),
        Err(problem) => second_factor_page(&ctx, Vec::new(), Some(problem)).await,
    }
}

async fn begun(ctx: &Ctx) -> Result<(), Problem> {
    check_password(ctx).await?;
    ctx.audit("second_factor.begin", &ctx.person.name, None, json!({})).await?;
    let secret = SecretString::from(totp::new_secret());
    Ok(ctx.app.store.begin_second_factor(&ctx.person.id, &secret, &ctx.app.collector.key).await?)
}

pub(crate) async fn confirm(ctx: Ctx) -> Answered {
    match confirmed(&ctx).await {
        Ok(codes) => second_factor_page(&ctx, codes, None).await,
        Err(problem) if problem.status.is_server_error() => Err(problem),
        Err(problem) => second_factor_page(&ctx, Vec::new(), Some(problem)).await,
    }
}

async fn confirmed(ctx: &Ctx) -> Result<Vec<String>, Problem> {
    let store = &ctx.app.store;
    let factor = store.second_factor(&ctx.person.id, &ctx.app.collector.key).await?;
    let factor = factor.filter(|factor| factor.confirmed_at.is_none());
    let factor = factor.ok_or_else(|| Problem::bad("there is nothing to confirm: set it up first"))?;
    let step = totp::accepted(factor.secret.expose_secret(), ctx.form.text("code"), factor.last_step, ctx.now);
    let step = step.ok_or_else(|| {
        Problem::bad("this is not the code of now").help("Compare the clock of the telephone with this machine's.")
    })?;
    let codes: Vec<String> = (0..CODES).map(|_| new_code()).collect();
    let hashes: Vec<String> = codes.iter().map(|code| recovery_hash(code)).collect();
    ctx.audit("second_factor.confirm", &ctx.person.name, None, json!({})).await?;
    if !store.confirm_second_factor(&ctx.person.id, step, &hashes, ctx.now).await? {
        return Err(Problem::bad("it was confirmed already"));
    }
    Ok(codes)
}

pub(crate) async fn remove(ctx: Ctx) -> Answered {
    match removed(&ctx).await {
        Ok(()) => see("/account/second-factor?done=saved"),
        Err(problem) if problem.status.is_server_error() => Err(problem),
        Err(problem) => second_factor_page(&ctx, Vec::new(), Some(problem)).await,
    }
}

async fn removed(ctx: &Ctx) -> Result<(), Problem> {
    check_password(ctx).await?;
    ctx.audit("second_factor.remove", &ctx.person.name, None, json!({})).await?;
    ctx.app.store.remove_second_factor(&ctx.person.id).await?;
    Ok(())
}

/// A recovery code: 80 random bits, in groups that can be read aloud.
fn new_code() -> String {
    let mut bytes = [0; 10];
    getrandom::fill(&mut bytes).expect("the system has random numbers");
    let text = BASE32_NOPAD.encode(&bytes).to_lowercase();
    format!("{}-{}-{}-{}", &text[..4], &text[4..8], &text[8..12], &text[12..])
}

/// What is kept of a recovery code, however it was typed.
pub(crate) fn recovery_hash(code: &str) -> String {
    let plain: String = code.chars().filter(char::is_ascii_alphanumeric).collect();
    token_hash(&plain.to_lowercase())
}
