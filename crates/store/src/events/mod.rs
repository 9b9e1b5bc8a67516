//! Events: the texts as received in parts, an index row for each, what is counted as they arrive, and the ledger.
//!
//! - [`write`](EventWriter::write_page): a page in one transaction. `part` packs the texts, `terms` gives numbers to texts.
//! - [`window`](Window): the ledger of hours; sealing, reopening, gaps. [`outstanding`](Outstanding): what of it needs work.
//! - `activity`: who did something on which day.
//! - [`search`](crate::Store::search_events): finding and exporting; [`reader`](EventReader): one after the other, at the
//!   reader's pace; `read_part` takes texts out of parts.
//! - [`counts`](crate::Store::event_counts): how many, without reading them.
//! - [`reindex`](EventWriter::reindex_part): the index made anew when the mapping has become better.
//! - [`retention`](EventWriter::remove_before): removing what is old; `unused_terms`: and the names that it leaves.
//! - `views`: what SQL sees of all this; `narrow`: how a condition on `time` is made a quick one. `months`: PostgreSQL's partitions.
//!
//! An event is one because of its identity within its organization. An identity has one time, so the index is ordered by
//! (organization, time, identity) and needs no second order to find what is stored already.

mod activity;
mod bulk;
mod bulk_postgres;
mod counts;
mod hour;
mod months;
pub(crate) mod narrow;
mod outstanding;
mod part;
mod read_part;
mod reader;
mod reindex;
mod retention;
mod row;
mod search;
mod terms;
mod unused_terms;
pub(crate) mod views;
mod window;
mod write;

pub use counts::{EventCount, EventTally, EventTypeSeen, EventsHeld};
pub use hour::Hour;
pub use outstanding::Outstanding;
pub use read_part::EventPart;
pub use reader::EventReader;
pub use reindex::Reindexed;
pub use retention::Removed;
pub(crate) use retention::purge;
pub use row::{COLUMNS, EventOutcome, EventRow, Named, Party, StoredEvent};
pub use search::{EventCursor, EventFilter, EventOrder, FoundEvents};
pub use window::{Recomputed, SealOutcome, SealedLines, Window, WindowState};
pub use write::{EventPage, EventWriter, PageWritten};
