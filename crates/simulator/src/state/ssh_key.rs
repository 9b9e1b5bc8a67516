//! Public SSH keys of users: which kind each is, and its text as OpenSSH writes it.
//! Responsible for keys that parse (or, on purpose, do not). No private part exists; the numbers are made up.

use data_encoding::BASE64;

use crate::config::Character;
use crate::dice::{Dice, mix};
use crate::id::Id;
use crate::state::Profile;
use crate::state::user::{PLANTS, User};

/// The kind of a key.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Kind {
    Ed25519,
    Ecdsa,
    /// With the length of the modulus in bits.
    Rsa(u32),
    Dsa,
    /// A line that is no key.
    Unreadable,
}

/// One public key. Keys of one kind and seed are the same key.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) struct SshKey {
    pub(crate) kind: Kind,
    pub(crate) seed: u64,
}

impl User {
    /// The id of the key with this number.
    pub(crate) fn ssh_key_id(&self, number: u8) -> Id {
        self.id.child(10 + u64::from(number))
    }

    /// The key with this number.
    pub(crate) fn ssh_key(&self, profile: &Profile, number: u8) -> SshKey {
        SshKey::of(profile, self.number, number)
    }
}

impl SshKey {
    /// The key of a user's number with this number. Weak, shared and unreadable keys are planted where nobody looks.
    pub(crate) fn of(profile: &Profile, user: u32, number: u8) -> Self {
        let careless = profile.character != Character::Tidy && number == 0;
        // The second of this pair uses the key of the first.
        let owner = if careless && user % PLANTS == 27 { user - 1 } else { user };
        let seed = profile.dice("ssh key", u64::from(owner) << 8 | u64::from(number)).next();
        let kind = match user % PLANTS {
            26 | 27 => Kind::Ed25519,
            29 if careless => Kind::Rsa(1024),
            30 if careless => Kind::Dsa,
            31 if careless => Kind::Rsa(2048),
            32 if careless => Kind::Unreadable,
            _ => [Kind::Ed25519, Kind::Ed25519, Kind::Ed25519, Kind::Ecdsa, Kind::Rsa(3072), Kind::Rsa(4096)]
                [(seed >> 32) as usize % 6],
        };
        Self { kind, seed }
    }

    /// A key that belongs to nobody.
    pub(crate) fn foreign(device: Id) -> Self {
        Self { kind: Kind::Ed25519, seed: mix(device.entropy() ^ 0x0f0e) }
    }

    /// The type and the body of the key, with a blank between.
    pub(crate) fn text(&self) -> String {
        let name = match self.kind {
            Kind::Ed25519 => "ssh-ed25519",
            Kind::Ecdsa => "ecdsa-sha2-nistp256",
            Kind::Rsa(_) => "ssh-rsa",
            Kind::Dsa => "ssh-dss",
            Kind::Unreadable => return format!("ssh-rsa truncated-{:x}…", self.seed & 0xffff),
        };
        let mut blob = Vec::new();
        put(&mut blob, name.as_bytes());
        match self.kind {
            Kind::Ed25519 => put(&mut blob, &self.number(32)),
            Kind::Ecdsa => {
                put(&mut blob, b"nistp256");
                let mut point = self.number(65);
                point[0] = 4;
                put(&mut blob, &point);
            }
            Kind::Rsa(bits) => {
                put(&mut blob, &[1, 0, 1]);
                // A leading zero, so that the highest bit does not make the number negative.
                let mut modulus = self.number(bits as usize / 8 + 1);
                modulus[0] = 0;
                put(&mut blob, &modulus);
            }
            Kind::Dsa => {
                for length in [129, 21, 129, 129] {
                    let mut number = self.number(length);
                    number[0] = 0;
                    put(&mut blob, &number);
                }
            }
            Kind::Unreadable => {}
        }
        format!("{name} {}", BASE64.encode(&blob))
    }

    /// So many bytes that follow from the seed; all have their highest bit set, so that lengths are exact.
    fn number(&self, length: usize) -> Vec<u8> {
        let mut dice = Dice::of(self.seed, "key bytes", length as u64);
        (0..length).map(|_| dice.next() as u8 | 0x80).collect()
    }
}

/// Appends a field with its length before it.
fn put(blob: &mut Vec<u8>, field: &[u8]) {
    blob.extend((field.len() as u32).to_be_bytes());
    blob.extend(field);
}
