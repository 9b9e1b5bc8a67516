//! What happens in each attack, step by step, in the terms of the detections that look for it.
//! Responsible for the plays; `episodes` decides when they are given.
//!
//! To add one: a line in `SCRIPTS` and its function. Former users and devices are made up, so that the inventory does
//! not contradict a deletion.

use std::ops::Range;

use super::catalogue;
use super::feed::Source;
use super::hour::{self, Planted};
use super::part::{Item, Part, Thing};
use super::places::{self, Address, FIRST_FAR, PLACES, STRANGE_BROWSER};
use super::roster::{Person, Roster};
use crate::config::Character;
use crate::dice::Dice;
use crate::id::Id;
use crate::state::user::UserState;
use crate::time::{HOUR, MINUTE, SECOND};

/// A play: what it is called, at which hours (UTC) it begins, and what happens.
pub(super) struct Script {
    pub(super) kind: &'static str,
    pub(super) near_miss: bool,
    pub(super) hours: Range<i64>,
    /// Gives `None` when the organization lacks somebody or something that is needed.
    pub(super) play: fn(&mut Stage<'_>) -> Option<()>,
}

const fn attack(kind: &'static str, hours: Range<i64>, play: fn(&mut Stage<'_>) -> Option<()>) -> Script {
    Script { kind, near_miss: false, hours, play }
}

const fn near_miss(kind: &'static str, hours: Range<i64>, play: fn(&mut Stage<'_>) -> Option<()>) -> Script {
    Script { kind, near_miss: true, hours, play }
}

/// All plays.
pub(super) const SCRIPTS: &[Script] = &[
    attack("admin-sign-in-brute-force", 0..23, |stage| admin_brute_force(stage, 9)),
    near_miss("admin-sign-in-brute-force", 7..16, |stage| admin_mistypes(stage, 3)),
    attack("user-sign-in-brute-force", 0..23, |stage| user_brute_force(stage, 14)),
    near_miss("user-sign-in-brute-force", 7..16, |stage| user_brute_force(stage, 5)),
    attack("password-spray", 0..23, |stage| spray(stage, 12, false)),
    near_miss("password-spray", 7..16, |stage| spray(stage, 4, false)),
    attack("credential-stuffing-success", 0..23, |stage| spray(stage, 10, true)),
    attack("lockout-burst", 0..23, lockouts),
    attack("mfa-fatigue", 0..23, |stage| mfa_fatigue(stage, 7)),
    near_miss("mfa-fatigue", 7..16, |stage| mfa_fatigue(stage, 2)),
    attack("admin-sign-in-without-mfa", 7..18, admin_without_mfa),
    attack("admin-sign-in-new-country", 0..23, admin_abroad),
    attack("impossible-travel", 7..16, impossible_travel),
    attack("admin-sign-in-new-client", 7..18, admin_new_client),
    attack("admin-created", 0..4, admin_created),
    attack("admin-role-raised", 7..18, admin_role_raised),
    attack("admin-mfa-disabled", 7..18, admin_mfa_disabled),
    attack("admin-takeover-chain", 0..20, admin_takeover),
    attack("api-key-changed", 7..18, api_key_changed),
    attack("old-api-key-used", 0..23, old_api_key),
    attack("api-key-new-address", 0..23, api_key_new_address),
    attack("connection-identity-changed-something", 0..23, connection_changed_something),
    attack("organisation-security-weakened", 7..18, security_weakened),
    attack("logging-or-alerting-disabled", 7..18, alerting_disabled),
    attack("access-policy-weakened", 7..18, access_policy_weakened),
    attack("ip-list-widened", 7..18, ip_list_widened),
    attack("device-policy-removed", 7..18, policies_removed),
    attack("mass-user-deletion", 0..23, |stage| mass_deletion(stage, 14)),
    near_miss("mass-user-deletion", 7..16, |stage| mass_deletion(stage, 4)),
    attack("mass-device-removal-or-wipe", 0..23, mass_wipe),
    attack("command-created-and-run", 0..23, command_created_and_run),
    attack("command-run-fleet-wide", 7..18, command_fleet_wide),
    attack("disk-recovery-key-read", 7..18, recovery_keys_read),
    attack("remote-assist-unusual", 0..4, remote_assist),
    attack("local-admin-granted", 7..18, local_admin),
    attack("suspended-user-reactivated", 7..18, suspended_reactivated),
    attack("sign-in-by-suspended-user", 7..18, suspended_signs_in),
    attack("new-user-privileged", 7..18, new_user_privileged),
    attack("password-manager-export", 0..23, vault_export),
    attack("password-manager-mass-reveal", 7..18, |stage| vault_reveal(stage, 26)),
    near_miss("password-manager-mass-reveal", 7..16, |stage| vault_reveal(stage, 8)),
    attack("password-manager-backup-restore", 7..18, vault_restore),
    attack("sso-trust-changed", 7..18, sso_trust_changed),
    attack("identity-source-added", 7..18, identity_source_added),
    attack("factor-reset-and-new-enrolment", 7..18, factor_reset),
    attack("access-request-self-approved", 7..18, self_approved),
];

