//! Evidence that an auditor can verify offline: items are files (`content/evidence`), a pack is a signed folder of their
//! populations with the proof of how they were collected, and `verify` needs the pack and the public key alone.
//!
//! To add an item: write the file; `jumpseat evidence show ID` shows it, `jumpseat evidence pack` puts it into packs.

mod catalogue;
mod coverage;
mod der;
mod exceptions;
mod folder;
mod item;
mod keys;
mod manifest;
mod oscal;
mod outcomes;
mod pack;
mod population;
mod preview;
mod reading;
mod report;
mod rows;
mod sample;
mod sign;
mod sources;
mod timestamp;
mod verify;

pub use catalogue::{ABSENT, Absent, Items};
pub use coverage::Gap;
pub use item::{Item, Kind, Usage};
pub use keys::{KeyLink, key, keys, replace_key};
pub use manifest::{ENVELOPE, MANIFEST, MINISIG, Manifest, ManifestFile, TIME_STAMP};
pub use pack::{Made, PackRequest, pack};
pub use preview::{Preview, preview};
pub use sample::Sampling;
pub use sign::{PublicKey, SigningKey};
pub use sources::is_of_events;
pub use timestamp::{Authorities, Stamp, add_stamp, stamp_question};
pub use verify::{ChainLink, Difference, DifferenceKind, Expected, Verified, verify};

/// Why a pack could not be made.
#[derive(Debug, thiserror::Error)]
pub enum PackError {
    /// The store.
    #[error(transparent)]
    Store(#[from] store::Error),
    /// Writing.
    #[error("the pack can not be written")]
    File(#[from] std::io::Error),
    /// An item's file.
    #[error("{file}: the item {id} can not be collected: {what}")]
    Item {
        /// The item.
        id: String,
        /// Its file.
        file: String,
        /// What is wrong and what to do.
        what: String,
    },
    /// What is asked for can not be.
    #[error("{0}")]
    Refused(String),
}

impl From<csv::Error> for PackError {
    fn from(error: csv::Error) -> Self {
        Self::File(std::io::Error::other(error))
    }
}
