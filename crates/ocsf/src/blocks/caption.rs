//! Names of numbers. 99 stands for a text of the event's own, which must say more than the schema's caption "Other".

use crate::json::Text;

/// The text beside a 99.
pub(crate) fn other(text: Text<'_>) -> Text<'_> {
    if text.text == "Other" { Text::ours("other") } else { text }
}

/// `severity`.
pub(crate) fn severity(id: u8) -> &'static str {
    match id {
        1 => "Informational",
        2 => "Low",
        3 => "Medium",
        4 => "High",
        5 => "Critical",
        6 => "Fatal",
        _ => "Unknown",
    }
}

/// `auth_protocol`.
pub(crate) fn auth_protocol(id: u8) -> &'static str {
    match id {
        4 => "OpenID",
        5 => "SAML",
        10 => "RADIUS",
        12 => "LDAP",
        _ => "Unknown",
    }
}

/// `logon_type`; the numbers are those of Windows.
pub(crate) fn logon_type(id: u8) -> Option<&'static str> {
    Some(match id {
        2 => "Interactive",
        3 => "Network",
        4 => "Batch",
        5 => "OS Service",
        7 => "Unlock",
        8 => "Network Cleartext",
        9 => "New Credentials",
        10 => "Remote Interactive",
        11 => "Cached Interactive",
        _ => return None,
    })
}