/// Where a play is given: the people of the time, and the events so far.
pub(super) struct Stage<'a> {
    source: &'a Source,
    roster: &'a Roster,
    /// The time of the next event.
    now: i64,
    dice: Dice,
    events: Vec<Planted>,
    actors: Vec<Id>,
    addresses: Vec<Address>,
}

impl<'a> Stage<'a> {
    pub(super) fn new(source: &'a Source, roster: &'a Roster, from: i64, dice: Dice) -> Self {
        let (events, actors, addresses) = (Vec::new(), Vec::new(), Vec::new());
        Self { source, roster, now: from, dice, events, actors, addresses }
    }

    /// Ends the play: its events, who was in it, and the addresses.
    pub(super) fn close(self) -> (Vec<Planted>, Vec<Id>, Vec<String>) {
        let addresses = self.addresses.iter().map(|[a, b, c, d]| format!("{a}.{b}.{c}.{d}")).collect();
        (self.events, self.actors, addresses)
    }

    /// Something happens now; time goes on by up to `pause` afterwards.
    fn happens(&mut self, service: &'static str, name: &'static str, pause: i64, part: Part) {
        let kind = catalogue::number_of(service, name);
        for id in [&part.actor, &part.target].into_iter().flatten().map(|item| item.id) {
            if !self.actors.contains(&id) {
                self.actors.push(id);
            }
        }
        if let Some(address) = part.address.filter(|address| !self.addresses.contains(address)) {
            self.addresses.push(address);
        }
        let slot = hour::slot(self.source, self.now, self.dice.next(), kind, &mut self.dice);
        // Planted events are as they are told: nothing strange hides them.
        self.events.push((super::slot::Slot { flags: 0, ..slot }, part));
        self.now += pause / 2 + self.dice.below(pause as u64 / 2 + 1) as i64;
    }

    fn person(&mut self) -> Option<&'a Person> {
        let active = &self.roster.active;
        if active.is_empty() {
            return None;
        }
        // Whoever was there for long enough.
        (0..20).find_map(|_| {
            let person = &self.roster.people[active[self.dice.index(active.len())] as usize];
            (person.id.seconds() * SECOND < self.now - HOUR).then_some(person)
        })
    }

    fn user(&mut self) -> Option<Item> {
        self.person().map(|person| person.item(&self.source.profile))
    }

    /// Different users.
    fn users(&mut self, count: usize) -> Option<Vec<Item>> {
        let mut users: Vec<Item> = Vec::new();
        for _ in 0..count * 6 {
            let user = self.user()?;
            if !users.contains(&user) {
                users.push(user);
            }
            if users.len() == count {
                return Some(users);
            }
        }
        None
    }

    fn thing(&mut self, thing: Thing) -> Option<Item> {
        let named = self.roster.things.pick(thing, self.dice.next())?;
        Some(Item { thing, id: named.id, name: named.name.clone() })
    }

    /// Somebody who may change things, and signs in at times.
    fn admin(&mut self) -> Option<Item> {
        let roster = self.roster;
        let before = self.now - HOUR;
        let named = (0..20)
            .filter_map(|_| roster.things.pick_changer(self.dice.next()))
            .find(|named| named.id.seconds() * SECOND < before)?;
        Some(Item { thing: Thing::Admin, id: named.id, name: named.name.clone() })
    }

    /// An application that is in use.
    fn application(&mut self) -> Option<Item> {
        let named = self.roster.things.pick_used(Thing::Application, self.dice.next())?;
        Some(Item { thing: Thing::Application, id: named.id, name: named.name.clone() })
    }

    fn device(&mut self) -> Option<Item> {
        if self.roster.machines.is_empty() {
            return None;
        }
        let machine = &self.roster.machines[self.dice.index(self.roster.machines.len())];
        Some(machine.item(&self.source.profile))
    }

    /// Somebody or something that is not in the inventory (any more).
    fn former(&mut self, thing: Thing) -> Item {
        let id = Id::new(self.now - 400 * 24 * HOUR, self.dice.next());
        let name = match thing {
            Thing::Device => format!("former-device-{}", self.dice.below(10_000)),
            _ => format!("former.colleague{}", self.dice.below(10_000)),
        };
        Item { thing, id, name }
    }

    /// An attacker's address, place and browser.
    fn attacker(&mut self) -> Part {
        let place = FIRST_FAR + self.dice.index(PLACES.len() - usize::from(FIRST_FAR)) as u8;
        Part {
            address: Some(places::far(self.dice.next())),
            place: Some(place),
            browser: Some(STRANGE_BROWSER),
            ..Part::default()
        }
    }
}

