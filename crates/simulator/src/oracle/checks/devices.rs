//! E. Devices.

use std::collections::{HashMap, HashSet};

use jiff::civil::Date;

use super::Outcome::{Fail, NotApplicable, Pass, Unknown};
use super::policies::{Control, last_results};
use super::{Check, Look, Outcomes, Tier, fail_if, verdict};
use crate::id::Id;
use crate::oracle::effective;
use crate::state::derived;
use crate::state::device::{Device, Platform};
use crate::state::graph::{Kind, Node};
use crate::state::ssh_key::{self, SshKey};
use crate::state::user::UserState;
use crate::time::DAY;
use crate::words;

pub(super) const CHECKS: &[Check] = &[
    Check::of("device-disk-unencrypted", Tier::A, disk_unencrypted),
    Check::of("device-fde-key-not-escrowed", Tier::A, key_not_escrowed),
    Check::of("device-volume-unprotected", Tier::A, volume_unprotected),
    Check::of("device-screen-lock-not-enforced", Tier::A, screen_lock_not_enforced),
    Check::of("device-firewall-off", Tier::A, firewall_off),
    Check::of("device-os-unsupported", Tier::A, os_unsupported),
    Check::of("device-os-patch-lag", Tier::A, patch_lag),
    Check::of("device-auto-update-off", Tier::A, auto_update_off),
    Check::of("device-antivirus-unhealthy", Tier::A, antivirus_unhealthy),
    Check::of("device-sip-off", Tier::A, sip_off),
    Check::of("device-secure-boot-off", Tier::A, secure_boot_off),
    Check::of("device-agent-silent", Tier::A, agent_silent),
    Check::of("device-agent-outdated", Tier::A, agent_outdated),
    Check::of("device-agent-no-full-disk-access", Tier::A, no_full_disk_access),
    Check::of("device-ssh-root-login", Tier::A, ssh_root_login),
    Check::of("device-ssh-password-auth", Tier::A, ssh_password),
    Check::of("device-unmanaged-local-admin", Tier::A, unmanaged_local_admin),
    Check::of("device-authorized-key-unknown", Tier::A, authorized_key_unknown),
    Check::of("device-no-owner", Tier::A, no_owner),
    Check::of("device-owner-inactive", Tier::A, owner_inactive),
    Check::of("device-sharing-enabled", Tier::A, sharing_enabled),
    Check::of("device-forbidden-software", Tier::A, forbidden_software),
];

/// A fact that the agents of some platforms tell with the device.
fn told(look: &Look<'_>, on: &[Platform], fails: impl Fn(&Device) -> Option<bool>) -> Outcomes {
    look.of_devices(|device| match device {
        device if !on.contains(&device.platform) => NotApplicable,
        device if !look.fresh(device) => Unknown,
        device => verdict(fails(device)),
    })
}

/// A fact that System Insights tells of some platforms.
fn insight(look: &Look<'_>, on: &[Platform], fails: impl Fn(&Device) -> Option<bool>) -> Outcomes {
    look.of_devices(|device| match device {
        device if !on.contains(&device.platform) => NotApplicable,
        device if !look.insight(device) => Unknown,
        device => verdict(fails(device)),
    })
}

const AGENTS: &[Platform] = &[Platform::Mac, Platform::Windows, Platform::Linux];
const UNIX: &[Platform] = &[Platform::Mac, Platform::Linux];

fn disk_unencrypted(look: &Look<'_>) -> Outcomes {
    let on = if look.parameters().include_linux { AGENTS } else { &[Platform::Mac, Platform::Windows] };
    told(look, on, |device| device.encrypted.map(|encrypted| !encrypted))
}

/// A device that does not tell whether it is encrypted is unknown; one that is not has no key to keep.
fn key_not_escrowed(look: &Look<'_>) -> Outcomes {
    look.of_devices(|device| match device.encrypted {
        _ if !AGENTS.contains(&device.platform) => NotApplicable,
        _ if !look.fresh(device) => Unknown,
        Some(false) => NotApplicable,
        encrypted => verdict(encrypted.map(|_| !device.key_escrowed)),
    })
}

