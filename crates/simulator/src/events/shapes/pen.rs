//! What every shape needs: the drawn numbers of an event, who is in it, and the fields that most events have.
//! Responsible for choosing people and things that exist at the event's time.

use crate::dice::mix;
use crate::events::feed::Source;
use crate::events::hour::Hour;
use crate::events::part::{Item, Part, Thing};
use crate::events::places::{self, Address, GeoipForm, PlaceNumber};
use crate::events::roster::{Machine, Named, Person, Roster};
use crate::events::slot::{Slot, flag};
use crate::id::Id;
use crate::json::Object;
use crate::oddity::Oddity;
use crate::time;

/// How often somebody else is looked for when the first choice does not exist at the time.
const TRIES: u64 = 6;

/// Everything about one event that is being written.
pub(super) struct Pen<'a> {
    pub(super) source: &'a Source,
    pub(super) hour: &'a Hour,
    pub(super) roster: &'a Roster,
    pub(super) slot: &'a Slot,
    part: Option<&'a Part>,
    seed: u64,
}

/// Where an event comes from.
pub(super) struct Origin {
    pub(super) address: Address,
    place: PlaceNumber,
    browser: u8,
}

impl<'a> Pen<'a> {
    pub(super) fn new(source: &'a Source, hour: &'a Hour, slot: &'a Slot) -> Self {
        let roster = hour.roster(slot.time);
        Self { source, hour, roster, slot, part: hour.part(slot), seed: slot.identity() }
    }

    /// A number that belongs to this event and to this question.
    pub(super) fn draw(&self, question: u64) -> u64 {
        mix(self.seed ^ question.wrapping_mul(0x9e37_79b9_7f4a_7c15))
    }

    /// True in about `share` of 1,000 events.
    pub(super) fn permille(&self, question: u64, share: u64) -> bool {
        self.draw(question) % 1000 < share
    }

    /// One entry of a list that is never empty.
    pub(super) fn pick<T: Copy>(&self, question: u64, list: &[T]) -> T {
        list[(self.draw(question) % list.len() as u64) as usize]
    }

