//! `notification`: where people are told what they should know.

use std::path::PathBuf;

use anyhow::Result;
use clap::{Args, Subcommand};
use deliver::notify::{Place, Security, Smtp, Topic, Webhook};
use secrecy::SecretString;
use serde_json::json;
use server::{NewPlace, Notifier, NotifierError};
use store::Notification;
use store::findings::Severity;

use super::secret::read_secret;
use super::{Global, audit};
use crate::context::Context;
use crate::exit::{Exit, Problem, eprintln_quietly};
use crate::output::{Format, Sheet, printable};

#[derive(Debug, Subcommand)]
pub(super) enum NotificationCommand {
    /// Add a place, after sending a test message there.
    #[command(subcommand)]
    Add(AddCommand),
    /// All places, with what they are told and how sending goes.
    List,
    /// Send a test message.
    Test(NameArgs),
    /// Forget a place and its secret.
    Remove(NameArgs),
}

#[derive(Debug, Subcommand)]
#[command(before_help = "Examples:
  jumpseat notification add slack on-call --url-file slack.txt --severity critical
  jumpseat notification add email it --server mail.example.com:587 --from jumpseat@example.com --to it@example.com --user jumpseat
  jumpseat notification add webhook soar https://soar.example.com/hooks/jumpseat --key-file key.txt --digest 15m
  jumpseat notification add teams board --url-file - --topic new_finding,acceptance_expired --digest \"0 7 * * 1\"")]
pub(super) enum AddCommand {
    /// Slack: an incoming webhook.
    Slack(UrlArgs),
    /// Microsoft Teams: a webhook of Workflows.
    Teams(UrlArgs),
    /// E-mail through a mail server of yours.
    Email(EmailArgs),
    /// Any program: JSON by POST, signed with a key of yours.
    #[command(
        after_help = "The header X-Jumpseat-Signature is t=SECONDS,v1=HEX, where HEX is HMAC-SHA256 with the key over \
SECONDS.BODY. The same news has the same X-Jumpseat-Id."
    )]
    Webhook(WebhookArgs),
}

#[derive(Debug, Args)]
pub(super) struct WhatArgs {
    /// What it is told about; everything, if not said.
    #[arg(long, value_delimiter = ',', value_name = "TOPIC,TOPIC", value_parser = topic_of)]
    topic: Vec<Topic>,
    /// Findings below this severity are not told.
    #[arg(long, value_name = "SEVERITY", default_value = "high", value_parser = severity_of)]
    severity: Severity,
    /// Tell what stands together, at this interval or cron expression (UTC); at once, if not said.
    #[arg(long, value_name = "SCHEDULE")]
    digest: Option<String>,
}

#[derive(Debug, Args)]
pub(super) struct UrlArgs {
    /// How it is called here.
    name: String,
    /// A file with the webhook's URL, which is a secret; `-` is standard input. It is asked for, if not said.
    #[arg(long, value_name = "FILE")]
    url_file: Option<PathBuf>,
    #[command(flatten)]
    what: WhatArgs,
}

#[derive(Debug, Args)]
pub(super) struct EmailArgs {
    /// How it is called here.
    name: String,
    /// The mail server, HOST or HOST:PORT.
    #[arg(long, value_name = "HOST:PORT")]
    server: String,
    /// How the way there is protected.
    #[arg(long, value_enum, default_value_t = SecurityName::Starttls)]
    security: SecurityName,
    /// The sender.
    #[arg(long, value_name = "ADDRESS")]
    from: String,
    /// Who gets it.
    #[arg(long, value_delimiter = ',', required = true, value_name = "ADDRESS,ADDRESS")]
    to: Vec<String>,
    /// Who signs in to the mail server.
    #[arg(long, value_name = "NAME")]
    user: Option<String>,
    /// A file with the password; `-` is standard input. It is asked for, if there is a user and this is not said.
    #[arg(long, value_name = "FILE", requires = "user")]
    password_file: Option<PathBuf>,
    #[command(flatten)]
    what: WhatArgs,
}

#[derive(Debug, Clone, Copy, clap::ValueEnum)]
enum SecurityName {
    /// Plain at first, then TLS (port 587).
    Starttls,
    /// TLS from the beginning (port 465).
    Tls,
    /// Not at all (port 25); without user and password.
    None,
}

#[derive(Debug, Args)]
pub(super) struct WebhookArgs {
    /// How it is called here.
    name: String,
    /// Where the program listens, https.
    url: String,
    /// A file with the key that signs; `-` is standard input. It is asked for, if not said.
    #[arg(long, value_name = "FILE")]
    key_file: Option<PathBuf>,
    #[command(flatten)]
    what: WhatArgs,
}

#[derive(Debug, Args)]
pub(super) struct NameArgs {
    /// Which.
    name: String,
}

fn topic_of(word: &str) -> Result<Topic, String> {
    let all = Topic::ALL.map(Topic::word).join(", ");
    Topic::of_word(word).ok_or_else(|| format!("there is {all}"))
}

fn severity_of(word: &str) -> Result<Severity, String> {
    Severity::of_word(word).ok_or_else(|| "there is critical, high, medium, low and info".to_owned())
}

