//! Events on standard output or into a file, one after the other: as rows, as OCSF, as they came, or as a Parquet file.

use std::io::{self, BufWriter, IsTerminal as _, Write};
use std::path::{Path, PathBuf};

use anyhow::{Context as _, Result};
use deliver::{EventFile, Shape, received};
use ocsf::Mapper;
use serde_json::Value;
use store::events::{COLUMNS, StoredEvent};
use tempfile::NamedTempFile;

use crate::exit::Problem;
use crate::output::{Format, RowWriter, to_json};

/// The columns of a table for people, which has to fit on a screen; every other format has all.
const SHOWN: &[&str] =
    &["time", "type", "outcome", "user", "administrator", "device", "target", "src_ip", "country", "reason"];

/// Writes events in one format.
pub(super) enum EventWriter {
    Rows { rows: RowWriter<Out>, columns: &'static [&'static str] },
    Lines { out: Out, mapper: Box<Mapper>, is_ocsf: bool },
    Parquet { out: Out, file: Box<EventFile>, mapper: Box<Mapper>, line: Vec<u8> },
}

type Out = BufWriter<Box<dyn Write>>;

/// A file that takes its place when it is whole. Dropped before, it leaves nothing.
pub(super) struct NewFile {
    path: PathBuf,
    file: NamedTempFile,
}

impl NewFile {
    /// Begins the file, beside its place.
    pub(super) fn begin(path: &Path) -> Result<Self> {
        let folder = path.parent().filter(|folder| !folder.as_os_str().is_empty()).unwrap_or(Path::new("."));
        let file =
            NamedTempFile::new_in(folder).with_context(|| format!("no file can be made in {}", folder.display()))?;
        Ok(Self { path: path.to_owned(), file })
    }

    /// Where its bytes go.
    pub(super) fn out(&self) -> Result<Box<dyn Write>> {
        Ok(Box::new(self.file.reopen()?))
    }

    /// Takes its place; a file that is there is replaced.
    pub(super) fn finish(self) -> Result<()> {
        let failed = || format!("{} can not be written", self.path.display());
        self.file.as_file().sync_all().with_context(failed)?;
        self.file.persist(&self.path).map_err(|error| error.error).with_context(failed)?;
        Ok(())
    }
}

impl EventWriter {
    /// Begins on standard output.
    pub(super) fn new(format: Format) -> Result<Self> {
        if format == Format::Parquet && io::stdout().is_terminal() {
            return Err(Problem::usage(
                "a Parquet file is not for a terminal: send it to a file with > events.parquet",
            ));
        }
        Self::to(format, Box::new(io::stdout().lock()))
    }

    /// Begins elsewhere.
    pub(super) fn to(format: Format, out: Box<dyn Write>) -> Result<Self> {
        let out = BufWriter::with_capacity(256 * 1024, out);
        if format == Format::Parquet {
            let file = EventFile::new(Shape::Whole)?;
            return Ok(Self::Parquet { out, file: Box::new(file), mapper: Box::default(), line: Vec::new() });
        }
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
                let all = COLUMNS.iter().zip(event.row());
                rows.cells(all.filter(|(name, _)| columns.contains(name)).map(|(_, cell)| cell).collect())?;
            }
            Self::Parquet { out, file, mapper, line } => {
                line.clear();
                let raw = event.raw.as_deref().unwrap_or("null");
                mapper.read(raw).write_ocsf(&received(event, true), line);
                file.push(line)?;
                let ready = file.take();
                out.write_all(&ready)?;
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
            Self::Parquet { mut out, file, .. } => {
                out.write_all(&file.finish()?)?;
                out.flush()?;
            }
        }
        Ok(())
    }
}

/// An event as one JSON object, with the names of the columns.
pub(super) fn object(event: &StoredEvent) -> Value {
    Value::Object(COLUMNS.iter().map(|name| (*name).to_owned()).zip(event.row().into_iter().map(to_json)).collect())
}
