//! Everything that is written as files: checks, control profiles and frameworks, ours in the program and the user's own
//! beside them.

use std::collections::{BTreeMap, BTreeSet};
use std::path::{Path, PathBuf};

use include_dir::{Dir, include_dir};
use store::did_you_mean;

use crate::check::{Check, Origin};
use crate::file;
use crate::framework::{Framework, read_frameworks};

static CHECKS: Dir<'_> = include_dir!("$CARGO_MANIFEST_DIR/../../content/checks");
static FRAMEWORKS: Dir<'_> = include_dir!("$CARGO_MANIFEST_DIR/../../content/frameworks");

/// Something wrong with a file.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[error("{file}:{line}: {what}")]
pub struct FileError {
    /// The file.
    pub file: String,
    /// The line, from 1.
    pub line: usize,
    /// What is wrong and what to do.
    pub what: String,
}

/// All checks and frameworks.
#[derive(Debug, Clone, Default)]
pub struct Library {
    checks: BTreeMap<String, Check>,
    frameworks: Vec<Framework>,
}

impl Library {
    /// Reads what is in the program, and the user's own checks in `own`, if that folder is there.
    ///
    /// # Errors
    /// All files that can not be used.
    pub fn load(own: Option<&Path>) -> Result<Self, Vec<FileError>> {
        let (library, errors) = Self::load_usable(own);
        if errors.is_empty() { Ok(library) } else { Err(errors) }
    }

    /// The same without what can not be used, and why not: for work that must go on whatever somebody has left in a folder.
    pub fn load_usable(own: Option<&Path>) -> (Self, Vec<FileError>) {
        let mut library = Self::default();
        let mut errors = Vec::new();
        for (path, text) in embedded(&CHECKS) {
            let area = path.split_once('/').map_or("", |(area, _)| area).to_owned();
            let origin = Origin::Ours(format!("content/checks/{path}"));
            add(&mut library.checks, file::read(text, &area, origin), &mut errors);
        }
        for path in own.map(|own| own_files(own, &mut errors)).unwrap_or_default() {
            add(&mut library.checks, Self::read_file(&path), &mut errors);
        }
        match read_frameworks(&embedded(&FRAMEWORKS)) {
            Ok(frameworks) => library.frameworks = frameworks,
            Err(error) => errors.push(error),
        }
        errors.extend(library.unknown_profiles(library.checks()));
        errors.extend(library.unknown_minimums());
        (library, errors)
    }

    /// A library of these checks and no frameworks.
    ///
    /// # Errors
    /// Two have the same id.
    pub fn of_checks(checks: impl IntoIterator<Item = Check>) -> Result<Self, Vec<FileError>> {
        let (mut library, mut errors) = (Self::default(), Vec::new());
        checks.into_iter().for_each(|check| add(&mut library.checks, Ok(check), &mut errors));
        if errors.is_empty() { Ok(library) } else { Err(errors) }
    }

    /// Reads one file as a check, without adding it.
    ///
    /// # Errors
    /// The first thing that is wrong with it.
    pub fn read_file(path: &Path) -> Result<Check, FileError> {
        read_own(path, |text, origin| file::read(text, area_of(path), origin))
    }

    /// All checks by id.
    pub fn checks(&self) -> impl Iterator<Item = &Check> {
        self.checks.values()
    }

    /// A check.
    pub fn check(&self, id: &str) -> Option<&Check> {
        self.checks.get(id)
    }

    /// All ids of checks.
    pub fn check_ids(&self) -> impl Iterator<Item = &str> {
        self.checks.keys().map(String::as_str)
    }

    /// All frameworks.
    pub fn frameworks(&self) -> &[Framework] {
        &self.frameworks
    }

    /// A framework.
    pub fn framework(&self, id: &str) -> Option<&Framework> {
        self.frameworks.iter().find(|framework| framework.id == id)
    }

    /// What a framework demands must be a parameter that there is.
    fn unknown_minimums(&self) -> Vec<FileError> {
        let mut errors = Vec::new();
        for framework in &self.frameworks {
            for minimum in &framework.minimums {
                let check = self.checks.get(&minimum.check);
                let is_known = check.is_some_and(|check| check.parameters.contains_key(&minimum.parameter))
                    && framework.requirements.iter().any(|requirement| requirement.id == minimum.requirement);
                if !is_known {
                    let what = format!(
                        "a minimum names {}, {} and {}, which are not all there",
                        minimum.requirement, minimum.check, minimum.parameter
                    );
                    errors.push(FileError { file: format!("content/frameworks/{}.toml", framework.id), line: 1, what });
                }
            }
        }
        errors
    }

