//! What can go wrong when events are delivered, told so that somebody can do something about it.

/// What went wrong.
#[derive(Debug, thiserror::Error)]
#[non_exhaustive]
pub enum Error {
    /// The store refused or failed.
    #[error(transparent)]
    Store(#[from] store::Error),
    /// The archive's place or settings can not be used as they are given.
    #[error("{0}")]
    Place(String),
    /// The folder or object store can not be reached.
    #[error("{place} can not be reached: {what}")]
    Unreachable {
        /// The archive's URL.
        place: String,
        /// What was tried, and what came of it.
        what: String,
    },
    /// There is no such bucket, container or folder.
    #[error("{place} is not there: {what}")]
    NotFound {
        /// The archive's URL.
        place: String,
        /// What was answered.
        what: String,
    },
    /// The credential is missing, wrong, or not allowed to do this.
    #[error("{place} refused the credential: {what}")]
    Refused {
        /// The archive's URL.
        place: String,
        /// What was answered.
        what: String,
    },
    /// The object store failed.
    #[error("{place} failed: {what}")]
    Failed {
        /// The archive's URL.
        place: String,
        /// What was answered.
        what: String,
    },
    /// A file on this machine can not be read or written.
    #[error("{what}: {source}")]
    File {
        /// What was tried.
        what: String,
        /// Why not.
        source: std::io::Error,
    },
    /// An event has something that the columns have no place for: the mapper and the columns do not fit together.
    #[error("an event can not be written as columns: {0}")]
    Columns(String),
    /// A file is no Parquet file, or damaged.
    #[error("Parquet: {0}")]
    Parquet(#[from] parquet::errors::ParquetError),
    /// The events of a window changed while they were read: the next run has them all.
    #[error("{0}")]
    Changed(String),
}

/// Result with this crate's [`enum@Error`].
pub type Result<T, E = Error> = std::result::Result<T, E>;

impl Error {
    /// A stable code, the same words as elsewhere in the program.
    pub fn code(&self) -> &'static str {
        match self {
            Self::Store(store::Error::Held { .. }) => "held",
            Self::Store(store::Error::Seal(_)) => "sealed",
            Self::Store(_) => "store",
            Self::Place(_) => "usage",
            Self::Unreachable { .. } => "unreachable",
            Self::NotFound { .. } => "not_found",
            Self::Refused { .. } => "credential",
            Self::Failed { .. } => "failed",
            Self::File { .. } => "file",
            Self::Columns(_) => "columns",
            Self::Parquet(_) => "parquet",
            Self::Changed(_) => "changed",
        }
    }

    /// What to do about it.
    pub fn help(&self) -> Option<&'static str> {
        Some(match self {
            Self::Unreachable { .. } => {
                "Nothing is lost: the archive stays where it was and goes on from there. Check the network, the endpoint and \
                 the proxy; `jumpseat archive run` tries again."
            }
            Self::NotFound { .. } => {
                "Jumpseat makes no bucket and no container: make it, or add the archive with the right URL. A local folder \
                 may be on a disk that is not mounted."
            }
            Self::Refused { .. } => {
                "Give the archive a credential that may list, read, write and delete there: AWS_*, GOOGLE_* or AZURE_* in the \
                 environment, or remove and add it with --credential-file."
            }
            Self::Changed(_) => "Run it again.",
            _ => return None,
        })
    }
}
