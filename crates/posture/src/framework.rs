//! Frameworks: which requirement is served by which checks, how sure that link is, and what follows from the checks' numbers.

use std::collections::{BTreeMap, BTreeSet};

use serde::Deserialize;
use serde_json::Value;
use store::findings::CheckResult;

use crate::check::Check;
use crate::content::{FileError, Library};
use crate::parameters::{ParameterSet, number_of, parameter_of};

/// What a letter of a link's mark means.
pub const MARKS: &[(char, &str)] = &[
    ('P', "seen in a compliance file of Prowler for the same thing"),
    ('S', "seen in CISA's ScubaGoggles"),
    ('C', "seen in the seed data of Comp AI"),
    ('T', "the control was read at its source, the link is ours"),
    ('J', "our judgement"),
];

/// A set of requirements.
#[derive(Debug, Clone, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Framework {
    /// What commands call it.
    pub id: String,
    /// Its name.
    pub name: String,
    /// Which edition.
    pub version: String,
    /// What to know before relying on it.
    pub about: String,
    /// Its requirements that can be seen in JumpCloud, in order.
    #[serde(rename = "requirement")]
    pub requirements: Vec<Requirement>,
    /// What it demands of parameters.
    #[serde(rename = "minimum", default)]
    pub minimums: Vec<Minimum>,
}

/// One requirement.
#[derive(Debug, Clone, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Requirement {
    /// The framework's own number.
    pub id: String,
    /// What it asks, in our words.
    pub title: String,
    /// The control profiles that serve it, each with the marks of how sure that is (see [`MARKS`]).
    pub profiles: BTreeMap<String, String>,
}

/// What a framework demands of a parameter. Looser, the requirement is failed.
#[derive(Debug, Clone, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Minimum {
    /// The requirement.
    pub requirement: String,
    /// The check.
    pub check: String,
    /// Its parameter.
    pub parameter: String,
    /// The parameter may not be less.
    pub at_least: Option<f64>,
    /// The parameter may not be more.
    pub at_most: Option<f64>,
    /// The parameter must be this.
    pub is: Option<Value>,
}

/// How a requirement stands.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
#[expect(missing_docs, reason = "the words say it")]
pub enum Standing {
    Failed,
    Unknown,
    Met,
    NotApplicable,
}

/// A check's numbers in one organization, with what was accepted.
#[derive(Debug, Clone, Default)]
pub struct Numbers {
    /// As the run counted them.
    pub result: CheckResult,
    /// Failing things that something else covers or that are no failure, as a person has said.
    pub excused: u64,
}

/// How a requirement stands, and why.
#[derive(Debug, Clone)]
pub struct RequirementStanding<'a> {
    /// The requirement.
    pub requirement: &'a Requirement,
    /// How it stands.
    pub standing: Standing,
    /// The checks behind it, worst first.
    pub checks: Vec<Behind<'a>>,
    /// Parameters that are looser than the framework demands, in words.
    pub demands: Vec<String>,
}

/// A check behind a requirement.
#[derive(Debug, Clone)]
pub struct Behind<'a> {
    /// The check.
    pub check: &'a Check,
    /// How sure the link is.
    pub marks: String,
    /// How the check stands.
    pub standing: Standing,
    /// Its numbers, if it ran.
    pub numbers: Option<Numbers>,
}

impl Standing {
    /// Its word.
    pub fn word(self) -> &'static str {
        match self {
            Self::Met => "met",
            Self::Failed => "failed",
            Self::Unknown => "unknown",
            Self::NotApplicable => "not applicable",
        }
    }

    /// How a check stands by its numbers: what fails and is not excused decides, then what nobody can tell.
    pub fn of(numbers: Option<&Numbers>) -> Self {
        let Some(Numbers { result, excused }) = numbers else { return Self::Unknown };
        if result.failed > *excused {
            Self::Failed
        } else if result.unknown > 0 || result.reason.is_some() {
            Self::Unknown
        } else if result.passed + result.failed > 0 {
            Self::Met
        } else {
            Self::NotApplicable
        }
    }
}

impl Framework {
    /// The profiles that its requirements name.
    pub fn profiles(&self) -> impl Iterator<Item = &str> {
        self.requirements.iter().flat_map(|requirement| requirement.profiles.keys().map(String::as_str))
    }

