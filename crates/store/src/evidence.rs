//! Evidence packs: the keys that sign them, sealed like every other secret, the chain of the packs, and where the snapshot
//! behind a pack came from. What a pack holds and how it is signed is the caller's.

use jiff::Timestamp;
use secrecy::SecretString;

use crate::db::Row;
use crate::lease::Lease;
use crate::query::SystemTable;
use crate::schema::{integer, text, time};
use crate::seal::{MasterKey, Sealed};
use crate::{Error, Result, Store};

/// What the signing key is sealed for, beside its public key.
const SEALED_FOR: &str = "evidence signing key";

/// The key that signs evidence packs.
#[derive(Debug)]
pub struct EvidenceKey {
    /// The public key, as text.
    pub public_key: String,
    /// The secret, as text.
    pub secret: SecretString,
}

/// What everybody may know of a key that signs, or once signed, evidence packs.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct EvidenceKeyRecord {
    /// The public key, as text.
    pub public_key: String,
    /// When it was made.
    pub made_at: Timestamp,
    /// The signature of the key before it over this one; `None` for the first.
    pub vouched: Option<String>,
}

/// A pack that was made: a link of the chain.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct EvidencePack {
    /// 1 for the first pack of the installation.
    pub number: i64,
    /// The organization.
    pub org_id: String,
    /// The framework.
    pub framework: String,
    /// The period begins here …
    pub from: Timestamp,
    /// … and ends here, inclusive.
    pub to: Timestamp,
    /// Populations are as they were at this time.
    pub as_of: Timestamp,
    /// When it was made.
    pub made_at: Timestamp,
    /// Who made it.
    pub made_by: String,
    /// How many files its manifest names.
    pub files: i64,
    /// Their size together.
    pub bytes: i64,
    /// SHA-256 of its manifest, hexadecimal.
    pub digest: String,
    /// The digest of the pack before it; `None` for the first.
    pub previous: Option<String>,
    /// The public key that verifies it.
    pub public_key: String,
}

/// Where a snapshot came from.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct SnapshotOrigin {
    /// The connection that it was read through.
    pub connection_id: String,
    /// The run that read it.
    pub run_id: i64,
    /// When reading began.
    pub started_at: Timestamp,
    /// When it became visible.
    pub committed_at: Timestamp,
    /// What is missing, if it is not complete.
    pub reason: Option<String>,
}

const COLUMNS: &str =
    "number, org_id, framework, period_from, period_to, as_of, made_at, made_by, files, bytes, digest,
    previous, public_key";

impl Store {
    /// The key that signs evidence packs, if one was made.
    ///
    /// # Errors
    /// [`Error::Seal`] when it was sealed with another master key.
    pub async fn evidence_key(&self, master: &MasterKey) -> Result<Option<EvidenceKey>> {
        let sql = "SELECT public_key, secret_sealed FROM evidence_key ORDER BY number DESC LIMIT 1";
        let rows = self.db.fetch(sql, vec![]).await?;
        let Some(row) = rows.first() else { return Ok(None) };
        let public_key = row.text(0);
        let secret = master.open(SEALED_FOR, &public_key, &Sealed(row.text(1))).map_err(|_| {
            Error::Seal(
                "the key that signs evidence packs was sealed with another master key; put that master key back"
                    .to_owned(),
            )
        })?;
        Ok(Some(EvidenceKey { public_key, secret }))
    }

    /// All keys that ever signed evidence packs, the first one first.
    pub async fn evidence_keys(&self) -> Result<Vec<EvidenceKeyRecord>> {
        let sql = "SELECT public_key, made_at, vouched FROM evidence_key ORDER BY number";
        let rows = self.db.fetch(sql, vec![]).await?;
        Ok(rows
            .iter()
            .map(|row| EvidenceKeyRecord {
                public_key: row.text(0),
                made_at: row.maybe_time(1).unwrap_or(Timestamp::UNIX_EPOCH),
                vouched: row.maybe_text(2),
            })
            .collect())
    }

    /// Keeps the key that signs evidence packs, unless there is one already; which of two at once is kept, tells
    /// [`Store::evidence_key`].
    pub async fn add_evidence_key(&self, key: &EvidenceKey, master: &MasterKey, now: Timestamp) -> Result<()> {
        let sealed = master.seal(SEALED_FOR, &key.public_key, &key.secret)?;
        self.db
            .execute(
                "INSERT INTO evidence_key (number, public_key, secret_sealed, made_at) VALUES (1, $1, $2, $3)
                 ON CONFLICT DO NOTHING",
                vec![key.public_key.as_str().into(), sealed.0.into(), now.into()],
            )
            .await
            .map(drop)
    }

    /// Puts a new key in the place of the one whose public key is `before`, which vouches for it and whose secret is
    /// forgotten.
    ///
    /// # Errors
    /// [`Error::Refused`] when another key was put there meanwhile.
    pub async fn replace_evidence_key(
        &self,
        before: &str,
        key: &EvidenceKey,
        vouched: &str,
        master: &MasterKey,
        now: Timestamp,
    ) -> Result<()> {
        let sealed = master.seal(SEALED_FOR, &key.public_key, &key.secret)?;
        let mut tx = self.db.begin().await?;
        let newest =
            tx.fetch("SELECT number, public_key FROM evidence_key ORDER BY number DESC LIMIT 1", vec![]).await?;
        let number = newest.first().filter(|row| row.text(1) == before).map(|row| row.integer(0));
        let number = number.ok_or_else(|| Error::Refused("the key was replaced meanwhile".to_owned()))?;
        tx.execute(
            "INSERT INTO evidence_key (number, public_key, secret_sealed, made_at, vouched) VALUES ($1, $2, $3, $4, $5)",
            vec![
                (number + 1).into(),
                key.public_key.as_str().into(),
                sealed.0.into(),
                now.into(),
                vouched.into(),
            ],
        )
        .await?;
        tx.execute("UPDATE evidence_key SET secret_sealed = '' WHERE number = $1", vec![number.into()]).await?;
        tx.commit().await
    }

