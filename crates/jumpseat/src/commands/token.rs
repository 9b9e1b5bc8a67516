//! `token`: what programs show to the REST API.

use anyhow::Result;
use clap::{Args, Subcommand};
use serde_json::json;
use server::{Role, new_token};

use super::user::{one, role_of, told};
use super::{Global, audit};
use crate::context::Context;
use crate::exit::{Exit, Problem, eprintln_quietly};
use crate::output::{Format, Sheet, write_json, write_lines};

#[derive(Debug, Subcommand)]
pub(super) enum TokenCommand {
    /// Make a token of somebody's; it is written to standard output, once.
    #[command(
        before_help = "Examples:\n  jumpseat token add prometheus --user mara --scope viewer --days 365 > token.txt"
    )]
    Add(AddArgs),
    /// All tokens, without their secrets.
    List,
    /// Take a token back.
    Revoke(RevokeArgs),
}

#[derive(Debug, Args)]
pub(super) struct AddArgs {
    /// What it is for.
    name: String,
    /// Whose it is; it sees no more than they do, and ends with them.
    #[arg(long, value_name = "NAME")]
    user: String,
    /// The role that says what it may, no more than its person's.
    #[arg(long, value_name = "ROLE", default_value = "viewer", value_parser = role_of)]
    scope: Role,
    /// Days until it expires, 1 to 366.
    #[arg(long, default_value_t = 90)]
    days: i64,
}

#[derive(Debug, Args)]
pub(super) struct RevokeArgs {
    /// The token's id, its name, or what it begins with, as `token list` shows it.
    token: String,
}

pub(super) async fn run(command: TokenCommand, global: &Global) -> Result<Exit> {
    let context = Context::open(global).await?;
    match command {
        TokenCommand::Add(args) => add(args, &context).await?,
        TokenCommand::List => list(&context).await?,
        TokenCommand::Revoke(args) => revoke(&args.token, &context).await?,
    }
    Ok(Exit::Ok)
}

async fn add(args: AddArgs, context: &Context) -> Result<()> {
    let person = one(&args.user, context).await?;
    let (token, secret, kept) = new_token(&person, &args.name, args.scope, args.days, context.now).map_err(told)?;
    let detail = json!({ "person": person.name, "scope": token.scope, "expires": token.expires_at.to_string(), "prefix": token.prefix });
    audit::note(context, "token.add", &token.name, None, detail).await?;
    context.store.add_api_token(&token, &kept).await?;
    if context.format == Format::Json {
        write_json(&json!({ "id": token.id, "token": secret, "expires_at": token.expires_at.to_string() }))?;
    } else {
        write_lines(&[secret])?;
        eprintln_quietly(&format!("it is shown this once and expires at {}", token.expires_at));
    }
    Ok(())
}

async fn list(context: &Context) -> Result<()> {
    let people = context.store.people().await?;
    let mut sheet = Sheet::new(&["id", "name", "person", "prefix", "scope", "expires", "last_used", "state"]);
    for token in context.store.api_tokens().await? {
        let person = people.iter().find(|person| person.id == token.person_id);
        let state = match token.revoked_at {
            Some(_) => "taken back",
            None if token.expires_at <= context.now => "over",
            None => "in use",
        };
        sheet.push(vec![
            json!(token.id),
            json!(token.name),
            json!(person.map(|person| person.name.clone())),
            json!(token.prefix),
            json!(token.scope),
            json!(token.expires_at.to_string()),
            json!(token.last_used_at.map(|at| at.to_string())),
            json!(state),
        ]);
    }
    Ok(sheet.write(context.format)?)
}

async fn revoke(named: &str, context: &Context) -> Result<()> {
    let mut found = context.store.api_tokens().await?;
    found.retain(|token| {
        token.revoked_at.is_none() && (token.id == named || token.name == named || token.prefix == named)
    });
    let token = match found.as_slice() {
        [token] => token,
        [] => {
            let words = format!("there is no token {named:?} in use");
            return Err(Problem::not_found(words, "`jumpseat token list` shows all."));
        }
        several => {
            let words = format!("{} tokens are called {named:?}; say which by its id", several.len());
            return Err(Problem::usage(words));
        }
    };
    audit::note(context, "token.revoke", &token.name, None, json!({ "prefix": token.prefix })).await?;
    context.store.revoke_api_token(&token.id, context.now).await?;
    Ok(())
}
