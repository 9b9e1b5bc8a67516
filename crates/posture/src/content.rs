//! Everything that is written as files: checks, control profiles and frameworks, ours in the program and the user's own
//! beside them.

use std::collections::BTreeMap;
use std::path::Path;

use include_dir::{Dir, include_dir};

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
        let mut library = Self::default();
        let mut errors = Vec::new();
        for (path, text) in embedded(&CHECKS) {
            let area = path.split_once('/').map_or("", |(area, _)| area).to_owned();
            library.add(file::read(text, &area, Origin::Ours(path)), &mut errors);
        }
        if let Some(own) = own.filter(|own| own.exists()) {
            library.load_own(own, &mut errors);
        }
        match read_frameworks(&embedded(&FRAMEWORKS)) {
            Ok(frameworks) => library.frameworks = frameworks,
            Err(error) => errors.push(error),
        }
        errors.extend(library.unknown_profiles(library.checks()));
        errors.extend(library.unknown_minimums());
        if errors.is_empty() { Ok(library) } else { Err(errors) }
    }

    /// A library of these checks and no frameworks.
    ///
    /// # Errors
    /// Two have the same id.
    pub fn of_checks(checks: impl IntoIterator<Item = Check>) -> Result<Self, Vec<FileError>> {
        let (mut library, mut errors) = (Self::default(), Vec::new());
        checks.into_iter().for_each(|check| library.add(Ok(check), &mut errors));
        if errors.is_empty() { Ok(library) } else { Err(errors) }
    }

    /// Reads one file as a check, without adding it.
    ///
    /// # Errors
    /// The first thing that is wrong with it.
    pub fn read_file(path: &Path) -> Result<Check, FileError> {
        let wrong = |what: String| FileError { file: path.display().to_string(), line: 1, what };
        let text = std::fs::read_to_string(path).map_err(|error| wrong(format!("it can not be read: {error}")))?;
        let check = file::read(&text, area_of(path), Origin::Own(path.to_owned()))?;
        if path.file_stem().is_none_or(|stem| stem != check.id.as_str()) {
            return Err(wrong(format!("its id is {:?}, so the file must be called {}.md", check.id, check.id)));
        }
        Ok(check)
    }

    /// All checks by id.
    pub fn checks(&self) -> impl Iterator<Item = &Check> {
        self.checks.values()
    }

    /// A check.
    pub fn check(&self, id: &str) -> Option<&Check> {
        self.checks.get(id)
    }

    /// The id that is nearest to what was written.
    pub fn nearest_check(&self, written: &str) -> Option<&str> {
        crate::nearest(written, self.checks.keys().map(String::as_str))
    }

    /// All frameworks.
    pub fn frameworks(&self) -> &[Framework] {
        &self.frameworks
    }

    /// A framework.
    pub fn framework(&self, id: &str) -> Option<&Framework> {
        self.frameworks.iter().find(|framework| framework.id == id)
    }

    fn load_own(&mut self, folder: &Path, errors: &mut Vec<FileError>) {
        let mut open = vec![folder.to_owned()];
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
        for path in files {
            self.add(Self::read_file(&path), errors);
        }
    }

    /// Adds a check; an id that is taken is an error, so that no file takes another's place unseen.
    fn add(&mut self, read: Result<Check, FileError>, errors: &mut Vec<FileError>) {
        match read {
            Err(error) => errors.push(error),
            Ok(check) => match self.checks.get(&check.id) {
                Some(other) => errors.push(taken(&check, other)),
                None => {
                    self.checks.insert(check.id.clone(), check);
                }
            },
        }
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
        let known: std::collections::BTreeSet<&str> = self.frameworks.iter().flat_map(Framework::profiles).collect();
        if known.is_empty() { Vec::new() } else { checks.flat_map(|check| unknown_of(check, &known)).collect() }
    }
}

/// No file takes another's id.
fn taken(check: &Check, other: &Check) -> FileError {
    let what = format!("the id {:?} is taken by {}; give this check another id", check.id, other.origin);
    FileError { file: check.origin.to_string(), line: 2, what }
}

fn unknown_of(check: &Check, known: &std::collections::BTreeSet<&str>) -> Vec<FileError> {
    let unknown = check.profiles.iter().filter(|profile| !known.contains(profile.as_str()));
    unknown
        .map(|profile| {
            let near = crate::nearest(profile, known.iter().copied()).unwrap_or_default();
            let what = format!("no framework knows the profile {profile}; did you mean {near}?");
            FileError { file: check.origin.to_string(), line: 2, what }
        })
        .collect()
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
fn embedded(folder: &'static Dir<'static>) -> Vec<(String, &'static str)> {
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
