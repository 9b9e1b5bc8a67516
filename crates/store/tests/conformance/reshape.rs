//! Declared columns change between versions of the program; what is stored follows, for the past as well.

use serde_json::json;
use store::schema::{Table, boolean, integer, text};

use crate::bed::{Bed, begin, lines, minute, row};

on_both_engines!(
    an_added_column_is_filled_for_every_version,
    a_changed_column_is_read_again_from_what_was_received,
    a_removed_column_is_gone_and_comes_back_filled,
    a_new_order_of_columns_mixes_nothing_up,
    a_writer_of_the_older_program_fails_rather_than_writes_into_other_columns,
    opening_again_changes_nothing,
    a_column_is_indexed_when_the_first_snapshot_ends,
    an_index_that_is_declared_later_appears_in_an_old_database,
    an_index_that_is_declared_no_longer_goes,
    an_indexed_value_can_be_as_long_as_it_likes,
    an_indexed_column_that_is_read_anew_keeps_its_index,
);

macro_rules! table {
    ($name:ident, $($column:expr),*) => {
        static $name: Table = Table {
            name: "things", about: "", asset: None, label: "name", columns: &[$($column),*], joined: &[],
        };
    };
}

table!(FIRST, text("name", "/name", ""), text("size", "/size", ""));
table!(ADDED, text("name", "/name", ""), boolean("on", "/on", ""), text("size", "/size", ""));
table!(CHANGED, text("name", "/other", ""), integer("size", "/size", ""));
table!(REMOVED, text("name", "/name", ""));
table!(TURNED, text("size", "/size", ""), text("name", "/name", ""));
table!(INDEXED, text("name", "/name", "").indexed(), text("size", "/size", ""));
table!(INDEXED_ANEW, text("name", "/other", "").indexed(), text("size", "/size", ""));
table!(OTHER, text("name", "/name", ""), text("colour", "/colour", ""));

/// Two snapshots of the first shape: thing 1 changes, thing 2 stays, thing 3 goes.
async fn fill(bed: &Bed) {
    let store = bed.open_with(&[&FIRST]).await;
    let thing = |id: &str, size: &str| {
        row(&FIRST, id, &json!({ "name": format!("n{id}"), "other": format!("o{id}"), "size": size, "on": id == "1" }))
    };
    for (at, rows) in
        [(0, vec![thing("1", "10"), thing("2", "20"), thing("3", "x")]), (10, vec![thing("1", "11"), thing("2", "20")])]
    {
        let mut pass = begin(&store, "o", minute(at)).await;
        pass.put(&FIRST, rows).await.unwrap();
        pass.mark_gone(&FIRST).await.unwrap();
        pass.writer.commit(&[], minute(at)).await.unwrap();
        store.release_lease(pass.lease).await.unwrap();
    }
    store.close().await;
}

/// What a query answers at both times, under another declaration.
async fn read_as(bed: &Bed, table: &'static Table, columns: &str) -> [Vec<String>; 2] {
    let store = bed.open_with(&[table]).await;
    let mut answers = [vec![], vec![]];
    for (at, answer) in answers.iter_mut().enumerate() {
        let sql = format!("SELECT {columns} FROM things ORDER BY id");
        let as_of = Some(minute(at as i64 * 10));
        let query = store::Query { sql, as_of, ..Default::default() };
        *answer = lines(&store.query(&query, &store::Limits::default()).await.unwrap());
    }
    store.close().await;
    answers
}

async fn an_added_column_is_filled_for_every_version(bed: &Bed) {
    fill(bed).await;
    let answers = read_as(bed, &ADDED, "id, name, \"on\", size").await;
    assert_eq!(answers[0], ["1 n1 true 10", "2 n2 false 20", "3 n3 false x"]);
    assert_eq!(answers[1], ["1 n1 true 11", "2 n2 false 20"]);
}

async fn a_changed_column_is_read_again_from_what_was_received(bed: &Bed) {
    fill(bed).await;
    let answers = read_as(bed, &CHANGED, "id, name, size + 1").await;
    assert_eq!(answers[0], ["1 o1 11", "2 o2 21", "3 o3 NULL"]);
    assert_eq!(answers[1], ["1 o1 12", "2 o2 21"]);
}

async fn a_removed_column_is_gone_and_comes_back_filled(bed: &Bed) {
    fill(bed).await;
    let [then, _] = read_as(bed, &REMOVED, "*").await;
    assert_eq!(then[0].split(' ').take(3).collect::<Vec<_>>(), ["o", "1", "n1"]);
    assert!(then[0].split(' ').nth(3).unwrap().starts_with('{'), "raw follows: {}", then[0]);
    let answers = read_as(bed, &FIRST, "id, size").await;
    assert_eq!(answers[0], ["1 10", "2 20", "3 x"]);
}

