//! Whether MFA is required of a user at the user portal, in effect: by the user's own setting, or by an authentication policy
//! that holds under all conditions. What JumpCloud does where no policy applies can not be read, so that stays unknown.

use std::collections::{BTreeMap, BTreeSet, HashSet};
use std::sync::Mutex;

use jiff::Timestamp;
use serde_json::{Value, json};
use store::json::Json as _;
use store::schema::{Reader, Table, boolean, text};
use store::{Cell, Lease, Limits, Marks, NewRow, Parameter, Query, Result, SnapshotInfo, SnapshotWriter, Store};

use crate::evaluate::json_of_cell;
use crate::readiness::Readiness;

/// `user_mfa_requirements`: one row for each user.
pub static USER_MFA_REQUIREMENTS: Table = Table {
    name: "user_mfa_requirements",
    about: "Whether MFA is required of each user at the user portal, in effect: by the user's own setting or by an authentication policy that covers the user under all conditions. The id is the user's.",
    asset: None,
    label: "id",
    columns: &[
        boolean(
            "required",
            "/required",
            "It is required; NULL when that can not be told, because a condition or the default decides.",
        ),
        text(
            "strength",
            "/strength",
            "phishing-resistant when only such factors are accepted, or any; NULL when it is not required.",
        ),
        text("reason", "/reason", "What decides it, in words."),
        text("policy_id", "/policy_id", "The policy that decides it (authentication_policies.id)."),
    ],
    joined: &[],
};

/// What it follows from.
pub(super) const READS: [&str; 3] = ["users", "authentication_policies", "group_memberships"];

/// Rows that are written at a time.
const BATCH: usize = 1_000;

/// Factors that can not be phished: JumpCloud Go, and security keys and passkeys.
const STRONG: [&str; 2] = ["DURT", "WEBAUTHN"];

/// An enabled policy that guards the user portal.
#[derive(Debug, Clone, Default)]
struct Policy {
    id: String,
    name: String,
    allows: bool,
    mfa_required: bool,
    is_strong: bool,
    is_conditional: bool,
    all_users: bool,
    /// It depends on attributes of users, which are not followed.
    by_attributes: bool,
    included: BTreeSet<String>,
    excluded: BTreeSet<String>,
}

/// Whether a policy applies to a user.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Covers {
    Yes,
    No,
    Perhaps,
}

pub(super) async fn derive(store: &Store, snapshot: &SnapshotInfo, lease: &Lease, now: Timestamp) -> Result<()> {
    let table = &USER_MFA_REQUIREMENTS;
    let readiness = Readiness::of(store, snapshot).await?;
    let short = READS.iter().find_map(|name| readiness.shortfall_of(name));
    if let Some(short) = short {
        // What it was before stays, and is not believed.
        return store.note_derived(snapshot.number, table, Some(&short.to_string()), 0, lease).await;
    }
    let policies = policies(store, snapshot).await?;
    let groups = memberships(store, snapshot, &policies).await?;
    let writer = store.begin_derived(snapshot, table, lease).await?;
    let mut work = Work { writer, marks: Mutex::default(), reader: Reader::new(table.columns), now };
    let mut after = String::new();
    let mut count = 0;
    loop {
        let users = users_after(store, snapshot, &after).await?;
        let Some(last) = users.last() else { break };
        after.clone_from(&last.0);
        count += users.len() as u64;
        let rows = users
            .iter()
            .map(|(id, is_required)| {
                (
                    id.as_str(),
                    requirement(*is_required, &policies, |group| {
                        groups.get(group).is_some_and(|members| members.contains(id))
                    }),
                )
            })
            .collect::<Vec<_>>();
        work.write(rows).await?;
    }
    let marks = work.marks.into_inner().unwrap_or_else(std::sync::PoisonError::into_inner);
    work.writer.mark_gone(table, "", &marks, now).await?;
    store.note_derived(snapshot.number, table, None, count, lease).await
}

/// Writes rows that are new or changed.
struct Work {
    writer: SnapshotWriter,
    marks: Mutex<Marks>,
    reader: Reader,
    now: Timestamp,
}

impl Work {
    async fn write(&mut self, rows: Vec<(&str, Value)>) -> Result<()> {
        let table = &USER_MFA_REQUIREMENTS;
        let ids: Vec<&str> = rows.iter().map(|(id, _)| *id).collect();
        let known = self.writer.known(table, &ids).await?;
        let mut fresh = Vec::new();
        for (id, value) in rows {
            let raw = value.to_text(0);
            let mut content = [0; 16];
            content.copy_from_slice(&blake3::hash(raw.as_bytes()).as_bytes()[..16]);
            let stored = known.get(id);
            if let Some(stored) = stored {
                let marks = self.marks.get_mut().unwrap_or_else(std::sync::PoisonError::into_inner);
                if stored.content == content {
                    marks.seen.insert(stored.row_id.cast_unsigned());
                    continue;
                }
            }
            let cells = self.reader.cells(&value).0;
            let replaces = stored.map(|stored| stored.row_id);
            fresh.push(NewRow {
                id: id.into(),
                part: "",
                content,
                cells,
                raw: raw.into(),
                replaces,
                distinguish: false,
                keep_stored: false,
                first: false,
            });
        }
        if !fresh.is_empty() {
            self.writer.write(table, fresh, known, &self.marks, self.now).await?;
        }
        Ok(())
    }
}

