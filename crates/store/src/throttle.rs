//! Failed sign-ins, counted for all processes of an installation. What they cost is not known here.

use jiff::{SignedDuration, Timestamp};

use crate::{Result, Store};

/// How often somebody has failed.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct SignInFailures {
    /// Times in a row.
    pub count: i64,
    /// The last time.
    pub last_at: Timestamp,
}

impl Store {
    /// How often these subjects (hashes of names and addresses) have failed; who has not is not in the answer.
    pub async fn sign_in_failures(&self, subjects: &[String]) -> Result<Vec<SignInFailures>> {
        let mut found = Vec::new();
        for subject in subjects {
            let sql = "SELECT failures, last_at FROM sign_in_failure WHERE subject = $1";
            let rows = self.db.fetch(sql, vec![subject.as_str().into()]).await?;
            found.extend(
                rows.first()
                    .and_then(|row| Some(SignInFailures { count: row.integer(0), last_at: row.maybe_time(1)? })),
            );
        }
        Ok(found)
    }

    /// Notes that these subjects have failed, and forgets all who did not fail for as long as `forget`.
    pub async fn note_sign_in_failure(
        &self,
        subjects: &[String],
        forget: SignedDuration,
        now: Timestamp,
    ) -> Result<()> {
        let mut tx = self.db.begin().await?;
        tx.execute("DELETE FROM sign_in_failure WHERE last_at < $1", vec![(now - forget).into()]).await?;
        // In one order, or two processes that note the same two would wait for each other.
        let mut subjects: Vec<&String> = subjects.iter().collect();
        subjects.sort();
        for subject in subjects {
            tx.execute(
                "INSERT INTO sign_in_failure (subject, failures, last_at) VALUES ($1, 1, $2)
                 ON CONFLICT (subject) DO UPDATE SET failures = sign_in_failure.failures + 1, last_at = $2",
                vec![subject.as_str().into(), now.into()],
            )
            .await?;
        }
        tx.commit().await
    }

    /// Forgets a subject's failures.
    pub async fn forget_sign_in_failures(&self, subject: &str) -> Result<()> {
        let sql = "DELETE FROM sign_in_failure WHERE subject = $1";
        self.db.execute(sql, vec![subject.into()]).await.map(drop)
    }
}
