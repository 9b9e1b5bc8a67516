//! Devices (`systems`): what is kept of each, and how one is made up.
//! Responsible for the facts of a device. Its row is written in `device_row`; what agents report is in `insights`.

use crate::dice::Dice;
use crate::id::Id;
use crate::oddity::Oddity;
use crate::state::Profile;
use crate::state::table::Identified;
use crate::time::{DAY, HOUR, MINUTE};
use crate::words;

/// A device, compact enough to keep very many.
#[derive(Clone, Debug)]
pub(crate) struct Device {
    pub(crate) id: Id,
    /// Identity of the hardware; two devices with one number are the same machine, installed twice.
    pub(crate) number: u32,
    pub(crate) revision: u32,
    pub(crate) created_at: i64,
    pub(crate) last_contact: Option<i64>,
    pub(crate) platform: Platform,
    /// How many releases the operating system is behind.
    pub(crate) behind: u8,
    /// Disk encryption; `None` where the agent does not tell.
    pub(crate) encrypted: Option<bool>,
    pub(crate) key_escrowed: bool,
    pub(crate) mdm: bool,
    pub(crate) user_approved: bool,
    pub(crate) insights: InsightsState,
    pub(crate) ssh_password: bool,
    pub(crate) ssh_root: bool,
    pub(crate) mfa_login: bool,
    pub(crate) unmanaged_admin: bool,
    pub(crate) firewall: bool,
    /// A volume beside the system's is not encrypted.
    pub(crate) open_volume: bool,
    /// Apple MDM tells of the encryption what the agent does not.
    pub(crate) mdm_disagrees: bool,
    /// Number of the user whose key opens the device over SSH; `None` for a key of nobody.
    pub(crate) authorized: Option<u32>,
    pub(crate) primary_user: Option<Id>,
    pub(crate) hostile: Option<u8>,
}

/// The operating system family of a device.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub(crate) enum Platform {
    Mac,
    Windows,
    Linux,
    Ios,
    Android,
}

/// The System Insights state of a device.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum InsightsState {
    Enabled,
    Disabled,
    Deferred,
}

impl Identified for Device {
    fn id(&self) -> Id {
        self.id
    }
}

impl Platform {
    /// The word in `osFamily`.
    pub(crate) fn family(self) -> &'static str {
        match self {
            Self::Mac => "darwin",
            Self::Windows => "windows",
            Self::Linux => "linux",
            Self::Ios => "ios",
            Self::Android => "android",
        }
    }

    /// Whether the full agent (rather than MDM alone) runs on the device.
    pub(crate) fn has_agent(self) -> bool {
        matches!(self, Self::Mac | Self::Windows | Self::Linux)
    }
}

impl Device {
    /// Makes up the device with this hardware number as it was enrolled at `created_at`.
    pub(crate) fn grow(profile: &Profile, number: u32, created_at: i64, now: i64) -> Self {
        let mut dice = Dice::of(profile.seed, "device", u64::from(number));
        let bad = profile.bad();
        let id = Id::new(created_at, dice.next());
        let platform = match dice.below(100) {
            0..45 => Platform::Mac,
            45..78 => Platform::Windows,
            78..92 => Platform::Linux,
            92..98 => Platform::Ios,
            _ => Platform::Android,
        };
        let last_contact = if dice.permille(bad(1, 15, 5)) {
            None
        } else if dice.permille(bad(20, 250, 60)) {
            Some(now - (15 + dice.below(300) as i64) * DAY)
        } else if dice.permille(600) {
            Some(now - dice.below(5 * MINUTE as u64) as i64)
        } else {
            Some(now - dice.below(6 * DAY as u64) as i64)
        };
        let encryption_known = platform != Platform::Android && (platform != Platform::Linux || dice.permille(500));
        let encrypted = encryption_known.then(|| !dice.permille(bad(15, 350, 90)));
        let mdm = match platform {
            Platform::Mac => !dice.permille(bad(20, 450, 120)),
            Platform::Windows => !dice.permille(bad(40, 700, 350)),
            Platform::Linux => false,
            Platform::Ios | Platform::Android => true,
        };
        Self {
            id,
            number,
            revision: 0,
            created_at,
            last_contact: last_contact.map(|at| at.max(created_at + HOUR)),
            platform,
            behind: if dice.permille(bad(80, 600, 250)) { 1 + dice.below(4) as u8 } else { 0 },
            encrypted,
            key_escrowed: encrypted == Some(true) && !dice.permille(bad(20, 300, 80)),
            mdm,
            user_approved: mdm && !dice.permille(bad(10, 200, 40)),
            insights: match dice.below(1000) {
                0..30 => InsightsState::Disabled,
                30..50 => InsightsState::Deferred,
                _ if platform.has_agent() => InsightsState::Enabled,
                _ => InsightsState::Disabled,
            },
            ssh_password: platform == Platform::Linux && dice.permille(bad(30, 600, 200)),
            ssh_root: platform == Platform::Linux && dice.permille(bad(10, 350, 90)),
            mfa_login: !dice.permille(bad(100, 900, 500)),
            unmanaged_admin: platform.has_agent() && dice.permille(bad(20, 400, 130)),
            firewall: !dice.permille(bad(15, 400, 100)),
            open_volume: dice.permille(bad(20, 200, 80)),
            mdm_disagrees: mdm && number % 23 == 4,
            authorized: None,
            primary_user: None,
            hostile: (profile.hostile && dice.permille(300)).then(|| (number % words::HOSTILE.len() as u32) as u8),
        }
    }

    /// The serial number burnt into the hardware.
    pub(crate) fn serial(&self, profile: &Profile) -> String {
        const LETTERS: &[u8] = b"ABCDEFGHJKLMNPQRSTUVWXYZ0123456789";
        let mut dice = Dice::of(profile.seed, "serial", u64::from(self.number));
        (0..10).map(|_| char::from(*dice.pick(LETTERS))).chain(format!("{:X}", self.number).chars()).collect()
    }

