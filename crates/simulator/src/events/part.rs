//! Details that are planted in an event instead of being drawn: who, on what, from where, with which outcome.
//! Responsible for this plain structure. Attacks and the changes of life fill it; `shapes` reads it.

use super::places::{Address, PlaceNumber};
use crate::id::Id;

/// A kind of thing that events are about.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub(crate) enum Thing {
    ActiveDirectory,
    Admin,
    Application,
    AuthnPolicy,
    Channel,
    Command,
    Device,
    DeviceGroup,
    File,
    Flow,
    GSuite,
    IdSource,
    IpList,
    LdapServer,
    Office365,
    Organization,
    Policy,
    RadiusServer,
    Rule,
    SaasApplication,
    SambaDomain,
    SoftwareApp,
    User,
    UserGroup,
    Workday,
}

impl Thing {
    /// The word in `type`.
    pub(crate) fn as_str(self) -> &'static str {
        match self {
            Self::ActiveDirectory => "active_directory",
            Self::Admin => "admin",
            Self::Application => "application",
            Self::AuthnPolicy => "auth_policy",
            Self::Channel => "notification_channel",
            Self::Command => "command",
            Self::Device => "system",
            Self::DeviceGroup => "system_group",
            Self::File => "file",
            Self::Flow => "access-workflow",
            Self::GSuite => "g_suite",
            Self::IdSource => "idsource",
            Self::IpList => "ip_list",
            Self::LdapServer => "ldap_server",
            Self::Office365 => "office_365",
            Self::Organization => "organization",
            Self::Policy => "policy",
            Self::RadiusServer => "radius_server",
            Self::Rule => "rule",
            Self::SaasApplication => "saas_application",
            Self::SambaDomain => "sambadomain",
            Self::SoftwareApp => "software_app",
            Self::User => "user",
            Self::UserGroup => "user_group",
            Self::Workday => "workday",
        }
    }
}

/// One thing with its id and the name that it is told by (username, e-mail address of an administrator, hostname).
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) struct Item {
    pub(crate) thing: Thing,
    pub(crate) id: Id,
    pub(crate) name: String,
}

/// What is planted; everything that is `None` is drawn as usual.
#[derive(Clone, Debug, Default)]
pub(crate) struct Part {
    pub(crate) actor: Option<Item>,
    pub(crate) target: Option<Item>,
    /// The other end of an association, or the device that a command runs on.
    pub(crate) other: Option<Item>,
    pub(crate) success: Option<bool>,
    pub(crate) mfa: Option<bool>,
    /// Factors of a sign-in and how each went.
    pub(crate) factors: Option<&'static [(&'static str, bool)]>,
    pub(crate) address: Option<Address>,
    pub(crate) place: Option<PlaceNumber>,
    pub(crate) browser: Option<u8>,
    /// `changes` as JSON text.
    pub(crate) changes: Option<String>,
    /// `add` or `remove` of an association, or the request type of an MDM command.
    pub(crate) word: Option<&'static str>,
    pub(crate) error: Option<&'static str>,
    /// `session` or `api key`.
    pub(crate) auth_method: Option<&'static str>,
    /// A request that several events speak of.
    pub(crate) reference: Option<Id>,
}
