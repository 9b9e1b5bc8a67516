//! `event normalize`: a filter from raw events to OCSF lines. One core, memory as large as the largest event
//! (as Parquet, a few times 64 MiB).

use std::fs::File;
use std::io::{self, BufWriter, Read, Write};
use std::path::{Path, PathBuf};

use anyhow::{Context as _, Result};
use clap::Args;
use deliver::EventFolder;
use jiff::Timestamp;
use ocsf::{Mapper, Received};

use super::split::{Events, LONGEST_EVENT, Piece};
use crate::context::clock;
use crate::exit::{Exit, eprintln_quietly};
use crate::output::printable;
use crate::when::parse_moment;

#[derive(Debug, Args)]
#[command(before_help = "Examples:
  jumpseat event normalize < raw-events.jsonl > ocsf-events.jsonl
  jumpseat event normalize page-1.json page-2.json | gzip > ocsf.jsonl.gz
  jumpseat event normalize --parquet ocsf/ raw-events.jsonl
  jumpseat event normalize --no-raw --organization 5f1e2d3c4b5a697887766554 < events.json")]
#[command(
    after_help = "Reads JSON lines, a JSON array, or an object with `results` or `events`; writes one OCSF 1.8.0 \
event a line for each. What is not an event is written as a Base Event, told on standard error with its line, and makes \
the exit code 6."
)]
pub(in crate::commands) struct NormalizeArgs {
    /// Files to read, one after another; `-` is standard input.
    #[arg(value_name = "FILE", default_value = "-")]
    files: Vec<PathBuf>,
    /// The organization of events that name none.
    #[arg(long, value_name = "ID")]
    organization: Option<String>,
    /// When the events were stored (date or RFC 3339 time), for the same output each time; now, if not said.
    #[arg(long, value_name = "TIME", value_parser = parse_moment)]
    logged: Option<Timestamp>,
    /// Leave `raw_data` out; its size and hash stay.
    #[arg(long)]
    no_raw: bool,
    /// Write Parquet files into this folder, which is made, instead of lines: partitioned by class, organization and day.
    #[arg(long, value_name = "DIR")]
    parquet: Option<PathBuf>,
}

/// How many lines that are no events are told one by one.
const TOLD: u64 = 20;
/// Written at once.
const BATCH: usize = 256 * 1024;

pub(super) fn run(args: &NormalizeArgs) -> Result<Exit> {
    let received = Received {
        logged_ms: args.logged.unwrap_or_else(|| clock().now()).as_millisecond(),
        organization: args.organization.as_deref(),
        with_raw: !args.no_raw,
    };
    let mut run = Run {
        mapper: Mapper::new(),
        received,
        out: match &args.parquet {
            Some(folder) => Out::Folder(EventFolder::create(folder)?),
            None => Out::Lines(BufWriter::with_capacity(BATCH, io::stdout().lock())),
        },
        events: 0,
        written: 0,
        bad: 0,
    };
    for file in &args.files {
        if file == Path::new("-") {
            run.input("standard input", io::stdin().lock())?;
        } else {
            let name = file.display().to_string();
            let input = File::open(file).with_context(|| format!("{name} can not be opened"))?;
            run.input(&name, input)?;
        }
    }
    match run.out {
        Out::Lines(mut out) => out.flush()?,
        Out::Folder(folder) => {
            let files = folder.finish()?;
            eprintln_quietly(&format!("{} events in {files} files", run.written));
        }
    }
    if run.bad == 0 {
        return Ok(Exit::Ok);
    }
    eprintln_quietly(&format!("{} of {} are no events", run.bad, run.events));
    Ok(Exit::Partial)
}

/// One run of the filter.
struct Run<'r, W: Write> {
    mapper: Mapper,
    received: Received<'r>,
    out: Out<W>,
    events: u64,
    written: u64,
    bad: u64,
}

/// Where the OCSF events go.
enum Out<W: Write> {
    Lines(BufWriter<W>),
    Folder(EventFolder),
}

impl<W: Write> Run<'_, W> {
    fn input(&mut self, name: &str, input: impl Read) -> Result<()> {
        let mut events = Events::new(input).with_context(|| format!("{name} can not be read"))?;
        let mut line = Vec::new();
        while let Some(piece) = events.next_piece().with_context(|| format!("{name} can not be read"))? {
            self.events += 1;
            let why = self.piece(&piece, &mut line)?;
            if let Some(why) = why {
                self.bad += 1;
                if self.bad <= TOLD {
                    eprintln_quietly(&format!("{}, line {}: {why}", printable(name), piece.line));
                }
            }
        }
        Ok(())
    }

    /// Writes what a piece of input becomes; says why it is no event.
    fn piece(&mut self, piece: &Piece<'_>, line: &mut Vec<u8>) -> Result<Option<&'static str>> {
        if piece.is_cut {
            return Ok(Some("left out: longer than 64 MiB"));
        }
        let text = String::from_utf8_lossy(piece.text);
        let event = self.mapper.read(&text);
        line.clear();
        event.write_ocsf(&self.received, line);
        match &mut self.out {
            Out::Lines(out) => {
                line.push(b'\n');
                out.write_all(line)?;
            }
            Out::Folder(folder) => folder.push(line)?,
        }
        self.written += 1;
        Ok(match (event.is_event(), &text) {
            (true, std::borrow::Cow::Owned(_)) => Some("holds bytes that are not UTF-8; they are replaced"),
            (true, _) => None,
            (false, _) => Some("not a Directory Insights event (a JSON object with an event_type)"),
        })
    }
}

const _: () = assert!(LONGEST_EVENT == 64 << 20, "the message says 64 MiB");
