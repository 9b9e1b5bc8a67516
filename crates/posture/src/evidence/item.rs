//! What an evidence item is, and reading its file.

use std::collections::BTreeSet;
use std::path::Path;

use crate::check::Origin;
use crate::content::{FileError, Written};
use crate::framework::{Framework, Requirement};
use crate::markdown::{Front, Keys, block, parts, split};

/// One thing that an auditor asks for: a population with its query.
#[derive(Debug, Clone)]
pub struct Item {
    /// Never renamed, never used again for something else.
    pub id: String,
    /// What it is, short.
    pub title: String,
    /// What it is asked for.
    pub usage: Usage,
    /// What kind of evidence it is.
    pub kind: Kind,
    /// The tables whose rows the population is made of: where one was not collected, there is no population.
    pub population: Vec<String>,
    /// Every table that the query reads; where one is missing that is not of the population, columns are not known.
    pub reads: Vec<String>,
    /// Which control profiles it serves; `content/frameworks` says what they mean.
    pub profiles: Vec<String>,
    /// A column whose values are counted, so that the parts can be held against the whole.
    pub counts: Option<String>,
    /// What it shows, for the reader of a pack.
    pub shows: String,
    /// What to know before relying on it.
    pub notes: String,
    /// The SELECT that gives one row for every thing of the population.
    pub query: String,
    /// Where the query begins in the file.
    pub query_line: usize,
    /// Where the file is.
    pub origin: Origin,
}

/// What an item is asked for.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
pub enum Usage {
    /// Identity, sign-in and who may do what.
    Sso,
    /// Devices and how they are kept.
    EndpointManagement,
}

/// What kind of evidence an item is.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Kind {
    /// Everything of a kind, at one time.
    Population,
    /// How something is set up, at one time.
    Configuration,
    /// What happened in the period.
    Operating,
    /// What the product says of itself.
    Statement,
}

/// The keys of the front matter, and whether a file must have them.
const KEYS: Keys = &[
    ("id", true),
    ("title", true),
    ("use", true),
    ("type", true),
    ("population", true),
    ("reads", true),
    ("profiles", true),
    ("counts", false),
];

/// The parts of a page, in order.
const PARTS: [&str; 3] = ["What it shows", "What to know", "Query"];

impl Usage {
    const ALL: [Self; 2] = [Self::Sso, Self::EndpointManagement];

    /// Its word.
    pub fn word(self) -> &'static str {
        match self {
            Self::Sso => "sso",
            Self::EndpointManagement => "endpoint-management",
        }
    }

    /// Its name for people.
    pub fn name(self) -> &'static str {
        match self {
            Self::Sso => "Identity, SSO and access control",
            Self::EndpointManagement => "Endpoint management",
        }
    }
}

impl Kind {
    const ALL: [Self; 4] = [Self::Population, Self::Configuration, Self::Operating, Self::Statement];

    /// Its letter.
    pub fn word(self) -> &'static str {
        match self {
            Self::Population => "P",
            Self::Configuration => "C",
            Self::Operating => "O",
            Self::Statement => "S",
        }
    }

    /// What it means.
    pub fn about(self) -> &'static str {
        match self {
            Self::Population => "population: all of them, at one time",
            Self::Configuration => "configuration, at one time",
            Self::Operating => "what happened in the period",
            Self::Statement => "what Jumpseat says of its own work",
        }
    }
}

impl Item {
    /// Reads one of the user's own files, without adding it.
    ///
    /// # Errors
    /// The first thing that is wrong with it.
    pub fn read_file(path: &Path) -> Result<Self, FileError> {
        crate::content::read_own(path, read)
    }

    /// The requirements of a framework that it serves, with how sure each link is.
    pub fn serves<'a>(&'a self, framework: &'a Framework) -> impl Iterator<Item = (&'a Requirement, String)> {
        framework.served_by_profiles(&self.profiles)
    }

    /// The tables that give details only.
    pub fn details(&self) -> impl Iterator<Item = &str> {
        self.reads.iter().filter(|table| !self.population.contains(table)).map(String::as_str)
    }
}

impl Written for Item {
    fn id(&self) -> &str {
        &self.id
    }

    fn origin(&self) -> &Origin {
        &self.origin
    }
}

/// Reads an item.
///
/// # Errors
/// The first thing that is wrong.
pub(super) fn read(text: &str, origin: Origin) -> Result<Item, FileError> {
    let file = origin.to_string();
    read_parts(text, origin).map_err(|(line, what)| FileError { file, line, what })
}

fn read_parts(text: &str, origin: Origin) -> Result<Item, (usize, String)> {
    let text = text.replace("\r\n", "\n");
    let (front, body, body_line) = split(&text).map_err(|what| (1, what))?;
    let front = Front::read(front, KEYS)?;
    let usage = |word: &str| Usage::ALL.into_iter().find(|usage| usage.word() == word);
    let kind = |word: &str| Kind::ALL.into_iter().find(|kind| kind.word() == word);
    let reads = front.words("reads")?;
    let population = front.words("population")?;
    if population.is_empty() {
        return Err(front.wrong("population", "population names the tables whose rows it is made of".to_owned()));
    }
    let known: BTreeSet<&String> = reads.iter().collect();
    if let Some(other) = population.iter().find(|table| !known.contains(table)) {
        return Err(front.wrong("population", format!("population names {other}, which reads does not")));
    }
    let any = |text: &str| Some(text.to_owned());
    let item = Item {
        id: front.id()?,
        title: front.text("title", any, "text")?,
        usage: front.text("use", usage, "sso or endpoint-management")?,
        kind: front.text("type", kind, "P, C, O or S")?,
        population,
        reads,
        profiles: front.words("profiles")?,
        counts: if front.has("counts") { Some(front.text("counts", any, "a column")?) } else { None },
        shows: String::new(),
        notes: String::new(),
        query: String::new(),
        query_line: 0,
        origin,
    };
    let [shows, notes, (line, query)] = parts(body, body_line, PARTS)?;
    let (query_line, query) = block(&query, line)?;
    Ok(Item { shows: shows.1.trim().to_owned(), notes: notes.1.trim().to_owned(), query, query_line, ..item })
}
