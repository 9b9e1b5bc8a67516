//! What to simulate: how many organizations, of which size and character.
//! Responsible for the description only. `state` grows the organizations from it.

use std::time::Duration;

use crate::oddity::{Oddities, Oddity};

/// Everything that decides the state of a simulated JumpCloud. Same values and same clock: same bytes.
#[derive(Clone, Debug)]
pub struct Config {
    /// Where all chance comes from.
    pub seed: u64,
    /// The organizations, in the order that `World` numbers them.
    pub organizations: Vec<OrganizationSpec>,
    /// Whether a provider (MTP) exists that sees all organizations.
    pub provider: bool,
}

/// One organization to grow.
#[derive(Clone, Debug)]
pub struct OrganizationSpec {
    /// Display name.
    pub name: String,
    /// Domain of the e-mail addresses; use names reserved for examples.
    pub domain: String,
    /// How well it is looked after.
    pub character: Character,
    /// Number of users (`systemusers`).
    pub users: usize,
    /// Number of devices (`systems`), before re-installed duplicates.
    pub devices: usize,
    /// Number of user groups.
    pub user_groups: usize,
    /// Number of device groups.
    pub device_groups: usize,
    /// Whether some names are hostile strings (markup, terminal sequences, formulas, quotes).
    pub hostile: bool,
    /// Which service-side oddities show.
    pub oddities: Oddities,
    /// Whether the plan includes Directory Insights.
    pub directory_insights: bool,
    /// Whether the plan includes System Insights.
    pub system_insights: bool,
    /// What happens there: the events of Directory Insights.
    pub events: EventSpec,
}

/// How many events an organization has, how late they can be read, and for how long.
#[derive(Clone, Copy, Debug)]
pub struct EventSpec {
    /// Events of a working day for each user; nights and weekends have fewer.
    pub per_user_day: f64,
    /// Exactly so many events in every hour instead, attacks not counted; for benchmarks.
    pub per_hour: Option<u64>,
    /// Days after which an event is gone: 90 in most plans, about 15 in the lowest, more with premium.
    pub retention_days: u32,
    /// How late events can be read; `None` for at once, or as `Oddity::LateEvents` says.
    pub lateness: Option<Lateness>,
    /// Whether attacks and near misses are planted (see [`crate::World::episodes`]).
    pub episodes: bool,
}

/// How long events take from happening to being readable.
#[derive(Clone, Copy, Debug, PartialEq)]
pub struct Lateness {
    /// Every event takes up to so long.
    pub usual: Duration,
    /// Share of the events that take longer, 0.0 to 1.0.
    pub share: f64,
    /// Those take at least so long,
    pub least: Duration,
    /// and at most so long; seconds are as likely as hours.
    pub most: Duration,
}

impl Default for EventSpec {
    /// A dozen events for each user and working day, readable at once, kept for 90 days, with attacks.
    fn default() -> Self {
        Self { per_user_day: 12.0, per_hour: None, retention_days: 90, lateness: None, episodes: true }
    }
}

impl EventSpec {
    /// The same number of events in every hour and nothing else.
    pub fn steady(per_hour: u64) -> Self {
        Self { per_hour: Some(per_hour), episodes: false, ..Self::default() }
    }
}

impl Lateness {
    /// As met in the field: seconds for nearly all, up to a day for two in a hundred.
    pub const fn field() -> Self {
        Self {
            usual: Duration::from_secs(3),
            share: 0.02,
            least: Duration::from_secs(5),
            most: Duration::from_secs(86_400),
        }
    }
}

/// How well an organization is looked after; decides how many misconfigurations are planted.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Character {
    /// Nearly everything as it should be.
    Tidy,
    /// Many misconfigurations of every kind.
    Neglected,
    /// In between, with much coming and going.
    Growing,
}

/// How large the demonstration organizations are.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Size {
    /// 60 to 250 users an organization.
    Small,
    /// 500 to 2,500 users an organization.
    Medium,
    /// Up to 15,000 users in the biggest.
    Large,
}

impl Config {
    /// Three organizations of different character and one provider that sees them all.
    pub fn demo(size: Size) -> Self {
        let factor = match size {
            Size::Small => 1,
            Size::Medium => 10,
            Size::Large => 60,
        };
        let mut tidy =
            OrganizationSpec::new("Tundra Oy", "tundra.example", Character::Tidy, 120 * factor, 110 * factor);
        tidy.user_groups = 12 * group_factor(factor);
        tidy.device_groups = 8 * group_factor(factor);
        let mut neglected = OrganizationSpec::new(
            "Blue Harbor Ltd",
            "blueharbor.example",
            Character::Neglected,
            60 * factor,
            75 * factor,
        );
        neglected.user_groups = 9 * group_factor(factor);
        neglected.device_groups = 6 * group_factor(factor);
        neglected.oddities = Oddities::field();
        let mut growing = OrganizationSpec::new(
            "Käferberg Robotics",
            "robotics.example",
            Character::Growing,
            250 * factor,
            260 * factor,
        );
        growing.user_groups = 16 * group_factor(factor);
        growing.device_groups = 12 * group_factor(factor);
        growing.oddities = Oddities::clean().with(Oddity::NullAttributes).with(Oddity::ReinstalledDevices);
        Self { seed: 20_261_120, organizations: vec![tidy, neglected, growing], provider: true }
    }

    /// One clean organization of exactly the given counts, for benchmarks and simple tests.
    pub fn single(users: usize, devices: usize, user_groups: usize, device_groups: usize) -> Self {
        let mut spec = OrganizationSpec::new("Benchmark Inc", "benchmark.example", Character::Growing, users, devices);
        spec.user_groups = user_groups;
        spec.device_groups = device_groups;
        Self { seed: 1, organizations: vec![spec], provider: false }
    }
}

impl OrganizationSpec {
    /// An organization with sensible numbers of groups, a full plan and no quirks.
    pub fn new(name: &str, domain: &str, character: Character, users: usize, devices: usize) -> Self {
        Self {
            name: name.to_owned(),
            domain: domain.to_owned(),
            character,
            users,
            devices,
            user_groups: 8,
            device_groups: 6,
            hostile: false,
            oddities: Oddities::clean(),
            directory_insights: true,
            system_insights: true,
            events: EventSpec::default(),
        }
    }
}

fn group_factor(factor: usize) -> usize {
    match factor {
        1 => 1,
        10 => 3,
        _ => 10,
    }
}