/// Whether MFA is required, as a row.
fn requirement(is_required: Option<bool>, policies: &[Policy], is_in: impl Fn(&str) -> bool) -> Value {
    let row = |required: Option<bool>, strength: Option<&str>, reason: String, policy: Option<&Policy>| json!({ "required": required, "strength": strength, "reason": reason, "policy_id": policy.map(|policy| &policy.id) });
    let always = |policy: &&Policy| !policy.is_conditional && policy.covers(&is_in) == Covers::Yes;
    let requiring: Vec<&Policy> =
        policies.iter().filter(|policy| policy.allows && policy.mfa_required).filter(always).collect();
    if let Some(first) = requiring.first() {
        let strength = if requiring.iter().all(|policy| policy.is_strong) { "phishing-resistant" } else { "any" };
        return row(Some(true), Some(strength), format!("required by the policy {}", first.name), Some(*first));
    }
    if is_required == Some(true) {
        return row(Some(true), Some("any"), "required by the user's own setting".to_owned(), None);
    }
    // Where a policy lets the user in without MFA under all conditions, the default is never asked.
    if let Some(open) = policies.iter().filter(|policy| policy.allows && !policy.mfa_required).find(always)
        && is_required == Some(false)
    {
        return row(Some(false), None, format!("the policy {} lets the user in without it", open.name), Some(open));
    }
    let perhaps: Vec<&str> = policies
        .iter()
        .filter(|policy| policy.allows && policy.mfa_required && policy.covers(&is_in) != Covers::No)
        .map(|policy| policy.name.as_str())
        .collect();
    let default = "what holds where no policy applies can not be read";
    let reason = match perhaps.as_slice() {
        [] => format!("no policy requires it; {default}"),
        names => format!("required under conditions only, by {}; {default}", names.join(", ")),
    };
    row(None, None, reason, None)
}

impl Policy {
    fn covers(&self, is_in: impl Fn(&str) -> bool) -> Covers {
        if self.excluded.iter().any(|group| is_in(group)) {
            return Covers::No;
        }
        if self.by_attributes {
            return Covers::Perhaps;
        }
        if self.all_users || self.included.iter().any(|group| is_in(group)) { Covers::Yes } else { Covers::No }
    }
}

const LIMITS: Limits = Limits { time: std::time::Duration::from_secs(300), rows: u64::MAX, memory: 512 << 20 };

fn query(snapshot: &SnapshotInfo, sql: &str, parameters: BTreeMap<String, Parameter>) -> Query {
    let at = Some(vec![(snapshot.org_id.clone(), snapshot.number)]);
    Query { sql: sql.to_owned(), at, parameters, ..Query::default() }
}

async fn policies(store: &Store, snapshot: &SnapshotInfo) -> Result<Vec<Policy>> {
    let sql = "SELECT id, name, policy_type, effect, mfa_required, mfa_factors, conditions, resources, users_included,
                 user_groups_included, user_groups_excluded, user_attributes_included, user_attributes_excluded
               FROM authentication_policies WHERE NOT disabled ORDER BY id";
    let answer = store.query(&query(snapshot, sql, BTreeMap::new()), &LIMITS).await?;
    Ok(answer.rows.iter().filter_map(|row| policy_of(row)).collect())
}

/// Reads a policy; `None` if it does not guard the user portal.
fn policy_of(row: &[Cell]) -> Option<Policy> {
    let text = |at: usize| json_of_cell(&row[at]).as_str().map(str::to_owned);
    let words = |at: usize| -> Vec<String> {
        let value: Value = text(at).and_then(|text| serde_json::from_str(&text).ok()).unwrap_or_default();
        let word = |item: &Value| {
            let inner = item.get("id").or_else(|| item.get("type")).unwrap_or(item);
            inner.as_str().map(str::to_owned)
        };
        value.as_array().into_iter().flatten().filter_map(word).collect()
    };
    let is = |at: usize| matches!(row[at], Cell::Boolean(true) | Cell::Integer(1));
    if text(2).is_none_or(|kind| !kind.eq_ignore_ascii_case("user_portal")) {
        return None;
    }
    let factors: Vec<String> = words(5);
    let id = text(0)?;
    Some(Policy {
        name: text(1).unwrap_or_else(|| id.clone()),
        id,
        allows: text(3).is_some_and(|effect| effect.eq_ignore_ascii_case("allow")),
        mfa_required: is(4),
        is_strong: !factors.is_empty() && factors.iter().all(|factor| STRONG.contains(&factor.as_str())),
        is_conditional: text(6).is_some(),
        all_users: words(8).iter().any(|word| word.eq_ignore_ascii_case("all")),
        by_attributes: text(11).is_some() || text(12).is_some(),
        included: words(9).into_iter().collect(),
        excluded: words(10).into_iter().collect(),
    })
}

