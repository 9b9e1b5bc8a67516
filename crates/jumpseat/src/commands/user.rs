//! `user`: people who sign in to the console. Whoever can run this on the installation may do everything.

use std::path::PathBuf;

use anyhow::Result;
use clap::{Args, Subcommand};
use secrecy::ExposeSecret as _;
use serde_json::json;
use server::{AccountError, Role, new_person, password_hash};
use store::Person;

use super::secret::read_secret;
use super::{Global, audit};
use crate::context::Context;
use crate::exit::{Exit, Problem, eprintln_quietly};
use crate::output::{Format, Sheet, printable};

#[derive(Debug, Subcommand)]
pub(super) enum UserCommand {
    /// Add somebody with a first password.
    #[command(before_help = "Examples:
  jumpseat user add mara --role owner
  jumpseat user add noor --role analyst --connection Acme,Globex --password-file first.txt
  jumpseat user add sam --role viewer --email sam@example.com --without-password")]
    Add(AddArgs),
    /// Everybody, with their roles.
    List,
    /// Give somebody another role, or other organizations.
    Role(RoleArgs),
    /// Give somebody a new password; all their sessions end.
    Password(PasswordArgs),
    /// Take somebody's second factor away, who has lost it and the recovery codes.
    ForgetSecondFactor(NameArgs),
    /// Remove somebody with their sessions and tokens.
    Remove(NameArgs),
}

#[derive(Debug, Args)]
pub(super) struct AddArgs {
    /// What they sign in with.
    name: String,
    /// owner, administrator, operator, analyst, auditor or viewer.
    #[arg(long, value_parser = role_of)]
    role: Role,
    /// Their e-mail address.
    #[arg(long)]
    email: Option<String>,
    /// Only the organizations of these connections; all, also those to come, if not said.
    #[arg(long, value_delimiter = ',', value_name = "NAME,NAME")]
    connection: Vec<String>,
    /// A file with the password; `-` is standard input. It is asked for, if not said.
    #[arg(long, value_name = "FILE")]
    password_file: Option<PathBuf>,
    /// They sign in with the provider of the settings (oidc.…), where they have this e-mail address.
    #[arg(long, requires = "email", conflicts_with = "password_file")]
    without_password: bool,
}

#[derive(Debug, Args)]
pub(super) struct RoleArgs {
    /// Who.
    name: String,
    /// owner, administrator, operator, analyst, auditor or viewer.
    #[arg(value_parser = role_of)]
    role: Role,
    /// Only the organizations of these connections; all, if not said.
    #[arg(long, value_delimiter = ',', value_name = "NAME,NAME")]
    connection: Vec<String>,
}

#[derive(Debug, Args)]
pub(super) struct PasswordArgs {
    /// Who.
    name: String,
    /// A file with the password; `-` is standard input. It is asked for, if not said.
    #[arg(long, value_name = "FILE")]
    password_file: Option<PathBuf>,
}

#[derive(Debug, Args)]
pub(super) struct NameArgs {
    /// Who.
    name: String,
}

/// Reads a role.
pub(super) fn role_of(word: &str) -> Result<Role, String> {
    Role::of_word(word).ok_or_else(|| format!("there is {}", Role::ALL.map(Role::word).join(", ")))
}

