//! `evidence pack`: a signed pack for a framework and a period.

use std::path::{Path, PathBuf};

use anyhow::{Context as _, Result};
use clap::Args;
use jiff::Timestamp;
use posture::evidence::{Item, Made, PackRequest, Sampling, pack};
use posture::{Organization, Posture};
use serde_json::{Value, json};

use super::Global;
use super::list::named;
use crate::commands::asset::org_of;
use crate::commands::audit;
use crate::context::{Context, master_key, this_person};
use crate::exit::{Exit, Problem};
use crate::output::{Format, printable, write_json, write_lines};
use crate::posture::load_items;
use crate::when::{parse_day, parse_moment};

#[derive(Debug, Args)]
#[command(
    before_help = "Examples:
  jumpseat evidence pack --framework soc2 --from 2026-07-01 --to 2026-09-30 --out soc2-q3.zip
  jumpseat evidence pack --framework iso27001 --from 2026-01-01 --to 2026-12-31 --as-of 2026-06-30 --out iso
  jumpseat evidence pack --framework pci-dss --from 2026-07-01 --to 2026-09-30 --sample 25 --seed \"auditor's word\" --out pci.zip",
    after_help = "The pack is written whole or not at all. Give its digest, which is printed, to the auditor by another way than \
the pack: with it an older pack in place of a newer is noticed. Exit code 6 when something is missing in the pack: it says \
what on its first page."
)]
pub(in crate::commands) struct PackArgs {
    /// For which framework, e.g. soc2.
    #[arg(long)]
    framework: String,
    /// The period begins here: a date or a time.
    #[arg(long, value_name = "TIME", value_parser = parse_day)]
    from: Timestamp,
    /// The period ends here; a date means the end of that day in UTC.
    #[arg(long, value_name = "TIME", value_parser = parse_moment)]
    to: Timestamp,
    /// Populations are as they were at this time of the period; at its end, if not said.
    #[arg(long, value_name = "TIME", value_parser = parse_moment)]
    as_of: Option<Timestamp>,
    /// Draw so many rows of each population.
    #[arg(long, value_name = "ROWS", requires = "seed")]
    sample: Option<usize>,
    /// The auditor's word that decides which rows are drawn.
    #[arg(long, value_name = "TEXT", requires = "sample")]
    seed: Option<String>,
    /// Only these items, e.g. ev-user-list,ev-user-mfa; all that serve the framework, if not said.
    #[arg(long, value_delimiter = ',', value_name = "ID,ID")]
    item: Vec<String>,
    /// Which organization, by id, name or connection; needed where there are several.
    #[arg(long, visible_alias = "org")]
    connection: Option<String>,
    /// Where: a folder, or an archive if it ends in .zip.
    #[arg(long, value_name = "PATH")]
    out: PathBuf,
    /// Let this time-stamp authority (RFC 3161) stamp it; it gets the SHA-256 of the manifest and nothing else.
    #[arg(long, value_name = "URL")]
    tsa: Option<String>,
    /// When the pack is said to be made; now, if not said. With the same time the same input gives the same bytes.
    #[arg(long, value_name = "TIME", value_parser = parse_moment)]
    made_at: Option<Timestamp>,
}

