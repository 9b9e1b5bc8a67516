//! `evidence list`, `show`, `packs` and `key`.

use anyhow::Result;
use clap::{Args, ValueEnum};
use jiff::Timestamp;
use posture::Library;
use posture::evidence::{ABSENT, Item, Items, Usage};
use serde_json::{Value, json};

use super::Global;
use crate::commands::audit;
use crate::config::{Config, load};
use crate::context::{Context, master_key};
use crate::exit::{Exit, Problem, eprintln_quietly};
use crate::output::{Format, Sheet, write_json, write_lines};
use crate::page::write_page;
use crate::posture::{load_items, load_library};

#[derive(Debug, Args)]
#[command(before_help = "Examples:
  jumpseat evidence list
  jumpseat evidence list --framework soc2 --use endpoint-management")]
pub(in crate::commands) struct ListArgs {
    /// Only items that serve this framework, e.g. soc2.
    #[arg(long)]
    framework: Option<String>,
    /// Only items that are asked for in this use.
    #[arg(long = "use", value_enum)]
    usage: Option<UsageArg>,
}

/// What an item is asked for.
#[derive(Debug, Clone, Copy, PartialEq, Eq, ValueEnum)]
enum UsageArg {
    Sso,
    EndpointManagement,
}

impl From<UsageArg> for Usage {
    fn from(word: UsageArg) -> Self {
        match word {
            UsageArg::Sso => Self::Sso,
            UsageArg::EndpointManagement => Self::EndpointManagement,
        }
    }
}

#[derive(Debug, Args)]
pub(in crate::commands) struct ShowArgs {
    /// The item's id.
    id: String,
}

fn loaded(global: &Global) -> Result<(Config, Library, Items)> {
    let config = load(&global.overrides(), global.config.as_deref())?.config;
    let library = load_library(&config)?;
    let items = load_items(&config, &library)?;
    Ok((config, library, items))
}

pub(super) fn list(args: &ListArgs, global: &Global) -> Result<Exit> {
    let (_, library, items) = loaded(global)?;
    let framework = match &args.framework {
        Some(id) => Some(super::super::framework::named(&library, id)?),
        None => None,
    };
    let mut chosen: Vec<&Item> = match framework {
        Some(framework) => items.serving(framework),
        None => items.iter().collect(),
    };
    chosen.retain(|item| args.usage.is_none_or(|usage| item.usage == usage.into()));
    let mut sheet = Sheet::new(&["id", "use", "type", "title", "serves", "file"]);
    for item in chosen {
        let serves: Option<Vec<String>> =
            framework.map(|framework| item.serves(framework).map(|(requirement, _)| requirement.id.clone()).collect());
        sheet.push(vec![
            json!(item.id),
            json!(item.usage.word()),
            json!(item.kind.word()),
            json!(item.title),
            json!(serves.map(|serves| serves.join(", "))),
            json!(item.origin.to_string()),
        ]);
    }
    let format = global.output();
    sheet.without_empty_columns().write(format)?;
    if format == Format::Table {
        eprintln_quietly(
            "P population, C configuration, O what happened in the period, S what Jumpseat says of its own work.",
        );
        for absent in ABSENT {
            eprintln_quietly(&format!("not collected: {} ({})", absent.title, absent.id));
        }
    }
    Ok(Exit::Ok)
}

pub(super) fn show(args: &ShowArgs, global: &Global) -> Result<Exit> {
    let (_, library, items) = loaded(global)?;
    let item = named(&items, &args.id)?;
    if global.output() == Format::Table {
        write_page(&item.title, &item.origin, &posture::item_text(item, &library))?;
        return Ok(Exit::Ok);
    }
    let served: Vec<Value> = library
        .frameworks()
        .iter()
        .flat_map(|framework| {
            item.serves(framework).map(|(requirement, marks)| {
                json!({ "framework": framework.id, "requirement": requirement.id, "marks": marks })
            })
        })
        .collect();
    write_json(&json!({
        "id": item.id, "title": item.title, "use": item.usage.word(), "type": item.kind.word(),
        "population": item.population, "reads": item.reads, "profiles": item.profiles, "counts": item.counts,
        "shows": item.shows, "notes": item.notes, "query": item.query, "file": item.origin.to_string(),
        "requirements": served,
    }))?;
    Ok(Exit::Ok)
}

