//! The manifest: every file of a pack with its size and hash, what the pack is about, and its place in the chain. It is what
//! is signed.

use jiff::Timestamp;
use serde::{Deserialize, Serialize};
use sha2::{Digest as _, Sha256};

/// The manifest's own file.
pub const MANIFEST: &str = "manifest.json";
/// The minisign signature of the manifest.
pub const MINISIG: &str = "manifest.json.minisig";
/// The DSSE envelope about the manifest.
pub const ENVELOPE: &str = "manifest.dsse.json";

/// The time stamp of a third party over the manifest, where there is one.
pub const TIME_STAMP: &str = "manifest.json.tsr";

/// What a manifest begins with.
pub(super) const FORMAT: &str = "jumpseat evidence pack";
/// The layout of manifests that this program writes and reads.
pub(super) const VERSION: u32 = 1;

/// What a pack holds and is about.
#[derive(Debug, Clone, Serialize, Deserialize)]
pub struct Manifest {
    /// Always the same words.
    pub format: String,
    /// Of the layout.
    pub version: u32,
    /// The program that made it.
    pub product: String,
    /// The organization's id …
    pub org_id: String,
    /// … and the name that people know it by.
    pub organization: String,
    /// The framework's id …
    pub framework: String,
    /// … its name and edition.
    pub framework_name: String,
    /// The period begins here …
    pub from: Timestamp,
    /// … and ends here, inclusive.
    pub to: Timestamp,
    /// Populations are as they were at this time.
    pub as_of: Timestamp,
    /// When the pack was made.
    pub made_at: Timestamp,
    /// Who made it.
    pub made_by: String,
    /// Its number in the chain of the installation.
    pub number: i64,
    /// The digest of the pack before it; `None` for the first.
    pub previous: Option<String>,
    /// The minisign public key that verifies it.
    pub public_key: String,
    /// Every file but this one and its signatures, by path.
    pub files: Vec<ManifestFile>,
}

/// A file of a pack.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct ManifestFile {
    /// Its path within the pack, with slashes.
    pub path: String,
    /// Its size.
    pub bytes: u64,
    /// SHA-256 of its content, hexadecimal.
    pub sha256: String,
}

/// SHA-256, hexadecimal.
pub(super) fn sha256(content: &[u8]) -> String {
    data_encoding::HEXLOWER.encode(&Sha256::digest(content))
}
