//! What is taken out of a row, or made of it, before anything is stored: one helper for each kind of thing.
//! Which table uses which helper stands in that table's file; nothing here knows a table.

use std::sync::LazyLock;

use data_encoding::HEXLOWER;
use memchr::memmem::Finder;
use serde_json::{Map, Value, json};
use sha2::{Digest, Sha256};
use store::json::{Json, Shape};

use super::ssh_key;
use crate::node::Node;

/// What a table changes in a received row before anything is stored: removes secrets, and what belongs into another table.
///
/// The less of a row is declared, the less it costs: only what a function is to see is copied for it.
/// Every function must be pure, since its result is what is compared with the stored row.
#[derive(Debug)]
pub enum Redact {
    /// Nothing beyond what [`secrets`] removes from every row.
    Nothing,
    /// Removes these members at the top level.
    Drops(&'static [&'static str]),
    /// Removes some members at the top level, then changes some others.
    Members {
        /// The names of those that are removed.
        drops: &'static [&'static str],
        /// The names of those that `change` sees.
        sees: &'static [&'static str],
        /// Gets an object of what there is of those members; what it leaves there takes their place in the row.
        change: fn(&mut Value),
    },
    /// Changes anything.
    Row(fn(&mut Value)),
}

impl Redact {
    /// Changes a row.
    pub(super) fn apply(&self, row: &mut Value) {
        match (self, row) {
            (Self::Nothing, _) => {}
            (Self::Drops(names), row) => drop_members(row, names),
            (Self::Members { drops, sees, change }, Value::Object(fields)) => {
                fields.retain(|name, _| !drops.contains(&name.as_str()));
                let mut seen = Value::Object(sees.iter().filter_map(|name| fields.remove_entry(*name)).collect());
                change(&mut seen);
                fields.extend(members_of(seen));
            }
            (Self::Members { .. }, _) => {}
            (Self::Row(change), row) => change(row),
        }
    }

    /// Changes a row in the same way.
    pub(super) fn apply_to_node(&self, row: &mut Node<'_>) {
        match self {
            Self::Nothing => {}
            Self::Drops(names) => names.iter().for_each(|name| row.remove(name)),
            Self::Members { drops, sees, change } => {
                drops.iter().for_each(|name| row.remove(name));
                let mut seen = row.pick(sees);
                change(&mut seen);
                sees.iter().for_each(|name| row.remove(name));
                for (name, value) in members_of(seen) {
                    row.insert(&name, value.into());
                }
            }
            Self::Row(change) => {
                let mut value = row.to_value();
                change(&mut value);
                *row = value.into();
            }
        }
    }
}

fn members_of(value: Value) -> Map<String, Value> {
    match value {
        Value::Object(members) => members,
        _ => Map::new(),
    }
}

/// Endings of member names that hold a secret wherever they stand, in lower case without `_` and `-`.
///
/// An ending also covers the prefixes that the API puts before it (`totpSecret`, `idpPrivateKey`), and leaves
/// `password_date`, `passwordPolicy` or `idpPrivateKeyUpdatedAt` alone.
const SECRET_ENDINGS: &[&str] = &[
    "password",
    "passphrase",
    "passcode",
    "secret",
    "secrets",
    "secretkey",
    "privatekey",
    "sharedkey",
    "presharedkey",
    "apikey",
    "integrationkey",
    "connectkey",
    "recoverykey",
    "recoverykeys",
    "recoverycode",
    "recoverycodes",
    "backupcodes",
    "fdekey",
    "depkey",
    "bypasscode",
    "bypasscodes",
    "token",
    "tokens",
];

/// What stands in every private key in PEM form, whatever the member is called.
const PRIVATE_KEY: &str = "PRIVATE KEY-----";

/// The safety net under every table: removes secrets at any depth by the name of their member.
///
/// Removed are members whose name ends like a secret's (`sharedSecret`, `idpPrivateKey`, `clientSecret`, `password`,
/// `recoveryKey`, …), the `value` beside a `name` that does, the values of RADIUS reply attributes, and every
/// private key in PEM form. Flags of such a name (`"askForPassword": 1`) say nothing secret and stay.
pub fn secrets(value: &mut Value) {
    // A list of what is still to be looked at, not recursion: depth is the sender's choice, the stack is ours.
    let mut open = vec![value];
    while let Some(value) = open.pop() {
        match value {
            Value::Object(fields) => {
                if fields.iter().any(|(name, value)| is_secret(name, value)) {
                    fields.retain(|name, value| !is_secret(name, value));
                }
                if let (Some(name), Some(value)) = (fields.get("name").and_then(Value::as_str), fields.get("value"))
                    && is_secret(name, value)
                {
                    fields.remove("value");
                }
                if let Some(Value::Array(reply)) = fields.get_mut("reply") {
                    for attribute in reply.iter_mut().filter_map(Value::as_object_mut) {
                        attribute.remove("value");
                    }
                }
                open.extend(fields.values_mut().filter(|value| value.is_object() || value.is_array()));
            }
            Value::Array(items) => {
                items.retain(|item| !is_private_key(item));
                open.extend(items.iter_mut().filter(|item| item.is_object() || item.is_array()));
            }
            _ => {}
        }
    }
}

