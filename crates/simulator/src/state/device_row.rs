//! The V1 row of a device, section by section.
//! Responsible for names, order and presence of fields. The facts come from `device`.

use crate::json::{self, Object};
use crate::state::device::{Device, Platform};
use crate::state::{Organization, Profile};
use crate::words;

impl Device {
    /// Appends the row of the V1 API.
    pub(crate) fn write(&self, organization: &Organization, out: &mut String) {
        let profile = &organization.profile;
        // Decides the details that mean nothing to anyone, bit by bit.
        let shape = self.shape(profile);
        let name = self.name(profile);
        let shown = self.hostile.map_or(name.as_str(), |number| words::HOSTILE[usize::from(number)]);
        json::object(out, |row| {
            self.write_agent(organization, shape, row);
            self.write_machine(shown, shape, row);
            self.write_management(organization, row);
            self.write_access(profile, shape, row);
        });
    }

    fn write_agent(&self, organization: &Organization, shape: u64, row: &mut Object<'_>) {
        row.id("_id", self.id);
        row.id("id", self.id);
        row.boolean("active", self.online(organization.now));
        if let Some(full) = self.full_disk_access(&organization.profile) {
            row.boolean("agentHasFullDiskAccess", full);
        }
        row.string("agentVersion", self.agent_version(&organization.profile).unwrap_or(""));
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
    }

    fn write_machine(&self, shown: &str, shape: u64, row: &mut Object<'_>) {
        row.array("attributes", |_| {});
        if self.platform == Platform::Windows {
            row.boolean("azureAdJoined", shape >> 5 & 1 == 0);
        }
        row.array("builtInCommands", |list| {
            for command in
                if self.platform.has_agent() { &["lock", "restart", "shutdown"][..] } else { &["erase", "lock"][..] }
            {
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
        row.boolean("desktopCapable", self.desktop());
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
    }

    fn write_management(&self, organization: &Organization, row: &mut Object<'_>) {
        let profile = &organization.profile;
        let bound = organization.policy_counts(self.id);
        row.boolean("isPolicyBound", bound.total > 0);
        if let Some(contact) = self.told_contact(profile) {
            row.optional_time("lastContact", contact);
        }
        self.write_mdm(profile, row);
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
    }

    fn write_access(&self, profile: &Profile, shape: u64, row: &mut Object<'_>) {
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
                for (name, on) in [("PermitRootLogin", self.ssh_root), ("PasswordAuthentication", self.ssh_password)] {
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
    }

    fn write_mdm(&self, profile: &Profile, row: &mut Object<'_>) {
        let Some(vendor) = self.mdm_vendor(profile) else { return };
        row.object("mdm", |mdm| {
            mdm.string("vendor", vendor);
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
                    Platform::Windows if self.behind > 2 => "Windows 10 Pro",
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
