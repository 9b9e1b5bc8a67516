//! Rows of one noun in the order in which the service tells them, with a second order by id.
//! Responsible for lookup, paging order and re-indexing. Not for what a row holds.

use std::collections::HashMap;
use std::ops::Range;

use crate::id::Id;

/// Something with an object id.
pub(crate) trait Identified {
    fn id(&self) -> Id;
}

/// Rows in natural order plus their ranking by id.
#[derive(Clone, Debug)]
pub(crate) struct Table<T> {
    rows: Vec<T>,
    by_id: Vec<u32>,
}

impl<T: Identified> Table<T> {
    pub(crate) fn new(rows: Vec<T>) -> Self {
        let mut table = Self { rows, by_id: Vec::new() };
        table.reindex();
        table
    }

    pub(crate) fn len(&self) -> usize {
        self.rows.len()
    }

    pub(crate) fn iter(&self) -> std::slice::Iter<'_, T> {
        self.rows.iter()
    }

    /// All rows, to be changed in place; ids must stay as they are.
    pub(crate) fn iter_mut(&mut self) -> std::slice::IterMut<'_, T> {
        self.rows.iter_mut()
    }

    /// The row at a position of the natural order.
    pub(crate) fn at(&self, position: usize) -> &T {
        &self.rows[position]
    }

    /// Neighbors in the natural order.
    pub(crate) fn slice(&self, positions: std::ops::Range<usize>) -> &[T] {
        &self.rows[positions]
    }

    /// The natural position of the row that stands at `rank` when sorted by id.
    pub(crate) fn position_by_id(&self, rank: usize) -> usize {
        self.by_id[rank] as usize
    }

    pub(crate) fn get(&self, id: Id) -> Option<&T> {
        self.position(id).map(|position| &self.rows[position])
    }

    pub(crate) fn get_mut(&mut self, id: Id) -> Option<&mut T> {
        self.position(id).map(|position| &mut self.rows[position])
    }

    pub(crate) fn contains(&self, id: Id) -> bool {
        self.position(id).is_some()
    }

    /// Keeps the rows that pass and appends new ones, then ranks anew.
    pub(crate) fn replace(&mut self, keep: impl FnMut(&T) -> bool, added: Vec<T>) {
        self.rows.retain(keep);
        self.rows.extend(added);
        self.reindex();
    }

    fn position(&self, id: Id) -> Option<usize> {
        self.by_id
            .binary_search_by_key(&id, |position| self.rows[*position as usize].id())
            .ok()
            .map(|rank| self.by_id[rank] as usize)
    }

    fn reindex(&mut self) {
        let count = u32::try_from(self.rows.len()).expect("a simulated table never reaches 2^32 rows");
        self.by_id = (0..count).collect();
        self.by_id.sort_unstable_by_key(|position| self.rows[*position as usize].id());
    }
}

/// A table whose rows belong to something each, those of one owner side by side.
#[derive(Debug)]
pub(crate) struct Parted<T> {
    pub(crate) all: Table<T>,
    parts: HashMap<Id, (Range<usize>, Vec<u32>)>,
}

/// The rows of one owner in natural order, plus their ranking by id.
#[derive(Debug)]
pub(crate) struct Part<'a, T> {
    pub(crate) rows: &'a [T],
    by_id: &'a [u32],
}

impl<T: Identified> Parted<T> {
    pub(crate) fn new(rows: Vec<T>, owner: impl Fn(&T) -> Id) -> Self {
        let mut parts = HashMap::new();
        let mut start = 0;
        for part in rows.chunk_by(|left, right| owner(left) == owner(right)) {
            let mut by_id: Vec<u32> = (0..).take(part.len()).collect();
            by_id.sort_unstable_by_key(|position| part[*position as usize].id());
            parts.insert(owner(&part[0]), (start..start + part.len(), by_id));
            start += part.len();
        }
        Self { all: Table::new(rows), parts }
    }

    pub(crate) fn of(&self, owner: Id) -> Part<'_, T> {
        match self.parts.get(&owner) {
            Some((range, by_id)) => Part { rows: self.all.slice(range.clone()), by_id },
            None => Part { rows: &[], by_id: &[] },
        }
    }
}

impl<T> Part<'_, T> {
    /// The natural position of the row that stands at `rank` when sorted by id.
    pub(crate) fn position_by_id(&self, rank: usize) -> Option<usize> {
        self.by_id.get(rank).map(|position| *position as usize)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    struct Row {
        id: Id,
        owner: Id,
    }

    impl Identified for Row {
        fn id(&self) -> Id {
            self.id
        }
    }

    #[test]
    fn each_owner_has_its_rows_in_both_orders() {
        let id = |number: u64| Id::new(0, number);
        let row = |owner: u64, number: u64| Row { id: id(number), owner: id(owner) };
        let table = Parted::new(vec![row(1, 9), row(1, 3), row(1, 5), row(2, 4), row(2, 1)], |row| row.owner);
        let sorted = |owner: u64| {
            let part = table.of(id(owner));
            let ids = (0..).map_while(|rank| part.position_by_id(rank)).map(|position| part.rows[position].id);
            (part.rows.iter().map(|row| row.id).collect::<Vec<_>>(), ids.collect::<Vec<_>>())
        };
        assert_eq!(sorted(1), (vec![id(9), id(3), id(5)], vec![id(3), id(5), id(9)]));
        assert_eq!(sorted(2), (vec![id(4), id(1)], vec![id(1), id(4)]));
        assert_eq!(sorted(3), (vec![], vec![]));
    }
}
