//! `audit`: the log of what people and programs did to Jumpseat itself; and the lines that commands add to it.

use std::io::BufWriter;

use anyhow::Result;
use clap::{Args, Subcommand};
use jiff::Timestamp;
use serde_json::{Value, json};
use store::{AuditEntry, AuditLine};

use super::Global;
use crate::context::{Context, this_host, this_person};
use crate::exit::{Exit, eprintln_quietly};
use crate::output::{Format, RowWriter, Sheet, write_json};

/// Lines that are read at once for an export.
const PAGE: u32 = 1_000;

#[derive(Debug, Subcommand)]
pub(super) enum AuditCommand {
    /// The newest lines.
    List(ListArgs),
    /// Walk along the whole chain; tells its head, which can be noted elsewhere.
    #[command(after_help = "Exit code 11 when a line was changed, removed or put in between.")]
    Verify,
    /// Every line with the hashes that chain it, the newest first.
    #[command(
        before_help = "Examples:\n  jumpseat audit export --output csv > audit.csv\n  jumpseat audit export --output jsonl > audit.jsonl"
    )]
    Export,
}

#[derive(Debug, Args)]
pub(super) struct ListArgs {
    /// Only lines with this text in who, what, on what or from where.
    #[arg(long, value_name = "TEXT", default_value = "")]
    search: String,
    /// Most lines.
    #[arg(long, default_value_t = 50, value_parser = clap::value_parser!(u32).range(1..=10_000))]
    limit: u32,
}

pub(super) async fn run(command: AuditCommand, global: &Global) -> Result<Exit> {
    let context = Context::open(global).await?;
    match command {
        AuditCommand::List(args) => list(&args, &context).await,
        AuditCommand::Verify => verify(&context).await,
        AuditCommand::Export => export(&context).await,
    }
}

async fn list(args: &ListArgs, context: &Context) -> Result<Exit> {
    let mut sheet = Sheet::new(&["number", "at", "actor", "kind", "address", "action", "object", "detail", "outcome"]);
    for line in context.store.audit_lines(None, &args.search, None, args.limit).await? {
        let entry = line.entry;
        sheet.push(vec![
            json!(line.number),
            json!(entry.at.to_string()),
            json!(entry.actor),
            json!(entry.actor_kind),
            json!(entry.address),
            json!(entry.action),
            json!(entry.object),
            entry.detail,
            json!(entry.outcome),
        ]);
    }
    sheet.write(context.format)?;
    Ok(Exit::Ok)
}

async fn verify(context: &Context) -> Result<Exit> {
    let proof = context.store.verify_audit().await?;
    let broken = proof.broken.as_ref().map(|(line, how)| json!({ "line": line, "how": how }));
    if context.format == Format::Table {
        match &proof.broken {
            None => eprintln_quietly(&format!("the chain is whole: {} lines; its head is {}", proof.lines, proof.head)),
            Some((line, how)) => eprintln_quietly(&format!("the chain is broken at line {line}: {how}")),
        }
    } else {
        write_json(&json!({ "lines": proof.lines, "head": proof.head, "broken": broken }))?;
    }
    Ok(if proof.broken.is_none() { Exit::Ok } else { Exit::Integrity })
}

async fn export(context: &Context) -> Result<Exit> {
    note(context, "export", "audit log", None, json!({})).await?;
    let mut writer = RowWriter::new(context.format, BufWriter::new(std::io::stdout()));
    writer.columns(&AuditLine::COLUMNS.iter().map(|name| (*name).to_owned()).collect::<Vec<_>>())?;
    let mut before = None;
    loop {
        let lines = context.store.audit_lines(before, "", None, PAGE).await?;
        let Some(last) = lines.last().map(|line| line.number) else { break };
        for line in lines {
            writer.row(cells(line))?;
        }
        before = Some(last);
    }
    writer.finish()?;
    Ok(Exit::Ok)
}

fn cells(line: AuditLine) -> Vec<Value> {
    let entry = line.entry;
    vec![
        json!(line.number),
        json!(entry.at.to_string()),
        json!(entry.actor),
        json!(entry.actor_kind),
        json!(entry.address),
        json!(entry.org_id),
        json!(entry.action),
        json!(entry.object),
        entry.detail,
        json!(entry.outcome),
        json!(entry.request_id),
        json!(line.previous),
        json!(line.hash),
    ]
}

/// Writes down that a command does something, before it is done.
pub(super) async fn note(
    context: &Context,
    action: &str,
    object: &str,
    org_id: Option<&str>,
    detail: Value,
) -> Result<()> {
    write(context, action, object, org_id, detail, "done").await
}

/// Writes down that it failed after all; the failure itself is what the person has to hear of.
pub(super) async fn note_failed(context: &Context, action: &str, object: &str, org_id: Option<&str>, why: &str) {
    if let Err(error) = write(context, action, object, org_id, json!({ "why": why }), "failed").await {
        tracing::error!(%error, "the audit log can not be written");
    }
}

async fn write(
    context: &Context,
    action: &str,
    object: &str,
    org_id: Option<&str>,
    detail: Value,
    outcome: &str,
) -> Result<()> {
    let entry = AuditEntry {
        at: Timestamp::now(),
        actor: this_person(),
        actor_kind: "command".to_owned(),
        address: this_host(),
        org_id: org_id.map(str::to_owned),
        action: action.to_owned(),
        object: object.to_owned(),
        detail,
        outcome: outcome.to_owned(),
        request_id: String::new(),
    };
    let noted = context.store.audit(&entry).await;
    // What is about to be done finds out by itself that there is no room, and says so where people look.
    if let Err(store::Error::Full(_)) = noted {
        context.store.in_reserve(context.store.audit(&entry)).await?;
        return Ok(());
    }
    noted?;
    Ok(())
}
