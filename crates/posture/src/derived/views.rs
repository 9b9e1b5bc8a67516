//! Views that follow from what was collected. Their SQL is read by both engines.

use store::DerivedView;
use store::schema::{Column, boolean, integer, text, time};

const ORGANIZATION: Column = text("org_id", "", "The organization.");

/// All views. One may read from those that stand before it.
pub static VIEWS: &[&DerivedView] =
    &[&ACCESS_PATHS, &POLICY_TARGETS, &ADMINISTRATOR_USERS, &LOCAL_ACCOUNTS, &EXPIRATIONS];

/// Who reaches what, one row for each way there.
///
/// A binding leads from a user or a user group to a thing or a device group. So there are four ways: user -> thing,
/// user -> group -> thing, user -> device group -> device, user -> group -> device group -> device.
static ACCESS_PATHS: DerivedView = DerivedView {
    name: "access_paths",
    about: "Who reaches what, one row for each way: bound directly, through a user group, a device group, or both. Rights are those that come with this way or with the user.",
    columns: &[
        ORGANIZATION,
        text("user_id", "", "The user (users.id)."),
        text("target_type", "", "device, application, radius_server, ldap_server or directory."),
        text("target_id", "", "Id in the table of that type."),
        text("path", "", "The way in words: direct, user group Sales, or user group Sales > device group Laptops."),
        text("via_group_id", "", "The user group (user_groups.id) or, without one, the device group; NULL when direct."),
        text("via_device_group_id", "", "The device group (device_groups.id) of the way, if one is on it."),
        boolean("nested", "", "The membership goes through another group."),
        boolean("dynamic", "", "A rule decides who is in one of the groups."),
        boolean("sudo", "", "Devices: the user is an administrator there."),
        boolean("sudo_without_password", "", "Devices: the same without typing a password."),
        boolean("local_admin", "", "Devices: the account on the device is an administrator, as the device says; NULL when it does not say."),
    ],
    reads: &["associations", "group_memberships", "user_groups", "device_groups", "users", "device_local_users"],
    sql: "
WITH held AS (
  SELECT a.org_id, a.from_id AS user_id, NULL AS user_group_id, CAST(NULL AS BOOLEAN) AS is_direct, a.to_type, a.to_id,
         a.sudo_enabled AS sudo, a.sudo_without_password AS sudo_without_password
  FROM associations a WHERE a.from_type = 'user'
  UNION ALL
  SELECT a.org_id, a.to_id, NULL, CAST(NULL AS BOOLEAN), a.from_type, a.from_id, a.sudo_enabled, a.sudo_without_password
  FROM associations a WHERE a.to_type = 'user'
  UNION ALL
  SELECT a.org_id, m.member_id, a.from_id, m.is_direct, a.to_type, a.to_id, a.sudo_enabled, a.sudo_without_password
  FROM associations a
  JOIN group_memberships m ON m.org_id = a.org_id AND m.group_id = a.from_id AND m.member_type = 'user'
  WHERE a.from_type = 'user_group'
),
reached AS (
  SELECT h.org_id, h.user_id, h.user_group_id, NULL AS device_group_id, h.is_direct, CAST(NULL AS BOOLEAN) AS device_is_direct,
         h.to_type, h.to_id, h.sudo, h.sudo_without_password
  FROM held h WHERE h.to_type <> 'system_group'
  UNION ALL
  SELECT h.org_id, h.user_id, h.user_group_id, h.to_id, h.is_direct, d.is_direct, 'system', d.member_id, h.sudo,
         h.sudo_without_password
  FROM held h
  JOIN group_memberships d ON d.org_id = h.org_id AND d.group_id = h.to_id AND d.member_type = 'system'
  WHERE h.to_type = 'system_group'
)
SELECT r.org_id, r.user_id,
  CASE r.to_type WHEN 'system' THEN 'device' WHEN 'active_directory' THEN 'directory' WHEN 'g_suite' THEN 'directory'
    WHEN 'office_365' THEN 'directory' ELSE r.to_type END AS target_type,
  r.to_id AS target_id,
  CASE WHEN r.user_group_id IS NULL AND r.device_group_id IS NULL THEN 'direct'
    WHEN r.device_group_id IS NULL THEN 'user group ' || COALESCE(ug.name, r.user_group_id)
    WHEN r.user_group_id IS NULL THEN 'device group ' || COALESCE(dg.name, r.device_group_id)
    ELSE 'user group ' || COALESCE(ug.name, r.user_group_id) || ' > device group ' || COALESCE(dg.name, r.device_group_id)
  END AS path,
  COALESCE(r.user_group_id, r.device_group_id) AS via_group_id, r.device_group_id AS via_device_group_id,
  (COALESCE(NOT r.is_direct, FALSE) OR COALESCE(NOT r.device_is_direct, FALSE)) AS nested,
  (COALESCE(ug.membership_method, '') = 'DYNAMIC_AUTOMATED' OR COALESCE(dg.membership_method, '') = 'DYNAMIC_AUTOMATED') AS dynamic,
  CASE WHEN r.to_type = 'system' THEN
    (COALESCE(r.sudo, FALSE) OR COALESCE(ug.sudo_enabled, FALSE) OR COALESCE(u.sudo, FALSE)) END AS sudo,
  CASE WHEN r.to_type = 'system' THEN
    (COALESCE(r.sudo_without_password, FALSE) OR COALESCE(ug.sudo_without_password, FALSE)
      OR COALESCE(u.passwordless_sudo, FALSE)) END AS sudo_without_password,
  CASE WHEN r.to_type = 'system' THEN
    (SELECT MAX(CASE WHEN l.admin THEN 1 WHEN NOT l.admin THEN 0 END) FROM device_local_users l
     WHERE l.org_id = r.org_id AND l.device_id = r.to_id AND l.username = COALESCE(u.device_username, u.username)) = 1
  END AS local_admin
FROM reached r
LEFT JOIN users u ON u.org_id = r.org_id AND u.id = r.user_id
LEFT JOIN user_groups ug ON ug.org_id = r.org_id AND ug.id = r.user_group_id
LEFT JOIN device_groups dg ON dg.org_id = r.org_id AND dg.id = r.device_group_id",
};

