//! System Insights: what the agents find on devices, one entry for each table of facts.
//! The rows carry no id, so an entry says which members tell two rows of one device apart.
//!
//! Left out: `shadow` (password hashes), `uptime` (moves by itself), and whatever no question of security, IT or
//! compliance has asked for yet. There is no table of sudoers: `users.sudo`, `user_groups.sudo_enabled`, the sudo
//! columns of `associations`, `device_local_users.admin` and `insights_users.admin` together stand for it.

use jumpcloud::{Endpoint, endpoints};
use store::schema::{Table, boolean, integer, text, time};

use super::{Ask, Collected, Id, Redact, Source, redact};

/// `insights_collections`: how fresh the rows of the other tables are.
///
/// It has no source: the engine fills it with the newest `collection_time` of each device and table that it reads,
/// as rows of `device_id`, `table_name` and `collected_at`. That time moves with every collection and would otherwise
/// make a new version of every fact.
#[rustfmt::skip]
pub(super) static INSIGHTS_COLLECTIONS: Collected = Collected {
    table: Table {
        name: "insights_collections",
        about: "When each device last sent each table of System Insights. A device without a row here sent nothing: its facts are not known.",
        asset: None,
        label: "table_name",
        columns: &[
            text("device_id", "/device_id", "The device (devices.id).").indexed(),
            text("table_name", "/table_name", "The table, e.g. insights_apps."),
            time("collected_at", "/collected_at", "When the agent took the newest of its rows."),
        ],
        joined: &[],
    },
    sources: &[],
    id: Id::Joined(&["device_id", "table_name"]),
    redact: Redact::Nothing,
    absent: "the device no longer sends the table",
    fact: "collection_time of V2 GET /api/v2/systeminsights/{table}",
};

/// One entry: static, table, what a row is, `by` which members a row is identified on its device, `without` which
/// members it is kept (mostly those that move by themselves), which members are `times` written as seconds in text,
/// which hold SSH `keys`, and the columns. A column is named like its member unless one is given after `=`.
macro_rules! insights {
    ($(
        $table:ident $name:literal: $about:literal, by [$($by:literal)*]
        $(, without [$($without:literal)*])? $(, times [$($time:literal)*])? $(, keys [$($key:literal)*])?
        { $($kind:ident $column:ident $(= $member:literal)? $what:literal;)* }
    )*) => {$(
        pub(super) static $table: Collected = Collected {
            table: Table {
                name: concat!("insights_", $name),
                about: $about,
                asset: None,
                label: label(&[$($by),*], &[$(stringify!($column)),*]),
                columns: &[
                    text("device_id", "/system_id", "The device (devices.id).").indexed(),
                    $($kind(stringify!($column), member!($column $($member)?), $what),)*
                ],
                joined: &[],
            },
            sources: &[Source { part: "", ask: Ask::List { endpoint: endpoint($name), query: &[] }, optional: false }],
            id: Id::Loose(&["system_id", $($by),*]),
            redact: Redact::Members {
                drops: &["collection_time", $($($without),*)?],
                sees: &[$($($time,)*)? $($($key,)*)?],
                change: |_row| {
                    $($(redact::epoch_text(_row, $time);)*)?
                    $($(redact::ssh_key_body(_row, $key);)*)?
                },
            },
            absent: "the device no longer reports it: removed, or the device or its System Insights is gone",
            fact: concat!("V2 GET /api/v2/systeminsights/", $name),
        };
    )*};
}

macro_rules! member {
    ($column:ident) => {
        concat!("/", stringify!($column))
    };
    ($column:ident $member:literal) => {
        concat!("/", $member)
    };
}