    /// The short machine name.
    pub(crate) fn name(&self, profile: &Profile) -> String {
        hostname(profile, self.platform, self.number)
    }

    /// The version parts of the operating system: major, minor, patch, release name.
    pub(crate) fn os_version(&self) -> (u32, u32, u32, &'static str) {
        let behind = u32::from(self.behind);
        match self.platform {
            Platform::Mac if behind < 2 => (26, 1 - behind, 0, "Tahoe"),
            Platform::Mac if behind < 4 => (15, 7 - behind, 1, "Sequoia"),
            Platform::Mac => (13, 6, 4, "Ventura"),
            // Windows 11 25H2, 24H2 and 23H2, then Windows 10.
            Platform::Windows => (
                10,
                0,
                [26_200, 26_100, 22_631, 19_045][behind.min(3) as usize],
                ["25H2", "24H2", "23H2", "22H2"][behind.min(3) as usize],
            ),
            Platform::Linux => (
                24 - 2 * behind.min(3),
                4,
                0,
                ["Noble Numbat", "Jammy Jellyfish", "Focal Fossa", "Bionic Beaver"][behind.min(3) as usize],
            ),
            // After 18 came 26.
            Platform::Ios => ([26, 18, 17, 16][behind.min(3) as usize], 1, 0, ""),
            Platform::Android => (16 - behind.min(4), 0, 0, ""),
        }
    }

    /// The last contact as rows tell it: a time, `Some(None)` for null, `None` when the field is missing.
    pub(crate) fn told_contact(&self, profile: &Profile) -> Option<Option<i64>> {
        let gaps = profile.oddities.has(Oddity::LastContactGaps);
        match profile.dice("contact gap", u64::from(self.number)).below(12) {
            0 if gaps => Some(None),
            1 if gaps => None,
            _ => Some(self.last_contact),
        }
    }

    /// Bits that decide details that mean nothing to anyone, and a few that checks look at.
    pub(crate) fn shape(&self, profile: &Profile) -> u64 {
        profile.dice("device details", u64::from(self.number)).next()
    }

    /// The version of the agent; `None` where only MDM manages the device.
    pub(crate) fn agent_version(&self, profile: &Profile) -> Option<&'static str> {
        let place = (self.shape(profile) >> 3) as usize % 10;
        let version = match place {
            0..=6 => "2.61.0",
            7 | 8 => "2.60.3",
            _ => "2.58.1",
        };
        self.platform.has_agent().then_some(version)
    }

    /// Whether the agent has full access to the disk; `None` where it does not tell.
    pub(crate) fn full_disk_access(&self, profile: &Profile) -> Option<bool> {
        let shape = self.shape(profile);
        (self.platform == Platform::Mac && shape >> 40 & 15 != 0).then_some(shape & 7 != 0)
    }

    /// Whether somebody sits at it: everything but most of the Linux machines.
    pub(crate) fn desktop(&self) -> bool {
        self.platform != Platform::Linux || self.number % 4 == 1
    }

    /// Windows: whether there is a data volume beside the system's.
    pub(crate) fn second_volume(&self) -> bool {
        self.open_volume || self.number.is_multiple_of(2)
    }

    /// Which MDM the device is under, in JumpCloud's words; `None` where the row does not tell.
    pub(crate) fn mdm_vendor(&self, profile: &Profile) -> Option<&'static str> {
        match self.platform {
            Platform::Linux => None,
            _ if self.mdm => Some("internal"),
            _ if self.shape(profile) >> 20 & 7 == 0 => Some("external"),
            _ => Some("none"),
        }
    }

    /// Whether the device is a person's own with a managed part.
    pub(crate) fn user_enrollment(&self) -> bool {
        self.platform == Platform::Ios && self.number % 5 == 1
    }

    /// Whether the MDM may do everything with it.
    pub(crate) fn supervised(&self) -> bool {
        !self.user_enrollment() && self.number.is_multiple_of(3)
    }

    /// Whether the agent counts as online at `now`.
    pub(crate) fn online(&self, now: i64) -> bool {
        self.last_contact.is_some_and(|at| now - at < 10 * MINUTE)
    }

    /// The version text of the operating system.
    pub(crate) fn version(&self) -> String {
        let (major, minor, patch, _) = self.os_version();
        match self.platform {
            Platform::Linux => format!("{major}.{minor:02}"),
            Platform::Windows => format!("10.0.{patch}"),
            _ => format!("{major}.{minor}.{patch}"),
        }
    }

    /// The hardware address of the main network card; locally administered, so it belongs to nobody.
    pub(crate) fn mac_address(&self) -> String {
        let [_, _, _, b, c, d, e, f] = crate::dice::mix(u64::from(self.number) ^ 0x5151).to_be_bytes();
        format!("02:{b:02x}:{c:02x}:{d:02x}:{e:02x}:{f:02x}")
    }
}

/// The short machine name of the hardware with this number.
pub(crate) fn hostname(profile: &Profile, platform: Platform, number: u32) -> String {
    let kind = match platform {
        Platform::Mac => "mac",
        Platform::Windows => "win",
        Platform::Linux => "srv",
        Platform::Ios => "iphone",
        Platform::Android => "android",
    };
    let domain = profile.domain.split('.').next().unwrap_or("sim");
    format!("{domain}-{kind}-{number:03}")
}

impl InsightsState {
    /// The word in `systemInsights`.
    pub(crate) fn as_str(self) -> &'static str {
        match self {
            Self::Enabled => "enabled",
            Self::Disabled => "disabled",
            Self::Deferred => "deferred",
        }
    }
}