/// Which policy is put onto which device, one row for each way there: policy -> device, policy -> device group -> device, and
/// both through a policy group.
static POLICY_TARGETS: DerivedView = DerivedView {
    name: "policy_targets",
    about: "Which policy is put onto which device, one row for each way: bound directly, through a policy group, a device group, or both.",
    columns: &[
        ORGANIZATION,
        text("policy_id", "", "The policy (policies.id)."),
        text("device_id", "", "The device (devices.id)."),
        text("path", "", "The way in words: direct, device group Laptops, or policy group Baseline > device group Laptops."),
        text("via_policy_group_id", "", "The policy group (policy_groups.id) of the way, if one is on it."),
        boolean("nested", "", "The device is in the device group through another group."),
        boolean("dynamic", "", "A rule decides which devices are in the device group."),
    ],
    reads: &["associations", "group_members", "group_memberships", "policy_groups", "device_groups"],
    sql: "
WITH held AS (
  SELECT a.org_id, a.from_id AS policy_id, NULL AS policy_group_id, a.to_type, a.to_id
  FROM associations a WHERE a.from_type = 'policy'
  UNION ALL
  SELECT a.org_id, m.member_id, a.from_id, a.to_type, a.to_id
  FROM associations a
  JOIN group_members m ON m.org_id = a.org_id AND m.group_id = a.from_id AND m.group_type = 'policy_group'
    AND m.member_type = 'policy'
  WHERE a.from_type = 'policy_group'
),
reached AS (
  SELECT h.org_id, h.policy_id, h.policy_group_id, NULL AS device_group_id, CAST(NULL AS BOOLEAN) AS is_direct, h.to_id AS device_id
  FROM held h WHERE h.to_type = 'system'
  UNION ALL
  SELECT h.org_id, h.policy_id, h.policy_group_id, h.to_id, d.is_direct, d.member_id
  FROM held h
  JOIN group_memberships d ON d.org_id = h.org_id AND d.group_id = h.to_id AND d.member_type = 'system'
  WHERE h.to_type = 'system_group'
)
SELECT r.org_id, r.policy_id, r.device_id,
  CASE WHEN r.policy_group_id IS NULL AND r.device_group_id IS NULL THEN 'direct'
    WHEN r.device_group_id IS NULL THEN 'policy group ' || COALESCE(pg.name, r.policy_group_id)
    WHEN r.policy_group_id IS NULL THEN 'device group ' || COALESCE(dg.name, r.device_group_id)
    ELSE 'policy group ' || COALESCE(pg.name, r.policy_group_id) || ' > device group ' || COALESCE(dg.name, r.device_group_id)
  END AS path,
  r.policy_group_id AS via_policy_group_id, COALESCE(NOT r.is_direct, FALSE) AS nested,
  COALESCE(dg.membership_method, '') = 'DYNAMIC_AUTOMATED' AS dynamic
FROM reached r
LEFT JOIN policy_groups pg ON pg.org_id = r.org_id AND pg.id = r.policy_group_id
LEFT JOIN device_groups dg ON dg.org_id = r.org_id AND dg.id = r.device_group_id",
};

static ADMINISTRATOR_USERS: DerivedView = DerivedView {
    name: "administrator_users",
    about: "Which administrator is which directory user: linked by JumpCloud, or else by the same e-mail address.",
    columns: &[
        ORGANIZATION,
        text("administrator_id", "", "The administrator (administrators.id)."),
        text("user_id", "", "The user (users.id)."),
    ],
    reads: &["administrators", "users"],
    sql: "
WITH linked AS MATERIALIZED (
  SELECT u.org_id, u.administrator_id, u.id AS user_id FROM users u WHERE u.administrator_id IS NOT NULL
),
mailed AS MATERIALIZED (
  SELECT u.org_id, LOWER(u.email) AS email, u.id AS user_id FROM users u WHERE u.email IS NOT NULL
),
asked AS MATERIALIZED (
  SELECT a.org_id, a.id, LOWER(a.email) AS email FROM administrators a
)
SELECT a.org_id, a.id AS administrator_id, l.user_id
FROM asked a JOIN linked l ON l.org_id = a.org_id AND l.administrator_id = a.id
UNION
SELECT a.org_id, a.id, m.user_id
FROM asked a JOIN mailed m ON m.org_id = a.org_id AND m.email = a.email
WHERE NOT EXISTS (SELECT 1 FROM linked l WHERE l.org_id = a.org_id AND l.administrator_id = a.id)",
};

