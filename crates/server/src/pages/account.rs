//! One's own account: the password, where one is signed in, and tokens for programs.

use askama::Template;
use axum::http::StatusCode;
use axum::response::{Html, IntoResponse as _};
use serde_json::json;

use super::administration::{SessionLine, TokenLine, sessions, tokens};
use crate::accounts::{self, scopes};
use crate::frame::{Frame, Section, see};
use crate::permission::{Permission, Role};
use crate::problem::{Answered, Problem};
use crate::secret::{SHORTEST, check_new, hash, verify};
use crate::throttle;
use crate::visit::Ctx;

#[derive(Template)]
#[template(path = "account.html")]
struct AccountPage {
    frame: Frame,
    organizations: String,
    permissions: Vec<&'static str>,
    sessions: Vec<SessionLine>,
    tokens: Vec<TokenLine>,
    scopes: Vec<(&'static str, &'static str, &'static str)>,
    fresh: Option<String>,
    error: Option<Problem>,
    shortest: usize,
    /// They sign in with a provider, and can make no password here.
    has_provider_only: bool,
}

pub(crate) async fn show(ctx: Ctx) -> Answered {
    account_page(&ctx, None, None).await
}

async fn account_page(ctx: &Ctx, fresh: Option<String>, error: Option<Problem>) -> Answered {
    let names = ctx.read().organization_names().await?;
    let organizations = match &ctx.person.org_ids {
        None => "all organizations".to_owned(),
        Some(ids) => ids.iter().map(|id| names.get(id).unwrap_or(id).clone()).collect::<Vec<_>>().join(", "),
    };
    let own = |id: &str| id == ctx.person.id;
    let permissions = Permission::ALL.iter().filter(|permission| ctx.may(**permission));
    let account = AccountPage {
        frame: Frame::of(ctx, Section::Account, "Your account").await?,
        organizations,
        permissions: permissions.map(|permission| permission.words()).collect(),
        sessions: sessions(ctx, own).await?,
        tokens: tokens(ctx, own).await?,
        scopes: scopes(ctx.role).map(|role| (role.word(), role.label(), role.about())).collect(),
        fresh,
        shortest: SHORTEST,
        has_provider_only: has_provider_only(ctx, kept_hash(ctx).await?.as_deref()).await?,
        error,
    };
    let status = account.error.as_ref().map_or(StatusCode::OK, |error| error.status);
    Ok((status, Html(account.render()?)).into_response())
}

pub(crate) async fn set_password(ctx: Ctx) -> Answered {
    match change_password(&ctx).await {
        Ok(()) => see("/account?done=password"),
        Err(problem) if problem.status.is_server_error() => Err(problem),
        Err(problem) => account_page(&ctx, None, Some(problem)).await,
    }
}

/// What is kept of their password, if they have one.
async fn kept_hash(ctx: &Ctx) -> Result<Option<String>, Problem> {
    Ok(ctx.app.store.find_person(&ctx.person.name).await?.and_then(|(_, hash)| hash))
}

/// Whether somebody signs in with a provider alone: with a password they could still come in when the provider no longer lets them.
async fn has_provider_only(ctx: &Ctx, kept: Option<&str>) -> Result<bool, Problem> {
    Ok(kept.is_none() && !ctx.app.store.identities(&ctx.person.id).await?.is_empty())
}

async fn change_password(ctx: &Ctx) -> Result<(), Problem> {
    let keys = [format!("name {}", ctx.person.name.to_lowercase())];
    if let Some(wait) = throttle::wait(&ctx.app.store, &keys, ctx.now).await? {
        let words = format!("too many tries: wait {} s, then try again", wait.as_secs().max(1));
        return Err(Problem::new(StatusCode::TOO_MANY_REQUESTS, "throttled", words));
    }
    let kept = kept_hash(ctx).await?;
    if has_provider_only(ctx, kept.as_deref()).await? {
        let problem = Problem::forbidden("you sign in with a provider, and have no password here");
        return Err(problem.help("An owner or administrator can give you one."));
    }
    if kept.is_some() && !verify(ctx.form.exact("current"), kept.as_deref()).await? {
        throttle::failed(&ctx.app.store, &keys, ctx.now).await?;
        return Err(Problem::bad("the current password is another one"));
    }
    let new = ctx.form.exact("new");
    check_new(new, &ctx.person.name)?;
    let hash = hash(new).await?;
    ctx.audit("account.password", &ctx.person.name, None, json!({})).await?;
    let session = ctx.session.as_ref().map(|session| session.id.as_str()).unwrap_or_default();
    ctx.app.store.set_password(&ctx.person.id, &hash, session, ctx.now).await?;
    Ok(())
}

pub(crate) async fn end_session(ctx: Ctx) -> Answered {
    let id = ctx.form.text("session");
    let mut own =
        ctx.app.store.sessions(ctx.now).await?.into_iter().filter(|session| session.person_id == ctx.person.id);
    if !own.any(|session| session.id == id) {
        return Err(Problem::not_found("there is no such session"));
    }
    ctx.audit("session.end", &ctx.person.name, None, json!({ "session": id })).await?;
    ctx.app.store.end_session(id).await?;
    see("/account?done=ended")
}

pub(crate) async fn add_token(ctx: Ctx) -> Answered {
    match new_token(&ctx).await {
        // The one time that it is shown.
        Ok(token) => account_page(&ctx, Some(token), None).await,
        Err(problem) if problem.status.is_server_error() => Err(problem),
        Err(problem) => account_page(&ctx, None, Some(problem)).await,
    }
}

async fn new_token(ctx: &Ctx) -> Result<String, Problem> {
    let scope = Role::of_word(ctx.form.text("scope")).ok_or_else(|| Problem::bad("choose what it may"))?;
    let days = ctx.form.text("days").parse().unwrap_or(0);
    let (token, secret, kept) = accounts::new_token(&ctx.person, ctx.form.text("name"), scope, days, ctx.now)?;
    let detail = json!({ "scope": token.scope, "expires": token.expires_at.to_string(), "prefix": token.prefix });
    ctx.audit("token.add", &token.name, None, detail).await?;
    ctx.app.store.add_api_token(&token, &kept).await?;
    Ok(secret)
}

pub(crate) async fn revoke_token(ctx: Ctx) -> Answered {
    let id = ctx.form.text("token");
    let mut all = ctx.app.store.api_tokens().await?.into_iter();
    let token = all.find(|token| token.id == id && token.person_id == ctx.person.id);
    let token = token.ok_or_else(|| Problem::not_found("there is no such token"))?;
    ctx.audit("token.revoke", &token.name, None, json!({ "prefix": token.prefix })).await?;
    ctx.app.store.revoke_api_token(id, ctx.now).await?;
    see("/account?done=revoked")
}