/// Whether [`secrets`] has something to remove.
pub(crate) fn holds_secret(value: &impl Json) -> bool {
    match value.shape() {
        Shape::Object(members) => {
            let (mut told_name, mut told_value) = (None, None);
            for (name, value) in members {
                match (name, value.shape()) {
                    ("name", Shape::Text(text)) => told_name = Some(text),
                    ("value", _) => told_value = Some(value),
                    ("reply", Shape::List(items)) if items.iter().any(|item| item.member("value").is_some()) => {
                        return true;
                    }
                    _ => {}
                }
                if is_secret(name, value) || holds_secret(value) {
                    return true;
                }
            }
            told_name.zip(told_value).is_some_and(|(name, value)| is_secret(name, value))
        }
        Shape::List(items) => items.iter().any(|item| is_private_key(item) || holds_secret(item)),
        _ => false,
    }
}

/// Whether a value under this name is a secret.
pub(super) fn is_secret(name: &str, value: &impl Json) -> bool {
    !is_flag(value) && (is_private_key(value) || sounds_secret(name))
}

/// Whether a name ends like a secret's. Every member of every row passes here, so the last two letters decide first.
fn sounds_secret(name: &str) -> bool {
    let mut letters = name.bytes().rev().filter(u8::is_ascii_alphanumeric).map(|byte| byte.to_ascii_lowercase());
    let (Some(last), Some(before)) = (letters.next(), letters.next()) else { return false };
    LAST_LETTERS[usize::from(last)] & letter_bit(before) != 0
        && SECRET_ENDINGS.iter().any(|ending| ends_like(name, ending))
}

/// For each last letter of [`SECRET_ENDINGS`], the letters that stand before it in one of them.
const LAST_LETTERS: [u32; 256] = {
    let mut before = [0; 256];
    let mut at = 0;
    while at < SECRET_ENDINGS.len() {
        let ending = SECRET_ENDINGS[at].as_bytes();
        before[ending[ending.len() - 1] as usize] |= letter_bit(ending[ending.len() - 2]);
        at += 1;
    }
    before
};

/// A bit of its own for each lower-case letter.
const fn letter_bit(letter: u8) -> u32 {
    if letter.is_ascii_lowercase() { 1 << (letter - b'a') } else { 0 }
}

/// Whether a text that can not be read as JSON may hold a secret: it has a member of such a name, or a private key.
pub fn may_hold_secret(text: &str) -> bool {
    text.contains(PRIVATE_KEY)
        || text.split('"').any(sounds_secret)
        || ["public_key", "\"command\"", "\"reply\"", "\"values\""].iter().any(|name| text.contains(name))
}

/// Whether a name ends so, whatever its case, `_` and `-`. Compared from the end, without a copy: every member of
/// every row passes here.
fn ends_like(name: &str, ending: &str) -> bool {
    let mut name = name.bytes().rev().filter(u8::is_ascii_alphanumeric);
    ending.bytes().rev().all(|expected| name.next().is_some_and(|found| found.eq_ignore_ascii_case(&expected)))
}

/// Whether a value can only be the answer to a question, such as that of the setting `askForPassword`.
fn is_flag(value: &impl Json) -> bool {
    match value.shape() {
        Shape::Null | Shape::Bool(_) => true,
        Shape::Number(number) => matches!(number.as_i64(), Some(-1..=1)),
        Shape::Text(text) => matches!(text, "" | "0" | "1" | "true" | "false"),
        _ => false,
    }
}

fn is_private_key(value: &impl Json) -> bool {
    static MARK: LazyLock<Finder<'static>> = LazyLock::new(|| Finder::new(PRIVATE_KEY));
    value.as_text().is_some_and(|text| text.len() > PRIVATE_KEY.len() && MARK.find(text.as_bytes()).is_some())
}

/// Writes a top-level member that was worked out of others.
pub(super) fn add(row: &mut Value, name: &str, value: Value) {
    if let Some(fields) = row.as_object_mut() {
        fields.insert(name.to_owned(), value);
    }
}

/// Removes top-level members.
pub(super) fn drop_members(row: &mut Value, names: &[&str]) {
    if let Some(fields) = row.as_object_mut() {
        fields.retain(|name, _| !names.contains(&name.as_str()));
    }
}

/// Removes what a JSON pointer such as `/deviceInformation/availableDeviceCapacity` points at.
pub(super) fn remove(row: &mut Value, pointer: &str) {
    let Some((parent, name)) = pointer.rsplit_once('/') else { return };
    if let Some(fields) = row.pointer_mut(parent).and_then(Value::as_object_mut) {
        fields.remove(name);
    }
}