static LOCAL_ACCOUNTS: DerivedView = DerivedView {
    name: "local_accounts",
    about: "Accounts on devices with the directory user that each belongs to: the managed account of the same name. Details come from System Insights where it is on.",
    columns: &[
        ORGANIZATION,
        text("id", "", "The device's id, a slash, the account's name."),
        text("device_id", "", "The device (devices.id)."),
        text("username", "", "Account name on the device."),
        text("uid", "", "Numeric id, where System Insights tells it."),
        text("user_id", "", "The directory user (users.id); NULL when it belongs to none."),
        boolean("managed", "", "JumpCloud manages the account."),
        boolean("is_admin", "", "Local administrator."),
        boolean(
            "interactive",
            "",
            "A person can sign in with it: it is not disabled and has a login shell; NULL when nobody tells.",
        ),
    ],
    reads: &["device_local_users", "insights_users", "users"],
    sql: "
WITH people AS MATERIALIZED (
  SELECT u.org_id, LOWER(COALESCE(u.device_username, u.username)) AS account, MIN(u.id) AS user_id
  FROM users u GROUP BY 1, 2
),
details AS MATERIALIZED (
  SELECT i.org_id, i.device_id, i.username, MIN(i.uid) AS uid, MIN(i.shell) AS shell,
    MAX(CASE WHEN i.suspended THEN 1 WHEN NOT i.suspended THEN 0 END) AS suspended,
    MAX(CASE WHEN i.real_user THEN 1 WHEN NOT i.real_user THEN 0 END) AS real_user
  FROM insights_users i GROUP BY 1, 2, 3
),
accounts AS (
  SELECT l.org_id, l.device_id, l.username, LOWER(l.username) AS account, l.managed, l.admin, l.suspended
  FROM device_local_users l
)
SELECT a.org_id, a.device_id || '/' || a.username AS id, a.device_id, a.username, d.uid, p.user_id, a.managed,
  a.admin AS is_admin,
  CASE WHEN a.suspended THEN FALSE
    WHEN d.suspended = 1 OR d.real_user = 0 THEN FALSE
    WHEN d.shell LIKE '%nologin' OR d.shell LIKE '%/false' THEN FALSE
    WHEN a.suspended IS NULL AND d.suspended IS NULL AND d.shell IS NULL THEN NULL
    ELSE TRUE END AS interactive
FROM accounts a
LEFT JOIN details d ON d.org_id = a.org_id AND d.device_id = a.device_id AND d.username = a.username
LEFT JOIN people p ON p.org_id = a.org_id AND p.account = a.account AND a.managed",
};

static EXPIRATIONS: DerivedView = DerivedView {
    name: "expirations",
    about: "Everything that expires: certificates, tokens and keys, with the days that are left.",
    columns: &[
        ORGANIZATION,
        text("kind", "", "sso_certificate, apple_push, apple_dep, radius_ca, service_account_secret, api_key or directory_token."),
        text("id", "", "Id of the thing that it belongs to."),
        text("name", "", "What people know that thing by."),
        time("expires_at", "", "When it expires."),
        integer("days_left", "", "Whole days until then; negative when it is over."),
    ],
    reads: &["applications", "apple_mdms", "radius_servers", "service_accounts", "administrators", "directories", "workdays"],
    sql: "
SELECT e.org_id, e.kind, e.id, e.name, e.expires_at, {days:e.expires_at} AS days_left FROM (
  SELECT org_id, 'sso_certificate' AS kind, id, COALESCE(label, display_name, name) AS name, idp_certificate_expires_at AS expires_at FROM applications
  UNION ALL SELECT org_id, 'apple_push', id, COALESCE(name, 'Apple MDM'), push_certificate_expires_at FROM apple_mdms
  UNION ALL SELECT org_id, 'apple_dep', id, COALESCE(name, 'Apple MDM'), automated_enrollment_expires_at FROM apple_mdms
  UNION ALL SELECT org_id, 'radius_ca', id, name, ca_certificate_expires_at FROM radius_servers
  UNION ALL SELECT org_id, 'service_account_secret', id, name, expires_at FROM service_accounts
  UNION ALL SELECT org_id, 'api_key', id, email, api_key_expires_at FROM administrators
  UNION ALL SELECT org_id, 'directory_token', id, name, oauth_expires_at FROM directories
  UNION ALL SELECT org_id, 'directory_token', id, name, COALESCE(oauth_expires_at, basic_expires_at) FROM workdays
) e WHERE e.expires_at IS NOT NULL",
};
