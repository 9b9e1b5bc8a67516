//! People who sign in, their sessions, their API tokens, and the token of the first start. What a role may do is not
//! known here. Of passwords and tokens only hashes come in; a token is looked up by its hash.

use jiff::Timestamp;

use crate::db::{Row, Tx};
use crate::schema::storable;
use crate::{Error, Result, Store};

/// Somebody who can sign in.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Person {
    /// Stable identity (UUID).
    pub id: String,
    /// What they sign in with; unique without regard to case.
    pub name: String,
    /// Their e-mail address.
    pub email: Option<String>,
    /// The word of their role.
    pub role: String,
    /// The organizations that they may see; all, if `None`.
    pub org_ids: Option<Vec<String>>,
    /// They may sign in.
    pub active: bool,
    /// When they were added.
    pub created_at: Timestamp,
    /// When they signed in last.
    pub last_sign_in_at: Option<Timestamp>,
}

/// A sign-in that is to be remembered.
#[derive(Debug, Clone)]
pub struct NewSession<'a> {
    /// Hash of the token that the browser holds.
    pub token_hash: &'a str,
    /// What the session is called in lists.
    pub id: &'a str,
    /// Who signed in.
    pub person_id: &'a str,
    /// The address that they came from.
    pub address: &'a str,
    /// What the browser says of itself.
    pub agent: &'a str,
    /// When it ends, however much it is used.
    pub expires_at: Timestamp,
}

/// A browser that is signed in.
#[derive(Debug, Clone)]
pub struct Session {
    /// What it is called in lists; useless for signing in.
    pub id: String,
    /// Whose it is.
    pub person_id: String,
    /// When they signed in.
    pub created_at: Timestamp,
    /// When it was used last, to the minute.
    pub last_seen_at: Timestamp,
    /// When it ends, however much it is used.
    pub expires_at: Timestamp,
    /// The address that they came from.
    pub address: String,
    /// What the browser says of itself.
    pub agent: String,
}

/// A key for programs, made by a person; it can do no more than they can.
#[derive(Debug, Clone)]
pub struct ApiToken {
    /// Stable identity (UUID).
    pub id: String,
    /// Who made it.
    pub person_id: String,
    /// What it is for.
    pub name: String,
    /// Its beginning, by which people know it again.
    pub prefix: String,
    /// The word of the role that bounds it.
    pub scope: String,
    /// When it was made.
    pub created_at: Timestamp,
    /// When it ends.
    pub expires_at: Timestamp,
    /// When it was used last, to the minute.
    pub last_used_at: Option<Timestamp>,
    /// When it was taken back.
    pub revoked_at: Option<Timestamp>,
}

pub(crate) const PERSON: &str = "p.id, p.name, p.email, p.role, p.org_ids, p.active, p.created_at, p.last_sign_in_at";
const SESSION: &str = "s.id, s.person_id, s.created_at, s.last_seen_at, s.expires_at, s.address, s.agent";
const TOKEN: &str =
    "t.id, t.person_id, t.name, t.prefix, t.scope, t.created_at, t.expires_at, t.last_used_at, t.revoked_at";
/// How many values stand before those of the second thing of a row.
const AFTER_SESSION: usize = 7;
const AFTER_TOKEN: usize = 9;

impl Store {
    /// All people, by name.
    pub async fn people(&self) -> Result<Vec<Person>> {
        let sql = format!("SELECT {PERSON} FROM person p ORDER BY p.name_key");
        Ok(self.db.fetch(&sql, vec![]).await?.iter().map(|row| person_of(row, 0)).collect())
    }

    /// Somebody by name, without regard to case, with the hash of their password.
    pub async fn find_person(&self, name: &str) -> Result<Option<(Person, Option<String>)>> {
        let sql = format!("SELECT {PERSON}, p.password_hash FROM person p WHERE p.name_key = $1");
        let rows = self.db.fetch(&sql, vec![name_key(name).into()]).await?;
        Ok(rows.first().map(|row| (person_of(row, 0), row.maybe_text(8))))
    }

    /// Somebody by id.
    pub async fn person(&self, id: &str) -> Result<Option<Person>> {
        let sql = format!("SELECT {PERSON} FROM person p WHERE p.id = $1");
        Ok(self.db.fetch(&sql, vec![id.into()]).await?.first().map(|row| person_of(row, 0)))
    }

    /// Adds somebody.
    ///
    /// # Errors
    /// [`Error::Refused`] when the name is taken.
    pub async fn add_person(&self, person: &Person, password_hash: Option<&str>) -> Result<()> {
        let mut tx = self.db.begin().await?;
        insert(&mut tx, person, password_hash).await?;
        tx.commit().await
    }

