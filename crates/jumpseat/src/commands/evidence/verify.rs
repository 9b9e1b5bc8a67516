//! `evidence verify`: checks a pack with nothing but the pack and the key.

use std::path::{Path, PathBuf};

use anyhow::{Context as _, Result};
use clap::Args;
use posture::evidence::{Authorities, ChainLink, Expected, PublicKey, Verified, verify};
use serde_json::{Value, json};

use super::Global;
use crate::exit::{Exit, Problem, eprintln_quietly};
use crate::output::{Format, Sheet, printable, write_json, write_lines};

#[derive(Debug, Args)]
#[command(
    before_help = "Examples:
  jumpseat evidence verify soc2-q3.zip --public-key jumpseat.pub
  jumpseat evidence verify soc2-q3 --public-key RWQ... --digest 5f70bf18a086...
  jumpseat evidence packs -o json > chain.json; jumpseat evidence verify soc2-q3.zip --chain chain.json",
    after_help = "Nothing else is needed: no network, no database. Exit code 0 when the pack is as it was made, 11 when something \
is not, and what."
)]
pub(in crate::commands) struct VerifyArgs {
    /// The pack: a folder or an archive.
    pack: PathBuf,
    /// The key that the organization gave you: a file, or its line of text. Without it the pack's own key is used, which
    /// shows only that the pack agrees with itself.
    #[arg(long, value_name = "FILE|KEY")]
    public_key: Option<String>,
    /// The digest that you were told when the pack was made.
    #[arg(long, value_name = "SHA256")]
    digest: Option<String>,
    /// The digest of the pack before it.
    #[arg(long, value_name = "SHA256")]
    previous_digest: Option<String>,
    /// The chain of packs, as `jumpseat evidence packs --output json` tells it.
    #[arg(long, value_name = "FILE")]
    chain: Option<PathBuf>,
    /// Certificates (PEM) of time-stamp authorities that you trust; the pack must have a time stamp that leads to one.
    #[arg(long, value_name = "FILE")]
    tsa_ca: Option<PathBuf>,
}

pub(super) fn run(args: &VerifyArgs, global: &Global) -> Result<Exit> {
    let expected = Expected {
        key: args.public_key.as_deref().map(public_key).transpose()?,
        digest: args.digest.as_deref().map(digest).transpose()?,
        previous: args.previous_digest.as_deref().map(digest).transpose()?,
        chain: args.chain.as_deref().map(chain).transpose()?,
        authorities: args.tsa_ca.as_deref().map(authorities).transpose()?,
    };
    if !args.pack.exists() {
        let help = "Name the folder or the archive that `jumpseat evidence pack` has written.";
        return Err(Problem::not_found(format!("there is no pack at {}", args.pack.display()), help));
    }
    let verified = verify(&args.pack, &expected).with_context(|| format!("{} can not be read", args.pack.display()))?;
    match global.output() {
        Format::Table => tell(&verified)?,
        Format::Json => write_json(&document(&verified))?,
        format => differences(&verified).write(format)?,
    }
    Ok(if verified.is_intact() { Exit::Ok } else { Exit::Integrity })
}

fn public_key(given: &str) -> Result<PublicKey> {
    let path = Path::new(given);
    let text = if path.is_file() {
        std::fs::read_to_string(path).map_err(|error| Problem::unreadable("the key file", path, &error))?
    } else {
        given.to_owned()
    };
    PublicKey::parse(&text).ok_or_else(|| {
        Problem::usage(format!(
            "{} is neither a file nor a key of Jumpseat; a key is a line of 56 letters that begins with RW",
            printable(given)
        ))
    })
}

/// A SHA-256 as it is printed, with or without its name before it.
fn digest(given: &str) -> Result<String> {
    let digits = given.trim().strip_prefix("sha256:").unwrap_or(given.trim());
    match digits.len() == 64 && digits.bytes().all(|byte| byte.is_ascii_hexdigit()) {
        true => Ok(digits.to_lowercase()),
        false => Err(Problem::usage(format!("{} is no SHA-256: that has 64 hexadecimal digits", printable(given)))),
    }
}

