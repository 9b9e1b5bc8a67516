//! The audit log: what people and programs did to Jumpseat itself. Lines are only ever added, and each holds the hash of
//! the one before it, so that a line that is changed, removed or put in between is found.

use data_encoding::HEXLOWER;
use jiff::Timestamp;
use serde_json::Value;
use sha2::{Digest as _, Sha256};

use crate::db::Row;
use crate::schema::{Cell, storable, time_text};
use crate::{Result, Store};

/// Something that was done, or tried.
#[derive(Debug, Clone)]
pub struct AuditEntry {
    /// When.
    pub at: Timestamp,
    /// Who, by name.
    pub actor: String,
    /// `person`, `token`, `command` (the command line) or `system`.
    pub actor_kind: String,
    /// The address that they came from.
    pub address: String,
    /// The organization that it is about, if it is about one.
    pub org_id: Option<String>,
    /// What, in a word such as `connection.rotate`.
    pub action: String,
    /// On what, by name.
    pub object: String,
    /// What was before and after, as far as it is no secret.
    pub detail: Value,
    /// `done`, `refused` or `failed`.
    pub outcome: String,
    /// The request that did it.
    pub request_id: String,
}

/// A line of the log.
#[derive(Debug, Clone)]
pub struct AuditLine {
    /// Its place; the first is 1.
    pub number: i64,
    /// What it says.
    pub entry: AuditEntry,
    /// The hash of the line before; empty for the first.
    pub previous: String,
    /// SHA-256 over the hash before and everything that the line says.
    pub hash: String,
}

/// [`AuditLine::COLUMNS`] in SQL.
fn columns() -> String {
    AuditLine::COLUMNS.join(", ")
}

/// What a walk along the chain has found.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct AuditProof {
    /// How many lines there are.
    pub lines: u64,
    /// The hash of the last one; who writes it down elsewhere can tell later that nothing before it was changed.
    pub head: String,
    /// The first line at which the chain is broken, and how.
    pub broken: Option<(i64, String)>,
}

impl AuditLine {
    /// What a line holds, as it is read, exported and put into a table, in this order.
    pub const COLUMNS: [&str; 13] = [
        "number",
        "at",
        "actor",
        "actor_kind",
        "address",
        "org_id",
        "action",
        "object",
        "detail",
        "outcome",
        "request_id",
        "previous",
        "hash",
    ];
}

impl Store {
    /// Adds a line. Whoever is about to change something does so only after this has succeeded.
    pub async fn audit(&self, entry: &AuditEntry) -> Result<i64> {
        let mut tx = self.db.begin().await?;
        // Taking the number waits for whoever is adding a line, so that no two follow the same one.
        let number = tx.next_numbers("audit", 1).await?;
        let last = tx.fetch("SELECT hash FROM audit_line ORDER BY number DESC LIMIT 1", vec![]).await?;
        let previous = last.first().map(|row| row.text(0)).unwrap_or_default();
        let line = AuditLine { number, entry: kept(entry), hash: String::new(), previous };
        let hash = line.computed();
        let entry = &line.entry;
        let cells: Vec<Cell> = vec![
            number.into(),
            entry.at.into(),
            entry.actor.as_str().into(),
            entry.actor_kind.as_str().into(),
            entry.address.as_str().into(),
            entry.org_id.clone().into(),
            entry.action.as_str().into(),
            entry.object.as_str().into(),
            entry.detail.to_string().into(),
            entry.outcome.as_str().into(),
            entry.request_id.as_str().into(),
            line.previous.as_str().into(),
            hash.into(),
        ];
        let columns = columns();
        let sql = format!(
            "INSERT INTO audit_line ({columns}) VALUES ($1, $2, $3, $4, $5, $6, $7, $8, $9, $10, $11, $12, $13)"
        );
        tx.execute(&sql, cells).await?;
        tx.commit().await?;
        Ok(number)
    }