async fn a_new_order_of_columns_mixes_nothing_up(bed: &Bed) {
    fill(bed).await;
    let store = bed.open_with(&[&TURNED]).await;
    let mut pass = begin(&store, "o", minute(20)).await;
    pass.put(&TURNED, vec![row(&TURNED, "4", &json!({ "name": "n4", "size": "40" }))]).await.unwrap();
    pass.writer.commit(&[], minute(20)).await.unwrap();
    let answer = crate::bed::ask(&store, "SELECT id, name, size FROM things ORDER BY id").await.unwrap();
    assert_eq!(lines(&answer), ["1 n1 11", "2 n2 20", "4 n4 40"]);
}

async fn a_writer_of_the_older_program_fails_rather_than_writes_into_other_columns(bed: &Bed) {
    fill(bed).await;
    let old = bed.open_with(&[&FIRST]).await;
    let mut pass = begin(&old, "o", minute(20)).await;
    let new = bed.open_with(&[&OTHER]).await;
    let late = pass.put(&FIRST, vec![row(&FIRST, "9", &json!({ "name": "n9", "size": "big" }))]).await;
    assert!(late.is_err());
    pass.undo().await;
    let answer = crate::bed::ask(&new, "SELECT id, colour FROM things ORDER BY id").await.unwrap();
    assert_eq!(lines(&answer), ["1 NULL", "2 NULL"]);
}

async fn opening_again_changes_nothing(bed: &Bed) {
    fill(bed).await;
    let before = bed.behind("SELECT name, layout FROM table_layout").await;
    bed.open_with(&[&FIRST]).await.close().await;
    assert_eq!(bed.behind("SELECT name, layout FROM table_layout").await, before);
    assert_eq!(bed.count("v_things").await, 4);
}

/// The names of the indexes of `v_things`, beside the primary key's.
async fn indexes(bed: &Bed) -> Vec<String> {
    let sql = if bed.is_postgres() {
        "SELECT indexname::text FROM pg_indexes WHERE schemaname = current_schema() AND tablename = 'v_things'
         AND indexname NOT LIKE '%_pkey' ORDER BY 1"
    } else {
        "SELECT name FROM sqlite_schema WHERE type = 'index' AND tbl_name = 'v_things' ORDER BY 1"
    };
    bed.behind(sql).await.concat()
}

const EVERY_TABLE: [&str; 2] = ["v_things_by_snapshot", "v_things_by_version"];
const WITH_NAME: [&str; 3] = [EVERY_TABLE[0], EVERY_TABLE[1], "v_things_on_name"];

async fn a_column_is_indexed_when_the_first_snapshot_ends(bed: &Bed) {
    let store = bed.open_with(&[&INDEXED]).await;
    assert_eq!(indexes(bed).await, EVERY_TABLE);
    let mut pass = begin(&store, "o", minute(0)).await;
    pass.put(&INDEXED, vec![row(&INDEXED, "1", &json!({ "name": "n1" }))]).await.unwrap();
    assert_eq!(indexes(bed).await, EVERY_TABLE);
    pass.writer.commit(&[], minute(0)).await.unwrap();
    assert_eq!(indexes(bed).await, WITH_NAME);
}

async fn an_index_that_is_declared_later_appears_in_an_old_database(bed: &Bed) {
    fill(bed).await;
    assert_eq!(indexes(bed).await, EVERY_TABLE);
    // A database from before indexes were written down in the layout.
    bed.behind("UPDATE table_layout SET layout = 'name Text /name\nsize Text /size\n'").await;
    let answers = read_as(bed, &INDEXED, "id, name").await;
    assert_eq!(answers[0], ["1 n1", "2 n2", "3 n3"]);
    assert_eq!(indexes(bed).await, WITH_NAME);
}

async fn an_index_that_is_declared_no_longer_goes(bed: &Bed) {
    fill(bed).await;
    bed.open_with(&[&INDEXED]).await.close().await;
    assert_eq!(indexes(bed).await, WITH_NAME);
    bed.open_with(&[&FIRST]).await.close().await;
    assert_eq!(indexes(bed).await, EVERY_TABLE);
}

async fn an_indexed_value_can_be_as_long_as_it_likes(bed: &Bed) {
    let store = bed.open_with(&[&INDEXED]).await;
    let name: String =
        (0..20_000_u64).map(|at| blake3::hash(&at.to_le_bytes()).to_hex().chars().next().unwrap()).collect();
    let mut pass = begin(&store, "o", minute(0)).await;
    pass.put(&INDEXED, vec![row(&INDEXED, "1", &json!({ "name": name }))]).await.unwrap();
    pass.writer.commit(&[], minute(0)).await.unwrap();
    let answer = crate::bed::ask(&store, &format!("SELECT id FROM things WHERE name = '{name}'")).await.unwrap();
    assert_eq!(lines(&answer), ["1"]);
}

async fn an_indexed_column_that_is_read_anew_keeps_its_index(bed: &Bed) {
    fill(bed).await;
    bed.open_with(&[&INDEXED]).await.close().await;
    let answers = read_as(bed, &INDEXED_ANEW, "id, name").await;
    assert_eq!(answers[0], ["1 o1", "2 o2", "3 o3"]);
    assert_eq!(indexes(bed).await, WITH_NAME);
}
