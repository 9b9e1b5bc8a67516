//! Delivers what was collected. The archive: sealed windows of events as OCSF in Parquet files, in a folder or an object
//! store, where every other program can read them.
//!
//! - [`Archiver`] writes an archive (`archive`) and holds it against the ledger (`verify`). `plan` says what is to be written,
//!   `layout` how the objects are called, `place` where they are and who may write there.
//! - [`EventFile`] is one Parquet file: `attributes` says which columns it has, `columns` fills them, `file` writes it;
//!   `older` makes what Amazon Security Lake takes.
//! - [`EventFolder`] writes events that are in no order and in no store as such files.
//!
//! - [`notify`] tells people, by e-mail, Slack, Teams or a webhook.
//!
//! Only this crate compiles `arrow`, `parquet` and `object_store`; no query engine comes with them.

mod archive;
mod attributes;
mod columns;
mod error;
mod file;
mod folder;
mod layout;
pub mod notify;
mod older;
mod place;
mod plan;
mod reference;
mod schedule;
mod verify;

pub use archive::{Archiver, Report, RunOptions, received, take_lease};
pub use columns::Shape;
pub use error::{Error, Result};
pub use file::EventFile;
pub use folder::EventFolder;
pub use layout::{Layout, Settings};
pub use older::to_ocsf_1_1_0;
pub use place::{Access, Place, PlaceUrl};
pub use plan::When;
pub use reference::reference;
pub use schedule::{Opener, run_schedule};
pub use verify::{Difference, DifferenceKind, Verified};
