//! What must hold for every table, and what the cells of the main ones are for rows shaped like the API's.

use std::collections::BTreeSet;

use serde_json::{Value, json};
use store::schema::{Cell, Reader};

use super::*;

/// Words that need quoting as a column name in SQLite or PostgreSQL.
const RESERVED: &[&str] = &[
    "add",
    "all",
    "alter",
    "analyze",
    "and",
    "any",
    "array",
    "as",
    "asc",
    "authorization",
    "begin",
    "between",
    "both",
    "by",
    "case",
    "cast",
    "check",
    "collate",
    "column",
    "commit",
    "concurrently",
    "constraint",
    "create",
    "cross",
    "current_date",
    "current_time",
    "current_timestamp",
    "current_user",
    "default",
    "deferrable",
    "delete",
    "desc",
    "distinct",
    "do",
    "drop",
    "else",
    "end",
    "escape",
    "except",
    "exists",
    "false",
    "fetch",
    "for",
    "foreign",
    "freeze",
    "from",
    "full",
    "glob",
    "grant",
    "group",
    "having",
    "if",
    "ilike",
    "in",
    "index",
    "indexed",
    "initially",
    "inner",
    "insert",
    "intersect",
    "into",
    "is",
    "isnull",
    "join",
    "lateral",
    "leading",
    "left",
    "like",
    "limit",
    "localtime",
    "localtimestamp",
    "match",
    "natural",
    "not",
    "nothing",
    "notnull",
    "null",
    "offset",
    "on",
    "only",
    "or",
    "order",
    "outer",
    "over",
    "overlaps",
    "placing",
    "primary",
    "references",
    "regexp",
    "returning",
    "right",
    "rollback",
    "row",
    "rowid",
    "select",
    "session_user",
    "set",
    "similar",
    "some",
    "symmetric",
    "table",
    "then",
    "to",
    "trailing",
    "transaction",
    "trigger",
    "true",
    "union",
    "unique",
    "update",
    "user",
    "using",
    "values",
    "variadic",
    "verbose",
    "view",
    "when",
    "where",
    "window",
    "with",
    "without",
];

fn is_snake_case(name: &str) -> bool {
    name.starts_with(|c: char| c.is_ascii_lowercase())
        && name.chars().all(|c| c.is_ascii_lowercase() || c.is_ascii_digit() || c == '_')
        && !name.contains("__")
        && !name.ends_with('_')
        && name.len() <= 63
}

fn table(name: &str) -> &'static Collected {
    ALL.iter().copied().find(|collected| collected.table.name == name).unwrap_or_else(|| panic!("no table {name}"))
}

#[test]
fn every_table_has_a_name_of_its_own_in_the_plural() {
    let mut seen = BTreeSet::new();
    for collected in ALL {
        let name = collected.table.name;
        assert!(seen.insert(name), "{name} twice");
        assert!(is_snake_case(name), "{name}");
        // System Insights tables keep the names that they have at JumpCloud.
        assert!(name.starts_with("insights_") || name.ends_with('s'), "{name} is not in the plural");
    }
}

#[test]
fn every_column_has_a_name_that_sql_takes_and_a_meaning() {
    for collected in ALL {
        let table = &collected.table;
        let mut seen = BTreeSet::new();
        for column in table.columns {
            let at = format!("{}.{}", table.name, column.name);
            assert!(seen.insert(column.name), "{at} twice");
            assert!(is_snake_case(column.name), "{at}");
            assert!(!["org_id", "id", "raw"].contains(&column.name), "{at} is there anyway");
            assert!(!RESERVED.contains(&column.name), "{at} is a reserved word");
            assert!(column.at.starts_with('/') && !column.at.ends_with('/'), "{at} points at {}", column.at);
            assert!(column.about.ends_with(['.', '…']), "{at} says nothing, or not in a sentence");
        }
        assert!(seen.contains(table.label), "{} is known by a column that it does not have", table.name);
        assert!(table.about.ends_with('.'), "{} says nothing", table.name);
        assert!(!collected.absent.is_empty() && !collected.fact.is_empty(), "{}", table.name);
    }
}

#[test]
fn every_joined_column_exists_once() {
    for collected in ALL {
        for joined in collected.table.joined {
            let sister = &self::table(joined.table).table;
            let by_exists = joined.by == "id" || collected.table.columns.iter().any(|column| column.name == joined.by);
            assert!(by_exists, "{}.{}", collected.table.name, joined.by);
            for name in joined.columns {
                assert!(sister.columns.iter().any(|column| column.name == *name), "{}.{name}", joined.table);
                assert!(collected.table.columns.iter().all(|column| column.name != *name), "{name} in both");
            }
        }
    }
}