/// Every volume of Windows and every mapped one of Linux counts, that of the system too. On a Mac nothing tells whether an
/// open volume beside an encrypted one holds data or belongs to the system: unknown.
fn volume_unprotected(look: &Look<'_>) -> Outcomes {
    insight(look, AGENTS, |device| match device.platform {
        _ if device.encrypted != Some(true) => Some(true),
        Platform::Mac => (!device.open_volume).then_some(false),
        platform => Some(device.open_volume && (platform != Platform::Windows || device.second_volume())),
    })
}

/// Not of telephones (their passcode is another check) and servers. A policy that is pending has not been applied and
/// has not failed.
fn screen_lock_not_enforced(look: &Look<'_>) -> Outcomes {
    let results = last_results(look, Control::Lock);
    look.of_devices(|device| {
        let results = results.get(&device.id).map_or(&[][..], Vec::as_slice);
        match device {
            device if !AGENTS.contains(&device.platform) || !device.desktop() => NotApplicable,
            device if !look.fresh(device) => Unknown,
            _ if results.contains(&derived::Outcome::Success) => Pass,
            _ if results.is_empty() || results.contains(&derived::Outcome::Failed) => Fail,
            _ => Unknown,
        }
    })
}

/// Linux has no table: unknown. By the time of collection, as all of System Insights.
fn firewall_off(look: &Look<'_>) -> Outcomes {
    insight(look, AGENTS, |device| (device.platform != Platform::Linux).then_some(!device.firewall))
}

/// Vendors' ends of support, by the day. Less than 90 days ahead is a fail too. Telephones are in scope, as the catalogue
/// names none; how long an Android gets fixes no vendor's list tells: unknown.
fn os_unsupported(look: &Look<'_>) -> Outcomes {
    let warn = date(look.now + 90 * DAY);
    look.of_devices(|device| match device {
        device if !look.fresh(device) => Unknown,
        device => verdict(support_ends(device).map(|day| day < warn)),
    })
}

fn date(at: i64) -> Date {
    let at = jiff::Timestamp::from_millisecond(at).unwrap_or_default();
    at.to_zoned(jiff::tz::TimeZone::UTC).date()
}

/// The last day of support of a device's release. Apple publishes none: three releases of macOS and two of iOS get fixes,
/// and a release comes in the middle of September.
fn support_ends(device: &Device) -> Option<Date> {
    let (major, _, patch, _) = device.os_version();
    let day = jiff::civil::date;
    Some(match (device.platform, major, patch) {
        (Platform::Mac, 26, _) => day(2028, 9, 15),
        (Platform::Mac, 15, _) => day(2027, 9, 15),
        (Platform::Mac, 13, _) => day(2025, 9, 15),
        (Platform::Ios, 26, _) => day(2027, 9, 15),
        (Platform::Ios, 18, _) => day(2026, 9, 15),
        (Platform::Ios, 16 | 17, _) => day(2025, 9, 15),
        (Platform::Windows, _, 26_200) => day(2027, 10, 12),
        (Platform::Windows, _, 26_100) => day(2026, 10, 13),
        (Platform::Windows, _, 22_631) => day(2025, 11, 11),
        (Platform::Windows, _, 19_045) => day(2025, 10, 14),
        (Platform::Linux, 24, _) => day(2029, 5, 31),
        (Platform::Linux, 22, _) => day(2027, 6, 1),
        (Platform::Linux, 20, _) => day(2025, 5, 31),
        (Platform::Linux, 18, _) => day(2023, 5, 31),
        _ => return None,
    })
}

/// Windows by its newest hotfix, Apple's systems by the versions that were out by the end of 2025. Who is behind those is
/// behind today; who is not can be behind what came out since, which no list of that age tells. There is no list of other
/// systems.
fn patch_lag(look: &Look<'_>) -> Outcomes {
    const LIST_HOLDS: i64 = 180;
    let list = jiff::civil::date(2025, 12, 31);
    let aged = date(look.now - LIST_HOLDS * DAY) > list;
    let windows = insight(look, &[Platform::Windows], |device| {
        // A device that is up to date has four patches, the newest a week old when the organization was made.
        let newest = [8, 36, 71, 161][usize::from(device.behind.min(3))];
        let installed = look.profile().created_at + (7 * 365 - newest) * DAY;
        Some(date(installed) < date(look.now - 30 * DAY))
    });
    look.of_devices(|device| match device.platform {
        Platform::Windows => windows[&device.id.to_string()],
        Platform::Mac | Platform::Ios if look.fresh(device) => match is_behind(device) {
            Some(true) => Fail,
            Some(false) if !aged => Pass,
            _ => Unknown,
        },
        _ => Unknown,
    })
}

