//! Texts and kinds of events as small numbers, within one organization. Numbers are given in the transaction that first
//! uses them; the writer, of whom there is one for an organization, remembers them.

use std::collections::HashMap;

use hashbrown::Equivalent;

use super::bulk::Bulk;
use super::row::EventRow;
use crate::db::{Db, Row, Tx};
use crate::schema::{Cell, storable};
use crate::{Result, Store};

/// Longest text of the index in bytes: PostgreSQL has a limit for what an index holds, and nobody searches for more.
const LONGEST: usize = 512;

/// How many terms a writer remembers.
const MOST_REMEMBERED: usize = 200_000;

/// How many terms one look-up asks for.
const LOOKUP: usize = 64;

/// A text of the index with what belongs to it: see the columns of `event_term`.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq, Hash)]
pub(crate) struct Term<'a> {
    pub(crate) name: &'a str,
    pub(crate) id: &'a str,
    pub(crate) kind: &'a str,
}

impl<'a> Term<'a> {
    pub(crate) fn of(kind: Option<&'a str>, id: Option<&'a str>, name: Option<&'a str>) -> Option<Self> {
        let term = Self {
            name: cut(name.unwrap_or_default()),
            id: cut(id.unwrap_or_default()),
            kind: cut(kind.unwrap_or_default()),
        };
        (term != Self::default()).then_some(term)
    }

    /// The term as it can be stored.
    fn owned(&self) -> OwnedTerm {
        OwnedTerm { name: storable(self.name).into(), id: storable(self.id).into(), kind: storable(self.kind).into() }
    }
}

/// A term that is remembered. Hashed as [`Term`] is, so that one is looked up by the other.
#[derive(Debug, Clone, PartialEq, Eq, Hash)]
struct OwnedTerm {
    name: Box<str>,
    id: Box<str>,
    kind: Box<str>,
}

impl OwnedTerm {
    fn cells(&self) -> [Cell; 3] {
        [&*self.name, &*self.id, &*self.kind].map(Cell::from)
    }
}

impl Equivalent<OwnedTerm> for Term<'_> {
    fn equivalent(&self, other: &OwnedTerm) -> bool {
        *self.name == *other.name && *self.id == *other.id && *self.kind == *other.kind
    }
}

/// The beginning of a text, as much of it as the index holds.
pub(crate) fn cut(text: &str) -> &str {
    &text[..text.floor_char_boundary(LONGEST)]
}

/// What sort of event: see the columns of `event_kind`.
#[derive(Debug, Clone, PartialEq, Eq, Hash, Default)]
pub(crate) struct Kind {
    pub(crate) service: String,
    pub(crate) event_type: String,
    pub(crate) class_uid: u16,
    pub(crate) activity_id: u8,
    pub(crate) activity_name: String,
    pub(crate) severity_id: u8,
    pub(crate) is_mapped: bool,
    pub(crate) is_cleartext: Option<bool>,
    pub(crate) by_api_key: Option<bool>,
    pub(crate) mapping: u32,
}

impl Kind {
    fn of(row: &EventRow<'_>, mapping: u32) -> Self {
        let text = |text: &str| storable(cut(text)).into_owned();
        Self {
            service: text(row.service.unwrap_or_default()),
            event_type: text(row.event_type.unwrap_or_default()),
            class_uid: row.class_uid,
            activity_id: row.activity_id,
            activity_name: text(row.activity_name),
            severity_id: row.severity_id,
            is_mapped: row.is_mapped,
            is_cleartext: row.is_cleartext,
            by_api_key: row.by_api_key,
            mapping,
        }
    }

    fn of_row(row: &Row) -> Self {
        let flag = |at: usize| matches!(row.0[at], Cell::Boolean(_)).then(|| row.boolean(at));
        Self {
            service: row.text(1),
            event_type: row.text(2),
            class_uid: u16::try_from(row.integer(3)).unwrap_or(0),
            activity_id: u8::try_from(row.integer(4)).unwrap_or(0),
            activity_name: row.text(5),
            severity_id: u8::try_from(row.integer(6)).unwrap_or(0),
            is_mapped: row.boolean(7),
            mapping: u32::try_from(row.integer(8)).unwrap_or(0),
            is_cleartext: flag(9),
            by_api_key: flag(10),
        }
    }

