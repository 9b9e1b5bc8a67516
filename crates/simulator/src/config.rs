//! What to simulate: how many organizations, of which size and character.
//! Responsible for the description only. `state` grows the organizations from it.

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