#[test]
fn parents_come_before_what_is_read_by_their_ids() {
    let mut before = BTreeSet::new();
    for collected in ALL {
        let name = collected.table.name;
        for source in collected.sources {
            let parent = match &source.ask {
                Ask::List { .. } => continue,
                Ask::ListEach { parents, .. } => parents.table,
                Ask::ReadEach { parents, .. } if parents.table == name => continue,
                Ask::ReadEach { parents, .. } => parents.table,
                Ask::From { table, .. } => table,
            };
            assert!(before.contains(parent), "{name} is read by {parent}, which comes later or never");
        }
        before.insert(name);
    }
}

#[test]
fn sources_of_one_table_are_told_apart_and_ask_what_their_endpoint_can_answer() {
    for collected in ALL {
        let name = collected.table.name;
        let parts: BTreeSet<_> = collected.sources.iter().map(|source| source.part).collect();
        assert_eq!(parts.len(), collected.sources.len(), "{name}");
        for source in collected.sources {
            let (endpoint, is_list, by_id) = match &source.ask {
                Ask::List { endpoint, .. } => (endpoint, true, false),
                Ask::ListEach { endpoint, .. } => (endpoint, true, true),
                Ask::ReadEach { endpoint, .. } => (endpoint, false, true),
                Ask::From { .. } => continue,
            };
            assert_eq!(endpoint.is_list(), is_list, "{name}: {}", endpoint.path());
            assert_eq!(endpoint.path().contains('{'), by_id, "{name}: {}", endpoint.path());
            if endpoint.path().ends_with("/associations") {
                let Ask::ListEach { query, .. } = &source.ask else { panic!("{name}") };
                assert!(matches!(query, [("targets", _)]), "{name}: bindings are asked for by one type");
            }
        }
    }
}

#[test]
fn a_row_of_nothing_is_cleaned_without_harm() {
    for collected in ALL {
        for mut row in [
            json!({}),
            json!(null),
            json!([]),
            json!("text"),
            json!({"to": 1, "paths": 2, "values": 3, "config": 4, "ssh_keys": 5}),
        ] {
            collected.clean(&mut row);
            let (cells, _) = Reader::new(collected.table.columns).cells(&row);
            assert_eq!(cells.len(), collected.table.columns.len());
        }
    }
}

#[test]
fn cleaning_twice_changes_nothing_more() {
    for (name, row, _) in examples() {
        let collected = table(name);
        let mut once = row;
        collected.clean(&mut once);
        let mut twice = once.clone();
        collected.clean(&mut twice);
        assert_eq!(once, twice, "{name}");
    }
}

/// What its function makes of a row when it sees all of it.
pub(super) fn cleaned_seeing_all(collected: &Collected, mut row: Value) -> Value {
    if let Redact::Members { drops, change, .. } = &collected.redact {
        redact::drop_members(&mut row, drops);
        change(&mut row);
        secrets(&mut row);
    } else {
        collected.clean(&mut row);
    }
    row
}

#[test]
fn a_table_changes_only_members_that_it_declares() {
    for (name, row, _) in examples() {
        let mut cleaned = row.clone();
        table(name).clean(&mut cleaned);
        assert_eq!(cleaned, cleaned_seeing_all(table(name), row), "{name}");
    }
}

fn text(value: &str) -> Cell {
    value.into()
}

/// The cell of one column, read the way the store does it.
fn cell(collected: &Collected, cells: &[Cell], column: &str) -> Cell {
    let at = collected.table.columns.iter().position(|known| known.name == column);
    cells[at.unwrap_or_else(|| panic!("{} has no {column}", collected.table.name))].clone()
}

type Example = (&'static str, Value, Vec<(&'static str, Cell)>);