    /// What keeps a check from being loaded beside the others: its id is taken, or it names a profile that is not there.
    pub fn objections(&self, check: &Check) -> Vec<FileError> {
        let mut errors = self.unknown_profiles(std::iter::once(check));
        errors.extend(self.checks.get(&check.id).map(|other| taken(check, other)));
        errors
    }

    fn unknown_profiles<'a>(&self, checks: impl Iterator<Item = &'a Check>) -> Vec<FileError> {
        let wrong = |check: &Check| self.unknown_profile(&check.profiles).map(|what| (check.origin.to_string(), what));
        checks.filter_map(wrong).map(|(file, what)| FileError { file, line: 2, what }).collect()
    }

    /// What is wrong with the first of these profiles that no framework knows.
    pub(crate) fn unknown_profile(&self, profiles: &[String]) -> Option<String> {
        let known: BTreeSet<&str> = self.frameworks.iter().flat_map(Framework::profiles).collect();
        let unknown = profiles.iter().find(|profile| !known.is_empty() && !known.contains(profile.as_str()))?;
        let meant = did_you_mean(unknown, known.iter().copied());
        Some(format!("no framework knows the profile {unknown}{meant}"))
    }
}

/// What is written as a file of its own.
pub(crate) trait Written {
    /// Its id, by which it is known.
    fn id(&self) -> &str;
    /// Where its file is.
    fn origin(&self) -> &Origin;
}

impl Written for Check {
    fn id(&self) -> &str {
        &self.id
    }

    fn origin(&self) -> &Origin {
        &self.origin
    }
}

/// Adds what was read; an id that is taken is an error, so that no file takes another's place unseen.
pub(crate) fn add<T: Written>(all: &mut BTreeMap<String, T>, read: Result<T, FileError>, errors: &mut Vec<FileError>) {
    match read {
        Err(error) => errors.push(error),
        Ok(new) => match all.get(new.id()) {
            Some(other) => errors.push(taken(&new, other)),
            None => _ = all.insert(new.id().to_owned(), new),
        },
    }
}

/// No file takes another's id.
fn taken<T: Written>(new: &T, other: &T) -> FileError {
    let what = format!("the id {:?} is taken by {}; give this one another id", new.id(), other.origin());
    FileError { file: new.origin().to_string(), line: 2, what }
}

/// Reads a file of the user's own, which must be called by its id.
pub(crate) fn read_own<T: Written>(
    path: &Path,
    read: impl FnOnce(&str, Origin) -> Result<T, FileError>,
) -> Result<T, FileError> {
    let wrong = |what: String| FileError { file: path.display().to_string(), line: 1, what };
    let text = std::fs::read_to_string(path).map_err(|error| wrong(format!("it can not be read: {error}")))?;
    let written = read(&text, Origin::Own(path.to_owned()))?;
    let id = written.id();
    if path.file_stem().is_none_or(|stem| stem != id) {
        return Err(wrong(format!("its id is {id:?}, so the file must be called {id}.md")));
    }
    Ok(written)
}

/// The Markdown files of a folder and the folders in it, in order; none if it is not there.
pub(crate) fn own_files(folder: &Path, errors: &mut Vec<FileError>) -> Vec<PathBuf> {
    let mut open = if folder.exists() { vec![folder.to_owned()] } else { Vec::new() };
    let mut files = Vec::new();
    while let Some(folder) = open.pop() {
        let entries = match std::fs::read_dir(&folder) {
            Ok(entries) => entries,
            Err(error) => {
                let what = format!("the folder can not be read: {error}");
                errors.push(FileError { file: folder.display().to_string(), line: 1, what });
                continue;
            }
        };
        for path in entries.filter_map(Result::ok).map(|entry| entry.path()) {
            if path.is_dir() {
                open.push(path);
            } else if path.extension().is_some_and(|extension| extension == "md") && !is_note(&path) {
                files.push(path);
            }
        }
    }
    files.sort();
    files
}

/// The folder that a file lies in.
fn area_of(path: &Path) -> &str {
    path.parent().and_then(Path::file_name).and_then(|name| name.to_str()).unwrap_or("own")
}

/// A page about the folder, not a check.
fn is_note(path: &Path) -> bool {
    path.file_name().is_some_and(|name| name.eq_ignore_ascii_case("README.md"))
}

/// All files of an embedded folder with their texts, by path.
pub(crate) fn embedded(folder: &'static Dir<'static>) -> Vec<(String, &'static str)> {
    let mut files = Vec::new();
    let mut open = vec![folder];
    while let Some(folder) = open.pop() {
        open.extend(folder.dirs());
        for file in folder.files().filter(|file| !is_note(file.path())) {
            if let Some(text) = file.contents_utf8() {
                files.push((file.path().display().to_string(), text));
            }
        }
    }
    files.sort();
    files
}