pub(super) async fn run(args: &PackArgs, global: &Global) -> Result<Exit> {
    let context = Context::open(global).await?;
    let posture = context.posture("jumpseat evidence pack")?;
    let framework = super::super::framework::named(&posture.library, &args.framework)?;
    let items = load_items(&context.config, &posture.library)?;
    let chosen: Vec<&Item> = match args.item.as_slice() {
        [] => items.serving(framework),
        ids => ids.iter().map(|id| named(&items, id)).collect::<Result<_>>()?,
    };
    let organization = organization(args.connection.as_deref(), &posture, &context).await?;
    let made_at = args.made_at.unwrap_or(context.now);
    // Nothing is known of what is still to come.
    let as_of = args.as_of.unwrap_or(args.to.min(made_at));
    if args.as_of.is_some_and(|as_of| as_of > made_at) {
        return Err(Problem::usage("--as-of lies in the future"));
    }
    if args.from > args.to || as_of < args.from || as_of > args.to {
        return Err(Problem::usage("--from must lie before --to, and --as-of between the two"));
    }
    let sampling = args.sample.zip(args.seed.clone()).map(|(size, seed)| Sampling { size, seed });
    let request = PackRequest {
        items: chosen,
        framework,
        organization: &organization,
        from: args.from,
        to: args.to,
        as_of,
        sampling,
        made_at,
        made_by: this_person(),
        product: product(),
        asked: collect::tables::asked_by(),
        out: &args.out,
    };
    let detail = json!({
        "from": args.from, "to": args.to, "as_of": as_of, "items": args.item, "sample": args.sample,
        "out": args.out.display().to_string(),
    });
    audit::note(&context, "evidence.pack", &framework.id, Some(&organization.org_id), detail).await?;
    let made = pack(&posture, &master_key(&context.config)?, &request)
        .await
        .with_context(|| format!("no pack was made at {}", args.out.display()))?;
    context.store.close().await;
    let stamp = match &args.tsa {
        None => None,
        Some(tsa) => Some(super::stamp::stamp(&args.out, tsa).await),
    };
    if context.format == Format::Table {
        let mut lines = lines(&made, &args.out);
        lines.extend(stamp.iter().flatten().map(|stamp| format!("  {}", super::stamp::words(stamp))));
        write_lines(&lines)?;
    } else {
        let mut document = document(&made, &args.out);
        document["time_stamp"] = json!(stamp.iter().flatten().next().map(|stamp| stamp.at));
        write_json(&document)?;
    }
    if let Some(Err(error)) = stamp {
        return Err(error.context(format!(
            "the pack is at {}, and has no time stamp; try again with `jumpseat evidence stamp`",
            args.out.display()
        )));
    }
    let is_whole = made.gaps.is_empty() && made.items.values().all(|(state, _)| *state == "complete");
    Ok(if is_whole { Exit::Ok } else { Exit::Partial })
}

/// The one organization that a pack is about.
async fn organization(name: Option<&str>, posture: &Posture, context: &Context) -> Result<Organization> {
    let org_id = org_of(context, name).await?;
    let mut all = posture.organizations().await?;
    all.retain(|organization| org_id.as_ref().is_none_or(|org_id| *org_id == organization.org_id));
    let names: Vec<String> = all.iter().map(|organization| printable(&organization.names[0])).collect();
    match all.len() {
        1 => Ok(all.remove(0)),
        0 => Err(Problem::not_found(
            "nothing was collected yet, so there is no evidence",
            "`jumpseat sync` collects now.",
        )),
        _ => Err(Problem::usage(format!(
            "a pack is about one organization; name it with --connection: {}",
            names.join(", ")
        ))),
    }
}

/// The program's name and version, as packs have it.
pub(in crate::commands) fn product() -> String {
    format!("Jumpseat {}", env!("CARGO_PKG_VERSION"))
}

fn lines(made: &Made, out: &Path) -> Vec<String> {
    let pack = &made.pack;
    let mut lines = vec![
        format!("{} holds {} files ({} bytes)", out.display(), pack.files, pack.bytes),
        format!("  items: {}", made.items.len()),
    ];
    for (id, (state, _)) in made.items.iter().filter(|(_, (state, _))| *state != "complete") {
        lines.push(format!("    {}: {id}", state.replace('_', " ")));
    }
    match made.gaps.len() {
        0 => lines.push("  the period has no gaps".to_owned()),
        count => lines.push(format!("  the period has {count} gaps, such as {}", printable(&made.gaps[0].to_string()))),
    }
    lines.push(format!("  number {} of this installation, digest sha256:{}", pack.number, pack.digest));
    lines.push(format!("  signed by {} (minisign key {})", made.key.line(), made.key.id()));
    lines.push(format!(
        "  check it with: jumpseat evidence verify {} --public-key {} --digest {}",
        out.display(),
        made.key.line(),
        pack.digest
    ));
    lines
}

fn document(made: &Made, out: &Path) -> Value {
    let pack = &made.pack;
    let items: serde_json::Map<String, Value> =
        made.items.iter().map(|(id, (state, rows))| (id.clone(), json!({ "state": state, "rows": rows }))).collect();
    json!({
        "out": out.display().to_string(), "number": pack.number, "digest": pack.digest, "previous": pack.previous,
        "org_id": pack.org_id, "framework": pack.framework, "from": pack.from, "to": pack.to, "as_of": pack.as_of,
        "made_at": pack.made_at, "made_by": pack.made_by, "files": pack.files, "bytes": pack.bytes,
        "public_key": made.key.line(), "key_id": made.key.id(), "gaps": made.gaps, "items": items,
    })
}