/// Rows as the API sends them (after the engine has written the parent's id), with some of the cells they must give.
#[rustfmt::skip]
fn examples() -> Vec<Example> {
    use Cell::{Boolean, Integer, Real};
    vec![
        (
            "organizations",
            json!({"_id": "5f1e2d3c4b5a697887766554", "displayName": "Tundra Oy", "created": "2020-07-27T07:00:00.000Z", "totalBillingEstimate": 5,
                "settings": {"requireAdminMFA": true, "passwordPolicy": {"enableMinLength": true, "minLength": 12, "maxHistory": 5},
                    "userPortal": {"idleSessionDurationMinutes": 60}, "features": {"systemInsights": {"enableNewDarwin": false}}}}),
            vec![
                ("display_name", text("Tundra Oy")),
                ("admin_mfa_required", Boolean(true)),
                ("password_min_length_enabled", Boolean(true)),
                ("password_min_length", Integer(12)),
                ("password_history", Integer(5)),
                ("password_history_enabled", Cell::Null(store::schema::Kind::Boolean)),
                ("portal_idle_minutes", Integer(60)),
                ("system_insights_for_new_macs", Boolean(false)),
            ],
        ),
        (
            "administrators",
            json!({"_id": "60aa11bb22cc33dd44ee55ff", "email": "root.admin@tundra.example", "roleName": "Read Only", "suspended": false,
                "enableMultiFactor": true, "totpEnrolled": true, "apiKeySet": true,
                "apiKeyHash": {"createdAt": "2026-09-01T00:00:00.000Z", "expireAt": "2026-11-30T00:00:00.000Z", "prefix": "jca_"}}),
            vec![
                ("mfa_required", Boolean(true)),
                ("totp_enrolled", Boolean(true)),
                ("api_key_expires_at", text("2026-11-30T00:00:00.000Z")),
                ("api_key_prefix", text("jca_")),
            ],
        ),
        (
            "users",
            json!({"_id": "64f0a1b2c3d4e5f607182930", "username": "mara.lind", "state": "ACTIVATED", "suspended": false, "employeeIdentifier": null,
                "external_dn": "", "mfa": {"exclusion": false, "configured": true}, "mfaEnrollment": {"webAuthnStatus": "ENROLLED"},
                "password_expiration_date": "2026-12-30T00:00:00.000Z", "unix_guid": 5001, "admin": null, "addresses": []}),
            vec![
                ("username", text("mara.lind")),
                ("mfa_configured", Boolean(true)),
                ("mfa_webauthn_status", text("ENROLLED")),
                ("password_expires_at", text("2026-12-30T00:00:00.000Z")),
                ("unix_gid", Integer(5001)),
                ("employee_number", Cell::Null(store::schema::Kind::Text)),
                ("external_dn", Cell::Null(store::schema::Kind::Text)),
            ],
        ),
        (
            "devices",
            json!({"_id": "65a1b2c3d4e5f60718293a4b", "displayName": "tundra-mac-07", "active": true, "lastContact": "2026-11-20T06:31:05.412Z",
                "osFamily": "darwin", "osVersionDetail": {"majorNumber": 15, "releaseName": "Sequoia"}, "remoteIP": "203.0.113.24",
                "fde": {"active": true, "keyPresent": true}, "mdm": {"vendor": "internal", "userApproved": true, "dep": true},
                "networkInterfaces": [{"address": "192.0.2.17"}], "policyStats": {"failed": 1}, "userMetrics": [{"userName": "mara"}],
                "primarySystemUser": {"id": "64f0a1b2c3d4e5f607182930"}, "allowSshRootLogin": false, "systemInsights": {"state": "enabled"}}),
            vec![
                ("display_name", text("tundra-mac-07")),
                ("os_major", Integer(15)),
                ("disk_encrypted", Boolean(true)),
                ("recovery_key_escrowed", Boolean(true)),
                ("mdm_automated_enrollment", Boolean(true)),
                ("policies_failed", Integer(1)),
                ("primary_user_id", text("64f0a1b2c3d4e5f607182930")),
                ("ssh_root_login_allowed", Boolean(false)),
            ],
        ),
        (
            "user_groups",
            json!({"id": "6026da00aa11bb22cc33dd44", "name": "Engineering", "membershipMethod": "STATIC", "email": "",
                "attributes": {"sudo": {"enabled": true, "withoutPassword": false}, "radius": {"reply": [{"name": "Class", "value": "MARKER"}]}}}),
            vec![
                ("name", text("Engineering")),
                ("sudo_enabled", Boolean(true)),
                ("sudo_without_password", Boolean(false)),
                ("radius_reply", text(r#"[{"name":"Class"}]"#)),
            ],
        ),
        (
            "group_members",
            json!({"group_id": "6026da00aa11bb22cc33dd44", "attributes": null, "to": {"id": "64f0a1b2c3d4e5f607182930", "type": "user", "attributes": null}}),
            vec![
                ("group_id", text("6026da00aa11bb22cc33dd44")),
                ("group_type", text("user_group")),
                ("member_id", text("64f0a1b2c3d4e5f607182930")),
                ("member_type", text("user")),
            ],
        ),
        (
            "group_memberships",
            json!({"group_id": "g", "id": "u", "type": "user", "compiledAttributes": null, "paths": [[{"attributes": null, "to": {"id": "u", "type": "user"}}]]}),
            vec![("member_id", text("u")), ("is_direct", Boolean(true)), ("path_length", Integer(1))],
        ),
        (
            "device_group_users",
            json!({"device_group_id": "d", "id": "u", "type": "user", "compiledAttributes": {"sudo": {"enabled": true, "withoutPassword": false}},
                "paths": [[{"to": {"id": "g", "type": "user_group"}}, {"to": {"id": "u", "type": "user"}}]]}),
            vec![("user_id", text("u")), ("is_direct", Boolean(false)), ("path_length", Integer(2)), ("sudo_enabled", Boolean(true))],
        ),
        (
            "associations",
            json!({"application": "66b0c1d2e3f405162738495a", "attributes": null, "to": {"id": "6026da00aa11bb22cc33dd44", "type": "user_group"}}),
            vec![
                ("from_type", text("user_group")),
                ("from_id", text("6026da00aa11bb22cc33dd44")),
                ("to_type", text("application")),
                ("to_id", text("66b0c1d2e3f405162738495a")),
            ],
        ),
        (
            "applications",
            json!({"_id": "66b0c1d2e3f405162738495a", "active": true, "name": "zulip", "displayLabel": "Team chat",
                "sso": {"type": "saml", "jit": false, "idpCertExpirationAt": "2027-03-02T08:00:00.000Z"},
                "config": {"acsUrl": {"value": "https://chat.example/acs"}, "idpPrivateKey": {"type": "file", "value": "MARKER"},
                    "signAssertion": {"value": true},
                    "signatureAlgorithm": {"value": 1, "options": [{"text": "RSA-SHA1", "value": 0}, {"text": "RSA-SHA256", "value": 1}]},
                    "oauth": {"clientSecret": "MARKER"}}}),
            vec![
                ("label", text("Team chat")),
                ("sso_type", text("saml")),
                ("acs_url", text("https://chat.example/acs")),
                ("assertion_signed", Boolean(true)),
                ("signature_algorithm", text("RSA-SHA256")),
                ("idp_certificate_expires_at", text("2027-03-02T08:00:00.000Z")),
            ],
        ),
        (
            "applications",
            json!({"_id": "66b0c1d2e3f405162738495b", "config": {
                "signatureAlgorithm": {"value": "0", "options": [{"text": "RSA-SHA1", "value": 0}, {"text": "RSA-SHA256", "value": 1}]},
                "subjectField": {"value": "email"},
                "overrideNameIdFormat": {"value": "7", "options": [{"text": "persistent", "value": 1}]}}}),
            vec![
                ("signature_algorithm", text("RSA-SHA1")),
                ("subject_field", text("email")),
                ("name_id_format", Cell::Null(store::schema::Kind::Text)),
            ],
        ),
        (
            "policies",
            json!({"id": "67c00112233445566778899a", "name": "Lock", "notes": "agreed", "template": {"name": "lock_screen_darwin", "osMetaFamily": "darwin"},
                "configFields": [{"id": "f1", "name": "timeout"}, {"id": "f2", "name": "wifiPassword", "defaultValue": "MARKER"},
                    {"id": "f3", "name": "profile", "displayType": "file"}, {"id": "f4", "name": "pin", "sensitive": true, "defaultValue": "MARKER"}],
                "values": [{"configFieldID": "f1", "sensitive": false, "value": 300}, {"configFieldID": "f2", "value": "MARKER"},
                    {"configFieldID": "f3", "value": "MARKER"}, {"configFieldID": "f4", "value": "MARKER"}, {"configFieldID": "f5", "sensitive": true, "value": "MARKER"}]}),
            vec![("template_name", text("lock_screen_darwin")), ("os_family", text("darwin")), ("notes", text("agreed"))],
        ),
        (
            "policy_statuses",
            json!({"id": "67c0aa2233445566778899bb", "policyID": "67c00112233445566778899a", "systemID": "65a1b2c3d4e5f60718293a4b", "state": "failed",
                "success": false, "exitStatus": 1, "endedAt": "2026-11-19T10:00:04.000Z", "detail": "key escrow missing", "stdErr": "MARKER", "stdOut": "MARKER"}),
            vec![("state", text("failed")), ("success", Boolean(false)), ("exit_status", Integer(1)), ("detail", text("key escrow missing"))],
        ),
        (
            "commands",
            json!({"_id": "68d0011223344556677889aa", "name": "patch", "command": "curl -u admin:MARKER https://x\nTOKEN='MARKER-MARKER'", "sudo": true,
                "launchType": "trigger", "trigger": "patch-now", "timeout": "120", "user": "000000000000000000000000"}),
            vec![
                ("sudo", Boolean(true)),
                ("trigger_name", text("patch-now")),
                ("timeout_seconds", text("120")),
                ("body_secret_kinds", text(r#"["assigned_secret"]"#)),
                ("body_length", Integer(52)),
            ],
        ),
        (
            "authentication_policies",
            json!({"id": "66aa00112233445566778899", "disabled": false, "type": "user_portal", "conditions": {"not": {"ipAddressIn": ["l"]}},
                "effect": {"action": "allow", "obligations": {"mfa": {"required": true}}},
                "targets": {"users": {"inclusions": ["ALL"]}, "userGroups": {"inclusions": [], "exclusions": ["g"]}}}),
            vec![
                ("policy_type", text("user_portal")),
                ("mfa_required", Boolean(true)),
                ("conditions", text(r#"{"not":{"ipAddressIn":["l"]}}"#)),
                ("users_included", text(r#"["ALL"]"#)),
                ("user_groups_included", Cell::Null(store::schema::Kind::Json)),
            ],
        ),
        (
            "approval_flows",
            json!({"id": "f", "name": "Production access", "timeBasedAccess": true, "ttlConfig": "TTL_CONFIG_FIXED_DURATION", "fixedDuration": "86400",
                "resources": [{"resourceType": "USER_GROUP", "resourceId": "g", "resourceName": "Engineering"}], "approverResources": []}),
            vec![
                ("time_limited", Boolean(true)),
                ("fixed_duration", text("86400")),
                ("resources", text(r#"[{"resourceId":"g","resourceName":"Engineering","resourceType":"USER_GROUP"}]"#)),
                ("approvers", Cell::Null(store::schema::Kind::Json)),
            ],
        ),
        (
            "access_requests",
            json!({"id": "r", "approvalFlowId": "f", "requestor": "64f0a1b2c3d4e5f607182930", "group": "Engineering", "status": "PENDING",
                "createdAt": "2026-11-20T08:00:00Z", "wfMetadata": "MARKER", "metadata": "MARKER"}),
            vec![("requestor", text("64f0a1b2c3d4e5f607182930")), ("requestor_group", text("Engineering")), ("created_at", text("2026-11-20T08:00:00.000Z"))],
        ),
        (
            "radius_servers",
            json!({"_id": "62b00112233445566778899c", "name": "office-wifi", "networkSourceIp": "198.51.100.7", "mfa": "DISABLED", "sharedSecret": "MARKER"}),
            vec![("mfa", text("DISABLED")), ("source_ip", text("198.51.100.7")), ("shared_secret_length", text("short"))],
        ),
        (
            "directories",
            json!({"id": "63aa00112233445566778890", "name": "Workspace", "type": "g_suite", "defaultDomain": {"domain": "tundra.example"},
                "oAuthStatus": {"error": "", "errorMessage": "", "refreshToken": "MARKER"}}),
            vec![("default_domain", text("tundra.example")), ("oauth_error", Cell::Null(store::schema::Kind::Text))],
        ),
        (
            "duo_applications",
            json!({"duo_account_id": "a", "id": "b", "name": "Duo", "apiHost": "api.duo.example", "integrationKey": "MARKER", "integrationSecretKey": "MARKER"}),
            vec![("duo_account_id", text("a")), ("api_host", text("api.duo.example"))],
        ),
        (
            "notification_channels",
            json!({"objectId": "c", "name": "Alarm", "type": "CHANNEL_TYPE_SLACK", "hook": "https://hooks.example/MARKER", "config": {"to": "MARKER"}}),
            vec![("name", text("Alarm")), ("type", text("CHANNEL_TYPE_SLACK"))],
        ),
        (
            "apple_mdms",
            json!({"id": "6512aa00bb11cc22dd33ee44", "name": "", "apnsCertExpiry": "2027-02-01T00:00:00.000Z", "depServerTokenState": "missing",
                "depAccessTokenExpiry": "0001-01-01T00:00:00Z"}),
            vec![
                ("push_certificate_expires_at", text("2027-02-01T00:00:00.000Z")),
                ("automated_enrollment_state", text("missing")),
                ("automated_enrollment_expires_at", Cell::Null(store::schema::Kind::Text)),
            ],
        ),
        (
            "apple_mdm_devices",
            json!({"id": "e", "appleMdmId": "m", "serialNumber": "TND7K2Q9X1", "securityInfo": {"passcodePresent": true},
                "deviceInformation": {"isSupervised": true, "availableDeviceCapacity": 12.5, "deviceCapacity": 256.0}}),
            vec![("passcode_present", Boolean(true)), ("supervised", Boolean(true)), ("capacity_gb", Real(256.0))],
        ),
        (
            "insights_apps",
            json!({"system_id": "65a1b2c3d4e5f60718293a4b", "collection_time": "2026-11-20T05:40:12.331Z", "name": "Chat.app",
                "bundle_identifier": "com.example.chat", "bundle_short_version": "4.41.97", "path": "/Applications/Chat.app", "last_opened_time": 1_795_160_000}),
            vec![
                ("device_id", text("65a1b2c3d4e5f60718293a4b")),
                ("name", text("Chat.app")),
                ("bundle_identifier", text("com.example.chat")),
                ("version", text("4.41.97")),
            ],
        ),
        (
            "insights_certificates",
            json!({"system_id": "s", "common_name": "Tundra CA", "not_valid_after": "1893456000", "ca": 1, "self_signed": -1}),
            vec![
                ("valid_until", text("2030-01-01T00:00:00.000Z")),
                ("is_ca", Boolean(true)),
                ("self_signed", Cell::Null(store::schema::Kind::Boolean)),
            ],
        ),
        (
            "insights_authorized_keys",
            json!({"system_id": "s", "uid": "501", "key_file": "/Users/mara/.ssh/authorized_keys", "algorithm": "ssh-ed25519",
                "key": "AAAAC3NzaC1lZDI1NTE5AAAAIAcHBwcHBwcHBwcHBwcHBwcHBwcHBwcHBwcHBwcHBwcH"}),
            vec![("fingerprint", text("SHA256:gNSIRW+2Iyiuvsdp/bgjy38bvWHw6wQm3tuoXrl3WjQ")), ("key_bits", Integer(256))],
        ),
    ]
}

#[test]
fn rows_shaped_like_the_api_fill_the_expected_cells_and_no_secret_survives() {
    for (name, mut row, expected) in examples() {
        let collected = table(name);
        collected.clean(&mut row);
        let (cells, misfits) = Reader::new(collected.table.columns).cells(&row);
        assert_eq!(misfits, 0, "{name}: {row}");
        for (column, value) in expected {
            let found = cell(collected, &cells, column);
            match value {
                // Of a missing value only that it is missing matters here.
                Cell::Null(_) => assert!(matches!(found, Cell::Null(_)), "{name}.{column}: {found:?}"),
                value => assert_eq!(found, value, "{name}.{column}"),
            }
        }
        assert!(!row.to_string().contains("MARKER"), "{name}: {row}");
    }
}

#[test]
fn a_device_keeps_its_version_while_only_its_contact_moves() {
    let (_, device, _) = examples().into_iter().find(|(name, ..)| *name == "devices").unwrap();
    let mut later = device.clone();
    later["lastContact"] = json!("2026-11-20T07:31:05.412Z");
    later["active"] = json!(false);
    later["remoteIP"] = json!("198.51.100.9");
    later["networkInterfaces"] = json!([]);
    let clean = |mut row: Value| {
        table("devices").clean(&mut row);
        row
    };
    assert_eq!(clean(device), clean(later));
}

/// The rows that a table makes of one received row of another, cleaned.
fn made(name: &str, received: &Value) -> Vec<Value> {
    let collected = table(name);
    let [Source { ask: Ask::From { rows, sees, .. }, .. }] = collected.sources else {
        panic!("{name} is not made of others")
    };
    let seen = rows(&Node::from(received.clone()).pick(sees));
    assert_eq!(seen, rows(received), "{name} reads a member that it does not declare");
    let mut rows = seen;
    rows.iter_mut().for_each(|row| collected.clean(row));
    rows
}

#[test]
fn every_address_of_a_device_is_a_row_and_junk_stays_readable() {
    let device = json!({"_id": "d", "hostname": "mac", "displayName": "", "remoteIP": "::ffff:203.0.113.24", "networkInterfaces": [
        {"address": "127.0.0.1", "family": "IPv4", "internal": true, "name": "lo0"},
        {"address": "fe80::1%en0", "family": "IPv6", "internal": false, "name": "en0"},
        {"address": "not an address", "family": "IPv4", "internal": false, "name": "en1"},
        {"address": "", "name": "en2"}, null,
    ]});
    let collected = table("ip_addresses");
    let shown: Vec<_> = made("ip_addresses", &device)
        .iter()
        .map(|row| {
            let (cells, _) = Reader::new(collected.table.columns).cells(row);
            ["address", "zone", "scope", "interface", "source"].map(|column| match cell(collected, &cells, column) {
                Cell::Text(text) => text.to_string(),
                _ => "-".to_owned(),
            })
        })
        .collect();
    assert_eq!(
        shown,
        [
            ["127.0.0.1", "-", "loopback", "lo0", "interface"],
            ["fe80::1", "en0", "link_local", "en0", "interface"],
            ["-", "-", "-", "en1", "interface"],
            ["203.0.113.24", "-", "documentation", "-", "remote"],
        ]
    );
    assert_eq!(made("ip_addresses", &device)[0]["device_name"], "mac");
    assert_eq!(made("ip_addresses", &json!({"_id": "d"})), Vec::<Value>::new());
}

#[test]
fn contacts_and_local_accounts_are_made_of_devices() {
    let device = json!({"_id": "d", "displayName": "mac", "lastContact": "2026-11-20T06:31:05.412Z", "active": true, "remoteIP": "203.0.113.24",
        "userMetrics": [{"userName": "mara", "admin": true, "managed": false}]});
    let contacts = made("device_contacts", &device);
    assert_eq!(contacts.len(), 1);
    assert_eq!((&contacts[0]["id"], &contacts[0]["active"]), (&json!("d"), &json!(true)));
    let accounts = made("device_local_users", &device);
    assert_eq!(accounts, [json!({"userName": "mara", "admin": true, "managed": false, "device_id": "d"})]);
}

#[test]
fn ssh_keys_are_kept_as_fingerprints_only() {
    const BODY: &str = "ssh-ed25519 AAAAC3NzaC1lZDI1NTE5AAAAIAcHBwcHBwcHBwcHBwcHBwcHBwcHBwcHBwcHBwcHBwcH mara@laptop";
    let user = json!({"_id": "u", "username": "mara.lind", "public_key": BODY,
        "ssh_keys": [{"_id": "k", "name": "laptop", "public_key": BODY}, {"_id": "j", "name": "junk", "public_key": "junk"}]});
    let keys = made("user_ssh_keys", &user);
    assert_eq!(
        keys,
        [
            json!({"_id": "k", "name": "laptop", "user_id": "u", "username": "mara.lind", "key_type": "ssh-ed25519", "key_bits": 256,
                "fingerprint": "SHA256:gNSIRW+2Iyiuvsdp/bgjy38bvWHw6wQm3tuoXrl3WjQ"}),
            json!({"_id": "j", "name": "junk", "user_id": "u", "username": "mara.lind"}),
        ],
        "the older public_key is the same key as in the list"
    );
    let mut cleaned = user;
    table("users").clean(&mut cleaned);
    assert!(!cleaned.to_string().contains("AAAAC3"), "{cleaned}");
    assert_eq!(cleaned["ssh_keys"][0]["fingerprint"], "SHA256:gNSIRW+2Iyiuvsdp/bgjy38bvWHw6wQm3tuoXrl3WjQ");
}

#[test]
fn entries_of_an_ip_list_are_rows_with_their_span() {
    let list = json!({"id": "l", "name": "Offices", "ips": ["198.51.100.0/24", "office"]});
    let rows = made("ip_list_entries", &list);
    assert_eq!((&rows[0]["last"], &rows[0]["count"]), (&json!("198.51.100.255"), &json!(256.0)));
    assert_eq!((&rows[1]["entry"], rows[1].get("first")), (&json!("office"), None));
}
