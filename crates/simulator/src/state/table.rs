//! Rows of one noun in the order in which the service tells them, with a second order by id.
//! Responsible for lookup, paging order and re-indexing. Not for what a row holds.

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
