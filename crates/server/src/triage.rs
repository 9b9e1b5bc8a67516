//! What people and programs decide about findings: seen by whoever decides, written down, then done, all or none.

use jiff::Timestamp;
use jiff::civil::Date;
use serde_json::{Value, json};
use store::findings::{Acceptance, AcceptanceKind, Assignment};

use crate::problem::Problem;
use crate::reading::text;
use crate::visit::Ctx;

/// Most findings of one decision.
const MOST: usize = 10_000;
/// So many of them are looked for at once: the text of a query has its bounds.
const IN_ONE_QUERY: usize = 1_000;

/// A decision.
#[derive(Debug)]
pub(crate) enum Decision {
    /// They stay as they are, for a reason and perhaps for a time.
    Accept { kind: AcceptanceKind, why: String, until: Option<Timestamp> },
    /// An acceptance is taken back.
    Reopen { why: Option<String> },
    /// Somebody is to mend them, by a date. What is `None` stays, what is empty is taken away.
    Assign { owner: Option<String>, due: Option<String> },
}

impl Decision {
    fn action(&self) -> &'static str {
        match self {
            Self::Accept { .. } => "finding.accept",
            Self::Reopen { .. } => "finding.reopen",
            Self::Assign { .. } => "finding.assign",
        }
    }

    fn detail(&self) -> Value {
        match self {
            Self::Accept { kind, why, until } => {
                json!({ "kind": kind.word(), "why": why, "until": until.map(|at| at.to_string()) })
            }
            Self::Reopen { why } => json!({ "why": why }),
            Self::Assign { owner, due } => json!({ "owner": owner, "due": due }),
        }
    }
}

/// Does what was decided.
///
/// # Errors
/// A finding is not there for this person, or the decision lacks something; nothing is done then.
pub(crate) async fn decide(ctx: &Ctx, numbers: &[i64], decision: Decision) -> Result<(), Problem> {
    if numbers.is_empty() || numbers.len() > MOST {
        return Err(Problem::bad(format!("a decision is about 1 to {MOST} findings")));
    }
    if let Decision::Assign { due: Some(due), .. } = &decision
        && !due.is_empty()
    {
        due.parse::<Date>().map_err(|_| Problem::bad(format!("{due:?} is no date like 2026-11-30")))?;
    }
    let list: Vec<String> = numbers.iter().map(i64::to_string).collect();
    // Numbers that this person may not see are as good as not there.
    let mut seen = Vec::new();
    for some in list.chunks(IN_ONE_QUERY) {
        let sql = format!("SELECT number, org_id FROM findings WHERE number IN ({})", some.join(", "));
        seen.extend(ctx.read().everywhere().rows(sql).await?);
    }
    if seen.len() != numbers.len() {
        return Err(Problem::not_found("a finding is not there, or named twice"));
    }
    let mut org_ids: Vec<String> = seen.iter().map(|row| text(row, 1)).collect();
    org_ids.sort();
    org_ids.dedup();
    let org_id = if org_ids.len() == 1 { org_ids.first().map(String::as_str) } else { None };
    let (action, object) = (decision.action(), format!("findings {}", list.join(", ")));
    ctx.audit_begun(action, &object, org_id, decision.detail()).await?;
    let (store, by) = (&ctx.app.store, ctx.by());
    let done = match decision {
        Decision::Accept { kind, why, until } => {
            store.accept_findings(numbers, &Acceptance { kind, why, by, until, rule: None }, ctx.now).await
        }
        Decision::Reopen { why } => store.reopen_findings(numbers, &by, why.as_deref(), ctx.now).await,
        Decision::Assign { owner, due } => {
            store.assign_findings(numbers, &Assignment { owner, due }, &by, ctx.now).await
        }
    };
    ctx.audit_ended(action, &object, org_id, done.as_ref().err().map(ToString::to_string)).await;
    Ok(done?)
}
