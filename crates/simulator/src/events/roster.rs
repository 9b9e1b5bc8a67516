//! Who and what an organization had at a time: the people, machines and things that its events speak of.
//! Responsible for compact snapshots of the inventory. A past hour is always told with the roster of its time.

use std::collections::HashMap;
use std::sync::Arc;

use super::part::{Item, Thing};
use crate::id::Id;
use crate::state::device::{Device, Platform};
use crate::state::document::{Document, Noun};
use crate::state::user::{Mfa, User, UserState, username};
use crate::state::{Organization, Profile, administrators, applications};

/// A user, as far as events need to know.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Person {
    pub(crate) id: Id,
    pub(crate) number: u32,
    /// Place of the person's main device among the machines.
    pub(crate) machine: Option<u32>,
    pub(crate) state: UserState,
    /// Whether the person ever signs in.
    pub(crate) signs_in: bool,
    pub(crate) mfa: Mfa,
}

/// A device, as far as events need to know.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Machine {
    pub(crate) id: Id,
    pub(crate) number: u32,
    pub(crate) platform: Platform,
    pub(crate) behind: u8,
    /// Place of its main user among the people.
    pub(crate) owner: Option<u32>,
}

/// A thing that is told by one name, and whether it is protected (administrators: by MFA).
#[derive(Clone, Debug)]
pub(crate) struct Named {
    pub(crate) id: Id,
    pub(crate) name: String,
    pub(crate) protected: bool,
    /// Administrators: whether the role is Read Only.
    pub(crate) reads_only: bool,
    /// Administrators: whether they sign in; applications: whether anybody does.
    pub(crate) used: bool,
}

/// Everything that exists in tens and never changes while the simulator runs.
#[derive(Debug, Default)]
pub(crate) struct Things(HashMap<Thing, Vec<Named>>);

/// The inventory from a time on.
#[derive(Debug)]
pub(crate) struct Roster {
    /// Epoch milliseconds; events from here on are told with this roster.
    pub(crate) since: i64,
    pub(crate) people: Vec<Person>,
    /// Places of those who can sign in.
    pub(crate) active: Vec<u32>,
    pub(crate) machines: Vec<Machine>,
    pub(crate) things: Arc<Things>,
}

impl Person {
    pub(crate) fn item(&self, profile: &Profile) -> Item {
        Item { thing: Thing::User, id: self.id, name: username(profile, self.number) }
    }

    /// The factor that the person signs in with beside the password.
    pub(crate) fn factor(&self) -> Option<&'static str> {
        Some(match self.mfa {
            Mfa::Totp => "totp",
            Mfa::Push => "jumpcloud_protect",
            Mfa::WebAuthn => "webauthn",
            Mfa::PushAndWebAuthn if self.number.is_multiple_of(2) => "jumpcloud_protect",
            Mfa::PushAndWebAuthn => "webauthn",
            Mfa::JumpCloudGo => "jumpcloud_go",
            _ => return None,
        })
    }
}

impl Machine {
    fn of(device: &Device, owner: Option<u32>) -> Self {
        Self { id: device.id, number: device.number, platform: device.platform, behind: device.behind, owner }
    }

    pub(crate) fn hostname(&self, profile: &Profile) -> String {
        crate::state::device::hostname(profile, self.platform, self.number)
    }

    pub(crate) fn item(&self, profile: &Profile) -> Item {
        Item { thing: Thing::Device, id: self.id, name: self.hostname(profile) }
    }

    /// The family, and the operating system's name and version as sign-in contexts tell them.
    pub(crate) fn system(&self) -> (&'static str, &'static str) {
        match self.platform {
            Platform::Mac => ("Mac OS X", if self.behind == 0 { "26.1" } else { "15.7.1" }),
            Platform::Windows => ("Windows", "11 Pro"),
            Platform::Linux => ("Ubuntu", "24.04"),
            Platform::Ios => ("iOS", "26.1"),
            Platform::Android => ("Android", "16"),
        }
    }
}

impl Things {
    /// What an organization has.
    pub(crate) fn of(organization: &Organization) -> Self {
        let list = |noun: Noun, fields: &[&str]| -> Vec<Named> {
            organization.documents.iter(noun).map(|document| named(document, fields)).collect()
        };
        let groups = |table: &crate::state::table::Table<crate::state::group::Group>| -> Vec<Named> {
            table
                .iter()
                .map(|group| Named {
                    id: group.id,
                    name: group.name.clone(),
                    protected: true,
                    reads_only: false,
                    used: true,
                })
                .collect()
        };
        let profile = &organization.profile;
        let own =
            vec![Named { id: profile.id, name: profile.name.clone(), protected: true, reads_only: false, used: true }];
        let files = (0..6)
            .map(|number| Named {
                id: profile.make_id("file", number, profile.created_at),
                name: format!("deploy-{number}.sh"),
                protected: true,
                reads_only: false,
                used: true,
            })
            .collect();
        let mut applications = list(Noun::Applications, &["name"]);
        for application in &mut applications {
            application.used = !applications::forgotten(organization, application.id);
        }
        Self(HashMap::from([
            (Thing::ActiveDirectory, list(Noun::ActiveDirectories, &["domain", "name"])),
            (Thing::Admin, list(Noun::Administrators, &["email"])),
            (Thing::Application, applications),
            (Thing::AuthnPolicy, list(Noun::AuthnPolicies, &["name"])),
            (Thing::Channel, list(Noun::NotificationChannels, &["name"])),
            (Thing::Command, list(Noun::Commands, &["name"])),
            (Thing::DeviceGroup, groups(&organization.device_groups)),
            (Thing::File, files),
            (Thing::Flow, list(Noun::ApprovalFlows, &["name"])),
            (Thing::GSuite, list(Noun::GSuites, &["name"])),
            (Thing::IdSource, list(Noun::IdentityProviders, &["name"])),
            (Thing::IpList, list(Noun::IpLists, &["name"])),
            (Thing::LdapServer, list(Noun::LdapServers, &["name"])),
            (Thing::Office365, list(Noun::Office365s, &["name"])),
            (Thing::Organization, own),
            (Thing::Policy, list(Noun::Policies, &["name"])),
            (Thing::RadiusServer, list(Noun::RadiusServers, &["name"])),
            (Thing::Rule, list(Noun::HealthRules, &["name"])),
            (Thing::SaasApplication, list(Noun::SaasApplications, &["name"])),
            (Thing::SambaDomain, list(Noun::SambaDomains, &["name"])),
            (Thing::SoftwareApp, list(Noun::SoftwareApps, &["displayName", "name"])),
            (Thing::UserGroup, groups(&organization.user_groups)),
            (Thing::Workday, list(Noun::Workdays, &["name"])),
        ]))
    }

