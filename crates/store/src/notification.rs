//! Where people are told what they should know, and what each place was told already. How something is sent, and what is
//! news, is not known here.

use std::collections::HashSet;

use jiff::Timestamp;
use secrecy::SecretString;

use crate::db::Row;
use crate::schema::storable;
use crate::{Error, Lease, MasterKey, Result, Sealed, Store};

/// A place where people are told.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Notification {
    /// Stable identity (UUID).
    pub id: String,
    /// Unique without regard to case.
    pub name: String,
    /// The word of what kind of place it is.
    pub kind: String,
    /// The host that the secret was given for; safe to show.
    pub address: String,
    /// What else there is to know of the place, as JSON; no secret.
    pub settings: String,
    /// The words of the topics that it is told about.
    pub topics: Vec<String>,
    /// Findings below this severity (OCSF's number) are not told.
    pub severity: i64,
    /// When what has gathered is told (interval or cron expression); at once, if `None`.
    pub digest: Option<String>,
    /// It is told.
    pub enabled: bool,
    /// When it was added: what was before is no news.
    pub created_at: Timestamp,
    /// How it went.
    pub state: NotificationState,
}

/// How telling a place went.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct NotificationState {
    /// When something was sent last.
    pub last_sent_at: Option<Timestamp>,
    /// Nothing is sent before: the next digest, or the next try.
    pub next_at: Option<Timestamp>,
    /// Since when sending fails.
    pub failing_since: Option<Timestamp>,
    /// How often in a row.
    pub failures: i64,
    /// The newest failure in words.
    pub failure: Option<String>,
}

const COLUMNS: &str =
    "id, name, kind, address, settings, topics, severity, digest, enabled, created_at, last_sent_at, next_at,
    failing_since, failures, failure";