    /// Changes role, organizations, address and whether they may sign in. Who may no longer sign in is signed out.
    ///
    /// # Errors
    /// [`Error::Refused`] when nobody with the role `owner` would be left who can sign in and see everything.
    pub async fn update_person(&self, person: &Person, now: Timestamp) -> Result<()> {
        let mut tx = self.db.begin().await?;
        let touched = tx
            .execute(
                "UPDATE person SET email = $1, role = $2, org_ids = $3, active = $4, updated_at = $5 WHERE id = $6",
                vec![
                    person.email.clone().into(),
                    person.role.as_str().into(),
                    org_ids_text(person).into(),
                    person.active.into(),
                    now.into(),
                    person.id.as_str().into(),
                ],
            )
            .await?;
        if touched == 0 {
            return Err(Error::Refused(format!("{} was removed in the meantime", person.name)));
        }
        an_owner_is_left(&mut tx).await?;
        if !person.active {
            end_sessions(&mut tx, &person.id, "").await?;
        }
        tx.commit().await
    }

    /// Removes somebody with their sessions, tokens and identities. What they did stays in the audit log under their name.
    ///
    /// # Errors
    /// [`Error::Refused`] when nobody with the role `owner` would be left who can sign in and see everything.
    pub async fn remove_person(&self, person: &Person) -> Result<()> {
        let mut tx = self.db.begin().await?;
        end_sessions(&mut tx, &person.id, "").await?;
        for table in ["api_token", "second_factor", "recovery_code", "sign_in_waiting", "person_identity"] {
            let sql = format!("DELETE FROM {table} WHERE person_id = $1");
            tx.execute(&sql, vec![person.id.as_str().into()]).await?;
        }
        tx.execute("DELETE FROM person WHERE id = $1", vec![person.id.as_str().into()]).await?;
        an_owner_is_left(&mut tx).await?;
        tx.commit().await
    }

    /// Sets a password, and ends all of their sessions but the one that is named.
    pub async fn set_password(&self, person_id: &str, hash: &str, but_session: &str, now: Timestamp) -> Result<()> {
        let mut tx = self.db.begin().await?;
        tx.execute(
            "UPDATE person SET password_hash = $1, updated_at = $2 WHERE id = $3",
            vec![hash.into(), now.into(), person_id.into()],
        )
        .await?;
        end_sessions(&mut tx, person_id, but_session).await?;
        tx.commit().await
    }

    /// Puts the token of the first start in place of an older one. Returns false when there are people already, so that
    /// none is needed.
    pub async fn begin_setup(&self, token_hash: &str, expires_at: Timestamp) -> Result<bool> {
        let mut tx = self.db.begin().await?;
        if has_people(&mut tx).await? {
            return Ok(false);
        }
        tx.execute("DELETE FROM setup_token", vec![]).await?;
        tx.execute(
            "INSERT INTO setup_token (token_hash, expires_at) VALUES ($1, $2)",
            vec![token_hash.into(), expires_at.into()],
        )
        .await?;
        tx.commit().await?;
        Ok(true)
    }

    /// Adds the first person, if the token is the one of the first start; it can not be used again.
    ///
    /// # Errors
    /// [`Error::Refused`] when it is not, or too old, or was used.
    pub async fn finish_setup(
        &self,
        token_hash: &str,
        person: &Person,
        password_hash: Option<&str>,
        now: Timestamp,
    ) -> Result<()> {
        let mut tx = self.db.begin().await?;
        let used = tx
            .execute(
                "DELETE FROM setup_token WHERE token_hash = $1 AND expires_at > $2",
                vec![token_hash.into(), now.into()],
            )
            .await?;
        if used == 0 || has_people(&mut tx).await? {
            return Err(Error::Refused(
                "this is not the setup token, or it was used or is too old: start `jumpseat serve` again for a new one"
                    .to_owned(),
            ));
        }
        insert(&mut tx, person, password_hash).await?;
        tx.commit().await
    }

    /// Whether anybody can sign in at all.
    pub async fn has_people(&self) -> Result<bool> {
        Ok(self.db.fetch("SELECT 1 FROM person LIMIT 1", vec![]).await?.len() == 1)
    }

