//! As whom people sign in at a provider of OpenID Connect. How that is proven is not known here.

use jiff::Timestamp;

use crate::db::Tx;
use crate::people::{PERSON, an_owner_is_left, insert, is_taken, person_of};
use crate::{Error, Person, Result, Store};

/// Somebody's account at a provider.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Identity {
    /// The provider, as it calls itself.
    pub issuer: String,
    /// What the provider calls the account, for ever.
    pub subject: String,
    /// Whose it is here.
    pub person_id: String,
    /// The role that the provider gave last; `None` for somebody who was added by hand and keeps the role from there.
    pub given_role: Option<String>,
    /// Since when it is known.
    pub linked_at: Timestamp,
}

/// How many values stand before those of the identity.
const AFTER_PERSON: usize = 8;

impl Store {
    /// Who signs in as this, and what is kept of it.
    pub async fn person_of_identity(&self, issuer: &str, subject: &str) -> Result<Option<(Person, Identity)>> {
        let sql = format!(
            "SELECT {PERSON}, i.given_role, i.linked_at FROM person_identity i JOIN person p ON p.id = i.person_id
             WHERE i.issuer = $1 AND i.subject = $2"
        );
        let rows = self.db.fetch(&sql, vec![issuer.into(), subject.into()]).await?;
        Ok(rows.first().map(|row| {
            let person = person_of(row, 0);
            let identity = Identity {
                issuer: issuer.to_owned(),
                subject: subject.to_owned(),
                person_id: person.id.clone(),
                given_role: row.maybe_text(AFTER_PERSON),
                linked_at: row.maybe_time(AFTER_PERSON + 1).unwrap_or(Timestamp::UNIX_EPOCH),
            };
            (person, identity)
        }))
    }

    /// As whom somebody signs in, at every provider.
    pub async fn identities(&self, person_id: &str) -> Result<Vec<Identity>> {
        let sql =
            "SELECT issuer, subject, given_role, linked_at FROM person_identity WHERE person_id = $1 ORDER BY issuer";
        let rows = self.db.fetch(sql, vec![person_id.into()]).await?;
        let identity = |row: &crate::db::Row| Identity {
            issuer: row.text(0),
            subject: row.text(1),
            person_id: person_id.to_owned(),
            given_role: row.maybe_text(2),
            linked_at: row.maybe_time(3).unwrap_or(Timestamp::UNIX_EPOCH),
        };
        Ok(rows.iter().map(identity).collect())
    }

    /// From now on somebody who is here already can sign in as this.
    ///
    /// # Errors
    /// [`Error::Refused`] when it is somebody's already, or they have another one at this provider.
    pub async fn link_identity(&self, identity: &Identity) -> Result<()> {
        let mut tx = self.db.begin().await?;
        link(&mut tx, identity).await?;
        tx.commit().await
    }

    /// Adds somebody without a password, who signs in as this.
    ///
    /// # Errors
    /// [`Error::Refused`] when the name or the identity is taken.
    pub async fn add_person_with_identity(&self, person: &Person, identity: &Identity) -> Result<()> {
        let mut tx = self.db.begin().await?;
        insert(&mut tx, person, None).await?;
        link(&mut tx, identity).await?;
        tx.commit().await
    }

    /// Gives somebody the role that the provider gives them now.
    ///
    /// # Errors
    /// [`Error::Refused`] when nobody with the role `owner` would be left who can sign in and see everything.
    pub async fn give_role(&self, identity: &Identity, role: &str, now: Timestamp) -> Result<()> {
        let mut tx = self.db.begin().await?;
        tx.execute(
            "UPDATE person_identity SET given_role = $1 WHERE issuer = $2 AND subject = $3",
            vec![role.into(), identity.issuer.as_str().into(), identity.subject.as_str().into()],
        )
        .await?;
        tx.execute(
            "UPDATE person SET role = $1, updated_at = $2 WHERE id = $3",
            vec![role.into(), now.into(), identity.person_id.as_str().into()],
        )
        .await?;
        an_owner_is_left(&mut tx).await?;
        tx.commit().await
    }

    /// Forgets as whom somebody signs in. False if it was not known.
    pub async fn forget_identities(&self, person_id: &str) -> Result<bool> {
        let sql = "DELETE FROM person_identity WHERE person_id = $1";
        Ok(self.db.execute(sql, vec![person_id.into()]).await? > 0)
    }
}

async fn link(tx: &mut Tx, identity: &Identity) -> Result<()> {
    tx.execute(
        "INSERT INTO person_identity (issuer, subject, person_id, given_role, linked_at) VALUES ($1, $2, $3, $4, $5)",
        vec![
            identity.issuer.as_str().into(),
            identity.subject.as_str().into(),
            identity.person_id.as_str().into(),
            identity.given_role.clone().into(),
            identity.linked_at.into(),
        ],
    )
    .await
    .map(drop)
    .map_err(|error| match is_taken(&error) {
        true => Error::Refused("this account is linked with another sign-in at the provider already".to_owned()),
        false => error,
    })
}
