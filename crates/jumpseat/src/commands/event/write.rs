//! Events on standard output, one after the other: as rows, as OCSF, as they came, or
//! as a Parquet file.

use std::io::{self, BufWriter, IsTerminal as _, StdoutLock, Write as _};

use anyhow::Result;
use deliver::{EventFile, Shape, received};
use ocsf::Mapper;
use serde_json::Value;
use store::events::{COLUMNS, StoredEvent};

use crate::commands::sql::to_json;
use crate::exit::Problem;
use crate::output::{Format, RowWriter};

/// The columns of a table for people, which has to fit on a screen; every other format has all.
const SHOWN: &[&str] =
    &["time", "type", "outcome", "user", "administrator", "device", "target", "src_ip", "country", "reason"];

/// Writes events in one format.
pub(super) enum EventWriter {
    Rows { rows: RowWriter<BufWriter<StdoutLock<'static>>>, columns: &'static [&'static str] },
    Lines { out: BufWriter<StdoutLock<'static>>, mapper: Box<Mapper>, is_ocsf: bool },
    Parquet { file: Box<EventFile>, mapper: Box<Mapper>, line: Vec<u8> },
}

impl EventWriter {
    /// Begins.
    pub(super) fn new(format: Format) -> Result<Self> {
        if format == Format::Parquet {
            if io::stdout().is_terminal() {
                return Err(Problem::usage(
                    "a Parquet file is not for a terminal: send it to a file with > events.parquet",
                ));
            }
            let file = EventFile::new(Shape::Whole)?;
            return Ok(Self::Parquet { file: Box::new(file), mapper: Box::default(), line: Vec::new() });
        }
        let out = BufWriter::with_capacity(256 * 1024, io::stdout().lock());
        if format.is_of_events() {
            return Ok(Self::Lines { out, mapper: Box::default(), is_ocsf: format == Format::Ocsf });
        }
        let mut rows = RowWriter::new(format, out);
        let columns = if format == Format::Table { SHOWN } else { COLUMNS };
        rows.columns(&columns.iter().map(|name| (*name).to_owned()).collect::<Vec<_>>())?;
        Ok(Self::Rows { rows, columns })
    }

    /// Whether an event's text is needed for this format.
    pub(super) fn needs_raw(format: Format) -> bool {
        format.is_of_events()
    }

    /// Writes one event.
    pub(super) fn write(&mut self, event: &StoredEvent) -> Result<()> {
        match self {
            Self::Rows { rows, columns } => {
                let all = COLUMNS.iter().zip(row(event));
                rows.row(all.filter(|(name, _)| columns.contains(name)).map(|(_, value)| value).collect())?;
            }
            Self::Parquet { file, mapper, line } => {
                line.clear();
                let raw = event.raw.as_deref().unwrap_or("null");
                mapper.read(raw).write_ocsf(&received(event, true), line);
                file.push(line)?;
                let ready = file.take();
                if !ready.is_empty() {
                    io::stdout().lock().write_all(&ready)?;
                }
            }
            Self::Lines { out, mapper, is_ocsf } => {
                let raw = event.raw.as_deref().unwrap_or("null");
                if *is_ocsf {
                    let mut line = Vec::with_capacity(raw.len() * 3);
                    mapper.read(raw).write_ocsf(&received(event, true), &mut line);
                    out.write_all(&line)?;
                } else {
                    // A line break between members means nothing, and one inside a text is written otherwise.
                    out.write_all(raw.replace(['\n', '\r'], " ").as_bytes())?;
                }
                out.write_all(b"\n")?;
            }
        }
        Ok(())
    }

    /// Writes out what is held back, for somebody who is watching.
    pub(super) fn flush(&mut self) -> io::Result<()> {
        match self {
            Self::Rows { .. } | Self::Parquet { .. } => Ok(()),
            Self::Lines { out, .. } => out.flush(),
        }
    }

    /// Ends.
    pub(super) fn finish(self) -> Result<()> {
        match self {
            Self::Rows { rows, .. } => rows.finish()?,
            Self::Lines { mut out, .. } => out.flush()?,
            Self::Parquet { file, .. } => {
                let mut out = io::stdout().lock();
                out.write_all(&file.finish()?)?;
                out.flush()?;
            }
        }
        Ok(())
    }
}

/// An event as one JSON object, with the names of the columns.
pub(super) fn object(event: &StoredEvent) -> Value {
    Value::Object(COLUMNS.iter().map(|name| (*name).to_owned()).zip(row(event)).collect())
}

fn row(event: &StoredEvent) -> Vec<Value> {
    event.row().into_iter().map(to_json).collect()
}