    /// Remembers a sign-in, and forgets sessions that are over.
    pub async fn begin_session(&self, session: &NewSession<'_>, now: Timestamp) -> Result<()> {
        let mut tx = self.db.begin().await?;
        tx.execute("DELETE FROM person_session WHERE expires_at <= $1", vec![now.into()]).await?;
        tx.execute(
            "INSERT INTO person_session (token_hash, id, person_id, created_at, last_seen_at, expires_at, address, agent)
             VALUES ($1, $2, $3, $4, $4, $5, $6, $7)",
            vec![
                session.token_hash.into(),
                session.id.into(),
                session.person_id.into(),
                now.into(),
                session.expires_at.into(),
                session.address.into(),
                storable(session.agent).into(),
            ],
        )
        .await?;
        tx.execute("UPDATE person SET last_sign_in_at = $1 WHERE id = $2", vec![now.into(), session.person_id.into()])
            .await?;
        tx.commit().await
    }

    /// The session of a token with the person, if it is not over and the person may sign in.
    pub async fn session(&self, token_hash: &str, now: Timestamp) -> Result<Option<(Session, Person)>> {
        let sql = format!(
            "SELECT {SESSION}, {PERSON} FROM person_session s JOIN person p ON p.id = s.person_id
             WHERE s.token_hash = $1 AND s.expires_at > $2"
        );
        let rows = self.db.fetch(&sql, vec![token_hash.into(), now.into()]).await?;
        let found = rows.first().map(|row| (session_of(row), person_of(row, AFTER_SESSION)));
        Ok(found.filter(|(_, person)| person.active))
    }

    /// Notes that a session is used.
    pub async fn touch_session(&self, id: &str, now: Timestamp) -> Result<()> {
        let sql = "UPDATE person_session SET last_seen_at = $1 WHERE id = $2";
        self.db.execute(sql, vec![now.into(), id.into()]).await.map(drop)
    }

    /// All sessions that are not over, the newest first.
    pub async fn sessions(&self, now: Timestamp) -> Result<Vec<Session>> {
        let sql = format!("SELECT {SESSION} FROM person_session s WHERE s.expires_at > $1 ORDER BY s.created_at DESC");
        Ok(self.db.fetch(&sql, vec![now.into()]).await?.iter().map(session_of).collect())
    }

    /// Ends a session. Returns whether there was one.
    pub async fn end_session(&self, id: &str) -> Result<bool> {
        Ok(self.db.execute("DELETE FROM person_session WHERE id = $1", vec![id.into()]).await? > 0)
    }

    /// Ends all of somebody's sessions and takes all of their tokens back.
    pub async fn shut_out(&self, person_id: &str, now: Timestamp) -> Result<()> {
        let mut tx = self.db.begin().await?;
        end_sessions(&mut tx, person_id, "").await?;
        let sql = "UPDATE api_token SET revoked_at = $1 WHERE person_id = $2 AND revoked_at IS NULL";
        tx.execute(sql, vec![now.into(), person_id.into()]).await?;
        tx.commit().await
    }

    /// Adds a token for programs.
    pub async fn add_api_token(&self, token: &ApiToken, token_hash: &str) -> Result<()> {
        self.db
            .execute(
                "INSERT INTO api_token (id, person_id, name, prefix, token_hash, scope, created_at, expires_at)
                 VALUES ($1, $2, $3, $4, $5, $6, $7, $8)",
                vec![
                    token.id.as_str().into(),
                    token.person_id.as_str().into(),
                    storable(&token.name).into(),
                    token.prefix.as_str().into(),
                    token_hash.into(),
                    token.scope.as_str().into(),
                    token.created_at.into(),
                    token.expires_at.into(),
                ],
            )
            .await
            .map(drop)
    }

    /// The token of this hash with the person who made it, if it is not over and they may sign in.
    pub async fn api_token(&self, token_hash: &str, now: Timestamp) -> Result<Option<(ApiToken, Person)>> {
        let sql = format!(
            "SELECT {TOKEN}, {PERSON} FROM api_token t JOIN person p ON p.id = t.person_id
             WHERE t.token_hash = $1 AND t.expires_at > $2 AND t.revoked_at IS NULL"
        );
        let rows = self.db.fetch(&sql, vec![token_hash.into(), now.into()]).await?;
        let found = rows.first().map(|row| (token_of(row), person_of(row, AFTER_TOKEN)));
        Ok(found.filter(|(_, person)| person.active))
    }

    /// All tokens, the newest first.
    pub async fn api_tokens(&self) -> Result<Vec<ApiToken>> {
        let sql = format!("SELECT {TOKEN} FROM api_token t ORDER BY t.created_at DESC");
        Ok(self.db.fetch(&sql, vec![]).await?.iter().map(token_of).collect())
    }

