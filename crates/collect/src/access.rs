//! Access paths: which users reach a thing, and what a user reaches, each with the way there.
//! Worked out from direct bindings, group memberships and device groups as they were collected.

use serde_json::Value;
use store::{Cell, Limits, Query, Result, Store};

/// One way from a user to a thing.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Path {
    /// The user.
    pub user_id: String,
    /// The user's name.
    pub user: String,
    /// The kind of thing that is reached.
    pub target_type: String,
    /// Its id.
    pub target_id: String,
    /// Its name.
    pub target: String,
    /// The groups on the way, in words, from the user to the thing; empty for a direct binding.
    pub via: Vec<String>,
    /// For devices: the user is an administrator there. `None` where it makes no sense.
    pub sudo: Option<bool>,
}

/// The paths of one organization.
///
/// A binding leads from a user or a user group to a thing or a device group. So there are four ways: user -> thing,
/// user -> group -> thing, user -> device group -> device, user -> group -> device group -> device.
const PATHS: &str = "
WITH grant_row AS (
  SELECT org_id, from_type AS holder_type, from_id AS holder_id, to_type AS thing_type, to_id AS thing_id, sudo_enabled
  FROM associations WHERE from_type IN ('user', 'user_group')
),
held AS (
  SELECT g.org_id, g.holder_id AS user_id, NULL AS user_group_id, g.thing_type, g.thing_id, g.sudo_enabled, NULL AS group_sudo
  FROM grant_row g WHERE g.holder_type = 'user'
  UNION ALL
  SELECT g.org_id, m.member_id, g.holder_id, g.thing_type, g.thing_id, g.sudo_enabled, u.sudo_enabled
  FROM grant_row g
  JOIN group_memberships m ON m.org_id = g.org_id AND m.group_id = g.holder_id AND m.member_type = 'user'
  LEFT JOIN user_groups u ON u.org_id = g.org_id AND u.id = g.holder_id
  WHERE g.holder_type = 'user_group'
),
reached AS (
  SELECT org_id, user_id, user_group_id, NULL AS device_group_id, thing_type, thing_id, sudo_enabled, group_sudo
  FROM held WHERE thing_type <> 'system_group'
  UNION ALL
  SELECT h.org_id, h.user_id, h.user_group_id, h.thing_id, 'system', d.member_id, h.sudo_enabled, h.group_sudo
  FROM held h
  JOIN group_memberships d ON d.org_id = h.org_id AND d.group_id = h.thing_id AND d.member_type = 'system'
  WHERE h.thing_type = 'system_group'
)
SELECT r.user_id, u.username, r.thing_type, r.thing_id,
       COALESCE(dv.display_name, dv.hostname, ap.label, ap.display_name, ap.name, di.name, ls.name, rs.name, ad.domain),
       ug.name, dg.name, r.sudo_enabled, r.group_sudo, u.sudo
FROM reached r
LEFT JOIN users u ON u.org_id = r.org_id AND u.id = r.user_id
LEFT JOIN user_groups ug ON ug.org_id = r.org_id AND ug.id = r.user_group_id
LEFT JOIN device_groups dg ON dg.org_id = r.org_id AND dg.id = r.device_group_id
LEFT JOIN devices dv ON r.thing_type = 'system' AND dv.org_id = r.org_id AND dv.id = r.thing_id
LEFT JOIN applications ap ON r.thing_type = 'application' AND ap.org_id = r.org_id AND ap.id = r.thing_id
LEFT JOIN directories di ON r.thing_type IN ('g_suite', 'office_365') AND di.org_id = r.org_id AND di.id = r.thing_id
LEFT JOIN ldap_servers ls ON r.thing_type = 'ldap_server' AND ls.org_id = r.org_id AND ls.id = r.thing_id
LEFT JOIN radius_servers rs ON r.thing_type = 'radius_server' AND rs.org_id = r.org_id AND rs.id = r.thing_id
LEFT JOIN active_directories ad ON r.thing_type = 'active_directory' AND ad.org_id = r.org_id AND ad.id = r.thing_id
WHERE ";

/// Who reaches `id`, or what `id` reaches if it is a user, in one organization.
pub async fn paths(
    store: &Store,
    org_id: &str,
    asset: &str,
    id: &str,
    as_of: Option<jiff::Timestamp>,
) -> Result<Vec<Path>> {
    let quoted = id.replace('\'', "''");
    let condition = match asset {
        "user" => format!("r.user_id = '{quoted}'"),
        "user_group" => format!("r.user_group_id = '{quoted}'"),
        "device_group" => format!("r.device_group_id = '{quoted}'"),
        _ => format!("r.thing_id = '{quoted}'"),
    };
    let query =
        Query { sql: format!("{PATHS}{condition}"), as_of, org_id: Some(org_id.to_owned()), ..Query::default() };
    let answer = store.query(&query, &Limits { rows: 1_000_000, ..Limits::default() }).await?;
    let mut paths: Vec<Path> = answer.rows.iter().map(|row| path_of(row)).collect();
    paths.sort_by(|a, b| {
        (&a.user, &a.target_type, &a.target, &a.via).cmp(&(&b.user, &b.target_type, &b.target, &b.via))
    });
    paths.dedup();
    Ok(paths)
}

fn path_of(row: &[Cell]) -> Path {
    let text = |at: usize| match &row[at] {
        Cell::Text(text) => Some(text.clone()),
        _ => None,
    };
    let flag = |at: usize| matches!(row[at], Cell::Boolean(true) | Cell::Integer(1));
    let user_id = text(0).unwrap_or_default();
    let target_type = text(2).unwrap_or_default();
    let target_id = text(3).unwrap_or_default();
    let device = target_type == "system";
    let mut via = Vec::new();
    via.extend(text(5).map(|name| format!("{name} (user group)")));
    via.extend(text(6).map(|name| format!("{name} (device group)")));
    Path {
        user: text(1).unwrap_or_else(|| user_id.clone()),
        target: text(4).unwrap_or_else(|| target_id.clone()),
        user_id,
        target_type: if device { "device".to_owned() } else { target_type },
        target_id,
        via,
        // The right can come with the binding, with the group, or with the user everywhere.
        sudo: device.then(|| flag(7) || flag(8) || flag(9)),
    }
}

impl Path {
    /// The path as JSON.
    pub fn to_json(&self) -> Value {
        serde_json::json!({
            "user": self.user, "user_id": self.user_id, "target_type": self.target_type, "target": self.target,
            "target_id": self.target_id, "via": self.via, "sudo": self.sudo,
        })
    }
}
