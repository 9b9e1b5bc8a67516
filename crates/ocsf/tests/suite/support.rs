//! What the tests share: the folder outside of the repository, and mapping one event.

use std::path::{Path, PathBuf};

use ocsf::{Mapper, Received};
use serde_json::Value;

/// When the golden events were stored.
pub(crate) const LOGGED_MS: i64 = 1_777_900_000_000;

/// A file of the shared folder; None (said aloud) if it is not there, unless it must be.
pub(crate) fn shared(path: &str) -> Option<PathBuf> {
    let folder = std::env::var_os("JUMPSEAT_SHARED").map(PathBuf::from);
    let folder = folder.unwrap_or_else(|| Path::new(env!("CARGO_MANIFEST_DIR")).join("../../../shared"));
    let found = folder.join(path);
    if found.exists() {
        return Some(found);
    }
    assert_ne!(std::env::var("JUMPSEAT_REQUIRE_ALL").as_deref(), Ok("1"), "{} is not there", found.display());
    eprintln!("skipped: {} is not there (set JUMPSEAT_SHARED)", found.display());
    None
}

/// The OCSF text of one raw event.
pub(crate) fn line(raw: &str, received: &Received<'_>) -> String {
    let mut out = Vec::new();
    Mapper::new().read(raw).write_ocsf(received, &mut out);
    String::from_utf8(out).unwrap()
}

/// The OCSF event of one raw event, stored when the golden ones were.
pub(crate) fn mapped(raw: &str) -> Value {
    let text = line(raw, &Received::at(LOGGED_MS));
    serde_json::from_str(&text).unwrap_or_else(|error| panic!("{error}: {text}"))
}

/// An event of that type with every field that JumpCloud documents, in the older or the newer of their shapes.
pub(crate) fn full(event_type: &str, service: &str, number: usize) -> Value {
    let mut event = serde_json::json!({
        "@version": 1, "id": format!("70{number:022x}"), "event_type": event_type, "service": service,
        "organization": "5f0000000000000000000001", "timestamp": "2026-11-20T08:14:02.921Z", "provider": null,
        "client_ip": "203.0.113.24", "success": false, "mfa": true, "mfa_meta": {"type": "webauthn"},
        "auth_method": "session", "error_message": "it \"failed\"", "error_code": 49, "username": "mara.lind",
        "initiated_by": {"id": "64f0a1b2c3d4e5f607182930", "type": "admin", "email": "root@tundra.example", "source": "scim"},
        "resource": {"id": "64f0a1b2c3d4e5f607182931", "type": "user", "username": "mara.lind", "name": "Mara",
            "application_id": "zulip", "application_name": "Zulip", "source_id": "1", "source_type": "user"},
        "auth_context": {"auth_methods": {"password": {"success": true}, "jumpcloud_go": {"success": false}},
            "policies_applied": [{"id": "66aa", "name": "Require MFA", "metadata": {"action": "ALLOW"}}],
            "system": {"id": "c1", "hostname": "LT-1", "displayName": "Mara's laptop", "os": "Ubuntu", "version": "24.04"},
            "jumpcloud_protect_device": {"id": "d9", "make": "Apple", "model": "iPhone", "os": "iOS", "ip": "174.16.38.486"}},
        "geoip": {"country_code": "FI", "continent_code": "EU", "region_name": "Uusimaa", "region_code": "18",
            "timezone": "Europe/Helsinki", "latitude": "60.17", "longitude": 24.93},
        "useragent": {"name": "Firefox", "major": "132", "minor": "0", "os_name": "Mac OS X", "os_major": "10"},
        "system": {"id": "c2", "hostname": "SRV-1", "displayName": "Server"},
        "application": {"id": "a1", "name": "zulip", "display_label": "Chat", "sso_type": "saml", "version": "1",
            "sso_url": "https://sso.jumpcloud.com/saml2/chat", "publisher": "Zulip", "path": "/opt/zulip"},
        "changes": [{"field": "role", "to": "Manager"}, {"field": "x"}],
        "association": {"op": "add", "attributes": {"sudo": {"enabled": true}}, "connection": {
            "from": {"type": "user", "object_id": "b1", "name": "mara.lind"},
            "to": {"type": "system", "object_id": "c1", "name": "LT-1"}}},
        "workflow": {"id": "w1", "name": "Approve"}, "severity": "Critical", "category": "Directory",
        "dn": "uid=mara,ou=Users", "connection_id": "abc=", "operation_number": 3, "start_tls": "false",
        "tls_established": "true", "base": "ou=Users", "status": "Idle", "result": "Success",
        "request_type": "ProfileList", "command": {"request_type": "ProfileList"}, "command_uuid": "u-1",
        "mdm_device_id": "m1", "src_ip": "::1", "windows_meta": {"logon_type": "10", "elevated": true},
        "correlation": {"id": "corr", "type": "user_import"}, "message_chain": {"response_code": "200"},
        "object_storage_item_object_id": "o1", "object_storage_item_version_name": "a.pkg", "channel_object_id": "ch",
        "outer": {"error_message": "outer"}, "detail": "Something happened.", "odd": {"deep": [[[{"a": ""}]]]}
    });
    if number % 2 == 1 {
        event["mfa"] = Value::Null;
        event["success"] = Value::Null;
        event["resource"]["type"] = "system_group".into();
        event["geoip"] = serde_json::json!({"geoip": event["geoip"]});
        event["initiated_by"] = serde_json::json!({"type": "system"});
    }
    event
}