fn chain(path: &Path) -> Result<Vec<ChainLink>> {
    let text = std::fs::read_to_string(path).map_err(|error| Problem::unreadable("the chain", path, &error))?;
    let packs: Vec<Value> = serde_json::from_str(&text)
        .map_err(|error| Problem::usage(format!("the chain {} is no JSON: {error}", path.display())))?;
    let link = |pack: &Value| {
        let text = |name: &str| pack[name].as_str().map(str::to_owned);
        let time = |name: &str| pack[name].as_str()?.parse().ok();
        Some(ChainLink {
            number: pack["number"].as_i64()?,
            org_id: text("org_id")?,
            framework: text("framework")?,
            period: time("from").zip(time("to")),
            digest: text("digest")?,
            previous: text("previous"),
        })
    };
    let links: Option<Vec<ChainLink>> = packs.iter().map(link).collect();
    links.ok_or_else(|| {
        Problem::usage(format!("{} is no chain: `jumpseat evidence packs --output json` writes one", path.display()))
    })
}

fn authorities(path: &Path) -> Result<Authorities> {
    let pem = std::fs::read(path).map_err(|error| Problem::unreadable("the file with certificates", path, &error))?;
    Authorities::parse(&pem).map_err(|what| Problem::usage(format!("{}: {what}", path.display())))
}

fn differences(verified: &Verified) -> Sheet {
    let mut sheet = Sheet::new(&["difference", "file", "what"]);
    for difference in &verified.differences {
        sheet.push(vec![json!(difference.kind.word()), json!(difference.path), json!(difference.what)]);
    }
    sheet
}

fn tell(verified: &Verified) -> Result<()> {
    if let Some(manifest) = &verified.manifest {
        write_lines(&[
            format!(
                "pack {} of {} ({})",
                manifest.number,
                printable(&manifest.organization),
                printable(&manifest.org_id)
            ),
            format!(
                "  {}, {} to {}, as of {}",
                printable(&manifest.framework_name),
                manifest.from,
                manifest.to,
                manifest.as_of
            ),
            format!(
                "  made {} by {} with {}",
                manifest.made_at,
                printable(&manifest.made_by),
                printable(&manifest.product)
            ),
            format!("  digest sha256:{}", verified.digest.as_deref().unwrap_or("-")),
            format!("  previous {}", printable(manifest.previous.as_deref().unwrap_or("none: it is the first"))),
        ])?;
    }
    if verified.is_intact() {
        write_lines(&[format!("intact: {} files are as they were when the pack was signed", verified.files)])?;
    } else {
        let mut lines = vec![format!("NOT INTACT: {} differences", verified.differences.len())];
        lines.extend(verified.differences.iter().map(|difference| {
            let (kind, path, what) = (difference.kind.word(), printable(&difference.path), printable(&difference.what));
            format!("  {kind}  {path}: {what}")
        }));
        write_lines(&lines)?;
    }
    if let Some(stamp) = &verified.stamp {
        write_lines(&[super::stamp::words(stamp)])?;
    }
    if let (Some(key), Some(older)) = (&verified.key, &verified.led_by) {
        write_lines(&[format!("signed by {}, which the key that you gave ({}) leads to", key.id(), older.id())])?;
    }
    if let (Some(key), false) = (&verified.key, verified.is_key_given) {
        eprintln_quietly(&format!(
            "The key {} came with the pack itself. Compare it with what the organization gave you, or give it with --public-key.",
            key.line()
        ));
    }
    Ok(())
}

fn document(verified: &Verified) -> Value {
    let differences: Vec<Value> = verified
        .differences
        .iter()
        .map(|difference| json!({ "difference": difference.kind.word(), "file": difference.path, "what": difference.what }))
        .collect();
    let manifest = verified.manifest.as_ref();
    json!({
        "intact": verified.is_intact(),
        "digest": verified.digest,
        "public_key": verified.key.as_ref().map(PublicKey::line),
        "key_given": verified.is_key_given,
        "led_by": verified.led_by.as_ref().map(PublicKey::line),
        "time_stamp": verified.stamp.as_ref().map(|stamp| {
            json!({ "at": stamp.at, "certificate": stamp.certificate, "trusted": stamp.is_trusted })
        }),
        "files": verified.files,
        "number": manifest.map(|manifest| manifest.number),
        "previous": manifest.and_then(|manifest| manifest.previous.clone()),
        "org_id": manifest.map(|manifest| manifest.org_id.clone()),
        "organization": manifest.map(|manifest| manifest.organization.clone()),
        "framework": manifest.map(|manifest| manifest.framework.clone()),
        "from": manifest.map(|manifest| manifest.from),
        "to": manifest.map(|manifest| manifest.to),
        "as_of": manifest.map(|manifest| manifest.as_of),
        "made_at": manifest.map(|manifest| manifest.made_at),
        "made_by": manifest.map(|manifest| manifest.made_by.clone()),
        "differences": differences,
    })
}
