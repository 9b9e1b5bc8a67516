//! Answers that are kept for as long as nothing that they were read from has changed.
//!
//! Rows of committed snapshots never change, and the snapshots that are read are part of what an answer is kept under. What
//! follows from snapshots does change (findings with their runs, tables that are worked out): [`note_change`] counts how often,
//! in the transaction that changes it, and an answer is given only while that count is the one that it was read at. So it is
//! with what time alone changes of findings. An answer can therefore not go stale; it is asked for no more, and makes room.

use std::collections::HashMap;
use std::fmt;
use std::sync::{Mutex, PoisonError};

use super::Answer;
use super::answer::size_of_cell;
use crate::db::Tx;
use crate::{Result, Store};

/// Most memory for all answers, and for one, in bytes.
const MOST: u64 = 8 << 20;
const LARGEST: u64 = MOST / 16;

/// The answers of a store and of its clones.
#[derive(Default)]
pub(crate) struct KeptAnswers(Mutex<Kept>);

#[derive(Default)]
struct Kept {
    answers: HashMap<String, KeptAnswer>,
    /// Bytes of all of them, with their questions.
    bytes: u64,
    /// How often one was asked for.
    asked: u64,
}

/// An answer.
#[derive(Debug, Clone)]
pub(super) struct KeptAnswer {
    pub(super) answer: Answer,
    /// How far what follows from snapshots had come, if it was read from that; see [`Store::followed`].
    pub(super) followed: Option<String>,
    bytes: u64,
    /// [`Kept::asked`] of the last time.
    asked: u64,
}

impl fmt::Debug for KeptAnswers {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("KeptAnswers").finish_non_exhaustive()
    }
}

impl KeptAnswers {
    /// The answer to a question, if it is here.
    pub(super) fn get(&self, question: &str) -> Option<KeptAnswer> {
        let mut kept = self.0.lock().unwrap_or_else(PoisonError::into_inner);
        kept.asked += 1;
        let now = kept.asked;
        let found = kept.answers.get_mut(question)?;
        found.asked = now;
        Some(found.clone())
    }

    /// Keeps an answer, unless it is large; those that were asked for the longest time ago make room.
    pub(super) fn put(&self, question: String, answer: &Answer, followed: Option<String>) {
        let cells: u64 = answer.rows.iter().flatten().map(size_of_cell).sum();
        let bytes = question.len() as u64 + cells;
        if bytes > LARGEST || answer.cut {
            return;
        }
        let mut kept = self.0.lock().unwrap_or_else(PoisonError::into_inner);
        kept.asked += 1;
        let answer = KeptAnswer { answer: answer.clone(), followed, bytes, asked: kept.asked };
        let before = kept.answers.insert(question, answer).map_or(0, |before| before.bytes);
        kept.bytes = kept.bytes + bytes - before;
        while kept.bytes > MOST {
            let oldest = kept.answers.iter().min_by_key(|(_, kept)| kept.asked).map(|(question, _)| question.clone());
            let Some(gone) = oldest.and_then(|question| kept.answers.remove(&question)) else { break };
            kept.bytes -= gone.bytes;
        }
    }
}

/// Notes that what follows from snapshots is changed by this transaction. On PostgreSQL it waits for others that do so.
pub(crate) async fn note_change(tx: &mut Tx) -> Result<()> {
    tx.next_numbers("change_of_what_follows", 1).await.map(drop)
}

impl Store {
    /// How far what follows from snapshots has come at a time: the changes that were made, the acceptance that ended last,
    /// and the day, by which findings become overdue.
    pub(super) async fn followed(&self, now: &str) -> Result<String> {
        let sql = "SELECT (SELECT value FROM counter WHERE name = 'change_of_what_follows'),
                          (SELECT MAX(accepted_until) FROM finding WHERE accepted_until <= $1)";
        let rows = self.db.fetch(sql, vec![now.into()]).await?;
        Ok(format!("{} {} {}", rows[0].integer(0), rows[0].text(1), &now[..10]))
    }
}
