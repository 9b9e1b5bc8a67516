//! The report: one page for people, complete in itself. It opens without a network and prints on paper. Whatever comes from
//! the directory is escaped by the template and has its steering characters made visible before.

use askama::Template;
use jiff::Timestamp;
use serde_json::Value;

use super::PackError;
use super::catalogue::ABSENT;
use super::coverage::{Coverage, Gap};
use super::exceptions::Exceptions;
use super::folder::PackFolder;
use super::item::Usage;
use super::manifest::Manifest;
use super::outcomes::{Outcomes, why_unknown};
use super::population::Packed;
use super::rows::text_of;
use super::sample::{METHOD, Sampling};
use super::sign::PublicKey;
use super::sources::{Completeness, Source, Sources};
use crate::framework::{MARKS, RequirementStanding, Standing};
use crate::harmless::printable;

/// How many gaps the first page names.
const GAPS: usize = 12;
/// How many columns of a population the report shows.
const COLUMNS: usize = 8;
/// How long a cell may be there.
const CELL: usize = 80;
/// How long a word may be that is not broken: as many columns of such words as there may be fit a page.
const WORD: usize = 14;

/// What the report is made of.
pub(super) struct Facts<'a> {
    pub manifest: &'a Manifest,
    pub items: &'a [Packed<'a>],
    pub outcomes: &'a Outcomes<'a>,
    pub exceptions: &'a Exceptions,
    pub findings: u64,
    pub sources: &'a Sources,
    pub coverage: &'a Coverage,
    pub sampling: Option<&'a Sampling>,
    pub key: &'a PublicKey,
}

#[derive(Template)]
#[template(path = "evidence.html")]
struct Report {
    organization: String,
    framework: String,
    facts: Vec<(&'static str, String)>,
    gaps: Vec<String>,
    more_gaps: usize,
    covered: String,
    missing: Vec<Missing>,
    missing_words: String,
    told: &'static str,
    groups: Vec<Group>,
    absent: Vec<(&'static str, &'static str)>,
    run: String,
    requirements: Vec<Requirement>,
    checks: Vec<CheckLine>,
    findings: String,
    exceptions: Vec<[String; 8]>,
    exceptions_words: String,
    collected: Vec<(&'static str, String)>,
    sampling: Vec<String>,
    /// What the letters behind a requirement mean.
    marks: &'static [(char, &'static str)],
    public_key: String,
    key_id: String,
    product: String,
    footer: String,
}

/// Items that lack something for the same reason.
struct Missing {
    class: &'static str,
    state: &'static str,
    titles: String,
    why: String,
}

struct Group {
    name: &'static str,
    items: Vec<Shown>,
}

/// A piece of a cell of a population. A line may break after it, and in it only where it is longer than a column is wide.
struct Piece {
    is_long: bool,
    text: String,
}

struct Shown {
    id: String,
    title: String,
    kind: &'static str,
    class: &'static str,
    state: &'static str,
    state_words: &'static str,
    reasons: Vec<String>,
    rows: String,
    has_rows: bool,
    serves: String,
    serves_marks: String,
    shows: Vec<String>,
    notes: Vec<String>,
    population: String,
    counts: String,
    shown_words: String,
    /// Their names, in pieces between which a line may break.
    columns: Vec<Vec<String>>,
    left_out: usize,
    shown: Vec<Vec<Vec<Piece>>>,
    sources: Vec<[String; 6]>,
    events: String,
    query: String,
}

struct Requirement {
    id: String,
    title: String,
    class: &'static str,
    standing: &'static str,
    because: String,
}

struct CheckLine {
    id: String,
    title: String,
    severity: &'static str,
    why: String,
    passed: String,
    failed: String,
    accepted: String,
    unknown: String,
    coverage: String,
    opened: String,
    resolved: String,
}

/// Writes the report.
pub(super) fn write(facts: &Facts<'_>, folder: &mut PackFolder) -> Result<(), PackError> {
    let page = facts.report().render().map_err(std::io::Error::other)?;
    folder.write("index.html", page.as_bytes())?;
    Ok(())
}