pub(super) async fn run(command: NotificationCommand, global: &Global) -> Result<Exit> {
    let context = Context::open(global).await?;
    match command {
        NotificationCommand::Add(command) => add(command, &context).await,
        NotificationCommand::List => list(&context).await,
        NotificationCommand::Test(args) => {
            let place = one(&args.name, &context).await?;
            audit::note(&context, "notification.test", &place.name, None, json!({})).await?;
            notifier(&context)?.test(&place).await.map_err(told)?;
            eprintln_quietly(&format!("{} has taken a test message", printable(&place.name)));
            Ok(Exit::Ok)
        }
        NotificationCommand::Remove(args) => {
            let place = one(&args.name, &context).await?;
            let before = json!({ "before": { "kind": place.kind, "address": place.address, "topics": place.topics } });
            audit::note(&context, "notification.remove", &place.name, None, before).await?;
            context.store.remove_notification(&place.id).await?;
            Ok(Exit::Ok)
        }
    }
}

fn notifier(context: &Context) -> Result<Notifier> {
    let collector = context.collector("jumpseat notification")?;
    let library = context.posture("jumpseat notification")?.library;
    Ok(Notifier::of(&collector, library, None))
}

async fn add(command: AddCommand, context: &Context) -> Result<Exit> {
    let (name, place, what) = match command {
        AddCommand::Slack(args) => (args.name, Place::Slack(url_of(args.url_file)?), args.what),
        AddCommand::Teams(args) => (args.name, Place::Teams(url_of(args.url_file)?), args.what),
        AddCommand::Email(args) => {
            let password = match &args.user {
                Some(_) => Some(read_secret("password", args.password_file.as_deref())?),
                None => None,
            };
            let smtp = smtp_of(args.server, args.security, args.from, args.to, args.user)?;
            (args.name, Place::Email(smtp, password), args.what)
        }
        AddCommand::Webhook(args) => {
            let key = read_secret("key", args.key_file.as_deref())?;
            (args.name, Place::Webhook(Webhook { url: args.url }, key), args.what)
        }
    };
    let topics = if what.topic.is_empty() { Topic::ALL.to_vec() } else { what.topic };
    let new = NewPlace { name, place, topics, severity: what.severity as i64, digest: what.digest };
    let after = json!({ "after": { "kind": new.place.kind().word(), "digest": new.digest,
        "topics": new.topics.iter().map(|topic| topic.word()).collect::<Vec<_>>(), "severity": what.severity.word() } });
    audit::note(context, "notification.add", &new.name, None, after).await?;
    let added = notifier(context)?.add(new).await.map_err(told)?;
    if context.format == Format::Table {
        eprintln_quietly(&format!(
            "{} has taken a test message and is added; `jumpseat serve` sends what is new from now on",
            printable(&added.name)
        ));
    }
    Ok(Exit::Ok)
}

fn url_of(file: Option<PathBuf>) -> Result<SecretString> {
    read_secret("webhook's URL", file.as_deref())
}

fn smtp_of(
    server: String,
    security: SecurityName,
    from: String,
    to: Vec<String>,
    user: Option<String>,
) -> Result<Smtp> {
    let (security, usual) = match security {
        SecurityName::Starttls => (Security::StartTls, 587),
        SecurityName::Tls => (Security::Tls, 465),
        SecurityName::None => (Security::None, 25),
    };
    let (host, port) = match server.rsplit_once(':') {
        Some((host, port)) => {
            let port = port.parse().map_err(|_| Problem::usage(format!("{port:?} is no port; write HOST:PORT")))?;
            (host.to_owned(), port)
        }
        None => (server, usual),
    };
    Ok(Smtp { host, port, security, from, to, user })
}

async fn one(name: &str, context: &Context) -> Result<Notification> {
    context.store.find_notification(name).await?.ok_or_else(|| {
        Problem::not_found(
            format!("there is no notification named {name:?}"),
            "`jumpseat notification list` shows all.",
        )
    })
}

async fn list(context: &Context) -> Result<Exit> {
    let mut sheet = Sheet::new(&[
        "name",
        "kind",
        "address",
        "topics",
        "severity",
        "digest",
        "enabled",
        "last_sent",
        "failing_since",
        "failure",
    ]);
    for place in context.store.notifications().await? {
        let state = &place.state;
        sheet.push(vec![
            json!(place.name),
            json!(place.kind),
            json!(place.address),
            json!(place.topics.join(", ")),
            json!(Severity::of_number(place.severity).word()),
            json!(place.digest),
            json!(place.enabled),
            json!(state.last_sent_at.map(|at| at.to_string())),
            json!(state.failing_since.map(|at| at.to_string())),
            json!(state.failure),
        ]);
    }
    sheet.write(context.format)?;
    Ok(Exit::Ok)
}

/// What went wrong, with its exit code.
fn told(error: NotifierError) -> anyhow::Error {
    let (exit, code) = match error {
        NotifierError::Store(error) => return error.into(),
        NotifierError::Place(deliver::notify::NotifyError::NotTaken { .. }) => (Exit::Unreachable, "not_taken"),
        _ => (Exit::Usage, "usage"),
    };
    Problem { exit, code: code.to_owned(), message: error.to_string(), help: None }.into()
}