/// Who did what, through the console.
fn by(actor: &Item, target: Option<Item>) -> Part {
    Part { actor: Some(actor.clone()), target, success: Some(true), auth_method: Some("session"), ..Part::default() }
}

fn with_changes(part: Part, changes: &str) -> Part {
    Part { changes: Some(changes.to_owned()), ..part }
}

const PASSWORD_WRONG: &[(&str, bool)] = &[("password", false)];
const PUSH_REFUSED: &[(&str, bool)] = &[("password", true), ("jumpcloud_protect", false)];
const PUSH_ACCEPTED: &[(&str, bool)] = &[("password", true), ("jumpcloud_protect", true)];
const PASSWORD_ALONE: &[(&str, bool)] = &[("password", true)];

fn failed(from: &Part, actor: &Item) -> Part {
    Part {
        actor: Some(actor.clone()),
        success: Some(false),
        mfa: Some(false),
        factors: Some(PASSWORD_WRONG),
        error: Some("Incorrect credentials"),
        ..from.clone()
    }
}

fn succeeded(from: &Part, actor: &Item, mfa: bool) -> Part {
    Part {
        actor: Some(actor.clone()),
        success: Some(true),
        mfa: Some(mfa),
        factors: Some(if mfa { PUSH_ACCEPTED } else { PASSWORD_ALONE }),
        ..from.clone()
    }
}

fn admin_brute_force(stage: &mut Stage<'_>, tries: usize) -> Option<()> {
    let (admin, from) = (stage.admin()?, stage.attacker());
    for _ in 0..tries {
        stage.happens("directory", "admin_login_attempt", 40 * SECOND, failed(&from, &admin));
    }
    stage.now += 5 * MINUTE;
    stage.happens("directory", "admin_login_attempt", MINUTE, succeeded(&from, &admin, true));
    Some(())
}

fn admin_mistypes(stage: &mut Stage<'_>, tries: usize) -> Option<()> {
    let admin = stage.admin()?;
    for _ in 0..tries {
        stage.happens("directory", "admin_login_attempt", 20 * SECOND, failed(&Part::default(), &admin));
    }
    stage.happens("directory", "admin_login_attempt", MINUTE, succeeded(&Part::default(), &admin, true));
    Some(())
}

fn user_brute_force(stage: &mut Stage<'_>, tries: usize) -> Option<()> {
    let (user, from) = (stage.user()?, stage.attacker());
    for _ in 0..tries {
        stage.happens("directory", "user_login_attempt", 30 * SECOND, failed(&from, &user));
    }
    Some(())
}

fn spray(stage: &mut Stage<'_>, people: usize, success: bool) -> Option<()> {
    let (users, from) = (stage.users(people)?, stage.attacker());
    for user in &users {
        stage.happens("directory", "user_login_attempt", 90 * SECOND, failed(&from, user));
    }
    if success {
        stage.now += 10 * MINUTE;
        let user = users.last()?;
        stage.happens("directory", "user_login_attempt", MINUTE, succeeded(&from, user, false));
        let mut part = succeeded(&from, user, false);
        part.target = Some(stage.application()?);
        stage.happens("sso", "sso_auth", MINUTE, part);
    }
    Some(())
}