    /// What a provider has: its administrators and the organizations that it looks after.
    pub(crate) fn of_provider(provider: Id, organizations: &[Organization]) -> Self {
        let administrators = (0..3_u64).map(|number| Named {
            id: provider.child(number),
            name: format!("msp{number}@provider.example"),
            protected: number != 2,
            reads_only: false,
            used: true,
        });
        let organizations = organizations.iter().map(|organization| Named {
            id: organization.profile.id,
            name: organization.profile.name.clone(),
            protected: true,
            reads_only: false,
            used: true,
        });
        Self(HashMap::from([(Thing::Admin, administrators.collect()), (Thing::Organization, organizations.collect())]))
    }

    /// The administrator whom a read-only key belongs to (see `getSelf`): the first of that role, or the first at all.
    pub(crate) fn reader(&self) -> Option<&Named> {
        let administrators = self.list(Thing::Admin);
        administrators.iter().find(|named| named.reads_only).or(administrators.first())
    }

    /// All things of a kind.
    pub(crate) fn list(&self, thing: Thing) -> &[Named] {
        self.0.get(&thing).map_or(&[], Vec::as_slice)
    }

    /// The one of those in use that this number falls on; of all when none is in use.
    pub(crate) fn pick_used(&self, thing: Thing, number: u64) -> Option<&Named> {
        self.pick_of(thing, number, |named| named.used)
    }

    /// The administrator who may change things that this number falls on.
    pub(crate) fn pick_changer(&self, number: u64) -> Option<&Named> {
        self.pick_of(Thing::Admin, number, |named| named.used && !named.reads_only)
    }

    fn pick_of(&self, thing: Thing, number: u64, fits: impl Fn(&Named) -> bool) -> Option<&Named> {
        let fitting = || self.list(thing).iter().filter(|named| fits(named));
        let count = fitting().count() as u64;
        if count == 0 { self.pick(thing, number) } else { fitting().nth((number % count) as usize) }
    }

    /// The thing of a kind that this number falls on; `None` when there is none of the kind.
    pub(crate) fn pick(&self, thing: Thing, number: u64) -> Option<&Named> {
        let list = self.list(thing);
        list.get((number % list.len().max(1) as u64) as usize)
    }
}

impl Roster {
    /// The inventory of an organization as it is now.
    pub(crate) fn of(organization: &Organization, since: i64, things: Arc<Things>) -> Self {
        let places: HashMap<Id, u32> =
            organization.users.iter().enumerate().map(|(place, user)| (user.id, place as u32)).collect();
        let mut people: Vec<Person> = organization.users.iter().map(person).collect();
        let machines = organization.devices.iter().enumerate().map(|(place, device)| {
            let owner = device.primary_user.and_then(|id| places.get(&id)).copied();
            if let Some(person) = owner.and_then(|owner| people.get_mut(owner as usize)) {
                person.machine.get_or_insert(place as u32);
            }
            Machine::of(device, owner)
        });
        let machines = machines.collect();
        let active = (0..people.len() as u32).filter(|place| people[*place as usize].signs_in);
        let active = active.collect();
        Self { since, people, active, machines, things }
    }

    /// The inventory of a provider.
    pub(crate) fn of_provider(things: Arc<Things>) -> Self {
        Self { since: i64::MIN, people: Vec::new(), active: Vec::new(), machines: Vec::new(), things }
    }
}

fn person(user: &User) -> Person {
    Person {
        id: user.id,
        number: user.number,
        machine: None,
        state: user.state,
        signs_in: user.live() && !user.dormant,
        mfa: user.mfa,
    }
}

fn named(document: &Document, fields: &[&str]) -> Named {
    let name = fields.iter().map(|field| document.text(field)).find(|text| !text.is_empty()).unwrap_or("");
    let protected = document.body["enableMultiFactor"] != false;
    let reads_only = document.text("roleName") == administrators::READ_ONLY;
    let used = document.body.get("sessionCount").is_none() || administrators::signs_in(document);
    Named { id: document.id, name: name.to_owned(), protected, reads_only, used }
}
