//! Reading a check's file: front matter, the three parts of its page, and the query.

use std::collections::BTreeMap;

use store::findings::Severity;

use crate::check::{Check, Origin, Tier};
use crate::content::FileError;
use crate::markdown::{Front, Keys, block, parts, split};

/// The keys of the front matter, and whether a file must have them.
const KEYS: Keys = &[
    ("id", true),
    ("title", true),
    ("severity", true),
    ("resource", true),
    ("tier", true),
    ("reads", true),
    ("profiles", false),
    ("parameters", false),
    ("coverage_severity", false),
];

/// The parts of a page, in order.
const PARTS: [&str; 4] = ["Why it matters", "How it is decided", "How to fix it", "Query"];

/// Reads a check.
///
/// # Errors
/// The first thing that is wrong.
pub(crate) fn read(text: &str, area: &str, origin: Origin) -> Result<Check, FileError> {
    let file = origin.to_string();
    let wrong = |line: usize, what: String| FileError { file: file.clone(), line, what };
    let text = text.replace("\r\n", "\n");
    let (front, body, body_line) = split(&text).map_err(|what| wrong(1, what))?;
    let front = Front::read(front, KEYS).map_err(|(line, what)| wrong(line, what))?;
    let mut problem = None;
    let mut note = |found: Result<(), (usize, String)>| problem = problem.take().or(found.err());
    let mut check = Check {
        id: String::new(),
        title: String::new(),
        area: area.to_owned(),
        severity: Severity::Info,
        resource: String::new(),
        tier: Tier::A,
        reads: Vec::new(),
        profiles: Vec::new(),
        parameters: BTreeMap::new(),
        coverage_severity: false,
        why: String::new(),
        how: String::new(),
        fix: String::new(),
        query: String::new(),
        query_line: 0,
        origin,
    };
    note(front.id().map(|id| check.id = id));
    note(front.text("title", |title| Some(title.to_owned()), "text").map(|title| check.title = title));
    note(
        front
            .text("severity", Severity::of_word, "critical, high, medium, low or info")
            .map(|found| check.severity = found),
    );
    note(front.text("resource", |word| Some(word.to_owned()), "text").map(|word| check.resource = word));
    let tier = |word: &str| Tier::ALL.into_iter().find(|tier| tier.word() == word);
    note(front.text("tier", tier, "A, B, C, E or P").map(|tier| check.tier = tier));
    note(front.words("reads").map(|words| check.reads = words));
    note(front.words("profiles").map(|words| check.profiles = words));
    note(front.parameters().map(|parameters| check.parameters = parameters));
    note(front.flag("coverage_severity").map(|flag| check.coverage_severity = flag));
    if let Some((line, what)) = problem {
        return Err(wrong(line, what));
    }
    let [why, how, fix, (query_line, query)] =
        parts(body, body_line, PARTS).map_err(|(line, what)| wrong(line, what))?;
    let trimmed = |(_, text): (usize, String)| text.trim().to_owned();
    (check.why, check.how, check.fix) = (trimmed(why), trimmed(how), trimmed(fix));
    (check.query_line, check.query) = block(&query, query_line).map_err(|(line, what)| wrong(line, what))?;
    Ok(check)
}