/// The item of an id; what can not be given says why.
pub(super) fn named<'a>(items: &'a Items, id: &str) -> Result<&'a Item> {
    if let Some(absent) = ABSENT.iter().find(|absent| absent.id == id) {
        return Err(Problem::not_found(format!("{id} was not collected: {}", absent.title), absent.why));
    }
    items.get(id).ok_or_else(|| {
        Problem::unknown_name(format!("there is no evidence item {id:?}"), id, items.ids(), "jumpseat evidence list")
    })
}

pub(super) async fn packs(global: &Global) -> Result<Exit> {
    let context = Context::open(global).await?;
    let people = context.format == Format::Table;
    let columns: &[&str] = if people {
        &["number", "made_at", "framework", "from", "to", "digest"]
    } else {
        &[
            "number",
            "made_at",
            "made_by",
            "org_id",
            "framework",
            "from",
            "to",
            "as_of",
            "files",
            "bytes",
            "digest",
            "previous",
            "public_key",
        ]
    };
    let mut sheet = Sheet::new(columns);
    for pack in context.store.evidence_packs().await? {
        let time = |at: Timestamp| if people { format!("{at:.0}") } else { at.to_string() };
        let all = json!({
            "number": pack.number, "made_at": time(pack.made_at), "made_by": pack.made_by, "org_id": pack.org_id,
            "framework": pack.framework, "from": time(pack.from), "to": time(pack.to), "as_of": time(pack.as_of),
            "files": pack.files, "bytes": pack.bytes, "digest": pack.digest, "previous": pack.previous,
            "public_key": pack.public_key,
        });
        sheet.push(columns.iter().map(|name| all[*name].clone()).collect());
    }
    sheet.write(context.format)?;
    context.store.close().await;
    Ok(Exit::Ok)
}

#[derive(Debug, Args)]
#[command(
    before_help = "Examples:
  jumpseat evidence key > jumpseat.pub
  jumpseat evidence key --all
  jumpseat evidence key --replace",
    after_help = "A replaced key signs nothing any more, and its secret is forgotten. Packs that it signed are checked with it as before; \
whoever was given it is led to the new one, which it has signed. If it was stolen, the thief can do the same: give the new key \
to everybody by another way then."
)]
pub(in crate::commands) struct KeyArgs {
    /// All keys that ever signed packs of this installation.
    #[arg(long)]
    all: bool,
    /// Make a new key and let the present one sign it.
    #[arg(long, conflicts_with = "all")]
    replace: bool,
}

pub(super) async fn key(args: &KeyArgs, global: &Global) -> Result<Exit> {
    let context = Context::open(global).await?;
    let master = master_key(&context.config)?;
    if args.replace {
        audit::note(&context, "evidence.key", "signing key", None, json!({ "replace": true })).await?;
        let (old, new) = posture::evidence::replace_key(&context.store, &master, context.now).await?;
        eprintln_quietly(&format!("the key {} was replaced by {}, and has signed it", old.id(), new.id()));
    }
    let public = posture::evidence::key(&context.store, &master, context.now).await?.public();
    if args.all {
        let people = context.format == Format::Table;
        let columns = ["id", "made_at", "public_key", "vouched"];
        let mut sheet = Sheet::new(&columns[..if people { 3 } else { 4 }]);
        for link in posture::evidence::keys(&context.store).await? {
            let id = posture::evidence::PublicKey::parse(&link.public_key).map(|key| key.id());
            let mut row = vec![json!(id), json!(link.made_at.to_string()), json!(link.public_key)];
            if !people {
                row.push(json!(link.vouched));
            }
            sheet.push(row);
        }
        sheet.write(context.format)?;
    } else if global.output.is_none_or(|format| format == Format::Table) {
        // Also into a file: it is what `evidence verify --public-key` and minisign read.
        write_lines(&public.file().lines().map(str::to_owned).collect::<Vec<_>>())?;
    } else {
        write_json(&json!({ "public_key": public.line(), "id": public.id() }))?;
    }
    context.store.close().await;
    Ok(Exit::Ok)
}