    /// Notes that a token is used.
    pub async fn touch_api_token(&self, id: &str, now: Timestamp) -> Result<()> {
        let sql = "UPDATE api_token SET last_used_at = $1 WHERE id = $2";
        self.db.execute(sql, vec![now.into(), id.into()]).await.map(drop)
    }

    /// Takes a token back. Returns whether there was one to take back.
    pub async fn revoke_api_token(&self, id: &str, now: Timestamp) -> Result<bool> {
        let sql = "UPDATE api_token SET revoked_at = $1 WHERE id = $2 AND revoked_at IS NULL";
        Ok(self.db.execute(sql, vec![now.into(), id.into()]).await? > 0)
    }
}

pub(crate) async fn insert(tx: &mut Tx, person: &Person, password_hash: Option<&str>) -> Result<()> {
    tx.execute(
        "INSERT INTO person (id, name, name_key, email, role, org_ids, password_hash, active, created_at, updated_at)
         VALUES ($1, $2, $3, $4, $5, $6, $7, $8, $9, $9)",
        vec![
            person.id.as_str().into(),
            person.name.as_str().into(),
            name_key(&person.name).into(),
            person.email.clone().into(),
            person.role.as_str().into(),
            org_ids_text(person).into(),
            password_hash.map(str::to_owned).into(),
            person.active.into(),
            person.created_at.into(),
        ],
    )
    .await
    .map(drop)
    .map_err(|error| match is_taken(&error) {
        true => Error::Refused(format!("there is somebody named {} already; choose another name", person.name)),
        false => error,
    })
}

/// Whether something that may be there once is there already.
pub(crate) fn is_taken(error: &Error) -> bool {
    matches!(error, Error::Database(inner)
        if inner.as_database_error().is_some_and(|error| error.is_unique_violation()))
}

async fn has_people(tx: &mut Tx) -> Result<bool> {
    Ok(!tx.fetch("SELECT 1 FROM person LIMIT 1", vec![]).await?.is_empty())
}

/// Refuses what would leave nobody who may manage people.
pub(crate) async fn an_owner_is_left(tx: &mut Tx) -> Result<()> {
    let owners = tx.fetch("SELECT active FROM person WHERE role = 'owner' AND org_ids IS NULL", vec![]).await?;
    if owners.iter().any(|row| row.boolean(0)) {
        return Ok(());
    }
    Err(Error::Refused("nobody would be left who may manage people: make somebody else an owner first".to_owned()))
}

async fn end_sessions(tx: &mut Tx, person_id: &str, but: &str) -> Result<()> {
    let sql = "DELETE FROM person_session WHERE person_id = $1 AND id <> $2";
    tx.execute(sql, vec![person_id.into(), but.into()]).await.map(drop)
}

fn name_key(name: &str) -> String {
    name.trim().to_lowercase()
}

fn org_ids_text(person: &Person) -> Option<String> {
    person.org_ids.as_ref().map(|ids| serde_json::to_string(ids).expect("a list of texts can be written as JSON"))
}

pub(crate) fn person_of(row: &Row, from: usize) -> Person {
    Person {
        id: row.text(from),
        name: row.text(from + 1),
        email: row.maybe_text(from + 2),
        role: row.text(from + 3),
        // What can not be read must not become "all".
        org_ids: row.maybe_text(from + 4).map(|text| serde_json::from_str(&text).unwrap_or_default()),
        active: row.boolean(from + 5),
        created_at: row.maybe_time(from + 6).unwrap_or(Timestamp::UNIX_EPOCH),
        last_sign_in_at: row.maybe_time(from + 7),
    }
}

fn session_of(row: &Row) -> Session {
    let time = |at| row.maybe_time(at).unwrap_or(Timestamp::UNIX_EPOCH);
    Session {
        id: row.text(0),
        person_id: row.text(1),
        created_at: time(2),
        last_seen_at: time(3),
        expires_at: time(4),
        address: row.text(5),
        agent: row.text(6),
    }
}

fn token_of(row: &Row) -> ApiToken {
    let time = |at| row.maybe_time(at).unwrap_or(Timestamp::UNIX_EPOCH);
    ApiToken {
        id: row.text(0),
        person_id: row.text(1),
        name: row.text(2),
        prefix: row.text(3),
        scope: row.text(4),
        created_at: time(5),
        expires_at: time(6),
        last_used_at: row.maybe_time(7),
        revoked_at: row.maybe_time(8),
    }
}
