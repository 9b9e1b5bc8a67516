//! With which eyes and which settings checks are decided.
//! Responsible for what the catalogue leaves to whoever uses it; its defaults are the defaults here.

use crate::dice::mix;
use crate::state::Organization;
use crate::state::document::Noun;
use crate::state::table::Identified;

/// Whose key reads.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub enum Reader {
    /// The key of the role Read Only, which may not see service accounts.
    #[default]
    ReadOnly,
    /// The key of Administrator With Billing.
    Administrator,
}

/// What is thought of passwords that expire.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub enum Rotation {
    /// Nothing.
    #[default]
    Ignore,
    /// They must.
    Required,
    /// They must not.
    Forbidden,
}

/// How somebody looks at an organization. The default is a read-only key, all events, and the catalogue's parameters.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct View {
    /// Whose key reads.
    pub reader: Reader,
    /// Since when events are kept, epoch milliseconds; `None` for as long as the organization keeps them.
    pub events_since: Option<i64>,
    /// The parameters that have no default which says anything.
    pub parameters: Parameters,
}

/// Parameters whose defaults are empty. Those with a number in the catalogue are in the functions of their checks.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Parameters {
    /// `org-password-rotation`, `user-password-age`: the stance.
    pub rotation: Rotation,
    /// `admin-external-domain`, `mdm-apns-personal-apple-id`: domains of the company.
    pub allowed_domains: Vec<String>,
    /// `user-privileged-without-strong-mfa`: ids of user groups whose members have special rights.
    pub sensitive_groups: Vec<String>,
    /// `sso-app-open-to-all`, `sso-sensitive-without-mfa`: ids of applications.
    pub sensitive_apps: Vec<String>,
    /// `device-disk-unencrypted`: whether Linux counts.
    pub include_linux: bool,
    /// `device-antivirus-unhealthy`: names of programs that protect Macs and Linux devices.
    pub edr_names: Vec<String>,
    /// `device-antivirus-unhealthy`: whether such a program must be there.
    pub require_on_macos: bool,
    /// `device-forbidden-software`: names and bundle identifiers.
    pub deny: Vec<String>,
    /// `radius-mfa-off`: ids of RADIUS servers for wireless networks.
    pub wifi_servers: Vec<String>,
}

impl Parameters {
    /// Parameters under which the checks that say nothing by default say something of this organization.
    pub(crate) fn example(organization: &Organization) -> Self {
        let applications = organization.documents.ids(Noun::Applications);
        let groups = organization.user_groups.iter().filter(|group| mix(group.id().entropy()).is_multiple_of(3));
        let servers = organization.documents.ids(Noun::RadiusServers);
        Self {
            rotation: Rotation::Required,
            allowed_domains: vec![organization.profile.domain.clone()],
            sensitive_groups: groups.map(|group| group.id.to_string()).collect(),
            sensitive_apps: applications.iter().step_by(2).map(ToString::to_string).collect(),
            include_linux: true,
            edr_names: vec!["Docker.app".to_owned(), "ufw".to_owned()],
            require_on_macos: true,
            deny: ["com.teamviewer.TeamViewer", "AnyDesk", "telnetd", "Free Coupon Finder"].map(str::to_owned).into(),
            wifi_servers: servers.iter().take(1).map(ToString::to_string).collect(),
        }
    }
}