impl Facts<'_> {
    fn report(&self) -> Report {
        let manifest = self.manifest;
        let gaps: Vec<String> = self.coverage.gaps.iter().take(GAPS).map(|gap| printable(&gap_words(gap))).collect();
        let lacking = self.items.iter().filter(|item| !item.completeness.reasons().is_empty()).count();
        let told = match self.items.iter().flat_map(|item| &item.sources).any(|source| source.told().is_some()) {
            true => ", and where JumpCloud tells a total, as many rows were read",
            false => "",
        };
        Report {
            organization: printable(&manifest.organization),
            framework: manifest.framework_name.clone(),
            facts: self.facts(),
            more_gaps: self.coverage.gaps.len() - gaps.len(),
            gaps,
            covered: self.covered(),
            missing_words: match lacking {
                1 => "One item of this pack was not collected completely.".to_owned(),
                count => format!("{count} items of this pack were not collected completely."),
            },
            missing: missing_lines(self.items),
            told,
            groups: self.groups(),
            absent: ABSENT.iter().map(|absent| (absent.title, absent.why)).collect(),
            run: self.run(),
            requirements: self.outcomes.requirements.iter().map(requirement_line).collect(),
            checks: self.checks(),
            findings: format!(
                "Findings of these checks that were open at some time of the period: {}. Each is in findings/findings.csv with \
                 its thing, its reason, and when it was opened and resolved.",
                self.findings
            ),
            exceptions: self.exception_lines(),
            exceptions_words: match self.exceptions.count as usize {
                all if all > self.exceptions.shown.len() => format!(
                    "{all} findings were accepted; the first {} are shown, all are in exceptions/decisions.csv.",
                    self.exceptions.shown.len()
                ),
                1 => "One finding was accepted.".to_owned(),
                all => format!("{all} findings were accepted."),
            },
            collected: self.collected(),
            sampling: self.sampling(),
            marks: MARKS,
            public_key: self.key.line(),
            key_id: self.key.id(),
            product: manifest.product.clone(),
            footer: footer(manifest),
        }
    }

    fn facts(&self) -> Vec<(&'static str, String)> {
        let manifest = self.manifest;
        vec![
            ("Organization", format!("{} ({})", printable(&manifest.organization), printable(&manifest.org_id))),
            ("Period", format!("{} to {}", time(manifest.from), time(manifest.to))),
            (
                "Populations as of",
                format!("{}, by the snapshot of {}", time(manifest.as_of), time(self.sources.snapshot.committed_at)),
            ),
            ("Made", format!("{} by {}", time(manifest.made_at), printable(&manifest.made_by))),
            ("Program", manifest.product.clone()),
            ("Signed by", format!("minisign key {}", self.key.id())),
        ]
    }

    fn covered(&self) -> String {
        let Coverage { snapshots, incomplete, longest_pause_hours, hours, sealed, events, .. } = self.coverage;
        let incomplete = match incomplete {
            0 => String::new(),
            count => format!(", {count} of them not complete"),
        };
        let pause = match longest_pause_hours {
            0 => String::new(),
            hours => format!(", at most {hours} hours apart"),
        };
        let snapshots = match snapshots {
            1 => "there is one snapshot".to_owned(),
            count => format!("there are {count} snapshots"),
        };
        format!(
            "In the period {snapshots} of the inventory{incomplete}{pause}. Of {hours} hours of events, {sealed} are proven to be \
             complete by JumpCloud's own count; events stored: {events}."
        )
    }

    fn run(&self) -> String {
        match &self.outcomes.run {
            None => "No check had run by this time, so nothing can be told.".to_owned(),
            Some(run) if run.snapshot != self.sources.snapshot.number => format!(
                "By run {} of the checks at {}, over snapshot {}, which is not the one of the populations.",
                run.number,
                time(run.started_at),
                run.snapshot
            ),
            Some(run) => format!("By run {} of the checks at {}.", run.number, time(run.started_at)),
        }
    }

    fn groups(&self) -> Vec<Group> {
        [Usage::Sso, Usage::EndpointManagement]
            .into_iter()
            .map(|usage| Group {
                name: usage.name(),
                items: self
                    .items
                    .iter()
                    .filter(|packed| packed.item.usage == usage)
                    .map(|packed| self.shown(packed))
                    .collect(),
            })
            .filter(|group| !group.items.is_empty())
            .collect()
    }

    fn shown(&self, packed: &Packed<'_>) -> Shown {
        let item = packed.item;
        let (class, state, state_words) = state_of(&packed.completeness);
        let left_out = packed.columns.len().saturating_sub(COLUMNS);
        let rows = packed.rows.unwrap_or(0);
        let shown_words = match packed.sampled {
            Some(count) => format!("The sample of {count}"),
            None if rows == 0 => "No rows: there is nothing of this kind".to_owned(),
            None if packed.shown.len() as u64 == rows => "All rows".to_owned(),
            None => format!("The first {} of {rows} rows, in the order of their ids", packed.shown.len()),
        };
        let of = if packed.is_of_period() { "in the period" } else { "at this time" };
        Shown {
            id: item.id.clone(),
            title: item.title.clone(),
            kind: item.kind.about(),
            class,
            state,
            state_words,
            reasons: packed.completeness.reasons().iter().map(|reason| printable(reason)).collect(),
            rows: packed.rows.map_or_else(|| "-".to_owned(), |rows| rows.to_string()),
            has_rows: packed.rows.is_some(),
            serves: list(packed.serves.iter().map(|(requirement, _)| requirement.clone())),
            serves_marks: list(packed.serves.iter().map(|(requirement, marks)| format!("{requirement} ({marks})"))),
            shows: paragraphs(&item.shows),
            notes: paragraphs(&item.notes),
            population: format!("Population: {rows} rows {of}."),
            counts: counts_of(packed),
            shown_words,
            columns: packed
                .columns
                .iter()
                .take(COLUMNS)
                .map(|column| column.split_inclusive('_').map(str::to_owned).collect())
                .collect(),
            left_out,
            shown: packed.shown.iter().map(|row| row.iter().take(COLUMNS).map(cell).collect()).collect(),
            sources: packed.sources.iter().map(|source| source_line(source)).collect(),
            events: if packed.reads_events() {
                format!(
                    "From events of Directory Insights: {} of {} hours of the period are proven to be complete.",
                    self.coverage.sealed, self.coverage.hours
                )
            } else {
                String::new()
            },
            query: item.query.clone(),
        }
    }

    fn checks(&self) -> Vec<CheckLine> {
        let number = |value: Option<u64>| value.map_or_else(|| "-".to_owned(), |value| value.to_string());
        self.outcomes
            .checks
            .iter()
            .map(|(check, numbers, moves)| {
                let result = numbers.as_ref().map(|numbers| &numbers.result);
                let coverage = result.and_then(|result| result.coverage());
                CheckLine {
                    id: check.id.clone(),
                    title: check.title.clone(),
                    severity: check.severity.word(),
                    why: printable(&why_unknown(numbers.as_ref()).unwrap_or_default()),
                    passed: number(result.map(|result| result.passed)),
                    failed: number(result.map(|result| result.failed)),
                    accepted: number(numbers.as_ref().map(|numbers| numbers.excused)),
                    unknown: number(result.map(|result| result.unknown)),
                    // Rounded down: 99.6 % are not all.
                    coverage: coverage.map_or_else(|| "-".to_owned(), |share| format!("{} %", (share * 100.0).floor())),
                    opened: moves.opened.to_string(),
                    resolved: moves.resolved.to_string(),
                }
            })
            .collect()
    }

    fn exception_lines(&self) -> Vec<[String; 8]> {
        self.exceptions
            .shown
            .iter()
            .map(|exception| {
                [
                    exception.finding.to_string(),
                    exception.check.clone(),
                    shortened(&exception.name),
                    exception.kind.replace('_', " "),
                    printable(&exception.why),
                    shortened(&exception.by),
                    time(exception.at),
                    exception.until.map_or_else(|| "no end".to_owned(), time),
                ]
            })
            .collect()
    }

    fn collected(&self) -> Vec<(&'static str, String)> {
        let mut facts = Vec::new();
        if let Some(connection) = &self.sources.connection {
            facts.push(("Connection", printable(&connection.name)));
            let region = connection.place.region.clone().unwrap_or_else(|| "custom".to_owned());
            facts.push((
                "JumpCloud",
                printable(&format!(
                    "{} and {} (region {region})",
                    connection.place.console_url, connection.place.insights_url
                )),
            ));
            facts.push((
                "Read with",
                format!(
                    "{}, given to Jumpseat at {}; Jumpseat can only read",
                    connection.credential_kind.replace('_', " "),
                    time(connection.credential_added_at)
                ),
            ));
        }
        let snapshot = &self.sources.snapshot;
        facts.push((
            "Snapshot",
            format!(
                "number {}, visible since {}, {}",
                snapshot.number,
                time(snapshot.committed_at),
                if snapshot.complete { "complete" } else { "not complete" }
            ),
        ));
        if let Some(missing) = self.sources.origin.as_ref().and_then(|origin| origin.reason.as_ref()) {
            facts.push(("Missing in it", printable(missing)));
        }
        if let Some(run) = &self.sources.run {
            let ended = run.ended_at.map_or_else(|| "not ended".to_owned(), time);
            facts.push((
                "Read by",
                printable(&format!(
                    "run {}, started by {} at {}, ended at {ended}: {} requests, {} tried again",
                    run.id,
                    run.started_by,
                    time(run.started_at),
                    run.calls,
                    run.retries
                )),
            ));
        }
        facts
    }

    fn sampling(&self) -> Vec<String> {
        let Some(sampling) = self.sampling else { return Vec::new() };
        vec![
            format!(
                "Of each population {} rows were drawn, or all where there are fewer, with the seed \"{}\".",
                sampling.size,
                printable(&sampling.seed)
            ),
            METHOD.split_whitespace().collect::<Vec<_>>().join(" "),
        ]
    }
}