impl Store {
    /// Adds a place with its secret, if it has one.
    ///
    /// # Errors
    /// [`Error::Refused`] when the name is taken.
    pub async fn add_notification(
        &self,
        notification: &Notification,
        secret: Option<&SecretString>,
        key: &MasterKey,
    ) -> Result<()> {
        let sealed = secret.map(|secret| key.seal(&notification.id, &notification.address, secret)).transpose()?;
        let added = self
            .db
            .execute(
                "INSERT INTO notification (id, name, name_key, kind, address, settings, secret_sealed, topics, severity, digest,
                   enabled, created_at, failures)
                 VALUES ($1, $2, $3, $4, $5, $6, $7, $8, $9, $10, $11, $12, 0)",
                vec![
                    notification.id.as_str().into(),
                    notification.name.as_str().into(),
                    notification.name.to_lowercase().into(),
                    notification.kind.as_str().into(),
                    notification.address.as_str().into(),
                    notification.settings.as_str().into(),
                    sealed.map(|sealed| sealed.0).into(),
                    notification.topics.join(",").into(),
                    notification.severity.into(),
                    notification.digest.clone().into(),
                    notification.enabled.into(),
                    notification.created_at.into(),
                ],
            )
            .await;
        match added {
            Err(Error::Database(inner)) if inner.as_database_error().is_some_and(|e| e.is_unique_violation()) => {
                Err(Error::Refused(format!(
                    "there is a notification named {} already; choose another name",
                    notification.name
                )))
            }
            other => other.map(drop),
        }
    }

    /// All places, by name.
    pub async fn notifications(&self) -> Result<Vec<Notification>> {
        let sql = format!("SELECT {COLUMNS} FROM notification ORDER BY name_key");
        Ok(self.db.fetch(&sql, vec![]).await?.iter().map(notification_of).collect())
    }

    /// A place by name (without regard to case) or id.
    pub async fn find_notification(&self, name_or_id: &str) -> Result<Option<Notification>> {
        let sql = format!("SELECT {COLUMNS} FROM notification WHERE name_key = $1 OR id = $2");
        let args = vec![name_or_id.trim().to_lowercase().into(), name_or_id.into()];
        Ok(self.db.fetch(&sql, args).await?.first().map(notification_of))
    }

    /// Opens a place's secret.
    ///
    /// # Errors
    /// [`Error::Seal`] when it was sealed with another key or for another host.
    pub async fn notification_secret(
        &self,
        notification: &Notification,
        key: &MasterKey,
    ) -> Result<Option<SecretString>> {
        let sql = "SELECT secret_sealed FROM notification WHERE id = $1";
        let rows = self.db.fetch(sql, vec![notification.id.as_str().into()]).await?;
        let sealed = rows.first().and_then(|row| row.maybe_text(0)).map(Sealed);
        sealed.map(|sealed| key.open(&notification.id, &notification.address, &sealed)).transpose()
    }

    /// Switches a place on or off. False if it is not there.
    pub async fn set_notification_enabled(&self, id: &str, enabled: bool) -> Result<bool> {
        let sql = "UPDATE notification SET enabled = $1 WHERE id = $2";
        Ok(self.db.execute(sql, vec![enabled.into(), id.into()]).await? > 0)
    }

    /// Forgets a place, its secret and what it was told. False if it is not there.
    pub async fn remove_notification(&self, id: &str) -> Result<bool> {
        let mut tx = self.db.begin().await?;
        tx.execute("DELETE FROM notification_told WHERE notification_id = $1", vec![id.into()]).await?;
        let removed = tx.execute("DELETE FROM notification WHERE id = $1", vec![id.into()]).await?;
        tx.commit().await?;
        Ok(removed > 0)
    }

    /// What a place was told.
    pub async fn news_told(&self, notification_id: &str) -> Result<HashSet<String>> {
        let sql = "SELECT news FROM notification_told WHERE notification_id = $1";
        Ok(self.db.fetch(sql, vec![notification_id.into()]).await?.iter().map(|row| row.text(0)).collect())
    }

    /// Notes that a place was told this, and when it is told again at the earliest.
    ///
    /// # Errors
    /// [`Error::LeaseLost`] when another process has taken over.
    pub async fn note_told(
        &self,
        notification_id: &str,
        news: &[&str],
        next: Option<Timestamp>,
        lease: &Lease,
        now: Timestamp,
    ) -> Result<()> {
        let mut tx = self.db.begin().await?;
        lease.check(&mut tx, Some(now)).await?;
        for news in news {
            tx.execute(
                "INSERT INTO notification_told (notification_id, news, told_at) VALUES ($1, $2, $3)
                 ON CONFLICT (notification_id, news) DO NOTHING",
                vec![notification_id.into(), (*news).into(), now.into()],
            )
            .await?;
        }
        tx.execute(
            "UPDATE notification SET last_sent_at = $2, next_at = $3, failing_since = NULL, failures = 0, failure = NULL
             WHERE id = $1",
            vec![notification_id.into(), now.into(), next.into()],
        )
        .await?;
        tx.commit().await
    }

    /// Notes when a place is told at the earliest.
    pub async fn set_notification_next(&self, id: &str, next: Option<Timestamp>) -> Result<()> {
        let sql = "UPDATE notification SET next_at = $2 WHERE id = $1";
        self.db.execute(sql, vec![id.into(), next.into()]).await.map(drop)
    }

    /// Notes that a place could not be told, and when it is tried again.
    pub async fn note_not_told(
        &self,
        notification_id: &str,
        failure: &str,
        next: Timestamp,
        now: Timestamp,
    ) -> Result<()> {
        self.db
            .execute(
                "UPDATE notification SET failing_since = COALESCE(failing_since, $2), failures = failures + 1, failure = $3,
                   next_at = $4 WHERE id = $1",
                vec![notification_id.into(), now.into(), storable(failure).into(), next.into()],
            )
            .await
            .map(drop)
    }

    /// Forgets what was told before a time; what still stands then is told once more.
    pub async fn forget_told(&self, before: Timestamp) -> Result<u64> {
        self.db.execute("DELETE FROM notification_told WHERE told_at < $1", vec![before.into()]).await
    }
}

fn notification_of(row: &Row) -> Notification {
    Notification {
        id: row.text(0),
        name: row.text(1),
        kind: row.text(2),
        address: row.text(3),
        settings: row.text(4),
        topics: row.text(5).split(',').filter(|topic| !topic.is_empty()).map(str::to_owned).collect(),
        severity: row.integer(6),
        digest: row.maybe_text(7),
        enabled: row.boolean(8),
        created_at: row.maybe_time(9).unwrap_or(Timestamp::UNIX_EPOCH),
        state: NotificationState {
            last_sent_at: row.maybe_time(10),
            next_at: row.maybe_time(11),
            failing_since: row.maybe_time(12),
            failures: row.integer(13),
            failure: row.maybe_text(14),
        },
    }
}
