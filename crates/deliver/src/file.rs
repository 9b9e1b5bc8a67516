//! One Parquet file being written: rows in the order in which they come, in row groups of bounded size. The same rows give
//! the same bytes: nothing in the file depends on when, where or how fast it was written.

use parquet::arrow::ArrowWriter;
use parquet::arrow::arrow_writer::ArrowWriterOptions;
use parquet::basic::{Compression, ZstdLevel};
use parquet::file::metadata::KeyValue;
use parquet::file::properties::{EnabledStatistics, WriterProperties};
use parquet::schema::types::ColumnPath;

use crate::Result;
use crate::columns::{Rows, Shape};

/// Raised when the same events would be written in another way.
pub(crate) const FORMAT: u32 = 2;

/// How much OCSF text is in one row group. It is held in memory as compressed pages until the group is full.
pub(crate) const GROUP_BYTES: usize = 64 << 20;
/// How much is turned into columns at once.
const BATCH_BYTES: usize = 1 << 20;
const BATCH_ROWS: usize = 1_024;
/// The largest page, uncompressed.
const PAGE_BYTES: usize = 512 << 10;
const ZSTD: i32 = 3;

/// A Parquet file of OCSF events. What is ready of it is taken from time to time; all of that, one after the other, is the
/// file. (It does not write to any `Write`: each kind would be another copy of the format's writer in the program.)
pub struct EventFile {
    writer: ArrowWriter<Vec<u8>>,
    rows: Rows,
    batch_bytes: usize,
    group_bytes: usize,
    events: u64,
}

impl EventFile {
    /// Begins a file.
    ///
    /// # Errors
    /// The columns do not fit the format.
    pub fn new(shape: Shape) -> Result<Self> {
        let options = ArrowWriterOptions::new().with_properties(properties(shape)?).with_skip_arrow_metadata(true);
        let writer = ArrowWriter::try_new_with_options(Vec::new(), shape.schema(), options)?;
        Ok(Self { writer, rows: Rows::new(shape), batch_bytes: 0, group_bytes: 0, events: 0 })
    }

    /// Adds an event: JSON as the mapper writes it. Files of events are in the order of their times.
    ///
    /// # Errors
    /// The event does not fit the columns.
    pub fn push(&mut self, ocsf: &[u8]) -> Result<()> {
        self.rows.push(ocsf)?;
        self.events += 1;
        self.batch_bytes += ocsf.len();
        if self.batch_bytes >= BATCH_BYTES || self.rows.len() >= BATCH_ROWS {
            self.write_batch()?;
        }
        Ok(())
    }

    fn write_batch(&mut self) -> Result<()> {
        if self.rows.len() == 0 {
            return Ok(());
        }
        self.writer.write(&self.rows.take()?)?;
        self.group_bytes += std::mem::take(&mut self.batch_bytes);
        if self.group_bytes >= GROUP_BYTES { self.end_group() } else { Ok(()) }
    }

    /// How much OCSF text is held in memory, in bytes.
    pub(crate) fn held(&self) -> usize {
        self.group_bytes + self.batch_bytes
    }

    /// Ends the row group, so that nothing is held.
    pub(crate) fn end_group(&mut self) -> Result<()> {
        if self.rows.len() > 0 {
            self.writer.write(&self.rows.take()?)?;
        }
        (self.group_bytes, self.batch_bytes) = (0, 0);
        Ok(self.writer.flush()?)
    }

    /// How many events were added.
    pub fn events(&self) -> u64 {
        self.events
    }

    /// Takes what is ready of the file since this was asked last; often nothing, as a row group is written at once.
    #[must_use]
    pub fn take(&mut self) -> Vec<u8> {
        std::mem::take(self.writer.inner_mut())
    }

    /// Ends the file and returns the rest of it.
    ///
    /// # Errors
    /// The columns do not fit the format.
    pub fn finish(mut self) -> Result<Vec<u8>> {
        self.write_batch()?;
        Ok(self.writer.into_inner()?)
    }
}

fn properties(shape: Shape) -> Result<WriterProperties> {
    let mut properties = WriterProperties::builder()
        .set_created_by(format!("jumpseat archive format {FORMAT}"))
        .set_compression(Compression::ZSTD(ZstdLevel::try_new(ZSTD)?))
        .set_max_row_group_row_count(None)
        .set_data_page_size_limit(PAGE_BYTES)
        // The size of a page is looked at after so many values: events are a few kilobytes each.
        .set_write_batch_size(64)
        .set_key_value_metadata(Some(vec![
            KeyValue::new("ocsf.version".to_owned(), shape.ocsf_version().to_owned()),
            KeyValue::new("jumpseat.mapping".to_owned(), ocsf::MAPPING_VERSION.to_string()),
        ]));
    // What is different in every event is in no dictionary; nobody looks for the least of the raw texts.
    for path in ["raw_data", "unmapped", "raw_data_hash.value", "metadata.uid", "metadata.original_event_uid"] {
        properties = properties.set_column_dictionary_enabled(path_of(path), false);
    }
    for path in ["raw_data", "unmapped"] {
        properties = properties.set_column_statistics_enabled(path_of(path), EnabledStatistics::None);
    }
    Ok(properties.build())
}

/// A column's path from its dotted name.
fn path_of(name: &str) -> ColumnPath {
    ColumnPath::new(name.split('.').map(str::to_owned).collect())
}