/// Whether a newer version of a device's release was out by the end of 2025.
fn is_behind(device: &Device) -> Option<bool> {
    let (major, minor, patch, _) = device.os_version();
    let newest = match (device.platform, major) {
        (Platform::Mac | Platform::Ios, 26) => (2, 0),
        (Platform::Mac, 15) | (Platform::Ios, 18) => (7, 3),
        (Platform::Mac, 13) => (7, 8),
        _ => return None,
    };
    Some((minor, patch) < newest)
}

/// Elsewhere than on Windows nothing tells that updates are off: without a policy that was applied it is unknown.
fn auto_update_off(look: &Look<'_>) -> Outcomes {
    let results = last_results(look, Control::Update);
    look.of_devices(|device| match device.platform {
        Platform::Ios | Platform::Android => NotApplicable,
        Platform::Windows if !look.insight(device) => Unknown,
        Platform::Windows => fail_if(device.behind > 1),
        _ if !look.fresh(device) => Unknown,
        _ if results.get(&device.id).is_some_and(|results| results.contains(&derived::Outcome::Success)) => Pass,
        _ => Unknown,
    })
}

/// Of Windows' own products only those against malware count.
fn antivirus_unhealthy(look: &Look<'_>) -> Outcomes {
    let parameters = look.parameters();
    look.of_devices(|device| match device.platform {
        Platform::Ios | Platform::Android => NotApplicable,
        Platform::Windows if !look.insight(device) => Unknown,
        Platform::Windows => fail_if(device.number.is_multiple_of(15)),
        _ if parameters.edr_names.is_empty() && !parameters.require_on_macos => NotApplicable,
        _ if !software_known(look, device) => Unknown,
        _ if software(device).iter().any(|name| parameters.edr_names.iter().any(|edr| edr == name)) => Pass,
        _ if parameters.require_on_macos => Fail,
        _ => NotApplicable,
    })
}

fn sip_off(look: &Look<'_>) -> Outcomes {
    insight(look, &[Platform::Mac], |device| Some(device.number.is_multiple_of(29)))
}

/// Macs have no such table: not applicable.
fn secure_boot_off(look: &Look<'_>) -> Outcomes {
    insight(look, &[Platform::Windows, Platform::Linux], |device| Some(device.number.is_multiple_of(11)))
}

fn agent_silent(look: &Look<'_>) -> Outcomes {
    look.of_devices(|device| verdict(device.told_contact(look.profile()).flatten().map(|at| look.now - at > 14 * DAY)))
}

/// More than two minor versions behind the newest of its platform in the organization.
fn agent_outdated(look: &Look<'_>) -> Outcomes {
    let minor =
        |device: &Device| -> Option<u32> { device.agent_version(look.profile())?.split('.').nth(1)?.parse().ok() };
    let mut newest: HashMap<Platform, u32> = HashMap::new();
    for device in look.organization.devices.iter() {
        let seen = newest.entry(device.platform).or_default();
        *seen = (*seen).max(minor(device).unwrap_or(0));
    }
    told(look, AGENTS, |device| minor(device).map(|minor| newest[&device.platform] - minor > 2))
}

fn no_full_disk_access(look: &Look<'_>) -> Outcomes {
    told(look, &[Platform::Mac], |device| device.full_disk_access(look.profile()).map(|full| !full))
}

fn ssh_root_login(look: &Look<'_>) -> Outcomes {
    told(look, UNIX, |device| Some(device.ssh_root))
}

fn ssh_password(look: &Look<'_>) -> Outcomes {
    told(look, UNIX, |device| Some(device.ssh_password))
}

/// The account that comes with the system is disabled, and that of the device's user is managed.
fn unmanaged_local_admin(look: &Look<'_>) -> Outcomes {
    told(look, AGENTS, |device| Some(device.unmanaged_admin))
}

