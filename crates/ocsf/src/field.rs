//! The top-level fields of an event that the mapper knows, and which of them it has mapped without loss.

use std::sync::LazyLock;

use crate::json::fingerprint;

macro_rules! fields {
    ($($variant:ident $name:literal),* $(,)?) => {
        /// A known top-level field.
        #[derive(Debug, Clone, Copy, PartialEq, Eq)]
        pub(crate) enum Field { $($variant),* }

        const ALL: &[(Field, &str)] = &[$((Field::$variant, $name)),*];
    };
}

fields! {
    Version "@version", Id "id", EventType "event_type", Service "service", Organization "organization",
    Provider "provider", Timestamp "timestamp", ClientIp "client_ip", Geoip "geoip", UserAgent "useragent",
    UserAgentNew "user_agent", InitiatedBy "initiated_by", Resource "resource", Changes "changes",
    AuthMethod "auth_method", AuthContext "auth_context", AuthMeta "auth_meta", Mfa "mfa", MfaMeta "mfa_meta",
    Success "success", SsoTokenSuccess "sso_token_success", ErrorMessage "error_message", ErrorCode "error_code",
    Association "association", Application "application", System "system", Correlation "correlation",
    MessageChain "message_chain", Detail "detail", Message "message", Username "username", Dn "dn",
    ConnectionId "connection_id", OperationNumber "operation_number", StartTls "start_tls",
    TlsEstablished "tls_established", Base "base", Status "status", Result "result", RequestType "request_type",
    Command "command", CommandUuid "command_uuid", MdmDeviceId "mdm_device_id", DeviceObjectId "device_object_id",
    SystemObjectId "system_object_id", SrcIp "src_ip", WindowsMeta "windows_meta", Outer "outer",
    Workflow "workflow", ChannelObjectId "channel_object_id", Name "name", Severity "severity",
    Category "category", StorageItemId "object_storage_item_object_id",
    StorageItemName "object_storage_item_version_name", State "state", AlertId "alert_id", AlertTitle "alert_title",
    Description "description", RuleId "rule_id",
}

/// How many there are.
pub(crate) const COUNT: usize = ALL.len();
/// More slots than fields, so that a name is found with one look.
const SLOTS: usize = 512;

static INDEX: LazyLock<[Option<Field>; SLOTS]> = LazyLock::new(|| {
    let mut index = [None; SLOTS];
    for (field, name) in ALL {
        let mut at = slot(name);
        while index[at].is_some() {
            at = (at + 1) % SLOTS;
        }
        index[at] = Some(*field);
    }
    index
});

#[inline]
fn slot(name: &str) -> usize {
    (fingerprint(name.as_bytes()) >> 55) as usize
}

impl Field {
    /// The field of that name.
    #[inline]
    pub(crate) fn named(name: &str) -> Option<Self> {
        let mut at = slot(name);
        while let Some(field) = INDEX[at] {
            if ALL[field as usize].1 == name {
                return Some(field);
            }
            at = (at + 1) % SLOTS;
        }
        None
    }
}

/// A set of fields.
#[derive(Debug, Clone, Copy, Default)]
pub(crate) struct FieldSet(u64);

impl FieldSet {
    pub(crate) fn add(&mut self, field: Field) {
        self.0 |= 1 << field as u64;
    }

    pub(crate) fn holds(self, field: Field) -> bool {
        self.0 & (1 << field as u64) != 0
    }
}

const _: () = assert!(COUNT <= 64, "FieldSet holds 64");
