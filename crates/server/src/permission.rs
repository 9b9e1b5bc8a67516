//! Who may do what: the roles, and what each permits. A route names one permission; nothing else decides.

/// Something that a route needs.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
pub enum Permission {
    /// See how collecting goes: overview, connections without their settings, history.
    ReadHealth,
    /// See users, devices and all other assets.
    ReadAssets,
    /// See findings.
    ReadFindings,
    /// See checks, frameworks and requirements.
    ReadChecks,
    /// See events.
    ReadEvents,
    /// Ask in SQL.
    RunSql,
    /// Accept, reopen and assign findings.
    Triage,
    /// Test connections, sync, pause.
    RunConnections,
    /// Add, change and remove connections and their credentials.
    ManageConnections,
    /// Make evidence packs and take them along.
    MakeEvidence,
    /// Say where people are told what they should know.
    ManageNotifications,
    /// Make backups of the installation.
    BackUp,
    /// Read the audit log.
    ReadAudit,
    /// Add people, change roles, end sessions and take tokens back.
    ManagePeople,
    /// Change one's own password, end one's own sessions, make tokens of one's own.
    OwnAccount,
}

/// What a person is.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
pub enum Role {
    /// Everything, including making owners.
    Owner,
    /// Everything but making and changing owners.
    Administrator,
    /// Keeps collecting going.
    Operator,
    /// Works on findings and events.
    Analyst,
    /// Reads everything that is evidence, the audit log as well.
    Auditor,
    /// Looks.
    Viewer,
}

use Permission as P;

impl Permission {
    /// All of them.
    pub const ALL: [Self; 15] = [
        P::ReadHealth,
        P::ReadAssets,
        P::ReadFindings,
        P::ReadChecks,
        P::ReadEvents,
        P::RunSql,
        P::Triage,
        P::RunConnections,
        P::ManageConnections,
        P::MakeEvidence,
        P::ManageNotifications,
        P::BackUp,
        P::ReadAudit,
        P::ManagePeople,
        P::OwnAccount,
    ];

    /// What it permits, for people.
    pub fn words(self) -> &'static str {
        match self {
            P::ReadHealth => "see how collecting goes",
            P::ReadAssets => "see assets",
            P::ReadFindings => "see findings",
            P::ReadChecks => "see checks and frameworks",
            P::ReadEvents => "see events",
            P::RunSql => "ask in SQL",
            P::Triage => "accept, reopen and assign findings",
            P::RunConnections => "test and sync connections, pause them",
            P::ManageConnections => "add and change connections",
            P::MakeEvidence => "make evidence packs and download them",
            P::ManageNotifications => "set up notifications",
            P::BackUp => "make backups",
            P::ReadAudit => "read the audit log",
            P::ManagePeople => "manage people, sessions and tokens",
            P::OwnAccount => "manage their own account",
        }
    }
}

impl Role {
    /// All of them, from the one that may do most.
    pub const ALL: [Self; 6] =
        [Self::Owner, Self::Administrator, Self::Operator, Self::Analyst, Self::Auditor, Self::Viewer];

    /// Its word in the store.
    pub fn word(self) -> &'static str {
        match self {
            Self::Owner => "owner",
            Self::Administrator => "administrator",
            Self::Operator => "operator",
            Self::Analyst => "analyst",
            Self::Auditor => "auditor",
            Self::Viewer => "viewer",
        }
    }

    /// Its word on pages.
    pub fn label(self) -> &'static str {
        match self {
            Self::Owner => "Owner",
            Self::Administrator => "Administrator",
            Self::Operator => "Operator",
            Self::Analyst => "Analyst",
            Self::Auditor => "Auditor",
            Self::Viewer => "Viewer",
        }
    }

    /// What it is for.
    pub fn about(self) -> &'static str {
        match self {
            Self::Owner => "may do everything and makes other owners",
            Self::Administrator => "may do everything but change owners",
            Self::Operator => "adds connections and keeps collecting going",
            Self::Analyst => "works on findings and events, asks in SQL",
            Self::Auditor => "reads everything that is evidence, and the audit log",
            Self::Viewer => "looks at assets, findings and how collecting goes",
        }
    }

    /// Reads the word.
    pub fn of_word(word: &str) -> Option<Self> {
        Self::ALL.into_iter().find(|role| role.word() == word)
    }

    /// Whether somebody with this role may.
    pub fn may(self, permission: Permission) -> bool {
        let reads = matches!(
            permission,
            P::ReadHealth | P::ReadAssets | P::ReadFindings | P::ReadChecks | P::ReadEvents | P::OwnAccount
        );
        match self {
            Self::Owner | Self::Administrator => true,
            Self::Operator => {
                reads || matches!(permission, P::RunConnections | P::ManageConnections | P::ManageNotifications)
            }
            Self::Analyst => reads || matches!(permission, P::RunSql | P::Triage | P::RunConnections | P::MakeEvidence),
            Self::Auditor => reads || matches!(permission, P::ReadAudit | P::MakeEvidence),
            Self::Viewer => reads && permission != P::ReadEvents,
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn every_word_of_a_role_is_read_back() {
        for role in Role::ALL {
            assert_eq!(Role::of_word(role.word()), Some(role));
        }
        assert_eq!(Role::of_word("root"), None);
    }

    #[test]
    fn only_owners_and_administrators_manage_people_and_make_backups() {
        for permission in [P::ManagePeople, P::BackUp] {
            let may: Vec<Role> = Role::ALL.into_iter().filter(|role| role.may(permission)).collect();
            assert_eq!(may, [Role::Owner, Role::Administrator], "{permission:?}");
        }
    }

    #[test]
    fn a_viewer_and_an_auditor_can_change_nothing_but_their_own_account() {
        for role in [Role::Viewer, Role::Auditor] {
            for permission in
                [P::Triage, P::RunConnections, P::ManageConnections, P::ManageNotifications, P::ManagePeople]
            {
                assert!(!role.may(permission), "{role:?} may {permission:?}");
            }
        }
    }
}
