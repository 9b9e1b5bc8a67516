//! Whose the rows of a list above organizations are, where they do not say: of administrators, a provider's key is told no
//! organization. Taken as they come, each organization would have the administrators of all the others.

use std::collections::HashSet;
use std::pin::pin;

use futures::StreamExt;
use jumpcloud::{Listed, endpoints};
use serde_json::Value;
use store::TableState;

use super::ask::{Verdict, verdict_of};
use super::{Part, Plan, Reading, path_id};
use crate::client::organizations_seen_by;
use crate::error::Error;
use crate::node::Node;
use crate::rows::organization_of;

/// Which of the administrators that a key sees are the organization's own.
pub(super) enum Own {
    /// All: the key sees one organization.
    All,
    /// Those that JumpCloud links with it.
    Linked(HashSet<String>),
    /// JumpCloud does not tell.
    Unknown(TableState, String),
}

/// Whether a received row is another organization's, or may be: then it is not kept, and where it may be, the source is not
/// complete.
pub(super) async fn is_elsewhere(reading: &Reading, part: &Part, row: &Node<'_>) -> Result<bool, Error> {
    if !part.spans_organizations() || organization_of(row).is_some() {
        return Ok(false);
    }
    Ok(match reading.own_administrators.get_or_try_init(|| own_administrators(&reading.plan)).await? {
        Own::All => false,
        Own::Linked(ids) => path_id(row).is_none_or(|id| !ids.contains(id)),
        Own::Unknown(state, why) => {
            let words = "the key sees several organizations, and JumpCloud does not say to which of them these belong";
            part.take_flaw(*state, format!("{words}: {why}"));
            true
        }
    })
}

async fn own_administrators(plan: &Plan) -> Result<Own, Error> {
    match organizations_seen_by(&plan.client).await {
        Ok(seen) if seen.len() <= 1 => return Ok(Own::All),
        Ok(_) => {}
        Err(Error::Ask(error)) => return unknown(error),
        Err(error) => return Err(error),
    }
    let mut linked = HashSet::new();
    let mut pages = pin!(plan.client.list(&endpoints::ORGANIZATION_ADMINISTRATORLINKS, &[&plan.org_id], &[]));
    while let Some(listed) = pages.next().await {
        match listed {
            Ok(Listed::Page(page)) => {
                let links = page.rows.iter().filter_map(|row| serde_json::from_str::<Value>(row.get()).ok());
                linked.extend(links.filter_map(|link| Some(link.get("administrator")?.as_str()?.to_owned())));
            }
            Ok(Listed::End(pass)) => {
                let count = linked.len() as u64;
                return Ok(match pass.total {
                    Some(total) if total != count => {
                        Own::Unknown(TableState::Short, format!("the API tells {total} links but listed {count}"))
                    }
                    _ => Own::Linked(linked),
                });
            }
            Err(error) => return unknown(error),
        }
    }
    Ok(Own::Unknown(TableState::Failed, "the list ended without an end".to_owned()))
}

fn unknown(error: jumpcloud::Error) -> Result<Own, Error> {
    let words = error.to_string();
    Ok(match verdict_of(error)? {
        Verdict::Flawed(state, why) => Own::Unknown(state, why),
        _ => Own::Unknown(TableState::Failed, words),
    })
}
