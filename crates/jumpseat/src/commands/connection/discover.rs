//! `connection discover`: the organizations that a credential can see, and linking some of them.

use anyhow::Result;
use clap::Args;
use collect::{TestReport, VisibleOrganization, checked_name, new_connection, visible_organizations};
use serde_json::json;
use server::detail_of;

use super::asking::{CredentialArgs, PlaceArgs, credential_or_asked, place_or_asked};
use super::{not_connected, note, show_checklist};
use crate::context::{Context, clock, settings, this_person};
use crate::exit::{Exit, Problem, eprintln_quietly};
use crate::output::{Format, Sheet, printable};

#[derive(Debug, Args)]
pub(in crate::commands) struct DiscoverArgs {
    #[command(flatten)]
    place: PlaceArgs,
    #[command(flatten)]
    credential: CredentialArgs,
    /// Link every organization that is not linked yet.
    #[arg(long, conflicts_with = "add")]
    all: bool,
    /// Link these organizations (id or name), separated by commas.
    #[arg(long, value_delimiter = ',', value_name = "ORG,ORG")]
    add: Vec<String>,
    /// How often their inventory is collected.
    #[arg(long, value_name = "SCHEDULE")]
    inventory_every: Option<String>,
    /// Who to ask about them.
    #[arg(long)]
    owner_name: Option<String>,
    /// Their e-mail address.
    #[arg(long)]
    owner_email: Option<String>,
}

pub(super) async fn discover(args: DiscoverArgs, context: &Context) -> Result<Exit> {
    let settings = settings(&context.config)?;
    let place = place_or_asked(&args.place, &settings)?;
    let credential = credential_or_asked(&args.credential)?;
    let seen = visible_organizations(&settings, &place, credential.clone(), clock()).await?;
    let linked = context.store.connections().await?;
    let connection_of = |id: &str| {
        linked
            .iter()
            .find(|connection| connection.org_id.as_deref() == Some(id))
            .map(|connection| connection.name.clone())
    };
    let chosen = chosen_organizations(&args, &seen, |id| connection_of(id).is_some())?;
    let collector = context.collector("jumpseat connection discover")?;
    // Of each chosen organization: its id, how its test went, and the name of its connection, if it was linked.
    let mut tried: Vec<(String, TestReport, Option<String>)> = Vec::new();
    for organization in chosen {
        let name = if organization.name.is_empty() || context.store.find_connection(&organization.name).await?.is_some()
        {
            collector.free_name().await?
        } else {
            checked_name(&organization.name)?
        };
        let mut connection = new_connection(name, place.clone(), &credential, context.now);
        connection.org_id = Some(organization.id.clone());
        connection.org_name = Some(organization.name.clone()).filter(|name| !name.is_empty());
        connection.owner_name.clone_from(&args.owner_name);
        connection.owner_email.clone_from(&args.owner_email);
        let report = collector.test_with(&connection, &credential).await;
        eprintln_quietly(&format!("{} ({})", printable(&connection.name), printable(&organization.id)));
        show_checklist(&report, Format::Table, true)?;
        let is_linked = report.connects();
        if is_linked {
            report.take_over(&mut connection);
            note(context, "connection.add", &connection, detail_of(&connection)).await?;
            collector.link(&connection, &credential, args.inventory_every.as_deref(), None, &this_person()).await?;
        }
        tried.push((organization.id.clone(), report, is_linked.then_some(connection.name)));
    }
    let mut sheet = Sheet::new(&["organization", "org_id", "connection", "added", "test"]);
    for organization in &seen {
        let own = tried.iter().find(|(id, ..)| *id == organization.id);
        let new = own.and_then(|(_, _, name)| name.clone());
        let test = own.map(|(_, report, _)| report.grade().word());
        let connection = new.clone().or_else(|| connection_of(&organization.id));
        sheet.push(vec![
            json!(organization.name),
            json!(organization.id),
            json!(connection),
            json!(new.is_some()),
            json!(test),
        ]);
    }
    let sheet = if context.format == Format::Table { sheet.without_empty_columns() } else { sheet };
    sheet.write(context.format)?;
    if tried.is_empty() && context.format == Format::Table {
        eprintln_quietly("to link some: add --all, or --add NAME,NAME");
    }
    match tried.iter().find(|(_, report, _)| !report.connects()) {
        Some((_, report, _)) => Err(not_connected(report, "that organization was not linked", context.format)),
        None => Ok(Exit::Ok),
    }
}

fn chosen_organizations<'a>(
    args: &DiscoverArgs,
    seen: &'a [VisibleOrganization],
    is_linked: impl Fn(&str) -> bool,
) -> Result<Vec<&'a VisibleOrganization>> {
    if args.all {
        return Ok(seen.iter().filter(|organization| !is_linked(&organization.id)).collect());
    }
    let mut chosen = Vec::new();
    for wanted in &args.add {
        let wanted = wanted.trim();
        let found = seen.iter().find(|organization| {
            organization.id == wanted || organization.name.to_lowercase() == wanted.to_lowercase()
        });
        match found {
            Some(organization) if is_linked(&organization.id) => {
                return Err(Problem::usage(format!("{wanted} is linked already")));
            }
            Some(organization) => chosen.push(organization),
            None => {
                return Err(Problem::not_found(
                    format!("the credential sees no organization {wanted}"),
                    "Run it without --add to see them all.",
                ));
            }
        }
    }
    Ok(chosen)
}
