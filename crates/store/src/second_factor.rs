//! The second factor of people who sign in with a password, and sign-ins that wait for it. How a code is reckoned is not
//! known here.

use jiff::Timestamp;
use secrecy::SecretString;

use crate::{Error, MasterKey, Result, Sealed, Store};

/// What a secret is sealed for, beside its person.
const PURPOSE: &str = "second factor";

/// Somebody's second factor.
#[derive(Debug)]
pub struct SecondFactor {
    /// What the codes are made from.
    pub secret: SecretString,
    /// Since when it is asked for; `None` until a first code has proven that the person has it.
    pub confirmed_at: Option<Timestamp>,
    /// The newest step whose code was used.
    pub last_step: i64,
}

impl Store {
    /// Somebody's second factor, if they have one or are about to.
    ///
    /// # Errors
    /// [`Error::Seal`] when its secret was sealed with another key.
    pub async fn second_factor(&self, person_id: &str, key: &MasterKey) -> Result<Option<SecondFactor>> {
        let sql = "SELECT secret_sealed, confirmed_at, last_step FROM second_factor WHERE person_id = $1";
        let rows = self.db.fetch(sql, vec![person_id.into()]).await?;
        let Some(row) = rows.first() else { return Ok(None) };
        Ok(Some(SecondFactor {
            secret: key.open(person_id, PURPOSE, &Sealed(row.text(0)))?,
            confirmed_at: row.maybe_time(1),
            last_step: row.integer(2),
        }))
    }

    /// Puts a secret in place, which is not asked for yet.
    ///
    /// # Errors
    /// [`Error::Refused`] when there is one that is asked for.
    pub async fn begin_second_factor(&self, person_id: &str, secret: &SecretString, key: &MasterKey) -> Result<()> {
        let sealed = key.seal(person_id, PURPOSE, secret)?;
        let touched = self
            .db
            .execute(
                "INSERT INTO second_factor (person_id, secret_sealed, last_step) VALUES ($1, $2, 0)
                 ON CONFLICT (person_id) DO UPDATE SET secret_sealed = $2, last_step = 0
                 WHERE second_factor.confirmed_at IS NULL",
                vec![person_id.into(), sealed.0.into()],
            )
            .await?;
        if touched == 0 {
            return Err(Error::Refused("there is a second factor already; remove it first".to_owned()));
        }
        Ok(())
    }

    /// From now on the second factor is asked for; these are the hashes of the recovery codes. False if there is none that
    /// waits for this.
    pub async fn confirm_second_factor(
        &self,
        person_id: &str,
        step: i64,
        recovery: &[String],
        now: Timestamp,
    ) -> Result<bool> {
        let mut tx = self.db.begin().await?;
        let touched = tx
            .execute(
                "UPDATE second_factor SET confirmed_at = $2, last_step = $3 WHERE person_id = $1 AND confirmed_at IS NULL",
                vec![person_id.into(), now.into(), step.into()],
            )
            .await?;
        if touched == 0 {
            return Ok(false);
        }
        tx.execute("DELETE FROM recovery_code WHERE person_id = $1", vec![person_id.into()]).await?;
        for hash in recovery {
            let sql = "INSERT INTO recovery_code (person_id, code_hash) VALUES ($1, $2)";
            tx.execute(sql, vec![person_id.into(), hash.as_str().into()]).await?;
        }
        tx.commit().await?;
        Ok(true)
    }

    /// Uses the code of a step. False if that or a later one was used already, by whichever process.
    pub async fn use_second_factor(&self, person_id: &str, step: i64) -> Result<bool> {
        let sql = "UPDATE second_factor SET last_step = $2 WHERE person_id = $1 AND last_step < $2";
        Ok(self.db.execute(sql, vec![person_id.into(), step.into()]).await? > 0)
    }

    /// Uses a recovery code, once and for all. False if there is none of this hash.
    pub async fn use_recovery_code(&self, person_id: &str, hash: &str) -> Result<bool> {
        let sql = "DELETE FROM recovery_code WHERE person_id = $1 AND code_hash = $2";
        Ok(self.db.execute(sql, vec![person_id.into(), hash.into()]).await? > 0)
    }

    /// How many recovery codes somebody has left.
    pub async fn recovery_codes_left(&self, person_id: &str) -> Result<u64> {
        let sql = "SELECT COUNT(*) FROM recovery_code WHERE person_id = $1";
        let rows = self.db.fetch(sql, vec![person_id.into()]).await?;
        Ok(rows.first().map_or(0, |row| row.integer(0).unsigned_abs()))
    }

    /// Takes a second factor away, with its recovery codes. False if there was none.
    pub async fn remove_second_factor(&self, person_id: &str) -> Result<bool> {
        let mut tx = self.db.begin().await?;
        tx.execute("DELETE FROM recovery_code WHERE person_id = $1", vec![person_id.into()]).await?;
        let removed = tx.execute("DELETE FROM second_factor WHERE person_id = $1", vec![person_id.into()]).await?;
        tx.commit().await?;
        Ok(removed > 0)
    }

    /// Remembers that somebody has given the right password and is asked for a code; forgets who was so before.
    pub async fn begin_waiting(
        &self,
        token_hash: &str,
        person_id: &str,
        expires_at: Timestamp,
        now: Timestamp,
    ) -> Result<()> {
        let mut tx = self.db.begin().await?;
        tx.execute("DELETE FROM sign_in_waiting WHERE expires_at < $1", vec![now.into()]).await?;
        tx.execute(
            "INSERT INTO sign_in_waiting (token_hash, person_id, expires_at) VALUES ($1, $2, $3)",
            vec![token_hash.into(), person_id.into(), expires_at.into()],
        )
        .await?;
        tx.commit().await
    }

    /// The id of who waits with this token.
    pub async fn who_waits(&self, token_hash: &str, now: Timestamp) -> Result<Option<String>> {
        let sql = "SELECT person_id FROM sign_in_waiting WHERE token_hash = $1 AND expires_at > $2";
        Ok(self.db.fetch(sql, vec![token_hash.into(), now.into()]).await?.first().map(|row| row.text(0)))
    }

    /// A sign-in waits no longer. False if it did not.
    pub async fn end_waiting(&self, token_hash: &str) -> Result<bool> {
        let sql = "DELETE FROM sign_in_waiting WHERE token_hash = $1";
        Ok(self.db.execute(sql, vec![token_hash.into()]).await? > 0)
    }
}