    /// Whether a row is of this kind; texts that were cut are not.
    pub(super) fn is_of(&self, row: &EventRow<'_>, mapping: u32) -> bool {
        self.class_uid == row.class_uid
            && self.activity_id == row.activity_id
            && self.severity_id == row.severity_id
            && self.is_mapped == row.is_mapped
            && self.is_cleartext == row.is_cleartext
            && self.by_api_key == row.by_api_key
            && self.mapping == mapping
            && self.service == row.service.unwrap_or_default()
            && self.event_type == row.event_type.unwrap_or_default()
            && self.activity_name == row.activity_name
    }
}

/// All kinds of an organization by number.
pub(crate) async fn kinds_of(db: &Db, org: i64) -> Result<HashMap<i64, Kind>> {
    let rows = db
        .fetch(
            "SELECT number, service, event_type, class_uid, activity_id, activity_name, severity_id, mapped, mapping, cleartext,
               by_api_key
             FROM event_kind WHERE org = $1",
            vec![org.into()],
        )
        .await?;
    Ok(rows.iter().map(|row| (row.integer(0), Kind::of_row(row))).collect())
}

/// How many events of a kind came, and when.
#[derive(Debug, Clone, Copy)]
pub(crate) struct Tally {
    pub(crate) events: i64,
    pub(crate) first_ms: i64,
    pub(crate) last_ms: i64,
}

/// What a writer remembers of an organization's terms and kinds.
#[derive(Debug)]
pub(crate) struct Dictionary {
    org: i64,
    /// Terms as they are stored, and as they came where that differs.
    terms: hashbrown::HashMap<OwnedTerm, i64>,
    last_term: i64,
    kinds: HashMap<Kind, i64>,
    /// The kinds of the rows before, most recent last: most rows have one of them, and comparing is cheaper than hashing.
    recent: Vec<(Kind, i64)>,
}

/// The terms that a page uses first: to be written with it.
#[derive(Debug, Default)]
pub(crate) struct NewTerms(Vec<Cell>);

impl Dictionary {
    pub(crate) async fn load(store: &Store, org: i64) -> Result<Self> {
        let rows =
            store.db.fetch("SELECT COALESCE(MAX(number), 0) FROM event_term WHERE org = $1", vec![org.into()]).await?;
        Ok(Self {
            org,
            terms: hashbrown::HashMap::new(),
            last_term: rows[0].integer(0),
            kinds: kinds_of(&store.db, org).await?.into_iter().map(|(number, kind)| (kind, number)).collect(),
            recent: Vec::new(),
        })
    }

    /// The number of a kind; a new one if it is new. Returns the kind as well, to be written with its tally.
    pub(crate) fn kind(&mut self, row: &EventRow<'_>, mapping: u32) -> i64 {
        const RECENT: usize = 16;
        if let Some((_, number)) = self.recent.iter().find(|(kind, _)| kind.is_of(row, mapping)) {
            return *number;
        }
        let kind = Kind::of(row, mapping);
        let next = self.kinds.values().max().copied().unwrap_or(0) + 1;
        let number = *self.kinds.entry(kind.clone()).or_insert(next);
        if self.recent.len() == RECENT {
            self.recent.remove(0);
        }
        self.recent.push((kind, number));
        number
    }

