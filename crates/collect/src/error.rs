//! Why a sync could not be done at all. What could not be read of single tables is not here: that is data, and stands in
//! the snapshot.

/// Why a sync was given up. Nothing of it was kept, and nothing was marked as gone.
#[derive(Debug, thiserror::Error)]
#[non_exhaustive]
pub enum Error {
    /// JumpCloud refused everything, or can not be reached.
    #[error(transparent)]
    Ask(#[from] jumpcloud::Error),
    /// The store failed, or somebody else holds the work.
    #[error(transparent)]
    Store(#[from] store::Error),
    /// Rows of another organization came.
    #[error("organization changed: {table} has rows of organization {found} instead of {expected}")]
    OrganizationChanged {
        /// The table in which it was noticed.
        table: &'static str,
        /// The organization of the connection.
        expected: String,
        /// The organization of the rows.
        found: String,
    },
    /// Which organization is meant can not be told.
    #[error("{why}; the credential can see: {visible}")]
    Organization {
        /// What is unclear.
        why: String,
        /// Names and ids, for the person to choose from.
        visible: String,
    },
    /// The credential's text can not be one.
    #[error("{0}")]
    Credential(String),
    /// The address can not be used.
    #[error("{0}")]
    Place(String),
    /// The connection may only be run by another collector.
    #[error(
        "this connection is pinned to the collector {0}; run it there, or change it with `jumpseat connection edit --collector`"
    )]
    Pinned(String),
    /// Another connection has the organization.
    #[error("{organization} is linked already, by the connection {connection:?}; an organization is linked once")]
    Linked {
        /// Its name and id, as far as they are known.
        organization: String,
        /// The name of the connection that is there.
        connection: String,
    },
    /// What a person asks for can not be.
    #[error("{0}")]
    Unusable(String),
    /// The connection is gone.
    #[error("the connection {0} was removed, which has ended its sync")]
    Removed(String),
    /// A person or a signal stopped it.
    #[error("stopped before the end")]
    Cancelled,
}

impl Error {
    /// A stable word for the kind of error.
    pub fn code(&self) -> &'static str {
        match self {
            Self::Ask(error) => error.code(),
            Self::Store(store::Error::Held { .. }) => "held",
            Self::Store(store::Error::LeaseLost) => "lease_lost",
            Self::Store(store::Error::Full(_)) => "disk_full",
            Self::Store(store::Error::Seal(_) | store::Error::MasterKey(_)) => "sealed",
            Self::Store(_) => "store",
            Self::OrganizationChanged { .. } => "organization_changed",
            Self::Organization { .. } => "organization_unclear",
            Self::Credential(_) => "credential",
            Self::Place(_) => "place",
            Self::Pinned(_) => "pinned",
            Self::Linked { .. } | Self::Unusable(_) => "usage",
            Self::Removed(_) => "removed",
            Self::Cancelled => "cancelled",
        }
    }

    /// What a person can do about it.
    pub fn help(&self) -> String {
        match self {
            // It is told of a credential that is not saved yet, too.
            Self::Ask(error @ jumpcloud::Error::KeyRejected(_)) => {
                format!("{} Give it with `jumpseat connection add`, or with `rotate` if the connection is there.", error.help())
            }
            Self::Ask(error) => error.help(),
            Self::Store(store::Error::Seal(_)) => {
                "Give the credential again with `jumpseat connection rotate`, or bring back the master key.".to_owned()
            }
            Self::Store(error) => error
                .help()
                .unwrap_or("Look at the database's disk and permissions; what was committed before is safe.")
                .to_owned(),
            Self::OrganizationChanged { .. } => {
                "The credential now sees another organization. Check it in JumpCloud, then test the connection."
                    .to_owned()
            }
            Self::Organization { .. } => "Say which one is meant: `--org-id ID` with `jumpseat connection add` or `edit`; `jumpseat connection discover` shows them.".to_owned(),
            Self::Credential(_) => "Paste the credential again, alone on its line.".to_owned(),
            Self::Place(_) => "Set the region or the URLs with `jumpseat connection edit`.".to_owned(),
            Self::Pinned(_) => "Run the sync on that collector.".to_owned(),
            Self::Linked { connection, .. } => format!(
                "Nothing was saved. Change that one with `jumpseat connection edit {connection:?}`, or give it the new key with `jumpseat connection rotate {connection:?}`."
            ),
            Self::Unusable(_) => "Nothing was changed.".to_owned(),
            Self::Removed(_) => "Nothing more was asked of JumpCloud, and nothing more was stored.".to_owned(),
            Self::Cancelled => "Run the sync again. Events go on behind the last that is stored; of an inventory that is not complete nothing is kept."
                .to_owned(),
        }
    }

    /// Only a person can mend it: trying again by itself would be useless or harmful.
    pub fn needs_a_person(&self) -> bool {
        match self {
            Self::Ask(error) => matches!(
                error,
                jumpcloud::Error::KeyRejected(_)
                    | jumpcloud::Error::NoOrganization(_)
                    | jumpcloud::Error::OrganizationHeaderRefused(_)
                    | jumpcloud::Error::NotPermitted(_)
                    | jumpcloud::Error::Redirected { .. }
                    | jumpcloud::Error::Config(_)
            ),
            Self::Store(store::Error::Seal(_) | store::Error::MasterKey(_)) => true,
            Self::OrganizationChanged { .. } | Self::Organization { .. } | Self::Credential(_) | Self::Place(_) => true,
            Self::Store(_)
            | Self::Pinned(_)
            | Self::Linked { .. }
            | Self::Unusable(_)
            | Self::Removed(_)
            | Self::Cancelled => false,
        }
    }
}
