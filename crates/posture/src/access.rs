//! Who reaches what, asked of the views `access_paths` and `policy_targets`, which checks and evidence read as well: how far a
//! user, a group, a policy or a thing reaches, what is granted and not used, and what reaches nobody.

/// The columns of [`of`], in their order.
pub const COLUMNS: [&str; 9] =
    ["user_name", "reaches", "name", "through", "nested", "dynamic", "rights", "user_id", "target_id"];

/// What `through` says where no group is on the way.
pub const DIRECT: &str = "direct";

/// Every way, with names. On a device the rights say how much the user may do there: `administrator` by JumpCloud, `without
/// password` beside it, `local administrator` as the device itself says.
const PATHS: &str = "
SELECT p.org_id, COALESCE(u.username, p.user_id) AS user_name, p.target_type AS reaches,
  COALESCE(dv.display_name, dv.hostname, ap.label, ap.display_name, ap.name, di.name, ls.name, rs.name, ad.domain, p.target_id)
    AS name,
  p.path AS through, p.nested, p.dynamic,
  CASE WHEN p.target_type <> 'device' THEN NULL
    WHEN p.sudo AND p.sudo_without_password THEN 'administrator, without password'
    WHEN p.sudo THEN 'administrator' WHEN p.local_admin THEN 'local administrator' ELSE 'ordinary' END AS rights,
  p.user_id, p.target_id, p.via_group_id, p.via_device_group_id
FROM access_paths p
LEFT JOIN users u ON u.org_id = p.org_id AND u.id = p.user_id
LEFT JOIN devices dv ON p.target_type = 'device' AND dv.org_id = p.org_id AND dv.id = p.target_id
LEFT JOIN applications ap ON p.target_type = 'application' AND ap.org_id = p.org_id AND ap.id = p.target_id
LEFT JOIN directories di ON p.target_type = 'directory' AND di.org_id = p.org_id AND di.id = p.target_id
LEFT JOIN active_directories ad ON p.target_type = 'directory' AND ad.org_id = p.org_id AND ad.id = p.target_id
LEFT JOIN ldap_servers ls ON p.target_type = 'ldap_server' AND ls.org_id = p.org_id AND ls.id = p.target_id
LEFT JOIN radius_servers rs ON p.target_type = 'radius_server' AND rs.org_id = p.org_id AND rs.id = p.target_id";

/// What a policy is put onto.
const POLICY_TARGETS: &str = "
SELECT NULL AS user_name, 'device' AS reaches, COALESCE(dv.display_name, dv.hostname, t.device_id) AS name,
  t.path AS through, t.nested, t.dynamic, NULL AS rights, NULL AS user_id, t.device_id AS target_id
FROM policy_targets t
LEFT JOIN devices dv ON dv.org_id = t.org_id AND dv.id = t.device_id
WHERE t.policy_id = :id OR t.via_policy_group_id = :id
ORDER BY name, target_id, through";

/// What makes a path one of `:id`, an asset of this type.
fn condition(asset: &str) -> &'static str {
    match asset {
        "user" => "p.user_id = :id",
        "user_group" => "p.via_group_id = :id",
        "device_group" => "p.via_device_group_id = :id",
        _ => "p.target_id = :id",
    }
}

/// The query for what an asset of this type reaches, or who reaches it: the rows of [`COLUMNS`] for the parameter `:id`.
pub fn of(asset: &str) -> String {
    if matches!(asset, "policy" | "policy_group") {
        return POLICY_TARGETS.to_owned();
    }
    format!("SELECT {} FROM ({PATHS} WHERE {}) w ORDER BY {ORDER}", COLUMNS.join(", "), condition(asset))
}

const ORDER: &str = "user_name, reaches, name, user_id, target_id, through";

/// The query for what is granted and was not used since `:since`: of an asset of this type with the parameter `:id`, or of
/// everything. Applications and devices can be told, since events name them beside the user; a failed sign-in is no use.
/// Where events do not cover the time, the column `used` says so instead of "not".
pub fn unused(asset: Option<&str>) -> String {
    let of_asset = asset.map_or(String::new(), |asset| format!("AND {}", condition(asset)));
    format!(
        "
WITH used AS (
  SELECT e.org_id, e.user_id, 'application' AS target_type, e.application_id AS target_id
  FROM events e
  WHERE e.day >= SUBSTR(:since, 1, 10) AND e.time >= :since AND e.user_id IS NOT NULL AND e.application_id IS NOT NULL
    AND e.outcome <> 'failure'
  GROUP BY e.org_id, e.user_id, e.application_id
  UNION ALL
  SELECT e.org_id, e.user_id, 'device', e.device_id
  FROM events e
  WHERE e.day >= SUBSTR(:since, 1, 10) AND e.time >= :since AND e.user_id IS NOT NULL AND e.device_id IS NOT NULL
    AND e.outcome <> 'failure' AND e.class_uid = 3002
  GROUP BY e.org_id, e.user_id, e.device_id
),
ledger AS (
  SELECT org_id, MIN(CASE WHEN state <> 'gap' AND removed_at IS NULL THEN hour END) AS first_hour,
    SUM(CASE WHEN state = 'gap' AND hour >= :since THEN 1 ELSE 0 END) AS gaps
  FROM windows GROUP BY org_id
)
SELECT {}, CASE WHEN l.first_hour IS NULL THEN 'unknown: no events are stored'
    WHEN l.first_hour > :since THEN 'unknown: events reach back to ' || SUBSTR(l.first_hour, 1, 10) || ' only'
    WHEN l.gaps > 0 THEN 'unknown: ' || CAST(l.gaps AS TEXT) || ' hours of events are missing'
    ELSE 'not since ' || SUBSTR(:since, 1, 10) END AS used
FROM ({PATHS} WHERE p.target_type IN ('application', 'device') {of_asset}) w
LEFT JOIN ledger l ON l.org_id = w.org_id
WHERE NOT EXISTS (SELECT 1 FROM used s
  WHERE s.org_id = w.org_id AND s.user_id = w.user_id AND s.target_type = w.reaches AND s.target_id = w.target_id)
ORDER BY {ORDER}",
        COLUMNS.join(", ")
    )
}

/// The query for what reaches nobody: groups without members, applications without users, policies without devices.
pub const ORPHANED: &str = "
SELECT o.type, o.name, o.why, o.id FROM (
  SELECT 'user_group' AS type, g.name, 'no members' AS why, g.id FROM user_groups g
  WHERE NOT EXISTS (SELECT 1 FROM group_memberships m WHERE m.org_id = g.org_id AND m.group_id = g.id)
  UNION ALL
  SELECT 'device_group', g.name, 'no members', g.id FROM device_groups g
  WHERE NOT EXISTS (SELECT 1 FROM group_memberships m WHERE m.org_id = g.org_id AND m.group_id = g.id)
  UNION ALL
  SELECT 'application', COALESCE(a.label, a.display_name, a.name), 'no users', a.id FROM applications a
  WHERE NOT EXISTS (SELECT 1 FROM access_paths p
    WHERE p.org_id = a.org_id AND p.target_type = 'application' AND p.target_id = a.id)
  UNION ALL
  SELECT 'policy', COALESCE(y.name, y.template_display_name), 'no devices', y.id FROM policies y
  WHERE NOT EXISTS (SELECT 1 FROM policy_targets t WHERE t.org_id = y.org_id AND t.policy_id = y.id)
) o
ORDER BY o.type, o.name, o.id";

/// What all of these read. Where one was not read completely, a way may be there that is not seen.
pub const READS: [&str; 6] =
    ["access_paths", "policy_targets", "applications", "policies", "user_groups", "device_groups"];
