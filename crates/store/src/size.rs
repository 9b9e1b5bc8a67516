//! How large the store is.

use crate::{Result, Store};

impl Store {
    /// What the database takes on disk, in bytes, as its engine tells.
    ///
    /// # Errors
    /// The database fails.
    pub async fn size(&self) -> Result<u64> {
        let sql = match self.db.is_postgres() {
            true => "SELECT pg_database_size(current_database())",
            false => "SELECT page_count * page_size FROM pragma_page_count(), pragma_page_size()",
        };
        let rows = self.db.fetch(sql, vec![]).await?;
        Ok(rows.first().map_or(0, |row| row.integer(0).unsigned_abs()))
    }

    /// Whether it is a file of this machine.
    pub fn is_embedded(&self) -> bool {
        !self.db.is_postgres()
    }

    /// The name of the database engine.
    pub fn engine(&self) -> &'static str {
        if self.db.is_postgres() { "PostgreSQL" } else { "SQLite" }
    }
}