fn lockouts(stage: &mut Stage<'_>) -> Option<()> {
    for user in stage.users(7)? {
        let part = Part { target: Some(user), success: Some(true), ..Part::default() };
        stage.happens("directory", "user_lockout", 90 * SECOND, part);
    }
    Some(())
}

fn mfa_fatigue(stage: &mut Stage<'_>, pushes: usize) -> Option<()> {
    let (user, from) = (stage.user()?, stage.attacker());
    for _ in 0..pushes {
        let part = Part {
            mfa: Some(true),
            factors: Some(PUSH_REFUSED),
            error: Some("MFA challenge failed"),
            ..failed(&from, &user)
        };
        stage.happens("directory", "user_login_attempt", 70 * SECOND, part);
    }
    stage.happens("directory", "user_login_attempt", MINUTE, succeeded(&from, &user, true));
    Some(())
}

fn admin_without_mfa(stage: &mut Stage<'_>) -> Option<()> {
    let admin = stage.admin()?;
    stage.happens("directory", "admin_login_attempt", MINUTE, succeeded(&Part::default(), &admin, false));
    Some(())
}

fn admin_abroad(stage: &mut Stage<'_>) -> Option<()> {
    let (admin, from) = (stage.admin()?, stage.attacker());
    stage.happens("directory", "admin_login_attempt", MINUTE, succeeded(&from, &admin, true));
    Some(())
}

fn impossible_travel(stage: &mut Stage<'_>) -> Option<()> {
    let (user, from) = (stage.user()?, stage.attacker());
    stage.happens("directory", "user_login_attempt", 25 * MINUTE, succeeded(&Part::default(), &user, true));
    stage.happens("directory", "user_login_attempt", MINUTE, succeeded(&from, &user, true));
    Some(())
}

fn admin_new_client(stage: &mut Stage<'_>) -> Option<()> {
    let admin = stage.admin()?;
    let from = Part { place: Some(stage.source.home), ..stage.attacker() };
    stage.happens("directory", "admin_login_attempt", MINUTE, succeeded(&from, &admin, true));
    Some(())
}