/// Replaces a text member by its SHA-256 (hexadecimal) in `<member>_sha256` and its length in bytes in `<member>_length`.
pub(super) fn hash_body(row: &mut Value, member: &str) {
    let Some(fields) = row.as_object_mut() else { return };
    let Some(body) = fields.remove(member) else { return };
    let Some(text) = body.as_str() else { return };
    fields.insert(format!("{member}_sha256"), json!(sha256(text)));
    fields.insert(format!("{member}_length"), json!(text.len()));
}

/// The SHA-256 of a text, in hexadecimal.
pub(super) fn sha256(text: &str) -> String {
    HEXLOWER.encode(&Sha256::digest(text.as_bytes()))
}

/// Replaces the key bodies in a list of SSH keys and in the row's own `public_key` by their fingerprints.
pub(super) fn ssh_keys(row: &mut Value, pointer: &str) {
    if let Some(keys) = row.pointer_mut(pointer).and_then(Value::as_array_mut) {
        for key in keys {
            ssh_key_body(key, "public_key");
        }
    }
    ssh_key_body(row, "public_key");
}

/// Replaces one public key by what may be kept of it: `fingerprint`, `key_type` and `key_bits`.
///
/// All three are missing when the text is no SSH public key; the text is removed even so.
pub(super) fn ssh_key_body(row: &mut Value, member: &str) {
    let Some(fields) = row.as_object_mut() else { return };
    let Some(body) = fields.remove(member) else { return };
    let Some(key) = body.as_str().and_then(ssh_key::parse) else { return };
    fields.insert("fingerprint".to_owned(), json!(key.fingerprint));
    fields.insert("key_type".to_owned(), json!(key.key_type));
    fields.insert("key_bits".to_owned(), json!(key.bits));
}

/// Makes a number of a time that System Insights writes as seconds in text, so that it is read as a time.
pub(super) fn epoch_text(row: &mut Value, member: &str) {
    if let Some(value) = row.get_mut(member)
        && let Some(seconds) = value.as_str().and_then(|text| text.trim().parse::<f64>().ok())
    {
        *value = json!(seconds);
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn secrets_go_at_any_depth_and_their_harmless_neighbors_stay() {
        let mut row = json!({
            "password_date": "2026-01-01", "password_expired": false, "passwordPolicy": {"minLength": 12},
            "apiKeySet": true, "apiKeyHash": {"prefix": "jca_"}, "secret": false,
            "sso": {"idpPrivateKeyUpdatedAt": "2026-01-01T00:00:00Z", "idpPrivateKey": {"value": "S"}},
            "list": [{"sharedSecret": "S", "deep": [{"client_secret": "S", "bypass-codes": ["S"], "totpSecret": "S"}]}],
            "params": [{"name": "adminPassword", "value": "S"}, {"name": "port", "value": "22"}, {"name": "askForPassword", "value": "1"}],
            "note": "-----BEGIN RSA PRIVATE KEY-----\nS", "notes": ["-----BEGIN PRIVATE KEY-----S", "kept"],
        });
        secrets(&mut row);
        assert_eq!(
            row,
            json!({
                "password_date": "2026-01-01", "password_expired": false, "passwordPolicy": {"minLength": 12},
                "apiKeySet": true, "apiKeyHash": {"prefix": "jca_"}, "secret": false,
                "sso": {"idpPrivateKeyUpdatedAt": "2026-01-01T00:00:00Z"},
                "list": [{"deep": [{}]}],
                "params": [{"name": "adminPassword"}, {"name": "port", "value": "22"}, {"name": "askForPassword", "value": "1"}],
                "notes": ["kept"],
            })
        );
    }

    #[test]
    fn a_row_of_any_depth_is_cleaned_without_using_up_the_stack() {
        let mut row = json!({"password": "S"});
        for _ in 0..20_000 {
            row = Value::Array(vec![row]);
        }
        secrets(&mut row);
        // Taken apart by hand, since dropping a deep value recurses.
        while let Value::Array(mut items) = row {
            row = items.pop().unwrap();
        }
        assert_eq!(row, json!({}));
    }

    #[test]
    fn a_hashed_body_leaves_its_length_and_digest_only() {
        let mut row = json!({"command": "echo hi"});
        hash_body(&mut row, "command");
        assert_eq!(row, json!({"command_length": 7, "command_sha256": sha256("echo hi")}));
        assert_eq!(sha256("abc"), "ba7816bf8f01cfea414140de5dae2223b00361a396177a9cb410ff61f20015ad");
    }

    #[test]
    fn a_pointer_removes_exactly_what_it_points_at() {
        let mut row = json!({"a": {"b": 1, "c": 2}});
        remove(&mut row, "/a/b");
        remove(&mut row, "/x/y");
        assert_eq!(row, json!({"a": {"c": 2}}));
    }
}
