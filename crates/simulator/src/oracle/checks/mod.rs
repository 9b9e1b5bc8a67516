//! What every check of the catalogue must say of every thing, decided from the state of an organization.
//! Responsible for exact outcomes by id. It never looks at rows, and knows no product's way of deciding.
//!
//! To add a check: one small function in the file of its area and one line in that file's list. A function says in its
//! comment what was decided where the catalogue can be read in two ways.
//!
//! What holds for all of them:
//! - The first of these that fits is the outcome: not applicable (out of scope), unknown (not told, or too old), fail,
//!   pass. "Pass otherwise" of the catalogue is taken at its word.
//! - A severity that depends on details (info, low, …) is still a fail.
//! - Facts that an agent tells of its device hold for 14 days after the last contact that rows tell; those of System
//!   Insights for 14 days after they were collected. Telephones have no agent: such checks do not apply to them.
//! - Things without an id of their own have that of their owner: a key of an administrator the administrator's, a
//!   connection the organization's. An SSH key is `<user id>/<key id>`.

mod administrators;
mod applications;
mod collection;
mod conditional_access;
mod devices;
mod directories;
mod lifecycle;
mod look;
mod mdm;
mod organization;
mod parameters;
mod policies;
mod users;

use std::collections::BTreeMap;

use serde::Serialize;

pub(crate) use look::Look;
pub use parameters::{Parameters, Reader, Rotation, View};

/// What a check says of one thing.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Serialize)]
#[serde(rename_all = "snake_case")]
pub enum Outcome {
    /// As it should be.
    Pass,
    /// Not as it should be.
    Fail,
    /// Cannot be told: a field is missing, too old, or not to be read.
    Unknown,
    /// The check does not ask about this thing.
    NotApplicable,
}

/// The outcomes of one check by id, over everything that it could ask about.
pub type Outcomes = BTreeMap<String, Outcome>;

/// Where a check gets its facts from.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize)]
pub enum Tier {
    /// Published operations.
    A,
    /// Operations that work but are not published.
    B,
    /// Events.
    E,
    /// The product's own state.
    P,
}

/// One check.
#[derive(Debug)]
pub struct Check {
    /// Its id in the catalogue.
    pub id: &'static str,
    /// Where its facts come from.
    pub tier: Tier,
    judge: Judge,
}

#[derive(Debug)]
enum Judge {
    Of(fn(&Look<'_>) -> Outcomes),
    /// The simulator cannot know, for this reason.
    Outside(&'static str),
}

impl Check {
    const fn of(id: &'static str, tier: Tier, judge: fn(&Look<'_>) -> Outcomes) -> Self {
        Self { id, tier, judge: Judge::Of(judge) }
    }

    const fn outside(id: &'static str, tier: Tier, why: &'static str) -> Self {
        Self { id, tier, judge: Judge::Outside(why) }
    }

    /// Why the simulator cannot know the outcomes; `None` where it does.
    pub fn is_outside(&self) -> Option<&'static str> {
        match self.judge {
            Judge::Outside(why) => Some(why),
            Judge::Of(_) => None,
        }
    }

    /// The outcomes, unless they lie outside.
    pub(crate) fn outcomes(&self, look: &Look<'_>) -> Option<Outcomes> {
        match self.judge {
            Judge::Of(judge) => Some(judge(look)),
            Judge::Outside(_) => None,
        }
    }
}

/// All checks, in the order of the catalogue.
pub fn all() -> impl Iterator<Item = &'static Check> {
    [
        organization::CHECKS,
        administrators::CHECKS,
        users::CHECKS,
        lifecycle::CHECKS,
        devices::CHECKS,
        policies::CHECKS,
        applications::CHECKS,
        conditional_access::CHECKS,
        directories::CHECKS,
        mdm::CHECKS,
        collection::CHECKS,
    ]
    .into_iter()
    .flatten()
}

/// Fail or pass, or unknown when nothing is told.
fn verdict(fails: Option<bool>) -> Outcome {
    match fails {
        Some(true) => Outcome::Fail,
        Some(false) => Outcome::Pass,
        None => Outcome::Unknown,
    }
}

/// Fail when it is so, pass otherwise.
fn fail_if(fails: bool) -> Outcome {
    verdict(Some(fails))
}