    /// The checks that serve it.
    pub fn checks<'a>(&'a self, library: &'a Library) -> impl Iterator<Item = &'a Check> {
        let profiles: BTreeSet<&str> = self.profiles().collect();
        library.checks().filter(move |check| check.profiles.iter().any(|profile| profiles.contains(profile.as_str())))
    }

    /// The requirements that a check serves.
    pub fn served_by<'a>(&'a self, check: &'a Check) -> impl Iterator<Item = (&'a Requirement, String)> {
        self.served_by_profiles(&check.profiles)
    }

    /// The requirements that control profiles serve, and how sure that is.
    pub fn served_by_profiles<'a>(&'a self, profiles: &'a [String]) -> impl Iterator<Item = (&'a Requirement, String)> {
        self.requirements.iter().filter_map(move |requirement| Some((requirement, marks_of(requirement, profiles)?)))
    }

    /// How every requirement stands in one organization.
    pub fn stand<'a>(
        &'a self,
        library: &'a Library,
        numbers: &BTreeMap<String, Numbers>,
        parameters: impl Fn(&Check) -> ParameterSet,
    ) -> Vec<RequirementStanding<'a>> {
        self.requirements
            .iter()
            .map(|requirement| {
                let mut checks: Vec<Behind<'a>> = library
                    .checks()
                    .filter_map(|check| {
                        let marks = marks_of(requirement, &check.profiles)?;
                        let numbers = numbers.get(&check.id).cloned();
                        Some(Behind { check, marks, standing: Standing::of(numbers.as_ref()), numbers })
                    })
                    .collect();
                checks.sort_by_key(|behind| (behind.standing, std::cmp::Reverse(behind.check.severity)));
                let demands: Vec<String> = self
                    .minimums
                    .iter()
                    .filter(|minimum| minimum.requirement == requirement.id)
                    .filter_map(|minimum| {
                        let check = library.check(&minimum.check)?;
                        minimum.broken_by(&parameters(check))
                    })
                    .collect();
                let standing = match checks.first() {
                    _ if !demands.is_empty() => Standing::Failed,
                    None => Standing::Unknown,
                    Some(worst) => worst.standing,
                };
                RequirementStanding { requirement, standing, checks, demands }
            })
            .collect()
    }
}

fn marks_of(requirement: &Requirement, profiles: &[String]) -> Option<String> {
    let marks: BTreeSet<char> = profiles
        .iter()
        .filter_map(|profile| requirement.profiles.get(profile))
        .flat_map(|marks| marks.chars())
        .collect();
    (!marks.is_empty()).then(|| marks.into_iter().collect())
}

impl Minimum {
    /// In words, how parameters are looser than demanded.
    fn broken_by(&self, parameters: &ParameterSet) -> Option<String> {
        let value = parameters.get(&self.parameter)?;
        let shown = crate::parameters::json_of(value);
        let told = |demand: String| Some(format!("{} of {} is {shown}; {demand}", self.parameter, self.check));
        let number = number_of(value);
        if let Some(least) = self.at_least.filter(|least| number.is_none_or(|number| number < *least)) {
            return told(format!("at least {least} is demanded"));
        }
        if let Some(most) = self.at_most.filter(|most| number.is_none_or(|number| number > *most)) {
            return told(format!("at most {most} is allowed"));
        }
        let is = self.is.as_ref().filter(|is| parameter_of(is).as_ref() != Some(value))?;
        told(format!("{is} is demanded"))
    }
}

/// Reads the files of frameworks.
pub(crate) fn read_frameworks(files: &[(String, &str)]) -> Result<Vec<Framework>, FileError> {
    let mut frameworks = Vec::new();
    for (path, text) in files.iter().filter(|(path, _)| path.ends_with(".toml")) {
        let wrong = |line: usize, what: String| FileError { file: format!("content/frameworks/{path}"), line, what };
        let framework: Framework = toml::from_str(text).map_err(|error| {
            let line = error.span().map_or(1, |span| text[..span.start.min(text.len())].matches('\n').count() + 1);
            wrong(line, error.message().to_owned())
        })?;
        let is_known = |mark: char| MARKS.iter().any(|(known, _)| *known == mark);
        for requirement in &framework.requirements {
            if let Some(marks) =
                requirement.profiles.values().find(|marks| marks.is_empty() || !marks.chars().all(is_known))
            {
                return Err(wrong(
                    1,
                    format!("{} has a link with the mark {marks:?}, which means nothing", requirement.id),
                ));
            }
        }
        frameworks.push(framework);
    }
    Ok(frameworks)
}