fn state_of(completeness: &Completeness) -> (&'static str, &'static str, &'static str) {
    match completeness {
        Completeness::Complete => ("complete", "complete", ""),
        Completeness::Partial(_) => {
            ("incomplete", "incomplete", "This is not complete: something is missing or not known.")
        }
        Completeness::NotCollected(_) => {
            ("not-collected", "not collected", "This was not collected. Nothing can be told from it.")
        }
    }
}

/// What is missing: first what was not collected at all, and one line for all items of the same reason.
fn missing_lines(items: &[Packed<'_>]) -> Vec<Missing> {
    let mut lines: Vec<Missing> = Vec::new();
    for packed in items.iter().filter(|packed| !packed.completeness.reasons().is_empty()) {
        let (class, state, _) = state_of(&packed.completeness);
        let why = printable(&packed.completeness.reasons().join("; "));
        match lines.iter_mut().find(|line| line.class == class && line.why == why) {
            Some(line) => {
                line.titles.push_str(", ");
                line.titles.push_str(&packed.item.title);
            }
            None => lines.push(Missing { class, state, titles: packed.item.title.clone(), why }),
        }
    }
    lines.sort_by_key(|line| line.class != "not-collected");
    lines
}

fn requirement_line(standing: &RequirementStanding<'_>) -> Requirement {
    let deciding = standing.checks.iter().filter(|behind| {
        behind.standing == standing.standing && matches!(behind.standing, Standing::Failed | Standing::Unknown)
    });
    let because = if standing.demands.is_empty() {
        list(deciding.map(|behind| match &behind.numbers {
            Some(numbers) if behind.standing == Standing::Failed => {
                format!("{} ({})", behind.check.id, numbers.result.failed.saturating_sub(numbers.excused))
            }
            _ => behind.check.id.clone(),
        }))
    } else {
        standing.demands.join("; ")
    };
    Requirement {
        id: standing.requirement.id.clone(),
        title: standing.requirement.title.clone(),
        class: match standing.standing {
            Standing::Failed => "failed",
            Standing::Unknown => "unknown",
            Standing::Met => "met",
            Standing::NotApplicable => "not-applicable",
        },
        standing: standing.standing.word(),
        because,
    }
}

fn source_line(source: &Source) -> [String; 6] {
    let table = match source.part.as_str() {
        "" => source.table.clone(),
        part => format!("{} ({part})", source.table),
    };
    let state = match &source.reason {
        Some(reason) => format!("{}: {reason}", source.state.replace('_', " ")),
        None => source.state.replace('_', " "),
    };
    let number = |value: Option<u64>| value.map_or_else(|| "-".to_owned(), |value| value.to_string());
    [
        table,
        source.asked.clone(),
        printable(&state),
        number(source.told()),
        number(source.read.as_ref().map(|read| read.read)),
        source.held.to_string(),
    ]
}

/// The parts and the whole, so that one can be held against the other.
fn counts_of(packed: &Packed<'_>) -> String {
    let Some(column) = packed.item.counts.as_ref().filter(|_| !packed.counts.is_empty()) else {
        return String::new();
    };
    let mut counts: Vec<(&String, &u64)> = packed.counts.iter().collect();
    counts.sort_by(|a, b| b.1.cmp(a.1).then_with(|| a.0.cmp(b.0)));
    let rest: u64 = counts.iter().skip(COLUMNS).map(|(_, count)| **count).sum();
    let mut parts: Vec<String> = counts
        .iter()
        .take(COLUMNS)
        .map(|(value, count)| {
            format!("{count} {}", if value.is_empty() { "not told".to_owned() } else { shortened(value) })
        })
        .collect();
    if rest > 0 {
        parts.push(format!("{rest} others"));
    }
    format!("By {column}: {}; together {}.", parts.join(", "), packed.counts.values().sum::<u64>())
}

fn gap_words(gap: &Gap) -> String {
    let of = match gap.of {
        "inventory" => "Inventory",
        "events" => "Events",
        _ => "Everything",
    };
    match gap.from == gap.to {
        true => format!("{of}, {}: {}.", time(gap.from), gap.why),
        false => format!("{of}, {} to {}: {}.", time(gap.from), time(gap.to), gap.why),
    }
}

/// Without fractions of a second.
fn time(at: Timestamp) -> String {
    at.strftime("%Y-%m-%d %H:%M:%S UTC").to_string()
}

fn footer(manifest: &Manifest) -> String {
    // It stands within quotes in the page's style, where little may stand.
    let plain: String = printable(&manifest.organization)
        .chars()
        .map(|letter| if letter.is_alphanumeric() || " .,-_".contains(letter) { letter } else { ' ' })
        .collect();
    format!(
        "{plain}, {}, {} to {}",
        manifest.framework_name.replace(['"', '\\', '<', '&'], " "),
        time(manifest.from),
        time(manifest.to)
    )
}

/// What the report shows of a value: times without fractions of a second, as everywhere in it; the files have them whole.
fn cell(value: &Value) -> Vec<Piece> {
    let text = text_of(value);
    let at = text.contains('T').then(|| text.parse::<Timestamp>().ok()).flatten();
    let shown = at.map_or_else(|| shortened(&text), |at| time(at).replace(" UTC", "\u{a0}UTC"));
    let breaks = |c: char| at.is_none() && "_.@-/:\\".contains(c);
    let is_long = |piece: &str| piece.split_whitespace().any(|word| word.chars().count() > WORD);
    shown.split_inclusive(breaks).map(|piece| Piece { is_long: is_long(piece), text: piece.to_owned() }).collect()
}

fn shortened(text: &str) -> String {
    let text = printable(text);
    if text.chars().count() > CELL { text.chars().take(CELL - 1).chain(['…']).collect() } else { text }
}

/// Paragraphs of plain text: what is emphasized in Markdown is not here.
fn paragraphs(text: &str) -> Vec<String> {
    text.split("\n\n")
        .map(|part| part.split_whitespace().collect::<Vec<_>>().join(" ").replace(['`', '*'], ""))
        .collect()
}

fn list(items: impl Iterator<Item = String>) -> String {
    items.collect::<Vec<_>>().join(", ")
}