/// A device that told of no key at all is unknown, which is every Mac and Windows device here.
fn authorized_key_unknown(look: &Look<'_>) -> Outcomes {
    let profile = look.profile();
    let registered: HashSet<u64> = look
        .organization
        .users
        .iter()
        .flat_map(|user| (0..user.ssh_keys).map(|number| user.ssh_key(profile, number)))
        .filter(|key| key.kind != ssh_key::Kind::Unreadable)
        .map(|key| key.seed)
        .collect();
    insight(look, AGENTS, |device| {
        let known = device.authorized.is_some_and(|user| registered.contains(&SshKey::of(profile, user, 0).seed));
        (device.platform == Platform::Linux).then_some(!known)
    })
}

/// Users bound through groups count. Machines without a desktop are servers.
fn no_owner(look: &Look<'_>) -> Outcomes {
    let groups = &look.organization.device_groups;
    let mut reached: HashSet<Id> = HashSet::new();
    for group in groups.iter() {
        if !look.people_of(Node { kind: Kind::SystemGroup, id: group.id }).is_empty() {
            reached.extend(effective(groups, group.id));
        }
    }
    look.of_devices(|device| {
        let bound = || !look.people_of(Node { kind: Kind::System, id: device.id }).is_empty();
        match device.desktop() {
            false => NotApplicable,
            true => fail_if(device.primary_user.is_none() && !reached.contains(&device.id) && !bound()),
        }
    })
}

/// Devices that name nobody pass; that they have no owner is another check.
fn owner_inactive(look: &Look<'_>) -> Outcomes {
    let inactive = |id: Id| look.organization.users.get(id).is_none_or(|user| user.state == UserState::Suspended);
    look.of_devices(|device| fail_if(device.primary_user.is_some_and(inactive)))
}

/// All six services are watched.
fn sharing_enabled(look: &Look<'_>) -> Outcomes {
    insight(look, &[Platform::Mac], |device| Some(device.number.is_multiple_of(8)))
}

/// Names, bundle identifiers and extensions, each as it is written.
fn forbidden_software(look: &Look<'_>) -> Outcomes {
    let deny = &look.parameters().deny;
    look.of_devices(|device| match device {
        device if deny.is_empty() || !AGENTS.contains(&device.platform) => NotApplicable,
        device if !software_known(look, device) => Unknown,
        device => fail_if(software(device).iter().any(|name| deny.iter().any(|denied| denied == name))),
    })
}

/// Whether the list of programs still holds. Packages of Linux do not say when they were collected: the last contact
/// does.
fn software_known(look: &Look<'_>, device: &Device) -> bool {
    look.insight(device) && (device.platform != Platform::Linux || look.fresh(device))
}

/// What is installed on a device: names and identifiers of programs and extensions.
fn software(device: &Device) -> Vec<&'static str> {
    // The first ones everywhere, and of the others as many as the device's id says.
    let installed = |catalogue: usize, everywhere: usize| {
        let spread = (catalogue - everywhere).max(1) as u64;
        (everywhere + (device.id.entropy() % (spread + 1)) as usize).min(catalogue)
    };
    // Every other name of a hostile device is something else.
    let shown = |number: usize| device.hostile.is_none() || !number.is_multiple_of(2);
    let mut names: Vec<&'static str> = Vec::new();
    let mut put = |number: usize, name: &'static str, identifier: &'static str| {
        names.extend(shown(number).then_some(name));
        names.push(identifier);
    };
    match device.platform {
        Platform::Mac => {
            for (number, (name, bundle, _)) in
                words::MAC_APPS.iter().enumerate().take(installed(words::MAC_APPS.len(), 4))
            {
                put(number, name, bundle);
            }
        }
        Platform::Windows => {
            let count = installed(words::WINDOWS_PROGRAMS.len(), 4);
            for (number, (name, ..)) in words::WINDOWS_PROGRAMS.iter().enumerate().take(count) {
                put(number, name, "");
            }
        }
        _ => {
            let count = installed(words::LINUX_PACKAGES.len(), 6);
            for (number, (name, _)) in words::LINUX_PACKAGES.iter().enumerate().take(count) {
                put(number, name, "");
            }
        }
    }
    for (number, (name, identifier, _)) in
        words::EXTENSIONS.iter().enumerate().take(installed(words::EXTENSIONS.len(), 1))
    {
        put(number, name, identifier);
    }
    names
}