/// The members of every group that a policy names.
async fn memberships(
    store: &Store,
    snapshot: &SnapshotInfo,
    policies: &[Policy],
) -> Result<BTreeMap<String, HashSet<String>>> {
    let groups: BTreeSet<&String> =
        policies.iter().flat_map(|policy| policy.included.iter().chain(&policy.excluded)).collect();
    let list = Parameter::List(groups.into_iter().map(|group| Parameter::Text(group.clone())).collect());
    let sql = "SELECT group_id, member_id FROM group_memberships WHERE member_type = 'user' AND group_id IN (:groups)";
    let mut members: BTreeMap<String, HashSet<String>> = BTreeMap::new();
    let query = query(snapshot, sql, BTreeMap::from([("groups".to_owned(), list)]));
    store
        .query_each(&query, &LIMITS, |_, row| {
            if let Some([Cell::Text(group), Cell::Text(member)]) = row.as_deref() {
                members.entry(group.to_string()).or_default().insert(member.to_string());
            }
            std::ops::ControlFlow::Continue(())
        })
        .await?;
    Ok(members)
}

/// The next users in the order of their ids, with their own setting.
async fn users_after(store: &Store, snapshot: &SnapshotInfo, after: &str) -> Result<Vec<(String, Option<bool>)>> {
    let sql = format!("SELECT id, mfa_required FROM users WHERE id > :after ORDER BY id LIMIT {BATCH}");
    let query = query(snapshot, &sql, BTreeMap::from([("after".to_owned(), Parameter::Text(after.to_owned()))]));
    let answer = store.query(&query, &LIMITS).await?;
    Ok(answer
        .rows
        .iter()
        .filter_map(|row| match row.as_slice() {
            [Cell::Text(id), Cell::Boolean(flag)] => Some((id.to_string(), Some(*flag))),
            [Cell::Text(id), Cell::Integer(flag)] => Some((id.to_string(), Some(*flag == 1))),
            [Cell::Text(id), _] => Some((id.to_string(), None)),
            _ => None,
        })
        .collect())
}

#[cfg(test)]
mod tests {
    use super::*;

    fn policy(change: impl FnOnce(&mut Policy)) -> Policy {
        let (id, name) = ("p1".to_owned(), "Everyone".to_owned());
        let mut policy = Policy { id, name, allows: true, mfa_required: true, all_users: true, ..Policy::default() };
        change(&mut policy);
        policy
    }

    fn required(own: Option<bool>, policies: &[Policy]) -> Value {
        requirement(own, policies, |group| group == "mine")["required"].clone()
    }

    #[test]
    fn an_unconditional_policy_over_all_users_requires_it() {
        assert_eq!(required(Some(false), &[policy(|_| ())]), json!(true));
    }

    #[test]
    fn members_of_an_excluded_group_are_not_covered() {
        let excluding = policy(|policy| _ = policy.excluded.insert("mine".to_owned()));
        assert_eq!(required(Some(false), &[excluding]), Value::Null);
    }

    #[test]
    fn a_condition_leaves_it_open() {
        assert_eq!(required(Some(false), &[policy(|policy| policy.is_conditional = true)]), Value::Null);
    }

    #[test]
    fn only_members_of_an_included_group_are_covered() {
        let included = |group: &str| {
            policy(|policy| {
                policy.all_users = false;
                policy.included.insert(group.to_owned());
            })
        };
        assert_eq!(required(None, &[included("mine")]), json!(true));
        assert_eq!(required(None, &[included("other")]), Value::Null);
    }

    #[test]
    fn a_policy_that_always_lets_in_without_it_says_that_it_is_not_required() {
        let open = || policy(|policy| policy.mfa_required = false);
        assert_eq!(required(Some(false), &[open()]), json!(false));
        assert_eq!(required(None, &[open()]), Value::Null);
        assert_eq!(required(Some(false), &[open(), policy(|_| ())]), json!(true));
        let conditional = policy(|policy| (policy.mfa_required, policy.is_conditional) = (false, true));
        assert_eq!(required(Some(false), &[conditional]), Value::Null);
    }

    #[test]
    fn the_users_own_setting_requires_it() {
        assert_eq!(required(Some(true), &[]), json!(true));
    }

    #[test]
    fn factors_that_can_not_be_phished_make_it_strong_only_if_no_policy_accepts_less() {
        let strong = policy(|policy| policy.is_strong = true);
        let row = requirement(None, std::slice::from_ref(&strong), |_| false);
        assert_eq!(row["strength"], "phishing-resistant");
        let row = requirement(None, &[strong, policy(|_| ())], |_| false);
        assert_eq!(row["strength"], "any");
    }
}
