//! Devices (`systems`): what is kept of each, how one is made up, and how its row is written.
//! Responsible for the row text of V1. What agents report about a device is in `insights`.

use crate::dice::Dice;
use crate::id::Id;
use crate::json::{self, Object};
use crate::oddity::Oddity;
use crate::state::table::Identified;
use crate::state::{Organization, Profile};
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
            Platform::Windows => dice.permille(400),
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
        let kind = match self.platform {
            Platform::Mac => "mac",
            Platform::Windows => "win",
            Platform::Linux => "srv",
            Platform::Ios => "iphone",
            Platform::Android => "android",
        };
        let domain = profile.domain.split('.').next().unwrap_or("sim");
        format!("{domain}-{kind}-{:03}", self.number)
    }

    /// The version parts of the operating system: major, minor, patch, release name.
    pub(crate) fn os_version(&self) -> (u32, u32, u32, &'static str) {
        let behind = u32::from(self.behind);
        match self.platform {
            Platform::Mac if behind < 2 => (26, 1 - behind, 0, "Tahoe"),
            Platform::Mac if behind < 4 => (15, 7 - behind, 1, "Sequoia"),
            Platform::Mac => (13, 6, 4, "Ventura"),
            Platform::Windows if behind < 3 => (10, 0, 26_200 - behind * 100, "25H2"),
            Platform::Windows => (10, 0, 19_045, "22H2"),
            Platform::Linux => (
                24 - 2 * behind.min(3),
                4,
                0,
                ["Noble Numbat", "Jammy Jellyfish", "Focal Fossa", "Bionic Beaver"][behind.min(3) as usize],
            ),
            Platform::Ios => (26 - behind.min(3), 1, 0, ""),
            Platform::Android => (16 - behind.min(4), 0, 0, ""),
        }
    }

    /// Whether the agent counts as online at `now`.
    pub(crate) fn online(&self, now: i64) -> bool {
        self.last_contact.is_some_and(|at| now - at < 10 * MINUTE)
    }

    /// Appends the row of the V1 API.
    pub(crate) fn write(&self, organization: &Organization, out: &mut String) {
        let profile = &organization.profile;
        let mut dice = Dice::of(profile.seed, "device details", u64::from(self.number));
        let shape = dice.next();
        let name = self.name(profile);
        let shown = self.hostile.map_or(name.as_str(), |number| words::HOSTILE[usize::from(number)]);
        let contact_gap = profile.oddities.has(Oddity::LastContactGaps).then_some(shape % 12);
        json::object(out, |row| {
            row.id("_id", self.id);
            row.id("id", self.id);
            row.boolean("active", self.online(organization.now));
            if self.platform == Platform::Mac {
                row.boolean("agentHasFullDiskAccess", shape & 7 != 0);
            }
            row.string(
                "agentVersion",
                if self.platform.has_agent() { ["2.61.0", "2.60.3", "2.58.1"][(shape >> 3) as usize % 3] } else { "" },
            );
            row.boolean("allowMultiFactorAuthentication", self.mfa_login);
            row.boolean("allowPublicKeyAuthentication", true);
            row.boolean("allowSshPasswordAuthentication", self.ssh_password);
            row.boolean("allowSshRootLogin", self.ssh_root);
            match self.platform {
                Platform::Linux if shape >> 4 & 1 == 0 => {
                    row.string("amazonInstanceID", &format!("i-{:017x}", self.id.entropy() >> 8))
                }
                Platform::Linux => row.null("amazonInstanceID"),
                _ => {}
            }
            let (arch, arch_family) = if self.platform == Platform::Mac { ("arm64", "arm") } else { ("x86_64", "amd") };
            row.string("arch", arch);
            row.string("archFamily", arch_family);
            row.array("attributes", |_| {});
            if self.platform == Platform::Windows {
                row.boolean("azureAdJoined", shape >> 5 & 1 == 0);
            }
            row.array("builtInCommands", |list| {
                for command in if self.platform.has_agent() {
                    &["lock", "restart", "shutdown"][..]
                } else {
                    &["erase", "lock"][..]
                } {
                    list.object(|entry| {
                        entry.string("name", command);
                        entry.string("type", "security");
                    });
                }
            });
            row.array("connectionHistory", |_| {});
            row.time("created", self.created_at);
            row.string(
                "description",
                &if self.revision > 0 { format!("revision {}", self.revision) } else { String::new() },
            );
            row.boolean("desktopCapable", self.platform != Platform::Linux);
            row.string("displayManager", "");
            row.string("displayName", shown);
            if self.platform == Platform::Windows {
                row.object("domainInfo", |domain| {
                    domain.string("domainName", if shape >> 6 & 3 == 0 { "CORP" } else { "" });
                    domain.boolean("partOfDomain", shape >> 6 & 3 == 0);
                });
            }
            if let Some(active) = self.encrypted {
                row.object("fde", |fde| {
                    fde.boolean("active", active);
                    fde.boolean("keyPresent", self.key_escrowed);
                });
            }
            match self.platform {
                Platform::Mac => row.string("fileSystem", "apfs"),
                Platform::Linux => row.string("fileSystem", "ext4"),
                _ => row.null("fileSystem"),
            }
            row.boolean("hasServiceAccount", self.platform == Platform::Mac);
            row.string(
                "hostname",
                &if self.platform == Platform::Mac { format!("{shown}.local") } else { shown.to_owned() },
            );
            row.string(
                "hwVendor",
                match self.platform {
                    Platform::Mac | Platform::Ios => "Apple",
                    Platform::Windows => "LENOVO",
                    Platform::Linux => "Dell Inc.",
                    Platform::Android => "Google",
                },
            );
            let bound = organization.policy_counts(self.id);
            row.boolean("isPolicyBound", bound.total > 0);
            match contact_gap {
                Some(0) => row.null("lastContact"),
                Some(1) => {}
                _ => row.optional_time("lastContact", self.last_contact),
            }
            self.write_mdm(profile, shape, row);
            row.boolean("modifySSHDConfig", self.platform == Platform::Linux);
            self.write_interfaces(row);
            row.id("organization", profile.id);
            row.string(
                "os",
                match self.platform {
                    Platform::Mac => "Mac OS X",
                    Platform::Windows => "Windows",
                    Platform::Linux => "Ubuntu",
                    Platform::Ios => "iOS",
                    Platform::Android => "Android",
                },
            );
            row.string("osFamily", self.platform.family());
            self.write_os(row);
            row.object("policyStats", |stats| {
                stats.number("total", bound.total);
                stats.number("success", bound.success);
                stats.number("failed", bound.failed);
                stats.number("pending", bound.pending);
                stats.number("duplicate", 0);
                stats.number("unsupportedOs", 0);
            });
            row.object("primarySystemUser", |user| user.optional_id("id", self.primary_user));
            row.object("provisionMetadata", |metadata| {
                metadata.object("provisioner", |provisioner| {
                    provisioner.string("type", if self.mdm { "mdm" } else { "administrator" });
                    provisioner.id("provisionerId", self.id.child(5));
                });
            });
            row.string("remoteAssistAgentVersion", if self.platform.has_agent() { "0.368.0" } else { "" });
            row.string("remoteIP", &format!("203.0.113.{}", 1 + self.number % 250));
            if self.platform == Platform::Windows {
                row.object("secureLogin", |login| {
                    login.boolean("enabled", shape >> 8 & 1 == 0);
                    login.boolean("supported", true);
                });
            }
            row.string("serialNumber", &self.serial(profile));
            if self.platform == Platform::Mac {
                row.object("serviceAccountState", |state| {
                    state.boolean("hasSecureToken", true);
                    state.boolean("passwordAPFSValid", true);
                    state.boolean("passwordODValid", shape >> 9 & 15 != 0);
                });
            }
            row.boolean("sshRootEnabled", self.ssh_root);
            row.array("sshdParams", |list| {
                if self.platform == Platform::Linux {
                    for (name, on) in
                        [("PermitRootLogin", self.ssh_root), ("PasswordAuthentication", self.ssh_password)]
                    {
                        list.object(|entry| {
                            entry.string("name", name);
                            entry.string("value", if on { "yes" } else { "no" });
                        });
                    }
                }
            });
            row.object("systemInsights", |insights| insights.string("state", self.insights.as_str()));
            row.number("systemTimezone", [-300, 0, 60, 120, 540][(shape >> 12) as usize % 5]);
            row.array("tags", |list| {
                if shape >> 14 & 7 == 0 {
                    list.string("lab");
                }
            });
            row.string("templateName", &format!("{}-template", self.platform.family()));
            self.write_local_users(shape, row);
            row.string("version", &self.version());
        });
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

    fn write_mdm(&self, profile: &Profile, shape: u64, row: &mut Object<'_>) {
        if self.platform == Platform::Linux {
            return;
        }
        row.object("mdm", |mdm| {
            mdm.string(
                "vendor",
                if self.mdm {
                    "internal"
                } else if shape >> 20 & 7 == 0 {
                    "external"
                } else {
                    "none"
                },
            );
            if self.mdm {
                mdm.string("profileIdentifier", &format!("com.jumpcloud.mdm.{}", self.id.child(6)));
                mdm.id("providerId", profile.id.child(7));
                mdm.boolean("dep", self.number.is_multiple_of(3));
                mdm.boolean("userApproved", self.user_approved);
                mdm.string("lostModeStatus", "");
            }
            if self.platform == Platform::Windows {
                mdm.object("windows", |windows| windows.string("upn", ""));
            }
        });
    }

    fn write_interfaces(&self, row: &mut Object<'_>) {
        if !self.platform.has_agent() {
            row.array("networkInterfaces", |_| {});
            return;
        }
        let (card, loopback) = match self.platform {
            Platform::Mac => ("en0", "lo0"),
            Platform::Windows => ("Ethernet", "Loopback Pseudo-Interface 1"),
            _ => ("eth0", "lo"),
        };
        let (high, low) = (self.number / 250 % 250, self.number % 250 + 1);
        row.array("networkInterfaces", |list| {
            for (address, family, internal, name) in [
                (format!("10.20.{high}.{low}").as_str(), "IPv4", false, card),
                (format!("2001:db8:20:{high:x}::{low:x}").as_str(), "IPv6", false, card),
                ("127.0.0.1", "IPv4", true, loopback),
                ("::1", "IPv6", true, loopback),
            ] {
                list.object(|entry| {
                    entry.string("address", address);
                    entry.string("family", family);
                    entry.boolean("internal", internal);
                    entry.string("name", name);
                });
            }
        });
    }

    fn write_os(&self, row: &mut Object<'_>) {
        let (major, minor, patch, release) = self.os_version();
        row.object("osVersionDetail", |detail| {
            detail.string(
                "osName",
                match self.platform {
                    Platform::Mac => "macOS",
                    Platform::Windows => "Windows 11 Pro",
                    Platform::Linux => "Ubuntu",
                    Platform::Ios => "iOS",
                    Platform::Android => "Android",
                },
            );
            if self.platform == Platform::Linux {
                detail.string("distributionName", "Ubuntu");
            }
            detail.string("major", &major.to_string());
            detail.string("minor", &minor.to_string());
            detail.string("patch", &patch.to_string());
            detail.number("majorNumber", i64::from(major));
            detail.number("minorNumber", i64::from(minor));
            detail.number("patchNumber", i64::from(patch));
            detail.string("releaseName", release);
            detail.string("version", &self.version());
        });
    }

    fn write_local_users(&self, shape: u64, row: &mut Object<'_>) {
        if !self.platform.has_agent() {
            return;
        }
        row.array("userMetrics", |list| {
            let mut account = |name: &str, admin: bool, managed: bool, suspended: bool| {
                list.object(|entry| {
                    entry.string("userName", name);
                    entry.boolean("admin", admin);
                    entry.boolean("managed", managed);
                    entry.boolean("suspended", suspended);
                    entry.boolean("secureTokenEnabled", self.platform == Platform::Mac);
                });
            };
            if self.primary_user.is_some() {
                account(&format!("user{}", self.number), shape >> 24 & 3 == 0, true, false);
            }
            if self.unmanaged_admin {
                account("localadmin", true, false, false);
            }
            account(if self.platform == Platform::Windows { "Administrator" } else { "root" }, true, false, true);
        });
    }
}

impl InsightsState {
    fn as_str(self) -> &'static str {
        match self {
            Self::Enabled => "enabled",
            Self::Disabled => "disabled",
            Self::Deferred => "deferred",
        }
    }
}

impl Device {
    /// The hardware address of the main network card; locally administered, so it belongs to nobody.
    pub(crate) fn mac_address(&self) -> String {
        let [_, _, _, b, c, d, e, f] = crate::dice::mix(u64::from(self.number) ^ 0x5151).to_be_bytes();
        format!("02:{b:02x}:{c:02x}:{d:02x}:{e:02x}:{f:02x}")
    }
}
