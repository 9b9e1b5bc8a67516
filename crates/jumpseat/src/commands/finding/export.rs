//! `finding export`: findings as OCSF, SARIF or plain data.

use anyhow::Result;
use clap::{Args, ValueEnum};
use posture::{ocsf, sarif};

use super::choose::{Choice, StateArg};
use super::list;
use crate::commands::audit;
use crate::context::Context;
use crate::exit::Exit;
use crate::output::{json_text, write_json, write_lines};
use crate::posture::load_library;

#[derive(Debug, Args)]
#[command(before_help = "Examples:
  jumpseat finding export --as ocsf > findings.jsonl
  jumpseat finding export --as sarif --severity high > findings.sarif")]
pub(in crate::commands) struct ExportArgs {
    #[command(flatten)]
    choice: Choice,
    /// Where the findings are in their lives.
    #[arg(long, value_enum, default_value_t = StateArg::Any)]
    state: StateArg,
    /// What to write.
    #[arg(long = "as", value_enum)]
    format: Kind,
}

#[derive(Debug, Clone, Copy, ValueEnum)]
enum Kind {
    /// OCSF Compliance Finding (2003), one a line.
    Ocsf,
    /// SARIF 2.1.0.
    Sarif,
}

pub(super) async fn export(args: ExportArgs, context: &Context) -> Result<Exit> {
    audit::note(context, "export", "findings", None, serde_json::json!({})).await?;
    let findings = args.choice.findings(context, args.state, u64::MAX).await?;
    let library = load_library(&context.config)?;
    let version = env!("CARGO_PKG_VERSION");
    match args.format {
        Kind::Sarif => write_json(&sarif::log(&findings, &library, version))?,
        Kind::Ocsf => {
            let names = list::names(context).await?;
            let lines: Vec<String> = findings
                .iter()
                .map(|finding| {
                    let check = library.check(&finding.check_id);
                    let mut event = ocsf::compliance_finding(finding, check, library.frameworks(), version);
                    if let Some(name) = names.get(&finding.org_id) {
                        event["metadata"]["labels"] = serde_json::json!([name]);
                    }
                    json_text(&event)
                })
                .collect();
            write_lines(&lines)?;
        }
    }
    Ok(Exit::Ok)
}
