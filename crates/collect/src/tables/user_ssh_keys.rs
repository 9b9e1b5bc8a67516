//! The public SSH keys of directory users, one row each. Keys found on devices are in `insights.rs`.

use serde_json::{Value, json};
use store::schema::{Table, integer, text, time};

use super::{Collected, Id, Redact, Source, id_of, redact};

/// `user_ssh_keys`: one row for each key that a user has registered in JumpCloud.
#[rustfmt::skip]
pub(super) static USER_SSH_KEYS: Collected = Collected {
    table: Table {
        name: "user_ssh_keys",
        about: "Public SSH keys that users have registered; they reach every device the user is bound to. Only fingerprints are kept, so that the same key on two users can still be seen.",
        asset: Some("ssh_key"),
        label: "name",
        columns: &[
            text("user_id", "/user_id", "Whose key it is (users.id).").indexed(),
            text("username", "/username", "That user's name."),
            text("name", "/name", "Name that the user gave the key."),
            text("fingerprint", "/fingerprint", "SHA256:…, as OpenSSH prints it; NULL when the key could not be read."),
            text("key_type", "/key_type", "E.g. ssh-ed25519, ssh-rsa, ssh-dss."),
            integer("key_bits", "/key_bits", "Size in bits; RSA below 2048 and DSA are weak."),
            time("created_at", "/create_date", "When the key was added."),
        ],
        joined: &[],
    },
    sources: &[Source::from("users", &["_id", "id", "username", "ssh_keys", "public_key"], keys)],
    id: Id::Loose(&["user_id", "_id"]),
    redact: Redact::Members { drops: &[], sees: &["public_key"], change: |row| redact::ssh_key_body(row, "public_key") },
    absent: "the key was removed, or its user was deleted",
    fact: "V1 GET /api/systemusers, ssh_keys[] and the older public_key",
};

/// The keys of one received user: those of the list, and the single one of older rows unless it is in the list as well.
fn keys(user: &Value) -> Vec<Value> {
    let listed = user["ssh_keys"].as_array().map(Vec::as_slice).unwrap_or_default();
    let single = user["public_key"].as_str().filter(|key| !key.trim().is_empty());
    let single = single.filter(|key| !listed.iter().any(|other| other["public_key"] == **key));
    let single = single.map(|key| json!({"_id": "public_key", "name": "public_key", "public_key": key}));
    listed
        .iter()
        .cloned()
        .chain(single)
        .filter_map(|mut key| {
            let fields = key.as_object_mut()?;
            fields.insert("user_id".to_owned(), id_of(user).clone());
            fields.insert("username".to_owned(), user["username"].clone());
            Some(key)
        })
        .collect()
}