insights! {
    INSIGHTS_OS_VERSION "os_version": "The operating system of each device, in more detail than devices.", by ["name"] {
        text name "Name of the operating system.";
        text version "Version as text.";
        integer major "Major version.";
        integer minor "Minor version.";
        integer patch "Patch version.";
        text build "Build; on Windows the revision that patches raise is not in it.";
        text codename "Code name of a Linux release.";
        text platform "Platform, e.g. darwin, windows, ubuntu.";
        text platform_like "Platform that it descends from.";
        text installed_on = "install_date" "When it was installed, as the device writes it.";
    }

    INSIGHTS_SYSTEM_INFO "system_info": "The hardware of each device.", by ["uuid"] {
        text computer_name "Name of the computer.";
        text hostname "Host name.";
        text local_hostname "Host name in the local network.";
        text hardware_vendor "Vendor.";
        text hardware_model "Model.";
        text hardware_version "Hardware version.";
        text hardware_serial "Serial number.";
        text hardware_uuid = "uuid" "UUID of the hardware.";
        text cpu_brand "Processor.";
        text cpu_type "Kind of processor.";
        text cpu_subtype "Kind of processor, in more detail.";
        text cpu_microcode "Version of its microcode.";
        integer cpu_physical_cores "Cores.";
        integer cpu_logical_cores "Cores as programs see them.";
        integer memory_bytes = "physical_memory" "Memory in bytes; sent as text.";
    }

    INSIGHTS_DISK_ENCRYPTION "disk_encryption": "Encryption of each volume on macOS and Linux; Windows is in insights_bitlocker_info.", by ["name" "uuid" "uid"] {
        text name "Device name of the volume.";
        text volume_uuid = "uuid" "UUID of the volume.";
        text type "Kind of encryption, e.g. APFS Encryption.";
        boolean encrypted "The volume is encrypted.";
        text encryption_status "encrypted, not encrypted, or undefined.";
        text uid "User whose login opens it.";
        text user_uuid "UUID of that user.";
    }

    INSIGHTS_BITLOCKER_INFO "bitlocker_info": "BitLocker on each volume of Windows devices.", by ["device_id" "drive_letter"] {
        text drive_letter "Drive letter.";
        text volume_id = "device_id" "Windows' id of the volume.";
        text persistent_volume_id "Id that stays with the volume.";
        integer protection_status "0 off, 1 on, 2 not known (the volume is locked).";
        integer conversion_status "0 decrypted, 1 encrypted, 2 being encrypted, 3 being decrypted, 4 and 5 paused.";
        integer percentage_encrypted "Share that is encrypted.";
        text encryption_method "Algorithm, e.g. XTS-AES 128.";
    }

    INSIGHTS_ALF "alf": "The application firewall of each Mac.", by [] {
        text version "Version of the firewall.";
        integer global_state "0 off, 1 on, 2 blocks all incoming connections.";
        boolean stealth_enabled "Does not answer to probes.";
        boolean logging_enabled "Writes a log.";
        integer logging_option "How much it writes.";
        boolean allow_signed_enabled "Signed programs may receive connections.";
        boolean firewall_unload "The firewall is being unloaded.";
    }

    INSIGHTS_WINDOWS_SECURITY_CENTER "windows_security_center": "What Windows says of its own protection: Good, Poor, Snoozed or Not Monitored. Servers have no Security Center, hence no row.", by [] {
        text antivirus "Protection from malware.";
        text antispyware "Protection from spyware.";
        text firewall "Firewall.";
        text auto_update = "autoupdate" "Automatic updates.";
        text internet_settings "Internet settings.";
        text user_account_control "User account control.";
        text security_center_service = "windows_security_center_service" "The Security Center itself; when it is not Good the others mean little.";
    }

    INSIGHTS_WINDOWS_SECURITY_PRODUCTS "windows_security_products": "Protection products that Windows knows of.", by ["type" "name"], without ["state_timestamp"] {
        text name "Name of the product.";
        text type "Firewall, Antivirus or Antispyware.";
        text state "On, Off, Snoozed or Expired.";
        boolean signatures_up_to_date "Its signatures are current.";
        text remediation_path "Program that puts it right.";
    }

    INSIGHTS_PATCHES "patches": "Installed updates of Windows devices. Not every kind of update leaves a row.", by ["hotfix_id"] {
        text hotfix_id "Knowledge base number, e.g. KB5040442.";
        text description "Kind of update.";
        text caption "Page about it.";
        text installed_on "When it was installed, as Windows writes it; the format follows the device's language.";
        text install_date "The same in another place; mostly empty.";
        text installed_by "Who installed it.";
        text fix_comments "Comments.";
        text computer_name = "csname" "Name of the computer.";
    }

    INSIGHTS_USERS "users": "Local accounts, in more detail than device_local_users and with those of the system.", by ["uid" "username"], times ["last_login"] {
        text username "Account name.";
        text uid "Numeric id, or the SID's last part on Windows.";
        text gid "Numeric id of the main group.";
        text account_uuid = "uuid" "UUID or SID of the account.";
        text description "Full name or comment.";
        text directory "Home directory.";
        text shell "Login shell; nologin and false can not sign in.";
        text type "local, roaming, or special, on Windows.";
        boolean admin "Local administrator.";
        boolean managed "JumpCloud manages the account.";
        boolean suspended "The account is disabled.";
        boolean real_user "A person's account, not the system's.";
        boolean ad_managed "Comes from Active Directory.";
        time last_login "Last sign-in on this device.";
    }

    INSIGHTS_AUTHORIZED_KEYS "authorized_keys": "SSH keys that open accounts on devices. One whose fingerprint is not in user_ssh_keys was not put there by JumpCloud. Keys themselves are not kept.", by ["uid" "key_file" "fingerprint"], keys ["key"] {
        text fingerprint "SHA256:…, as OpenSSH prints it; NULL when the key could not be read.";
        text key_type "E.g. ssh-ed25519.";
        integer key_bits "Size in bits.";
        text algorithm "Algorithm as the agent tells it.";
        text key_file "File that it stands in.";
        text uid "Owner of the file (insights_users.uid).";
    }

    INSIGHTS_USER_SSH_KEYS "user_ssh_keys": "Private SSH keys lying on devices: where they are and whether a passphrase protects them. The keys are not read.", by ["uid" "path"], without ["key"] {
        text path "File of the key.";
        text uid "Owner (insights_users.uid).";
        boolean encrypted "A passphrase protects it.";
    }

    INSIGHTS_USER_GROUPS "user_groups": "Which local account is in which local group.", by ["uid" "gid"] {
        text uid "The account (insights_users.uid).";
        text gid "The group (insights_groups.gid).";
    }

    INSIGHTS_GROUPS "groups": "Local groups.", by ["gid" "groupname"] {
        text name = "groupname" "Name of the group.";
        text gid "Numeric id.";
        text gid_signed "The same read as a signed number.";
        text group_sid "Windows: SID of the group.";
        text comment "Comment.";
    }

    INSIGHTS_LOGGED_IN_USERS "logged_in_users": "Who was signed in when the agent looked.", by ["user" "tty" "type" "host"], without ["time" "pid"] {
        text username = "user" "Account name.";
        text host "Host that the session comes from.";
        text tty "Terminal of the session.";
        text type "Kind of session.";
    }

    INSIGHTS_APPS "apps": "Applications on Macs. When one was last opened is left out: it moves with every use.", by ["path"], without ["last_opened_time"] {
        text name "File name, e.g. Slack.app.";
        text bundle_identifier "Identifier, e.g. com.example.app; what an application is known by across versions.";
        text bundle_name "Name in the bundle.";
        text display_name "Name as shown.";
        text version = "bundle_short_version" "Version as people know it.";
        text build = "bundle_version" "Version as the developer counts it.";
        text path "Where it is.";
        text category "Category in the App Store.";
        text minimum_system_version "Oldest macOS that it runs on.";
        text copyright "Copyright line; often names the maker.";
    }

    INSIGHTS_PROGRAMS "programs": "Installed programs on Windows devices.", by ["name" "version" "identifying_number" "install_location"] {
        text name "Name of the program.";
        text version "Version.";
        text publisher "Maker.";
        text installed_on = "install_date" "When it was installed, as the installer wrote it, mostly YYYYMMDD.";
        text install_location "Where it is.";
        text install_source "Where it was installed from.";
        text identifying_number "Product code, if any.";
        text language "Language.";
        text uninstall_string "Command that removes it.";
    }

    INSIGHTS_LINUX_PACKAGES "linux_packages": "Installed packages on Linux devices.", by ["name" "version" "release_or_revision" "arch" "package_format"], without ["pid_with_namespace" "mount_namespace_id"], times ["install_time"] {
        text name "Name of the package.";
        text version "Version.";
        text release = "release_or_revision" "Release or revision of the package.";
        text arch "Architecture.";
        text package_format "deb or rpm.";
        text vendor = "maintainer_or_vendor" "Maintainer or vendor.";
        text section = "package_group_or_section" "Group or section.";
        integer size_bytes = "size" "Size; sent as text.";
        time installed_at = "install_time" "When it was installed; rpm only.";
    }

    INSIGHTS_CHROME_EXTENSIONS "chrome_extensions": "Extensions of Chrome and its relatives.", by ["uid" "identifier" "path"] {
        text name "Name of the extension.";
        text identifier "Its id in the store.";
        text version "Version.";
        text description "What it says of itself.";
        text author "Author.";
        text permissions "What it may read and change; all pages is much.";
        text update_url "Where updates come from; not Google's store means installed by hand or by policy.";
        boolean persistent "Keeps running in the background.";
        text locale "Language.";
        text path "Where it is.";
        text uid "Whose browser it is in (insights_users.uid).";
    }

    INSIGHTS_FIREFOX_ADDONS "firefox_addons": "Add-ons of Firefox.", by ["uid" "identifier" "path"] {
        text name "Name of the add-on.";
        text identifier "Its id.";
        text version "Version.";
        text description "What it says of itself.";
        text creator "Author.";
        text type "Extension, theme, …";
        boolean active "Switched on and compatible.";
        boolean disabled "Switched off.";
        boolean auto_update = "autoupdate" "Updates itself.";
        boolean visible "Shown in the list of add-ons.";
        text location "Profile, system, …";
        text source_url "Where it came from.";
        text path "Where it is.";
        text uid "Whose browser it is in (insights_users.uid).";
    }

    INSIGHTS_SAFARI_EXTENSIONS "safari_extensions": "Extensions of Safari.", by ["uid" "identifier" "path"] {
        text name "Name of the extension.";
        text identifier "Its id.";
        text version "Version.";
        text description "What it says of itself.";
        text author "Author.";
        text developer_id "Apple's id of the developer.";
        text sdk "SDK that it was built with.";
        text update_url "Where updates come from.";
        text path "Where it is.";
        text uid "Whose browser it is in (insights_users.uid).";
    }

    INSIGHTS_BROWSER_PLUGINS "browser_plugins": "Plug-ins of browsers on Macs; rare nowadays.", by ["uid" "identifier" "path"] {
        text name "Name of the plug-in.";
        text identifier "Its id.";
        text version "Version.";
        text description "What it says of itself.";
        boolean disabled "Switched off.";
        boolean native "Runs outside the browser's protection.";
        text development_region "Language.";
        text sdk "SDK that it was built with.";
        text path "Where it is.";
        text uid "Whose browser it is in (insights_users.uid).";
    }

    INSIGHTS_SIP_CONFIG "sip_config": "System Integrity Protection of Macs, one row for each part; the row sip is the whole.", by ["config_flag"] {
        text config_flag "The part; sip is the whole.";
        boolean enabled "For sip: protection is on. For a part: the part is allowed, hence protection is weaker.";
        boolean enabled_nvram "The same after the next restart.";
    }

    INSIGHTS_SECUREBOOT "secureboot": "Secure Boot of each device that can tell.", by [] {
        boolean secure_boot "Only signed systems start.";
        boolean setup_mode "Keys can still be changed without proof.";
    }

    INSIGHTS_TPM_INFO "tpm_info": "The trusted platform module of each Windows device.", by ["manufacturer_id"] {
        text manufacturer_name "Maker.";
        text product_name "Product.";
        text manufacturer_version "Version of its firmware.";
        integer manufacturer_id "Number of the maker.";
        text spec_version "Version of the standard; 2.0 is current.";
        text physical_presence_version "Version of its presence interface.";
        boolean activated "Activated.";
        boolean enabled "Enabled.";
        boolean owned "Has an owner.";
    }

    INSIGHTS_KERNEL_INFO "kernel_info": "The running kernel of each device.", by [] {
        text version "Version.";
        text path "File that it was started from.";
        text device "Device that it was started from.";
        text arguments "Arguments that it was started with.";
    }

    INSIGHTS_SHARING_PREFERENCES "sharing_preferences": "What each Mac shares with its network.", by [] {
        boolean remote_login "SSH.";
        boolean remote_management "Apple Remote Desktop.";
        boolean remote_apple_events "Other computers may control programs.";
        boolean screen_sharing "Screen sharing.";
        boolean file_sharing "File sharing.";
        boolean internet_sharing "Internet sharing.";
        boolean printer_sharing "Printer sharing.";
        boolean bluetooth_sharing "Bluetooth sharing.";
        boolean disc_sharing "Disc sharing.";
        boolean content_caching "Caches Apple's content for the network.";
    }

    INSIGHTS_INTERFACE_DETAILS "interface_details": "Network interfaces: the only place with MAC addresses. Counters and leases are left out, since they move by themselves.", by ["interface" "mac"], without [
        "collisions" "ibytes" "idrops" "ierrors" "ipackets" "obytes" "odrops" "oerrors" "opackets" "last_change" "dhcp_lease_expires" "dhcp_lease_obtained"
    ] {
        text interface "Name of the interface.";
        text friendly_name "Name as shown.";
        text mac "MAC address; phones and new computers make one up for each network.";
        integer type "Kind of interface, as a number of the system.";
        integer mtu "Largest packet.";
        integer metric "Metric.";
        integer flags "Flags.";
        text link_speed "Speed in Mbit/s, as text.";
        integer speed "Speed in bit/s.";
        boolean enabled "Switched on.";
        boolean physical_adapter "Real hardware.";
        text connection_id "Name of the connection.";
        text connection_status "State of the connection.";
        text description "Description of the hardware.";
        text manufacturer "Maker.";
        text service "Driver.";
        text pci_slot "Slot.";
        boolean dhcp_enabled "Gets its address from a server.";
        text dhcp_server "That server.";
        text dns_domain "Domain of the connection.";
        text dns_domain_search = "dns_domain_suffix_search_order" "Domains that are searched.";
        text dns_host_name "Host name in DNS.";
        text dns_servers = "dns_server_search_order" "DNS servers.";
    }

    INSIGHTS_CERTIFICATES "certificates": "Certificates in the stores of devices, mostly those of the system.", by ["sha1" "path" "store" "store_location" "username"], times ["not_valid_before" "not_valid_after"] {
        text common_name "Common name.";
        text subject "Subject.";
        text issuer "Issuer.";
        boolean is_ca = "ca" "May issue others.";
        boolean self_signed "Issued by itself; in a store of authorities it is trusted all the same.";
        time valid_from = "not_valid_before" "Valid from.";
        time valid_until = "not_valid_after" "Valid until.";
        text signing_algorithm "How it is signed; SHA-1 and MD5 are weak.";
        text key_algorithm "Kind of key.";
        text key_strength "Size of the key.";
        text key_usage "What the key may be used for.";
        text subject_key_id "Id of its key.";
        text authority_key_id "Id of its issuer's key.";
        text sha1 "SHA-1 of the certificate.";
        text serial "Serial number.";
        text path "File or keychain that it stands in.";
        text store "Windows: the store.";
        text store_id "Windows: id of the store.";
        text store_location "Windows: machine, user or service.";
        text sid "Windows: whose store it is.";
        text username "Windows: name of that account.";
    }

    INSIGHTS_SERVICES "services": "Services of Windows devices.", by ["name"], without ["pid"] {
        text name "Name of the service.";
        text display_name "Name as shown.";
        text status "RUNNING, STOPPED, …";
        text start_type "AUTO_START, DEMAND_START, DISABLED, …";
        text service_type "Kind of service.";
        text path "Program with its arguments; unquoted spaces can be abused.";
        text module_path "Library that it loads.";
        text user_account "Account that it runs as.";
        text description "What it says of itself.";
        integer win32_exit_code "How it last ended.";
        integer service_exit_code "The same in the service's own words.";
    }

    INSIGHTS_USB_DEVICES "usb_devices": "Things that were plugged in when the agent looked.", by ["vendor_id" "model_id" "serial" "usb_address" "usb_port"] {
        text model "Name of the model.";
        text model_id "Number of the model.";
        text vendor "Maker.";
        text vendor_id "Number of the maker.";
        text serial "Serial number.";
        text version "Version.";
        text class "Kind of device.";
        text subclass "Kind of device, in more detail.";
        text protocol "Protocol.";
        boolean removable "Made to be unplugged.";
        integer usb_address "Address on the bus.";
        integer usb_port "Port.";
    }

    INSIGHTS_SHARED_FOLDERS "shared_folders": "Folders that Macs share with their network.", by ["name" "path"] {
        text name "Name of the share.";
        text path "The folder.";
    }

    INSIGHTS_MANAGED_POLICIES "managed_policies": "Settings that management profiles force on Macs.", by ["domain" "name" "uuid" "username"] {
        text domain "Program or part of the system.";
        text name "Name of the setting.";
        text value "Its value; removed where the name says that it is a secret.";
        boolean manual "Loaded only once.";
        text username "The only user that it holds for; NULL for all.";
        text profile_uuid = "uuid" "The profile.";
    }
}

/// The endpoint of a System Insights table. A misspelled table does not compile.
const fn endpoint(table: &str) -> &'static Endpoint {
    let mut at = 0;
    while at < endpoints::SYSTEM_INSIGHTS.len() {
        if ends_with(endpoints::SYSTEM_INSIGHTS[at].path(), table) {
            return endpoints::SYSTEM_INSIGHTS[at];
        }
        at += 1;
    }
    panic!("no such System Insights table")
}

/// Whether `table` is the last segment of `path`.
const fn ends_with(path: &str, table: &str) -> bool {
    let (path, table) = (path.as_bytes(), table.as_bytes());
    if path.len() <= table.len() || path[path.len() - table.len() - 1] != b'/' {
        return false;
    }
    let mut at = 1;
    while at <= table.len() {
        if path[path.len() - at] != table[table.len() - at] {
            return false;
        }
        at += 1;
    }
    true
}

/// A row is known by its first column, or by the device where each has one row only.
const fn label(by: &[&str], columns: &[&'static str]) -> &'static str {
    if by.is_empty() { "device_id" } else { columns[0] }
}