fn admin_created(stage: &mut Stage<'_>) -> Option<()> {
    let admin = stage.admin()?;
    let mut created = stage.former(Thing::Admin);
    created.id = Id::new(stage.now, stage.dice.next());
    created.name = format!("helper{}@{}", stage.dice.below(100), stage.source.profile.domain);
    let part = by(&admin, Some(created.clone()));
    let part = with_changes(part, r#"[{"field":"roleName","to":"Administrator With Billing"}]"#);
    stage.happens("directory", "admin_create", 30 * MINUTE, part);
    // It is gone before anybody lists administrators.
    stage.happens("directory", "admin_delete", MINUTE, by(&admin, Some(created)));
    Some(())
}

fn admin_role_raised(stage: &mut Stage<'_>) -> Option<()> {
    let (admin, target) = (stage.admin()?, stage.admin()?);
    let changes = r#"[{"field":"roleName","from":"Help Desk","to":"Administrator With Billing"}]"#;
    stage.happens("directory", "admin_update", MINUTE, with_changes(by(&admin, Some(target)), changes));
    Some(())
}

fn admin_mfa_disabled(stage: &mut Stage<'_>) -> Option<()> {
    let (admin, target) = (stage.admin()?, stage.admin()?);
    stage.happens("directory", "admin_totp_disable", MINUTE, by(&admin, Some(target.clone())));
    let changes = r#"[{"field":"enableMultiFactor","from":true,"to":false}]"#;
    stage.happens("directory", "admin_update", MINUTE, with_changes(by(&admin, Some(target)), changes));
    Some(())
}

fn admin_takeover(stage: &mut Stage<'_>) -> Option<()> {
    let (admin, from) = (stage.admin()?, stage.attacker());
    for name in [
        "admin_password_reset_request",
        "admin_password_change",
        "admin_totp_start_enrollment",
        "admin_totp_finish_enrollment",
    ] {
        let part =
            Part { success: Some(true), actor: Some(admin.clone()), target: Some(admin.clone()), ..from.clone() };
        stage.happens("directory", name, 12 * MINUTE, part);
    }
    stage.happens("directory", "admin_login_attempt", MINUTE, succeeded(&from, &admin, true));
    Some(())
}

fn api_key_changed(stage: &mut Stage<'_>) -> Option<()> {
    let admin = stage.admin()?;
    let changes = r#"[{"field":"apiKeyUpdatedAt","from":"2026-01-10T09:00:00.000Z","to":"2026-06-10T09:00:00.000Z"}]"#;
    stage.happens("directory", "admin_update", MINUTE, with_changes(by(&admin, Some(admin.clone())), changes));
    Some(())
}

fn old_api_key(stage: &mut Stage<'_>) -> Option<()> {
    let (admin, from) = (stage.admin()?, stage.attacker());
    for _ in 0..3 {
        let part = Part { actor: Some(admin.clone()), success: Some(false), ..from.clone() };
        stage.happens("directory", "admin_old_api_key_attempt", 5 * MINUTE, part);
    }
    Some(())
}

fn api_key_new_address(stage: &mut Stage<'_>) -> Option<()> {
    let (admin, from) = (stage.admin()?, stage.attacker());
    let (group, user) = (stage.thing(Thing::UserGroup)?, stage.user()?);
    for word in ["add", "remove"] {
        let part = Part {
            actor: Some(admin.clone()),
            target: Some(group.clone()),
            other: Some(user.clone()),
            word: Some(word),
            auth_method: Some("api key"),
            success: Some(true),
            browser: Some(places::PROGRAM),
            ..from.clone()
        };
        stage.happens("directory", "association_change", 3 * MINUTE, part);
    }
    Some(())
}

/// The first administrator of the role Read Only (or the first at all) is who a read-only key belongs to.
fn connection_changed_something(stage: &mut Stage<'_>) -> Option<()> {
    // Nobody has got hold of a key of those who look after theirs.
    if stage.source.profile.character == Character::Tidy {
        return None;
    }
    let own = stage.roster.things.reader()?;
    let reader = Item { thing: Thing::Admin, id: own.id, name: own.name.clone() };
    let group = stage.thing(Thing::UserGroup)?;
    let part = Part { auth_method: Some("api key"), browser: Some(places::PROGRAM), ..by(&reader, Some(group)) };
    stage.happens("directory", "group_update", MINUTE, part);
    Some(())
}

fn security_weakened(stage: &mut Stage<'_>) -> Option<()> {
    let (admin, organization) = (stage.admin()?, stage.thing(Thing::Organization)?);
    let changes = r#"[{"field":"settings.passwordPolicy.minLength","from":12,"to":6},{"field":"settings.requireAdminMFA","from":true,"to":false}]"#;
    stage.happens("directory", "organization_update", MINUTE, with_changes(by(&admin, Some(organization)), changes));
    Some(())
}

fn alerting_disabled(stage: &mut Stage<'_>) -> Option<()> {
    let (admin, rule, channel) = (stage.admin()?, stage.thing(Thing::Rule)?, stage.thing(Thing::Channel)?);
    stage.happens("alerts", "rule_deleted", 2 * MINUTE, by(&admin, Some(rule)));
    stage.happens("notifications", "notification_channel_deleted", 2 * MINUTE, by(&admin, Some(channel)));
    let organization = stage.thing(Thing::Organization)?;
    let changes = r#"[{"field":"settings.features.directoryInsights.enabled","from":true,"to":false}]"#;
    stage.happens("directory", "organization_update", MINUTE, with_changes(by(&admin, Some(organization)), changes));
    Some(())
}

fn access_policy_weakened(stage: &mut Stage<'_>) -> Option<()> {
    let (admin, policy) = (stage.admin()?, stage.thing(Thing::AuthnPolicy)?);
    let changes =
        r#"[{"field":"disabled","from":false,"to":true},{"field":"obligations.mfa.required","from":true,"to":false}]"#;
    stage.happens("directory", "authpolicy_update", MINUTE, with_changes(by(&admin, Some(policy)), changes));
    Some(())
}

fn ip_list_widened(stage: &mut Stage<'_>) -> Option<()> {
    let (admin, list) = (stage.admin()?, stage.thing(Thing::IpList)?);
    let changes = r#"[{"field":"ips","from":["198.51.100.0/24"],"to":["198.51.100.0/24","0.0.0.0/1"]}]"#;
    stage.happens("directory", "iplist_update", MINUTE, with_changes(by(&admin, Some(list)), changes));
    Some(())
}

fn policies_removed(stage: &mut Stage<'_>) -> Option<()> {
    let admin = stage.admin()?;
    for name in ["FileVault", "Lock Screen", "Firewall", "Gatekeeper"] {
        let mut policy = stage.former(Thing::Policy);
        policy.name = format!("former {name}");
        stage.happens("directory", "policy_delete", 90 * SECOND, by(&admin, Some(policy)));
    }
    Some(())
}

fn mass_deletion(stage: &mut Stage<'_>, count: usize) -> Option<()> {
    let admin = stage.admin()?;
    for _ in 0..count {
        let user = stage.former(Thing::User);
        stage.happens("directory", "user_delete", 30 * SECOND, by(&admin, Some(user)));
    }
    Some(())
}

fn mass_wipe(stage: &mut Stage<'_>) -> Option<()> {
    let admin = stage.admin()?;
    for number in 0..8 {
        let device = stage.former(Thing::Device);
        let wipe = Part { word: Some("EraseDevice"), ..by(&admin, Some(device.clone())) };
        stage.happens("mdm", "mdm_command_result", 20 * SECOND, wipe);
        if number % 2 == 0 {
            stage.happens("directory", "system_delete", 20 * SECOND, by(&admin, Some(device)));
        }
    }
    Some(())
}

fn command_created_and_run(stage: &mut Stage<'_>) -> Option<()> {
    let (admin, from) = (stage.admin()?, stage.attacker());
    let mut command = stage.former(Thing::Command);
    command.name = "update-helper".to_owned();
    stage.happens("directory", "admin_login_attempt", 4 * MINUTE, succeeded(&from, &admin, true));
    let part = |target: Item| Part {
        auth_method: Some("session"),
        success: Some(true),
        actor: Some(admin.clone()),
        target: Some(target),
        ..from.clone()
    };
    stage.happens("directory", "command_create", 5 * MINUTE, part(command.clone()));
    for _ in 0..3 {
        let device = stage.device()?;
        let run = Part { other: Some(device), ..part(command.clone()) };
        stage.happens("directory", "command_run", 30 * SECOND, run);
    }
    stage.happens("directory", "command_delete", MINUTE, part(command));
    Some(())
}

fn command_fleet_wide(stage: &mut Stage<'_>) -> Option<()> {
    let (admin, command) = (stage.admin()?, stage.thing(Thing::Command)?);
    let roster = stage.roster;
    for machine in roster.machines.iter().take(28) {
        let device = machine.item(&stage.source.profile);
        let part = Part { other: Some(device), ..by(&admin, Some(command.clone())) };
        stage.happens("directory", "command_run", 15 * SECOND, part);
    }
    Some(())
}

fn recovery_keys_read(stage: &mut Stage<'_>) -> Option<()> {
    let admin = stage.admin()?;
    for _ in 0..4 {
        let device = stage.device()?;
        stage.happens("systems", "system_fde_key_decrypt", 8 * MINUTE, by(&admin, Some(device)));
    }
    Some(())
}

fn remote_assist(stage: &mut Stage<'_>) -> Option<()> {
    let (admin, device) = (stage.admin()?, stage.device()?);
    for (name, pause) in
        [("remote_session_start", MINUTE), ("remote_session_join", 20 * MINUTE), ("remote_session_end", MINUTE)]
    {
        stage.happens("systems", name, pause, by(&admin, Some(device.clone())));
    }
    Some(())
}

fn local_admin(stage: &mut Stage<'_>) -> Option<()> {
    let (admin, user) = (stage.admin()?, stage.user()?);
    stage.happens("directory", "user_admin_granted", MINUTE, by(&admin, Some(user)));
    Some(())
}

fn suspended_reactivated(stage: &mut Stage<'_>) -> Option<()> {
    let (admin, user, from) = (stage.admin()?, stage.user()?, stage.attacker());
    stage.happens("directory", "user_unsuspended", 2 * HOUR, by(&admin, Some(user.clone())));
    stage.happens("directory", "user_login_attempt", MINUTE, succeeded(&from, &user, false));
    Some(())
}

fn suspended_signs_in(stage: &mut Stage<'_>) -> Option<()> {
    let suspended = stage.roster.people.iter().find(|person| person.state == UserState::Suspended)?;
    let user = suspended.item(&stage.source.profile);
    let mut part = succeeded(&Part::default(), &user, false);
    part.target = Some(stage.application()?);
    stage.happens("sso", "sso_auth", MINUTE, part);
    Some(())
}

fn new_user_privileged(stage: &mut Stage<'_>) -> Option<()> {
    let (admin, group) = (stage.admin()?, stage.thing(Thing::UserGroup)?);
    let mut user = stage.former(Thing::User);
    user.id = Id::new(stage.now, stage.dice.next());
    user.name = format!("visitor{}", stage.dice.below(1000));
    stage.happens("directory", "user_create", 10 * MINUTE, by(&admin, Some(user.clone())));
    let joins = Part { other: Some(user.clone()), word: Some("add"), ..by(&admin, Some(group)) };
    stage.happens("directory", "association_change", 10 * MINUTE, joins);
    stage.happens("directory", "user_admin_granted", 40 * MINUTE, by(&admin, Some(user.clone())));
    stage.happens("directory", "user_delete", MINUTE, by(&admin, Some(user)));
    Some(())
}

fn vault_export(stage: &mut Stage<'_>) -> Option<()> {
    let user = stage.user()?;
    stage.happens("password_manager", "passwordmanager_items_export", MINUTE, by(&user, None));
    stage.happens("password_manager", "passwordmanager_local_backup_create", MINUTE, by(&user, None));
    Some(())
}

fn vault_reveal(stage: &mut Stage<'_>, count: usize) -> Option<()> {
    let user = stage.user()?;
    for number in 0..count {
        let name = if number % 2 == 0 { "passwordmanager_item_reveal" } else { "passwordmanager_item_copy" };
        stage.happens("password_manager", name, 15 * SECOND, by(&user, None));
    }
    Some(())
}

fn vault_restore(stage: &mut Stage<'_>) -> Option<()> {
    let user = stage.user()?;
    for name in [
        "passwordmanager_backup_key_create",
        "passwordmanager_backup_request",
        "passwordmanager_backup_request_approve",
        "passwordmanager_backup_request_restore",
    ] {
        stage.happens("password_manager", name, 6 * MINUTE, by(&user, None));
    }
    Some(())
}

fn sso_trust_changed(stage: &mut Stage<'_>) -> Option<()> {
    let (admin, application) = (stage.admin()?, stage.thing(Thing::Application)?);
    let changes = r#"[{"field":"config.acsUrl","from":"https://app.example/saml/acs","to":"https://elsewhere.example/acs"},{"field":"config.signAssertion","from":true,"to":false}]"#;
    stage.happens("directory", "application_update", MINUTE, with_changes(by(&admin, Some(application)), changes));
    Some(())
}

fn identity_source_added(stage: &mut Stage<'_>) -> Option<()> {
    let admin = stage.admin()?;
    let mut idsource = stage.former(Thing::IdSource);
    idsource.name = "new identity source".to_owned();
    stage.happens("directory", "idsource_create", 20 * MINUTE, by(&admin, Some(idsource.clone())));
    stage.happens("directory", "idsource_delete", MINUTE, by(&admin, Some(idsource)));
    Some(())
}

fn factor_reset(stage: &mut Stage<'_>) -> Option<()> {
    let (admin, user, from) = (stage.admin()?, stage.user()?, stage.attacker());
    stage.happens("directory", "totp_delete_enrollment", 3 * HOUR, by(&admin, Some(user.clone())));
    for name in ["totp_start_enrollment", "totp_finish_enrollment"] {
        let part = Part { actor: Some(user.clone()), target: Some(user.clone()), success: Some(true), ..from.clone() };
        stage.happens("directory", name, 2 * MINUTE, part);
    }
    Some(())
}

fn self_approved(stage: &mut Stage<'_>) -> Option<()> {
    let user = stage.user()?;
    let reference = Some(Id::new(stage.now, stage.dice.next()));
    for name in ["access_management_access_request", "access_management_access_request_approval"] {
        let part = Part { reference, ..by(&user, None) };
        stage.happens("access_management", name, 4 * MINUTE, part);
    }
    Some(())
}