    /// Lines, the newest first: those before a number, those that contain a text, those of these organizations.
    pub async fn audit_lines(
        &self,
        before: Option<i64>,
        text: &str,
        within: Option<&[String]>,
        most: u32,
    ) -> Result<Vec<AuditLine>> {
        let columns = columns();
        let sql = format!(
            "SELECT {columns} FROM audit_line WHERE number < $1 AND ($2 = '' OR LOWER(actor) LIKE $2 OR LOWER(action) LIKE $2
               OR LOWER(object) LIKE $2 OR address LIKE $2) AND ($3 = '' OR $3 LIKE '%\"' || org_id || '\"%')
             ORDER BY number DESC LIMIT $4"
        );
        let pattern = match text.trim() {
            "" => String::new(),
            text => format!("%{}%", text.to_lowercase().replace(['%', '_'], "")),
        };
        let within = within.map(|ids| serde_json::to_string(ids).expect("a list of texts can be written as JSON"));
        let cells: Vec<Cell> = vec![
            before.unwrap_or(i64::MAX).into(),
            pattern.into(),
            within.unwrap_or_default().into(),
            i64::from(most).into(),
        ];
        Ok(self.db.fetch(&sql, cells).await?.iter().map(line_of).collect())
    }

    /// Walks along the whole chain.
    pub async fn verify_audit(&self) -> Result<AuditProof> {
        let mut proof = AuditProof { lines: 0, head: String::new(), broken: None };
        let mut expected = 1;
        let sql = format!("SELECT {} FROM audit_line ORDER BY number", columns());
        self.db
            .each(&sql, vec![], |row| {
                let line = line_of(&row);
                let wrong = if line.number != expected {
                    Some(format!("line {expected} is missing"))
                } else if line.previous != proof.head {
                    Some("it does not follow the line before it".to_owned())
                } else if line.hash != line.computed() {
                    Some("it does not say what it said when it was written".to_owned())
                } else {
                    None
                };
                if let Some(wrong) = wrong {
                    proof.broken.get_or_insert((line.number, wrong));
                }
                proof.lines += 1;
                expected = line.number + 1;
                proof.head = line.hash;
            })
            .await?;
        // Whoever cuts the end off leaves no gap; the numbers that were given out tell.
        let given = self.db.fetch("SELECT value FROM counter WHERE name = 'audit'", vec![]).await?;
        let given = given.first().map_or(0, |row| row.integer(0));
        if given != expected - 1 {
            proof.broken.get_or_insert((expected, format!("{given} lines were written, the last ones are missing")));
        }
        Ok(proof)
    }
}

impl AuditLine {
    /// The hash that this line must have: over the length and the bytes of each part.
    fn computed(&self) -> String {
        let entry = &self.entry;
        let (number, at, detail) = (self.number.to_string(), time_text(entry.at), entry.detail.to_string());
        let mut hasher = Sha256::new();
        for part in [
            self.previous.as_str(),
            &number,
            &at,
            &entry.actor,
            &entry.actor_kind,
            &entry.address,
            entry.org_id.as_deref().unwrap_or_default(),
            &entry.action,
            &entry.object,
            &detail,
            &entry.outcome,
            &entry.request_id,
        ] {
            hasher.update((part.len() as u64).to_be_bytes());
            hasher.update(part.as_bytes());
        }
        HEXLOWER.encode(&hasher.finalize())
    }
}

/// The entry as the database will give it back, so that its hash is that of what is read later.
fn kept(entry: &AuditEntry) -> AuditEntry {
    let mut kept = entry.clone();
    for text in [&mut kept.actor, &mut kept.address, &mut kept.object] {
        *text = storable(text).into_owned();
    }
    let detail = kept.detail.to_string();
    let detail = storable(&detail).into_owned();
    kept.detail = serde_json::from_str(&detail).unwrap_or(Value::Null);
    kept.at = time_text(kept.at).parse().unwrap_or(kept.at);
    kept
}

fn line_of(row: &Row) -> AuditLine {
    AuditLine {
        number: row.integer(0),
        entry: AuditEntry {
            at: row.maybe_time(1).unwrap_or(Timestamp::UNIX_EPOCH),
            actor: row.text(2),
            actor_kind: row.text(3),
            address: row.text(4),
            org_id: row.maybe_text(5),
            action: row.text(6),
            object: row.text(7),
            detail: serde_json::from_str(&row.text(8)).unwrap_or(Value::Null),
            outcome: row.text(9),
            request_id: row.text(10),
        },
        previous: row.text(11),
        hash: row.text(12),
    }
}