pub(super) async fn run(command: UserCommand, global: &Global) -> Result<Exit> {
    let context = Context::open(global).await?;
    match command {
        UserCommand::Add(args) => add(args, &context).await?,
        UserCommand::List => list(&context).await?,
        UserCommand::Role(args) => change_role(args, &context).await?,
        UserCommand::Password(args) => {
            let person = one(&args.name, &context).await?;
            let password = read_secret("password", args.password_file.as_deref())?;
            let hash = password_hash(password.expose_secret(), &person.name).await.map_err(told)?;
            audit::note(&context, "person.update", &person.name, None, json!({ "new_password": true })).await?;
            context.store.set_password(&person.id, &hash, "", context.now).await?;
        }
        UserCommand::ForgetSecondFactor(args) => {
            let person = one(&args.name, &context).await?;
            audit::note(&context, "second_factor.remove", &person.name, None, json!({})).await?;
            if !context.store.remove_second_factor(&person.id).await? {
                let words = format!("{} has no second factor", person.name);
                return Err(Problem::not_found(words, "There is nothing to do."));
            }
        }
        UserCommand::Remove(args) => {
            let person = one(&args.name, &context).await?;
            audit::note(&context, "person.remove", &person.name, None, json!({ "before": described(&person) })).await?;
            context.store.remove_person(&person).await?;
        }
    }
    Ok(Exit::Ok)
}

async fn add(args: AddArgs, context: &Context) -> Result<()> {
    let organizations = organizations_of(&args.connection, context).await?;
    let person = new_person(&args.name, args.role, args.email, organizations, context.now).map_err(told)?;
    if context.store.find_person(&person.name).await?.is_some() {
        return Err(Problem::usage(format!("there is somebody named {} already", person.name)));
    }
    let hash = match args.without_password {
        true => None,
        false => {
            let password = read_secret("first password", args.password_file.as_deref())?;
            Some(password_hash(password.expose_secret(), &person.name).await.map_err(told)?)
        }
    };
    audit::note(context, "person.add", &person.name, None, json!({ "after": described(&person) })).await?;
    context.store.add_person(&person, hash.as_deref()).await?;
    if context.format == Format::Table {
        eprintln_quietly(&format!("{} can sign in as {}", printable(&person.name), args.role.label().to_lowercase()));
    }
    Ok(())
}

async fn change_role(args: RoleArgs, context: &Context) -> Result<()> {
    let before = one(&args.name, context).await?;
    let org_ids = organizations_of(&args.connection, context).await?;
    let after = Person { role: args.role.word().to_owned(), org_ids, ..before.clone() };
    let detail = json!({ "before": described(&before), "after": described(&after) });
    audit::note(context, "person.update", &before.name, None, detail).await?;
    context.store.update_person(&after, context.now).await?;
    Ok(())
}

/// The organizations of these connections; all, if none is named.
async fn organizations_of(names: &[String], context: &Context) -> Result<Option<Vec<String>>> {
    if names.is_empty() {
        return Ok(None);
    }
    let mut ids = Vec::new();
    for connection in context.named(names).await? {
        ids.push(connection.org_id.ok_or_else(|| {
            Problem::not_found(
                format!("the organization of {} is not known yet", connection.name),
                "`jumpseat sync` finds it out.",
            )
        })?);
    }
    Ok(Some(ids))
}

async fn list(context: &Context) -> Result<()> {
    let mut sheet = Sheet::new(&["name", "email", "role", "organizations", "may_sign_in", "signed_in_last"]);
    for person in context.store.people().await? {
        sheet.push(vec![
            json!(person.name),
            json!(person.email),
            json!(person.role),
            json!(person.org_ids.map_or_else(|| "all".to_owned(), |ids| ids.join(", "))),
            json!(person.active),
            json!(person.last_sign_in_at.map(|at| at.to_string())),
        ]);
    }
    Ok(sheet.write(context.format)?)
}

/// Somebody by name.
pub(super) async fn one(name: &str, context: &Context) -> Result<Person> {
    let found = context.store.find_person(name).await?;
    let missing = || Problem::not_found(format!("there is nobody named {name:?}"), "`jumpseat user list` shows all.");
    Ok(found.ok_or_else(missing)?.0)
}

fn described(person: &Person) -> serde_json::Value {
    json!({ "role": person.role, "email": person.email, "organizations": person.org_ids, "active": person.active })
}

/// What can not be an account.
pub(super) fn told(error: AccountError) -> anyhow::Error {
    Problem::usage(error.to_string())
}