    pub(super) fn part(&self) -> Option<&'a Part> {
        self.part
    }

    /// The event type as the catalogue knows it.
    pub(super) fn name(&self) -> &'static str {
        self.slot.kind().name
    }

    pub(super) fn has(&self, oddity: Oddity) -> bool {
        self.source.has(oddity)
    }

    /// Whether the event is told in the form of another generation.
    pub(super) fn other_generation(&self) -> bool {
        self.slot.renamed(self.source.profile.oddities)
    }

    /// Whether it is planted that the event went well, or drawn with this share of 1,000 failures.
    pub(super) fn succeeds(&self, failures: u64) -> bool {
        self.part.and_then(|part| part.success).unwrap_or_else(|| !self.permille(1, failures))
    }

    /// Somebody who can sign in at the event's time.
    pub(super) fn person(&self) -> Option<&'a Person> {
        let active = &self.roster.active;
        if active.is_empty() {
            return None;
        }
        (0..TRIES).find_map(|attempt| {
            let place = active[(self.draw(2 + attempt * 64) % active.len() as u64) as usize];
            let person = &self.roster.people[place as usize];
            self.exists(person.id).then_some(person)
        })
    }

    /// A device at the event's time.
    pub(super) fn machine(&self) -> Option<&'a Machine> {
        let machines = &self.roster.machines;
        if machines.is_empty() {
            return None;
        }
        (0..TRIES).find_map(|attempt| {
            let machine = &machines[(self.draw(3 + attempt * 64) % machines.len() as u64) as usize];
            self.exists(machine.id).then_some(machine)
        })
    }

    /// The main device of a person, if it exists at the event's time.
    pub(super) fn machine_of(&self, person: Option<&Person>) -> Option<&'a Machine> {
        let machine = &self.roster.machines[person?.machine? as usize];
        self.exists(machine.id).then_some(machine)
    }

    /// The main user of a device, if the person exists at the event's time.
    pub(super) fn owner_of(&self, machine: Option<&Machine>) -> Option<&'a Person> {
        let person = &self.roster.people[machine?.owner? as usize];
        (person.signs_in && self.exists(person.id)).then_some(person)
    }

    fn exists(&self, id: Id) -> bool {
        id.seconds() * 1000 <= self.slot.time && !self.hour.is_gone(id, self.slot.time)
    }

    /// What a choice falls on, and that exists at the time of the event where that can be had.
    fn existing(&self, question: u64, choose: impl Fn(u64) -> Option<&'a Named>) -> Option<&'a Named> {
        let first = choose(self.draw(question));
        let mut others = (0..TRIES).filter_map(|attempt| choose(self.draw(question + attempt * 64)));
        others.find(|named| self.exists(named.id)).or(first)
    }

    /// The application that a sign-in is to.
    pub(super) fn application(&self, question: u64) -> Item {
        match self.existing(question, |number| self.roster.things.pick_used(Thing::Application, number)) {
            Some(named) => Item { thing: Thing::Application, id: named.id, name: named.name.clone() },
            None => self.thing(Thing::Application, question),
        }
    }

    /// A thing of a kind that exists in tens; made up when the organization has none.
    pub(super) fn thing(&self, thing: Thing, question: u64) -> Item {
        match self.existing(question, |number| self.roster.things.pick(thing, number)) {
            Some(named) => Item { thing, id: named.id, name: named.name.clone() },
            None => {
                let id = Id::new(self.source.profile.created_at, mix(self.source.profile.seed ^ thing as u64));
                Item { thing, id, name: format!("{} {}", thing.as_str(), self.draw(question) % 9) }
            }
        }
    }

    /// An administrator and whether the person signs in with MFA.
    pub(super) fn administrator(&self) -> (Item, bool) {
        match self.existing(4, |number| self.roster.things.pick_used(Thing::Admin, number)) {
            Some(named) => (Item { thing: Thing::Admin, id: named.id, name: named.name.clone() }, named.protected),
            None => (self.thing(Thing::Admin, 4), true),
        }
    }

    /// Who did it: the planted person, or an administrator.
    pub(super) fn admin_actor(&self) -> Item {
        let drawn = || match self.existing(4, |number| self.roster.things.pick_changer(number)) {
            Some(named) => Item { thing: Thing::Admin, id: named.id, name: named.name.clone() },
            None => self.thing(Thing::Admin, 4),
        };
        self.part.and_then(|part| part.actor.clone()).unwrap_or_else(drawn)
    }

    /// Who did it: the planted person, or this user, or an administrator when there is no user.
    pub(super) fn user_actor(&self, person: Option<&Person>) -> Item {
        match (self.part.and_then(|part| part.actor.clone()), person) {
            (Some(item), _) => item,
            (None, Some(person)) => person.item(&self.source.profile),
            (None, None) => self.administrator().0,
        }
    }

    /// Id, type, service, time, organization: what every event has.
    pub(super) fn common(&self, row: &mut Object<'_>) {
        if !self.slot.has(flag::NO_ID) {
            row.text("id", |out| self.slot.id().write(out));
        }
        row.string("event_type", self.slot.event_type(self.source.profile.oddities));
        row.string("service", self.slot.kind().service);
        self.timestamp(row);
        match self.source.provider {
            // Most events of the portal are about no organization.
            Some(_) if self.permille(5, 600) => row.null("organization"),
            Some(_) => row.id("organization", self.thing(Thing::Organization, 6).id),
            None => row.id("organization", self.source.profile.id),
        }
        if self.has(Oddity::SpellingVaries) && self.permille(7, 100) {
            row.number("@version", 1);
        } else {
            row.string("@version", "1");
        }
    }

    fn timestamp(&self, row: &mut Object<'_>) {
        if self.slot.has(flag::ODD_TIME) {
            return super::odd::timestamp(self, row);
        }
        let beyond = (self.draw(8) % 1_000_000) as u32;
        row.text("timestamp", |out| time::write_decimals(self.slot.time, beyond, self.slot.decimals, out));
    }

    /// `provider` as the service of the event tells it.
    pub(super) fn provider(&self, row: &mut Object<'_>) {
        match self.source.provider {
            Some(provider) => row.id("provider", provider),
            None if self.slot.kind().service == "sso" => row.string("provider", ""),
            None => row.null("provider"),
        }
    }

    /// Where a person acts from; people stay in their land, so that only planted journeys are impossible.
    pub(super) fn origin(&self, person: Option<&Person>) -> Origin {
        let home = self.source.home;
        let drawn = match person {
            Some(person) => {
                let entropy = person.id.entropy();
                let remote = entropy % 10 < 3;
                let place = if remote { home + (entropy % 3) as u8 } else { home };
                let at_home = remote || self.permille(9, 350);
                let address = if at_home { places::home(entropy) } else { places::office(self.source.profile.seed) };
                let browser = self.machine_of(Some(person)).map_or(0, |machine| browser_of(machine, entropy));
                Origin { address, place, browser }
            }
            None => Origin { address: places::office(self.source.profile.seed), place: home, browser: 0 },
        };
        let Some(part) = self.part else { return drawn };
        Origin {
            address: part.address.unwrap_or(drawn.address),
            place: part.place.unwrap_or(drawn.place),
            browser: part.browser.unwrap_or(drawn.browser),
        }
    }

    /// `client_ip`, `geoip` and the user agent under the given name (none for "").
    pub(super) fn origin_fields(&self, row: &mut Object<'_>, origin: &Origin, agent: &str) {
        row.text("client_ip", |out| write_address(origin.address, out));
        let form = if self.has(Oddity::GeoipVaries) {
            match self.draw(10) % 12 {
                0 | 1 => GeoipForm::Nested,
                2 | 3 => GeoipForm::Texts,
                4 => GeoipForm::Older,
                5 => {
                    row.raw("geoip", "{}");
                    return self.agent_field(row, origin, agent);
                }
                6 => return self.agent_field(row, origin, agent),
                _ => GeoipForm::Flat,
            }
        } else {
            GeoipForm::Flat
        };
        row.raw("geoip", places::geoip(origin.place, form));
        self.agent_field(row, origin, agent);
    }

    fn agent_field(&self, row: &mut Object<'_>, origin: &Origin, agent: &str) {
        if !agent.is_empty() {
            row.raw(agent, places::agent(origin.browser));
        }
    }

    /// `initiated_by`.
    pub(super) fn initiated_by(&self, row: &mut Object<'_>, who: &Item) {
        row.object("initiated_by", |row| self.person_fields(row, who));
    }

    /// `resource`, or another field that names a thing.
    pub(super) fn resource(&self, row: &mut Object<'_>, field: &str, what: &Item) {
        row.object(field, |row| match what.thing {
            Thing::User | Thing::Admin => self.person_fields(row, what),
            Thing::Device => {
                row.id("id", what.id);
                row.string("type", "system");
                row.string("hostname", &what.name);
                row.string("displayName", &what.name);
            }
            thing => {
                row.id("id", what.id);
                row.string("type", thing.as_str());
                row.string("name", &what.name);
            }
        });
    }

    fn person_fields(&self, row: &mut Object<'_>, who: &Item) {
        row.id("id", who.id);
        match who.thing {
            Thing::Admin => {
                row.string("type", "admin");
                row.string("email", &who.name);
                row.optional_provider(self.source.provider);
            }
            _ => {
                let older = self.has(Oddity::SpellingVaries) && self.permille(11, 250);
                row.string("type", if older { "systemuser" } else { "user" });
                row.string("username", &who.name);
            }
        }
    }

    /// `auth_method`: through which channel somebody acted.
    pub(super) fn auth_method(&self, row: &mut Object<'_>) -> bool {
        let method = self.channel();
        let spelled = match method {
            "api key" if self.has(Oddity::SpellingVaries) && self.permille(13, 300) => "api-key",
            method => method,
        };
        row.string("auth_method", spelled);
        method == "api key"
    }

    /// `session` or `api key`.
    pub(super) fn channel(&self) -> &'static str {
        let planted = self.part.and_then(|part| part.auth_method);
        planted.unwrap_or_else(|| if self.permille(12, 120) { "api key" } else { "session" })
    }

    /// `success` of what is not a sign-in; often absent in the field.
    pub(super) fn success(&self, row: &mut Object<'_>) {
        if !(self.has(Oddity::SuccessAbsent) && self.permille(14, 600)) {
            row.boolean("success", self.succeeds(8));
        }
    }

    /// `changes`: the planted ones, or these; an array of one entry can be told as the entry alone.
    pub(super) fn changes(&self, row: &mut Object<'_>, drawn: &str) {
        let planted = self.part.and_then(|part| part.changes.as_deref());
        let changes = planted.unwrap_or(drawn);
        if changes.is_empty() || changes == "null" {
            return row.null("changes");
        }
        let single = changes.strip_prefix('[').and_then(|rest| rest.strip_suffix(']'));
        match single.filter(|_| self.has(Oddity::ChangesChangeShape) && self.permille(15, 300)) {
            Some(entry) if changes.matches("\"field\"").count() == 1 => row.raw("changes", entry),
            _ => row.raw("changes", changes),
        }
    }
}

impl Origin {
    /// The origin of a call by a program.
    pub(super) fn by_program(mut self) -> Self {
        if self.browser == 0 {
            self.browser = places::PROGRAM;
        }
        self
    }
}

fn browser_of(machine: &Machine, entropy: u64) -> u8 {
    use crate::state::device::Platform;
    match machine.platform {
        Platform::Mac => [0, 2][(entropy >> 5 & 1) as usize],
        Platform::Windows => [1, 4][(entropy >> 5 & 1) as usize],
        Platform::Linux => 3,
        Platform::Ios | Platform::Android => 5,
    }
}

/// Appends an address in dotted form.
pub(super) fn write_address(address: Address, out: &mut String) {
    for (place, part) in address.into_iter().enumerate() {
        if place > 0 {
            out.push('.');
        }
        if part >= 100 {
            out.push(char::from(b'0' + part / 100));
        }
        if part >= 10 {
            out.push(char::from(b'0' + part / 10 % 10));
        }
        out.push(char::from(b'0' + part % 10));
    }
}
