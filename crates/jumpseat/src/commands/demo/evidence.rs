//! One evidence pack of the first organization, made and verified: what an auditor would be given.

use std::path::{Path, PathBuf};

use ::posture::Posture;
use ::posture::evidence::{Expected, Made, PackRequest, Verified, pack, verify};
use anyhow::{Context as _, Result};
use jiff::{SignedDuration, Timestamp};
use serde_json::{Value, json};

use super::super::evidence::product;
use crate::config::Config;
use crate::context::{master_key, this_person};
use crate::output::printable;
use crate::posture::load_items;

/// For which framework.
const FRAMEWORK: &str = "soc2";
/// Its name in the demonstration's folder.
pub(super) const FOLDER: &str = "evidence-pack";

/// A pack, and what checking it gave.
#[derive(Debug)]
pub(super) struct Proof {
    organization: String,
    framework: String,
    out: PathBuf,
    made: Made,
    verified: Verified,
}

/// Makes a pack over the last `period`, and checks it as an auditor would: by the public key and the digest.
pub(super) async fn proof(
    posture: &Posture,
    config: &Config,
    folder: &Path,
    org_id: Option<&String>,
    (period, now): (SignedDuration, Timestamp),
) -> Result<Option<Proof>> {
    let organizations = posture.organizations().await?;
    let Some(organization) = organizations.iter().find(|known| Some(&known.org_id) == org_id) else { return Ok(None) };
    let framework = posture.library.framework(FRAMEWORK).context("the framework of the demonstration is not there")?;
    let items = load_items(config, &posture.library)?;
    let out = folder.join(FOLDER);
    let request = PackRequest {
        items: items.serving(framework),
        framework,
        organization,
        from: now - period,
        to: now,
        as_of: now,
        sampling: None,
        made_at: now,
        made_by: this_person(),
        product: product(),
        asked: collect::tables::asked_by(),
        out: &out,
    };
    let made = pack(posture, &master_key(config)?, &request).await.context("no evidence pack was made")?;
    let expected =
        Expected { key: Some(made.key.clone()), digest: Some(made.pack.digest.clone()), ..Expected::default() };
    let verified = verify(&out, &expected).context("the evidence pack can not be read")?;
    let framework = format!("{} {}", framework.name, framework.version);
    Ok(Some(Proof { organization: organization.names[0].clone(), framework, out, made, verified }))
}

impl Proof {
    /// For people.
    pub(super) fn lines(&self) -> Vec<String> {
        let incomplete = self.made.items.values().filter(|(state, _)| *state != "complete").count();
        let intact = match self.verified.differences.as_slice() {
            [] => format!("verified: {} files are as they were signed", self.verified.files),
            [first, ..] => format!("NOT INTACT: {}: {}", first.path, first.what),
        };
        let gaps = match self.made.gaps.as_slice() {
            [] => "the period has no gaps".to_owned(),
            gaps => format!("its first page names {} gaps of the period", gaps.len()),
        };
        vec![
            format!(
                "evidence pack for {}, {}: {} items, {incomplete} of them incomplete or not collected; {gaps}",
                printable(&self.organization),
                self.framework,
                self.made.items.len()
            ),
            format!("  {intact}; read it in {}", self.out.join("index.html").display()),
        ]
    }

    /// For programs.
    pub(super) fn document(&self) -> Value {
        json!({
            "organization": self.organization, "framework": FRAMEWORK, "out": self.out.display().to_string(),
            "items": self.made.items.len(),
            "incomplete": self.made.items.values().filter(|(state, _)| *state != "complete").count(),
            "gaps": self.made.gaps.len(), "files": self.made.pack.files, "bytes": self.made.pack.bytes,
            "digest": self.made.pack.digest, "public_key": self.made.key.line(),
            "intact": self.verified.is_intact(),
        })
    }
}
