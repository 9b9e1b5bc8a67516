//! Identifiers that do not change: UUID version 5 over tenant, service, id and time of the source, so that the same
//! event is the same event through whichever key and however often it was read, and with every version of the mapping.

use data_encoding::HEXLOWER;
use sha1::Sha1;
use sha2::{Digest as _, Sha256};
use uuid::{Builder, Uuid};

use crate::event::{Event, Received};
use crate::field::Field;

/// Version 5 of the URL namespace and `urn:jumpcloud-directory-insights:ocsf:1`.
const NAMESPACE: Uuid = Uuid::from_u128(0x8a76fe47_b81e_5822_a5d4_7298e7e114b6);

/// What stands for a service that is not told.
pub(crate) const UNKNOWN_SERVICE: &str = "unknown";

/// `metadata.uid`. Class, activity and mapping version are no part of it: a better mapping replaces the event.
pub(crate) fn event_uid(event: &Event<'_>, received: &Received<'_>) -> Uuid {
    let tenant = event.tenant_or(received).map_or("", |text| text.text);
    let service = event.text_of(Field::Service).unwrap_or(UNKNOWN_SERVICE);
    let hash;
    let id = match event.text_of(Field::Id) {
        Some(id) => id,
        None => {
            hash = raw_hash(event.raw());
            std::str::from_utf8(&hash).unwrap_or_default()
        }
    };
    let time = event.text_of(Field::Timestamp).unwrap_or_default();
    let mut sha = Sha1::new_with_prefix(NAMESPACE.as_bytes());
    for (place, part) in [tenant, service, id, time].into_iter().enumerate() {
        if place > 0 {
            sha.update(b"\n");
        }
        sha.update(part.as_bytes());
    }
    let digest = sha.finalize();
    let mut bytes = [0; 16];
    bytes.copy_from_slice(&digest[..16]);
    Builder::from_sha1_bytes(bytes).into_uuid()
}

/// SHA-256 of the raw text, in lower-case hexadecimal digits.
pub(crate) fn raw_hash(raw: &str) -> [u8; 64] {
    let mut digits = [0; 64];
    HEXLOWER.encode_mut(&Sha256::digest(raw.as_bytes()), &mut digits);
    digits
}