    /// All packs, the first one first.
    pub async fn evidence_packs(&self) -> Result<Vec<EvidencePack>> {
        let sql = format!("SELECT {COLUMNS} FROM evidence_pack ORDER BY number");
        self.db.fetch(&sql, vec![]).await?.iter().map(EvidencePack::of).collect()
    }

    /// The newest pack.
    pub async fn newest_evidence_pack(&self) -> Result<Option<EvidencePack>> {
        let sql = format!("SELECT {COLUMNS} FROM evidence_pack ORDER BY number DESC LIMIT 1");
        self.db.fetch(&sql, vec![]).await?.first().map(EvidencePack::of).transpose()
    }

    /// Adds a pack to the chain. Its number and its predecessor's digest must follow the newest one.
    ///
    /// # Errors
    /// [`Error::LeaseLost`] when another process makes packs now; [`Error::Refused`] when it does not follow.
    pub async fn add_evidence_pack(&self, pack: &EvidencePack, lease: &Lease, now: Timestamp) -> Result<()> {
        let mut tx = self.db.begin().await?;
        lease.check(&mut tx, Some(now)).await?;
        let newest = tx.fetch("SELECT number, digest FROM evidence_pack ORDER BY number DESC LIMIT 1", vec![]).await?;
        let (number, digest) = newest.first().map_or((0, None), |row| (row.integer(0), row.maybe_text(1)));
        if pack.number != number + 1 || pack.previous != digest {
            return Err(Error::Refused("another evidence pack was made meanwhile; make this one again".to_owned()));
        }
        tx.execute(
            &format!(
                "INSERT INTO evidence_pack ({COLUMNS}) VALUES ($1, $2, $3, $4, $5, $6, $7, $8, $9, $10, $11, $12, $13)"
            ),
            vec![
                pack.number.into(),
                pack.org_id.as_str().into(),
                pack.framework.as_str().into(),
                pack.from.into(),
                pack.to.into(),
                pack.as_of.into(),
                pack.made_at.into(),
                pack.made_by.as_str().into(),
                pack.files.into(),
                pack.bytes.into(),
                pack.digest.as_str().into(),
                pack.previous.clone().into(),
                pack.public_key.as_str().into(),
            ],
        )
        .await?;
        tx.commit().await
    }

    /// Where a committed snapshot came from.
    pub async fn snapshot_origin(&self, number: i64) -> Result<Option<SnapshotOrigin>> {
        let sql = "SELECT connection_id, run_id, started_at, committed_at, reason FROM snapshot
                   WHERE number = $1 AND committed_at IS NOT NULL";
        let rows = self.db.fetch(sql, vec![number.into()]).await?;
        Ok(rows.first().and_then(|row| {
            Some(SnapshotOrigin {
                connection_id: row.text(0),
                run_id: row.integer(1),
                started_at: row.maybe_time(2)?,
                committed_at: row.maybe_time(3)?,
                reason: row.maybe_text(4),
            })
        }))
    }
}

impl EvidencePack {
    fn of(row: &Row) -> Result<Self> {
        let at = |column: usize| {
            row.maybe_time(column)
                .ok_or_else(|| Error::Refused(format!("evidence pack {} has no readable time", row.integer(0))))
        };
        Ok(Self {
            number: row.integer(0),
            org_id: row.text(1),
            framework: row.text(2),
            from: at(3)?,
            to: at(4)?,
            as_of: at(5)?,
            made_at: at(6)?,
            made_by: row.text(7),
            files: row.integer(8),
            bytes: row.integer(9),
            digest: row.text(10),
            previous: row.maybe_text(11),
            public_key: row.text(12),
        })
    }
}

/// What SQL sees of the chain.
pub(crate) const PACKS: SystemTable = SystemTable {
    name: "evidence_packs",
    about: "Evidence packs that were made, each chained to the one before it. The packs themselves are not kept here.",
    columns: &[
        integer("number", "", "1 for the first pack of the installation; no number is left out."),
        text("org_id", "", "The organization."),
        text("framework", "", "The framework."),
        time("period_from", "", "The period begins here."),
        time("period_to", "", "The period ends here."),
        time("as_of", "", "Populations are as they were at this time."),
        time("made_at", "", "When it was made."),
        text("made_by", "", "Who made it."),
        integer("files", "", "Files that its manifest names."),
        integer("bytes", "", "Their size together."),
        text("digest", "", "SHA-256 of its manifest."),
        text("previous", "", "The digest of the pack before it."),
        text("public_key", "", "The minisign public key that verifies it."),
    ],
    sql: "SELECT number, org_id, framework, period_from, period_to, as_of, made_at, made_by, files, bytes, digest, previous,
            public_key FROM {home}evidence_pack",
};