    /// The numbers of all terms, in their order: remembered, stored, or new ones, which are to be written.
    pub(crate) async fn learn(
        &mut self,
        store: &Store,
        terms: &[Option<Term<'_>>],
    ) -> Result<(Vec<Option<i64>>, NewTerms)> {
        if self.terms.len() > MOST_REMEMBERED {
            self.terms.clear();
        }
        // A term that is not remembered is looked up once; until then it has the negative of its place among these.
        let mut unknown: Vec<OwnedTerm> = Vec::new();
        let mut numbers = Vec::with_capacity(terms.len());
        for term in terms {
            let Some(term) = term else {
                numbers.push(None);
                continue;
            };
            numbers.push(Some(match self.terms.get(term) {
                Some(number) => *number,
                None => self.note_unknown(term, &mut unknown),
            }));
        }
        // An organization without terms is asked for none.
        if self.last_term > 0 {
            self.look_up(store, &unknown).await?;
        }
        let mut new = NewTerms::default();
        let mut found = Vec::with_capacity(unknown.len());
        for term in unknown {
            let cells = term.cells();
            let number = self.terms.entry(term).or_insert(-1);
            if *number < 0 {
                self.last_term += 1;
                *number = self.last_term;
                new.0.extend([Cell::Integer(self.org), Cell::Integer(self.last_term)]);
                new.0.extend(cells);
            }
            found.push(*number);
        }
        for number in numbers.iter_mut().flatten().filter(|number| **number < 0) {
            let place = usize::try_from(-*number - 1).unwrap_or(usize::MAX);
            *number = found.get(place).copied().unwrap_or_default();
        }
        Ok((numbers, new))
    }

    /// Notes a term that is not remembered. Its stored form may be: no database takes every text.
    fn note_unknown(&mut self, term: &Term<'_>, unknown: &mut Vec<OwnedTerm>) -> i64 {
        let owned = term.owned();
        if let Some(number) = self.terms.get(&owned) {
            return *number;
        }
        unknown.push(owned.clone());
        let number = -i64::try_from(unknown.len()).unwrap_or(i64::MAX);
        self.terms.insert(owned, number);
        number
    }

    async fn look_up(&mut self, store: &Store, terms: &[OwnedTerm]) -> Result<()> {
        let wanted: Vec<String> =
            (0..LOOKUP).map(|at| format!("(${},${},${})", at * 3 + 2, at * 3 + 3, at * 3 + 4)).collect();
        let sql = format!(
            "SELECT t.number, t.name, t.id, t.kind FROM (VALUES {}) w CROSS JOIN event_term t
             WHERE t.org = $1 AND t.name = w.column1 AND t.id = w.column2 AND t.kind = w.column3",
            wanted.join(",")
        );
        for chunk in terms.chunks(LOOKUP) {
            let mut args = vec![Cell::Integer(self.org)];
            // The list is filled up with its last term, which finds nothing new.
            for at in 0..LOOKUP {
                args.extend(chunk[at.min(chunk.len() - 1)].cells());
            }
            for row in store.db.fetch(&sql, args).await? {
                let term = OwnedTerm { name: row.text(1).into(), id: row.text(2).into(), kind: row.text(3).into() };
                self.terms.insert(term, row.integer(0));
            }
        }
        Ok(())
    }

    pub(crate) async fn write_kinds(&self, tx: &mut Tx, tallies: &hashbrown::HashMap<i64, Tally>) -> Result<()> {
        const KINDS: Bulk = Bulk {
            into: "event_kind (org, number, service, event_type, class_uid, activity_id, activity_name,
                     severity_id, mapped, cleartext, by_api_key, mapping, events, first_ms, last_ms)",
            width: 15,
            tail: "ON CONFLICT (org, number) DO UPDATE SET events = event_kind.events + excluded.events,
                     first_ms = CASE WHEN excluded.first_ms < event_kind.first_ms THEN excluded.first_ms ELSE event_kind.first_ms END,
                     last_ms = CASE WHEN excluded.last_ms > event_kind.last_ms THEN excluded.last_ms ELSE event_kind.last_ms END",
        };
        let flag = |told: Option<bool>| told.map_or(Cell::Null(crate::schema::Kind::Boolean), Cell::Boolean);
        let mut cells = Vec::with_capacity(tallies.len() * KINDS.width);
        for (kind, number) in &self.kinds {
            let Some(tally) = tallies.get(number) else { continue };
            cells.extend([
                Cell::Integer(self.org),
                Cell::Integer(*number),
                kind.service.as_str().into(),
                kind.event_type.as_str().into(),
                Cell::Integer(kind.class_uid.into()),
                Cell::Integer(kind.activity_id.into()),
                kind.activity_name.as_str().into(),
                Cell::Integer(kind.severity_id.into()),
                kind.is_mapped.into(),
                flag(kind.is_cleartext),
                flag(kind.by_api_key),
                Cell::Integer(kind.mapping.into()),
                Cell::Integer(tally.events),
                Cell::Integer(tally.first_ms),
                Cell::Integer(tally.last_ms),
            ]);
        }
        KINDS.run(tx, cells).await
    }
}

impl NewTerms {
    pub(crate) async fn write(self, tx: &mut Tx) -> Result<()> {
        const TERMS: Bulk = Bulk { into: "event_term (org, number, name, id, kind)", width: 5, tail: "" };
        TERMS.run(tx, self.0).await
    }
}
