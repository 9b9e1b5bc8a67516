//! `evidence stamp`: a time stamp of a third party (RFC 3161) for a pack. What leaves this machine is the SHA-256 of the pack's
//! manifest.

use std::path::{Path, PathBuf};
use std::time::Duration;

use anyhow::{Context as _, Result};
use clap::Args;
use posture::evidence::{Stamp, add_stamp, stamp_question};
use serde_json::json;

use super::Global;
use crate::exit::{Exit, Problem};
use crate::output::{Format, write_json, write_lines};

/// No answer is larger.
const LARGEST_ANSWER: usize = 1 << 20;

#[derive(Debug, Args)]
#[command(
    before_help = "Examples:
  jumpseat evidence stamp soc2-q3.zip --tsa https://freetsa.org/tsr",
    after_help = "The authority gets the SHA-256 of the manifest and nothing else. Its answer becomes the file manifest.json.tsr of the \
pack, which `jumpseat evidence verify` checks, and `openssl ts -verify -data manifest.json -in manifest.json.tsr -CAfile ca.pem` as well."
)]
pub(in crate::commands) struct StampArgs {
    /// The pack: a folder or an archive.
    pack: PathBuf,
    /// The address of the time-stamp authority.
    #[arg(long, value_name = "URL")]
    tsa: String,
}

pub(super) async fn run(args: &StampArgs, global: &Global) -> Result<Exit> {
    if !args.pack.exists() {
        let help = "Name the folder or the archive that `jumpseat evidence pack` has written.";
        return Err(Problem::not_found(format!("there is no pack at {}", args.pack.display()), help));
    }
    let stamp = stamp(&args.pack, &args.tsa).await?;
    if global.output() == Format::Table {
        write_lines(&[words(&stamp)])?;
    } else {
        write_json(&json!({ "at": stamp.at, "certificate": stamp.certificate }))?;
    }
    Ok(Exit::Ok)
}

/// What a time stamp says, in words.
pub(super) fn words(stamp: &Stamp) -> String {
    let trust =
        if stamp.is_trusted { "which leads to a given one" } else { "which was held against nothing: see --tsa-ca" };
    format!("time stamp of {} by the certificate sha256:{}, {trust}", stamp.at, stamp.certificate)
}

/// Asks an authority, and puts its answer into the pack.
pub(super) async fn stamp(pack: &Path, tsa: &str) -> Result<Stamp> {
    let question = stamp_question(pack)?;
    let answer = asked(tsa, question).await.with_context(|| format!("{tsa} gave no time stamp"))?;
    Ok(add_stamp(pack, &answer)?)
}

async fn asked(tsa: &str, question: Vec<u8>) -> Result<Vec<u8>> {
    let client = reqwest::Client::builder()
        .timeout(Duration::from_secs(30))
        .redirect(reqwest::redirect::Policy::none())
        .build()?;
    let request = client.post(tsa).header("content-type", "application/timestamp-query").body(question);
    let mut response = request.send().await?;
    if !response.status().is_success() {
        anyhow::bail!("it answered {}", response.status());
    }
    let mut answer = Vec::new();
    while let Some(chunk) = response.chunk().await? {
        answer.extend_from_slice(&chunk);
        if answer.len() > LARGEST_ANSWER {
            anyhow::bail!("its answer is too large to be a time stamp");
        }
    }
    Ok(answer)
}
