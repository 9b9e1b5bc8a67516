//! The SQL console: one SELECT over the collected tables and nothing else, within its limits.

use std::ops::ControlFlow;
use std::time::{Duration, Instant};

use serde_json::json;
use store::{Cell, Error, Limits, Query, SYSTEM_TABLES, Store};

use crate::bed::{Bed, CONTACTS, DEVICES, USERS, ask, begin, lines, minute, row, sync_users};
use crate::connections::{add, connection};

on_both_engines!(
    what_is_no_plain_select_is_refused,
    only_listed_functions_and_types_can_be_used,
    internal_tables_can_not_be_reached_under_any_spelling,
    no_table_of_the_database_can_be_reached_by_way_of_a_name_of_the_querys_own,
    tables_of_another_owner_in_the_same_database_can_not_be_reached,
    a_text_literal_can_not_end_early,
    an_unknown_table_is_answered_with_the_nearest_one,
    an_endless_query_is_stopped_at_the_time_limit,
    a_huge_value_is_stopped_by_memory_or_time,
    a_huge_answer_is_stopped_by_memory,
    deep_and_long_queries_end_in_an_answer_or_in_words,
    a_cancelled_answer_stops_the_engine,
    an_answer_that_is_cut_says_so,
    a_reader_that_has_enough_stops_the_answer,
    an_empty_answer_has_its_column_names,
    the_columns_are_told_once_before_the_rows,
    an_answer_is_of_one_organization_where_asked,
    an_answer_is_within_what_the_person_may_see,
    an_answer_is_of_the_time_that_was_asked_for,
    a_question_that_comes_again_is_answered_as_the_tables_are_by_then,
    columns_of_a_sister_table_are_shown_as_the_tables_own,
    what_was_received_can_be_read_as_json,
    booleans_are_booleans,
    a_store_without_snapshots_answers_with_no_rows,
    a_querys_own_tables_work_also_recursive_ones,
    order_limit_and_union_are_kept,
    what_people_ask_for_works,
    every_table_about_the_collecting_has_the_columns_that_it_declares,
    a_broken_text_is_an_error_and_not_a_panic,
);

/// Two organizations: `a` with two users and a device, `b` with one user; and a connection with a credential.
async fn filled(bed: &Bed) -> Store {
    let store = bed.open().await;
    let mut pass = begin(&store, "a", minute(0)).await;
    let raw =
        json!({ "username": "ada", "mfa": true, "age": 36, "created": "2026-01-02T03:04:05Z", "tags": ["x", "y"] });
    let raw_bob = json!({ "username": "bob", "mfa": false, "age": 7 });
    pass.put(&USERS, vec![row(&USERS, "1", &raw), row(&USERS, "2", &raw_bob)]).await.unwrap();
    pass.put(&DEVICES, vec![row(&DEVICES, "d1", &json!({ "hostname": "atlas", "user": "1" }))]).await.unwrap();
    pass.put(&CONTACTS, vec![row(&CONTACTS, "d1", &json!({ "active": true, "ip": "192.0.2.1" }))]).await.unwrap();
    pass.commit().await;
    sync_users(&store, "b", minute(10), &[("1", "eve")]).await;
    add(bed, &store, &connection("c1", "Acme"), "jca_CANARY0123456789").await.unwrap();
    store
}

/// Asks something that must be refused; returns why.
async fn refusal(store: &Store, sql: &str) -> String {
    match ask(store, sql).await {
        Err(Error::Query(why)) => why,
        other => panic!("{sql}: {other:?}"),
    }
}

async fn what_is_no_plain_select_is_refused(bed: &Bed) {
    let store = filled(bed).await;
    let everything = "SELECT (SELECT COUNT(*) FROM v_users), (SELECT COUNT(*) FROM connection)";
    let everything = &everything.replace("COUNT(*)", "CAST(COUNT(*) AS TEXT)");
    let before = bed.behind(everything).await;
    let file = bed.folder.path().join("stolen").display().to_string();
    for sql in [
        "",
        ";",
        "-- nothing",
        "SELECT 1; SELECT 2",
        "SELECT 1; DELETE FROM connection",
        "SELECT 1;;DROP TABLE connection",
        "DELETE FROM connection",
        "DELETE FROM users",
        "UPDATE users SET username = 'x'",
        "INSERT INTO users VALUES ('x')",
        "REPLACE INTO users VALUES ('x')",
        "MERGE INTO users USING devices ON 1 = 1 WHEN MATCHED THEN DELETE",
        "TRUNCATE users",
        "DROP TABLE v_users",
        "CREATE TABLE x (a INT)",
        "CREATE TEMP VIEW x AS SELECT 1",
        "CREATE TABLE x AS SELECT * FROM users",
        "ALTER TABLE v_users ADD COLUMN x INT",
        "WITH x AS (DELETE FROM connection RETURNING *) SELECT * FROM x",
        "WITH x AS (INSERT INTO connection DEFAULT VALUES RETURNING *) SELECT * FROM x",
        "WITH x AS (UPDATE connection SET name = 'x' RETURNING *) SELECT * FROM x",
        "SELECT * FROM (DELETE FROM connection RETURNING *) x",
        "SELECT * FROM users WHERE id IN (WITH x AS (DELETE FROM connection RETURNING id) SELECT id FROM x)",
        "WITH x AS (SELECT 1) DELETE FROM connection",
        "SELECT * INTO x FROM users",
        "SELECT * FROM users FOR UPDATE",
        "SELECT * FROM users FOR SHARE",
        "TABLE users",
        "PRAGMA table_list",
        "PRAGMA writable_schema = ON",
        "PRAGMA query_only = OFF",
        "ATTACH 'x' AS y",
        "DETACH main",
        "VACUUM",
        "VACUUM INTO 'x'",
        "REINDEX",
        "ANALYZE",
        "EXPLAIN SELECT 1",
        "EXPLAIN QUERY PLAN SELECT 1",
        "EXPLAIN ANALYZE DELETE FROM connection",
        "COPY users TO STDOUT",
        "COPY users TO PROGRAM 'id'",
        "COPY (SELECT 1) TO 'x'",
        "DO $$ BEGIN DELETE FROM connection; END $$",
        "CALL x()",
        "SET ROLE postgres",
        "SET search_path = public",
        "RESET ALL",
        "SHOW ALL",
        "BEGIN",
        "COMMIT",
        "ROLLBACK; DELETE FROM connection",
        "SAVEPOINT x",
        "LISTEN x",
        "NOTIFY x",
        "LOCK TABLE connection",
        "PREPARE x AS DELETE FROM connection",
        "EXECUTE x",
        "DECLARE x CURSOR FOR SELECT 1",
        "GRANT ALL ON connection TO public",
        "SELECT/**/1;/**/DELETE/**/FROM/**/connection",
        "SELECT 1 /* ; */ ; -- \n DELETE FROM connection",
        "\u{feff}DELETE FROM connection",
        "ＳＥＬＥＣＴ 1",
        "ＤＥＬＥＴＥ FROM connection",
        "SELECT 1\u{37e} DELETE FROM connection",
        "SELECT 1\0; DELETE FROM connection",
        &format!("VACUUM INTO '{file}'"),
        &format!("ATTACH '{file}' AS x"),
        &format!("COPY users TO '{file}'"),
    ] {
        refusal(&store, sql).await;
    }
    assert_eq!(bed.behind(everything).await, before);
    assert!(!std::fs::exists(&file).unwrap());
}

async fn only_listed_functions_and_types_can_be_used(bed: &Bed) {
    let store = filled(bed).await;
    for sql in [
        "SELECT load_extension('x')",
        "SELECT LOAD_EXTENSION('x')",
        "SELECT \"load_extension\"('x')",
        "SELECT readfile('/etc/passwd')",
        "SELECT writefile('x', 'y')",
        "SELECT edit('x')",
        "SELECT fts3_tokenizer('x')",
        "SELECT randomblob(1000000000)",
        "SELECT zeroblob(1000000000)",
        "SELECT printf('%1000000000d', 1)",
        "SELECT format('%1000000000d', 1)",
        "SELECT repeat('x', 1000000000)",
        "SELECT lpad('x', 1000000000)",
        "SELECT sqlite_version()",
        "SELECT set_config('transaction_read_only', 'off', false)",
        "SELECT current_setting('data_directory')",
        "SELECT pg_read_file('/etc/passwd')",
        "SELECT pg_catalog.pg_read_file('/etc/passwd')",
        "SELECT \"pg_catalog\".\"pg_read_file\"('/etc/passwd')",
        "SELECT pg_ls_dir('/')",
        "SELECT pg_sleep(60)",
        "SELECT 1 FROM users ORDER BY pg_sleep(60)",
        "SELECT COUNT(*) FILTER (WHERE pg_sleep(60) IS NULL) FROM users",
        "SELECT SUM(age) OVER (ORDER BY pg_sleep(60)) FROM users",
        "SELECT CASE WHEN 1 = 1 THEN pg_sleep(60) END",
        "SELECT 1 LIMIT (SELECT pg_sleep(60))",
        "VALUES (pg_sleep(60))",
        "SELECT * FROM users JOIN devices ON pg_sleep(60) IS NULL",
        "SELECT * FROM users GROUP BY pg_sleep(60)",
        "SELECT 1 HAVING pg_sleep(60) IS NULL",
        "SELECT pg_terminate_backend(1)",
        "SELECT pg_advisory_lock(1)",
        "SELECT lo_import('/etc/passwd')",
        "SELECT lo_export(1, 'x')",
        "SELECT dblink('x', 'y')",
        "SELECT query_to_xml('SELECT * FROM connection', true, true, '')",
        "SELECT nextval('x')",
        "SELECT version()",
        "SELECT generate_series(1, 1000000000)",
        "SELECT * FROM generate_series(1, 1000000000)",
        "SELECT * FROM pragma_table_list",
        "SELECT * FROM pragma_table_list()",
        "SELECT * FROM pragma_table_info('connection')",
        "SELECT * FROM pg_ls_dir('/')",
        "SELECT * FROM dblink('x', 'y') AS t(a text)",
        "SELECT * FROM ROWS FROM (pg_ls_dir('/'))",
        "SELECT * FROM TABLE(pg_ls_dir('/'))",
        "SELECT * FROM LATERAL pg_ls_dir('/')",
        "SELECT 'connection'::regclass",
        "SELECT CAST('connection' AS regclass)",
        "SELECT CAST('connection' AS pg_catalog.regclass)",
        "SELECT CAST('x' AS \"regrole\")",
        "SELECT regclass 'connection'",
    ] {
        refusal(&store, sql).await;
    }
}

/// Every table of the database itself that is not a version table.
async fn own_tables(bed: &Bed) -> Vec<String> {
    let sql = if bed.is_postgres() {
        "SELECT table_name FROM information_schema.tables WHERE table_schema = current_schema()"
    } else {
        "SELECT name FROM sqlite_master WHERE type = 'table'"
    };
    bed.behind(sql).await.into_iter().map(|mut row| row.remove(0)).collect()
}

async fn internal_tables_can_not_be_reached_under_any_spelling(bed: &Bed) {
    let store = filled(bed).await;
    let mut names = own_tables(bed).await;
    assert!(names.contains(&"connection".to_owned()) && names.contains(&"v_users".to_owned()), "{names:?}");
    names.extend(
        [
            "sqlite_master",
            "sqlite_schema",
            "sqlite_temp_master",
            "sqlite_sequence",
            "sqlite_stat1",
            "dbstat",
            "json_each",
        ]
        .map(str::to_owned),
    );
    names.extend(["pg_class", "pg_authid", "pg_stat_activity", "pg_settings", "pg_file_settings"].map(str::to_owned));
    for name in names {
        let upper = name.to_uppercase();
        for sql in [
            format!("SELECT * FROM {name}"),
            format!("SELECT * FROM {upper}"),
            format!("SELECT * FROM \"{name}\""),
            format!("SELECT * FROM `{name}`"),
            format!("SELECT * FROM [{name}]"),
            format!("SELECT * FROM '{name}'"),
            format!("SELECT * FROM main.{name}"),
            format!("SELECT * FROM \"main\".\"{name}\""),
            format!("SELECT * FROM temp.{name}"),
            format!("SELECT * FROM public.{name}"),
            format!("SELECT * FROM pg_catalog.{name}"),
            format!("SELECT * FROM information_schema.{name}"),
            format!("SELECT (SELECT COUNT(*) FROM {name})"),
            format!("SELECT 1 WHERE EXISTS (SELECT 1 FROM {name})"),
            format!("SELECT * FROM users, {name}"),
            format!("SELECT * FROM users JOIN {name} ON 1 = 1"),
            format!("SELECT 1 UNION SELECT 1 FROM {name}"),
            format!("SELECT * FROM ({name})"),
            format!("SELECT * FROM ONLY {name}"),
            format!("SELECT /* x */ * FROM /* y */ {name} -- z"),
        ] {
            refusal(&store, &sql).await;
        }
    }
    refusal(&store, "SELECT * FROM information_schema.tables").await;
}

async fn no_table_of_the_database_can_be_reached_by_way_of_a_name_of_the_querys_own(bed: &Bed) {
    let store = filled(bed).await;
    let mut names = own_tables(bed).await;
    names.extend(["sqlite_master", "pg_class", "users"].map(str::to_owned));
    for name in names {
        for sql in [
            format!("WITH {name} AS (SELECT * FROM {name}) SELECT * FROM {name}"),
            format!("WITH \"{name}\" AS (SELECT 1) SELECT * FROM {name}"),
            format!("WITH RECURSIVE {name} AS (SELECT 1) SELECT * FROM {name}"),
            format!("SELECT * FROM {name} WHERE 1 = (WITH {name} AS (SELECT 1) SELECT * FROM {name})"),
            format!("SELECT (WITH {name} AS (SELECT 1) SELECT 1), (SELECT COUNT(*) FROM {name})"),
            format!("WITH x AS (WITH {name} AS (SELECT 1) SELECT 1) SELECT * FROM {name}"),
        ] {
            refusal(&store, &sql).await;
        }
    }
}

async fn tables_of_another_owner_in_the_same_database_can_not_be_reached(bed: &Bed) {
    let store = filled(bed).await;
    bed.behind("CREATE TABLE payroll (salary TEXT)").await;
    bed.behind("INSERT INTO payroll VALUES ('CANARY')").await;
    for sql in [
        "SELECT * FROM payroll",
        "WITH payroll AS (SELECT * FROM payroll) SELECT * FROM payroll",
        "WITH RECURSIVE payroll AS (SELECT * FROM payroll) SELECT * FROM payroll",
        "SELECT * FROM payroll, (WITH payroll AS (SELECT 1) SELECT * FROM payroll) x",
        "WITH a AS (SELECT * FROM payroll), payroll AS (SELECT 1) SELECT * FROM a",
        "SELECT * FROM \"Payroll\", (WITH payroll AS (SELECT 1) SELECT * FROM payroll) x",
    ] {
        // SQLite sees all names of a WITH at once, so that one of these is a question about the query's own table.
        if let Ok(answer) = ask(&store, sql).await {
            assert!(!format!("{answer:?}").contains("CANARY"), "{sql}");
        }
    }
}

async fn a_text_literal_can_not_end_early(bed: &Bed) {
    let store = filled(bed).await;
    let sealed = &bed.behind("SELECT credential_sealed FROM connection").await[0][0];
    let secret = "UNION SELECT credential_sealed FROM connection --";
    for sql in [
        format!("SELECT '\\'' {secret}'"),
        format!("SELECT '\\\\'' {secret}'"),
        format!("SELECT 'x''' || '\\'' {secret}'"),
        format!("SELECT '''''' || ''' {secret}'"),
        format!("SELECT E'\\'' || ' {secret}'"),
        format!("SELECT E'\\\\\\'' || ' {secret}'"),
        format!("SELECT U&'\\0027 {secret}'"),
        format!("SELECT N'\\'' {secret}'"),
        format!("SELECT $$' {secret}$$"),
        format!("SELECT $a$' {secret}$a$"),
        format!("SELECT \"\\\"\" {secret}\""),
        format!("SELECT 1 AS \"\\\"\" {secret}\""),
        format!("SELECT 1 AS \"a\"\" {secret}\""),
        format!("SELECT 1 AS `\\`` {secret}`"),
        format!("SELECT 1 AS [' {secret}]"),
        format!("SELECT 'a' LIKE '\\'' ESCAPE '\\' {secret}'"),
        format!("SELECT x'27' || '\\'' {secret}'"),
        format!("SELECT /* '/* */ 1 {secret} */ '"),
        format!("SELECT 1 --\r {secret}\n"),
    ] {
        if let Ok(answer) = ask(&store, &sql).await {
            assert_eq!(answer.rows.len(), 1, "{sql}: {answer:?}");
            assert!(!format!("{answer:?}").contains(sealed.as_str()), "{sql}");
        }
    }
    let told = ask(&store, "SELECT 'it''s', '\\', 'a''''b', '\\''', ''''").await.unwrap();
    assert_eq!(lines(&told), ["it's \\ a''b \\' '"]);
}

async fn an_unknown_table_is_answered_with_the_nearest_one(bed: &Bed) {
    let store = filled(bed).await;
    let why = refusal(&store, "SELECT * FROM user").await;
    assert!(why.contains("there is no table user; did you mean users?"), "{why}");
    let why = refusal(&store, "SELECT nonsense FROM users").await;
    assert!(why.contains("nonsense"), "{why}");
}

fn short() -> Limits {
    Limits { time: Duration::from_millis(300), ..Limits::default() }
}

/// Asks something that must be stopped at a limit, and in good time.
async fn stopped(store: &Store, sql: &str, limits: &Limits) -> String {
    let began = Instant::now();
    let answer = store.query(&Query { sql: sql.to_owned(), ..Query::default() }, limits).await;
    assert!(began.elapsed() < limits.time + Duration::from_secs(20), "{sql}: {:?}", began.elapsed());
    match answer {
        Err(Error::QueryLimit(why)) => why,
        other => panic!("{sql}: {other:?}"),
    }
}

async fn an_endless_query_is_stopped_at_the_time_limit(bed: &Bed) {
    let store = filled(bed).await;
    let many = "WITH RECURSIVE n(i) AS (SELECT 1 UNION ALL SELECT i + 1 FROM n WHERE i < 3000)";
    for sql in [
        "WITH RECURSIVE n(i) AS (SELECT 1 UNION ALL SELECT i FROM n) SELECT COUNT(*) FROM n".to_owned(),
        "WITH RECURSIVE n(i) AS (SELECT 1 UNION ALL SELECT i FROM n) SELECT i FROM n WHERE i > 1".to_owned(),
        format!("{many} SELECT COUNT(*) FROM n a, n b, n c, n d"),
        format!("{many} SELECT MAX(a.i + b.i + c.i) FROM n a, n b, n c"),
    ] {
        let why = stopped(&store, &sql, &short()).await;
        assert!(why.contains("longer than"), "{why}");
    }
    assert_eq!(lines(&ask(&store, "SELECT COUNT(*) FROM users").await.unwrap()), ["3"], "the store is well");
}

async fn a_huge_value_is_stopped_by_memory_or_time(bed: &Bed) {
    if !bed.is_alone("query", "a_huge_value_is_stopped_by_memory_or_time") {
        return;
    }
    let store = filled(bed).await;
    let blown_up = (0..12).fold("'aaaaaaaaaa'".to_owned(), |text, _| format!("replace({text}, 'a', 'aaaaaaaaaa')"));
    let limits = Limits { time: Duration::from_secs(2), ..Limits::default() };
    stopped(&store, &format!("SELECT length({blown_up})"), &limits).await;
    let join = if bed.is_postgres() { "string_agg(raw, raw)" } else { "group_concat(raw, raw)" };
    let many = "WITH RECURSIVE n(i) AS (SELECT 1 UNION ALL SELECT i + 1 FROM n WHERE i < 100000)";
    stopped(&store, &format!("{many} SELECT length({join}) FROM users, n a, n b"), &limits).await;
    // Many long steps in one row: the clock is looked at between them.
    let long = (0..6).fold("'aaaaaaaaaa'".to_owned(), |text, _| format!("replace({text}, 'a', 'aaaaaaaaaa')"));
    let steps = (0..1_000).map(|at| format!("length(replace(t, 'a', 'b{at}'))")).collect::<Vec<_>>().join(" + ");
    let sql = format!("WITH x AS (SELECT {long} AS t) SELECT {steps} FROM x");
    match ask_within(&store, &sql, Duration::from_millis(500)).await {
        Err(Error::QueryLimit(_)) => {}
        // SQLite's own bound on the depth of an expression may come first.
        Err(Error::Query(why)) => assert!(why.contains("too large") || why.contains("depth"), "{why}"),
        other => panic!("{other:?}"),
    }
}

async fn ask_within(store: &Store, sql: &str, time: Duration) -> store::Result<store::Answer> {
    let began = Instant::now();
    let query = Query { sql: sql.to_owned(), ..Query::default() };
    let answer = store.query(&query, &Limits { time, ..Limits::default() }).await;
    assert!(began.elapsed() < time + Duration::from_secs(20), "{:?}", began.elapsed());
    answer
}

async fn a_huge_answer_is_stopped_by_memory(bed: &Bed) {
    if !bed.is_alone("query", "a_huge_answer_is_stopped_by_memory") {
        return;
    }
    let store = filled(bed).await;
    let long = (0..6).fold("'a'".to_owned(), |text, _| format!("replace({text}, 'a', 'aaaaaaaaaa')"));
    let rows = |end: &str| {
        format!(
            "WITH RECURSIVE n(i) AS (SELECT 1 UNION ALL SELECT i + 1 FROM n{end}), x AS (SELECT {long} AS t) SELECT t, i FROM x, n"
        )
    };
    let limits = Limits { time: Duration::from_secs(30), memory: 64 << 20, ..Limits::default() };
    let why = stopped(&store, &rows(" WHERE i < 200"), &limits).await;
    assert!(why.contains("64 MiB"), "{why}");
    // Rows without end may be too many for the engine, which has a limit of its own.
    let why = stopped(&store, &rows(""), &limits).await;
    assert!(why.contains("MiB of memory"), "{why}");
}

async fn deep_and_long_queries_end_in_an_answer_or_in_words(bed: &Bed) {
    let store = filled(bed).await;
    let nested = |open: &str, inner: &str, close: &str, times: usize| {
        format!("SELECT {}{inner}{}", open.repeat(times), close.repeat(times))
    };
    let or = (0..500).map(|at| format!("username = 'u{at}'")).collect::<Vec<_>>().join(" OR ");
    let known = format!("SELECT COUNT(*) FROM users WHERE {or} OR username = 'ada'");
    assert_eq!(lines(&ask(&store, &known).await.unwrap()), ["1"]);
    let list = (0..8_000).map(|at| at.to_string()).collect::<Vec<_>>().join(",");
    assert_eq!(lines(&ask(&store, &format!("SELECT COUNT(*) FROM users WHERE age IN ({list})")).await.unwrap()), ["2"]);
    for sql in [
        nested("(", "1", ")", 30_000),
        nested("(", "1", "", 60_000),
        nested("(SELECT ", "1", ")", 6_000),
        nested("NOT ", "1", "", 15_000),
        nested("- ", "1", "", 30_000),
        nested("abs(", "1", ")", 10_000),
        nested("CASE WHEN 1=1 THEN ", "1", " END", 2_500),
        nested("CAST(", "1", " AS TEXT)", 4_000),
        nested("1 IN (", "1", ")", 8_000),
        nested("EXISTS (SELECT ", "1", ")", 3_500),
        nested("ARRAY[", "1", "]", 8_000),
        nested("1+", "1", "", 30_000),
        nested("'a'||", "'a'", "", 12_000),
        nested("a.", "a", "", 30_000),
        nested("* FROM (", "users", ")", 7_000),
        format!("SELECT * FROM {}users{}", "(".repeat(30_000), ")".repeat(30_000)),
        format!("SELECT * FROM {}users{}", "(".repeat(400), ")".repeat(400)),
        format!("SELECT * FROM {}users{}", "(SELECT * FROM ".repeat(4_000), ")".repeat(4_000)),
        format!("SELECT 1 {}", "UNION ALL SELECT 1 ".repeat(3_000)),
        format!("SELECT * FROM users u {}", "JOIN users USING (id) ".repeat(2_500)),
        format!("SELECT {}1", "1,".repeat(30_000)),
        format!("SELECT '{}'", "x".repeat(70_000)),
    ] {
        let began = Instant::now();
        match ask_within(&store, &sql, Duration::from_secs(2)).await {
            Ok(_) | Err(Error::Query(_) | Error::QueryLimit(_)) => {}
            other => panic!("{}…: {other:?}", &sql[..40]),
        }
        assert!(began.elapsed() < Duration::from_secs(10), "{}…: {:?}", &sql[..40], began.elapsed());
    }
    let why = refusal(&store, &nested("(", "1", ")", 30_000)).await;
    assert!(why.contains("can not be read"), "{why}");
    let like = format!("SELECT '{}' LIKE '{}b'", "a".repeat(20_000), "%a".repeat(15_000));
    ask_within(&store, &like, Duration::from_secs(2)).await.ok();
}

async fn a_cancelled_answer_stops_the_engine(bed: &Bed) {
    let store = filled(bed).await;
    let sql =
        "WITH RECURSIVE cancel_me(i) AS (SELECT 1 UNION ALL SELECT i FROM cancel_me) SELECT COUNT(*) FROM cancel_me";
    let query = Query { sql: sql.to_owned(), ..Query::default() };
    let limits = Limits { time: Duration::from_secs(600), ..Limits::default() };
    let asked = tokio::time::timeout(Duration::from_millis(400), store.query(&query, &limits)).await;
    assert!(asked.is_err(), "it was still at work");
    // The engine lets go long before the query's own limit: on SQLite the log can be folded back when nobody reads it.
    let busy = if bed.is_postgres() {
        "SELECT CAST(COUNT(*) AS TEXT) FROM pg_stat_activity WHERE state = 'active' AND query LIKE 'WITH RECURSIVE cancel_me%'"
    } else {
        "PRAGMA wal_checkpoint(TRUNCATE)"
    };
    let began = Instant::now();
    while bed.behind(busy).await[0][0] != "0" {
        assert!(began.elapsed() < Duration::from_secs(60), "the engine goes on");
    }
}

async fn an_answer_that_is_cut_says_so(bed: &Bed) {
    let store = filled(bed).await;
    let endless = "WITH RECURSIVE n(i) AS (SELECT 1 UNION ALL SELECT i + 1 FROM n WHERE i < 1000000) SELECT i FROM n";
    for (rows, cut) in [(0, true), (2, true), (3, false), (4, false)] {
        let limits = Limits { rows, ..Limits::default() };
        let query = Query { sql: "SELECT id FROM users".to_owned(), ..Query::default() };
        let answer = store.query(&query, &limits).await.unwrap();
        assert_eq!((answer.rows.len() as u64, answer.cut), (rows.min(3), cut), "{rows}");
        assert_eq!(answer.columns[0].name, "id");
        let query = Query { sql: endless.to_owned(), ..Query::default() };
        assert!(store.query(&query, &limits).await.unwrap().cut);
    }
}

async fn a_reader_that_has_enough_stops_the_answer(bed: &Bed) {
    let store = filled(bed).await;
    let sql = "WITH RECURSIVE n(i) AS (SELECT 1 UNION ALL SELECT i + 1 FROM n) SELECT i FROM n".to_owned();
    let mut met = 0;
    let cut = store
        .query_each(&Query { sql, ..Query::default() }, &Limits::default(), |_, row| {
            met += usize::from(row.is_some());
            if met == 10 { ControlFlow::Break(()) } else { ControlFlow::Continue(()) }
        })
        .await
        .unwrap();
    assert_eq!((met, cut), (10, false));
}

async fn an_empty_answer_has_its_column_names(bed: &Bed) {
    let store = filled(bed).await;
    let answer = ask(&store, "SELECT id, username AS who, 1 + 1 AS two FROM users WHERE 1 = 0").await.unwrap();
    let names: Vec<&str> = answer.columns.iter().map(|column| column.name.as_str()).collect();
    assert_eq!(names, ["id", "who", "two"]);
    assert!(answer.rows.is_empty() && !answer.cut);
}

async fn the_columns_are_told_once_before_the_rows(bed: &Bed) {
    let store = filled(bed).await;
    for (sql, expected) in [("SELECT id FROM users", 3), ("SELECT id FROM users WHERE 1 = 0", 0)] {
        let mut told = Vec::new();
        let query = Query { sql: sql.to_owned(), ..Query::default() };
        store
            .query_each(&query, &Limits::default(), |columns, row| {
                told.push((columns.len(), row.is_some()));
                ControlFlow::Continue(())
            })
            .await
            .unwrap();
        assert_eq!(told[0], (1, false));
        assert_eq!(told[1..], vec![(1, true); expected]);
    }
}

async fn an_answer_is_of_one_organization_where_asked(bed: &Bed) {
    let store = filled(bed).await;
    let org_ids = async |sql: &str, org_id: &str| {
        let query = Query { sql: sql.to_owned(), org_id: Some(org_id.to_owned()), ..Default::default() };
        lines(&store.query(&query, &Limits::default()).await.unwrap())
    };
    let run = store.start_run(&connection("c1", "Acme"), store::Action::Sync, "system", "atlas", minute(0)).await;
    run.unwrap();
    assert_eq!(org_ids("SELECT org_id, username FROM users ORDER BY username", "a").await, ["a ada", "a bob"]);
    assert_eq!(org_ids("SELECT org_id, username FROM users", "b").await, ["b eve"]);
    assert!(org_ids("SELECT * FROM users", "nobody' OR '1' = '1").await.is_empty());
    for (table, of_o) in [("snapshots", 0), ("snapshot_tables", 0), ("runs", 1), ("connections", 1)] {
        let sql = format!("SELECT org_id FROM {table}");
        assert_eq!(org_ids(&sql, "o").await.len(), of_o, "{table}");
        let of_b = org_ids(&sql, "b").await;
        assert!(of_b.iter().all(|org_id| org_id == "b"), "{table}: {of_b:?}");
        assert_eq!(of_b.is_empty(), of_o == 1, "{table}");
    }
}

async fn an_answer_is_of_the_time_that_was_asked_for(bed: &Bed) {
    let store = filled(bed).await;
    sync_users(&store, "a", minute(20), &[("1", "ada.l")]).await;
    let at = async |minutes| {
        let sql = "SELECT username FROM users ORDER BY username".to_owned();
        let query = Query { sql, as_of: Some(minute(minutes)), ..Default::default() };
        lines(&store.query(&query, &Limits::default()).await.unwrap())
    };
    assert!(at(-1).await.is_empty());
    assert_eq!(at(5).await, ["ada", "bob"]);
    assert_eq!(at(15).await, ["ada", "bob", "eve"]);
    assert_eq!(at(25).await, ["ada.l", "eve"]);
}

async fn a_question_that_comes_again_is_answered_as_the_tables_are_by_then(bed: &Bed) {
    let store = filled(bed).await;
    let users = || Query {
        sql: "SELECT org_id, username FROM users ORDER BY 1, 2".to_owned(),
        is_frequent: true,
        ..Query::default()
    };
    let of = |store: &Store, query: Query| {
        let store = store.clone();
        async move { lines(&store.query(&query, &Limits::default()).await.unwrap()) }
    };
    let within = || Query { within: Some(vec!["b".to_owned()]), ..users() };
    for _ in 0..3 {
        assert_eq!(of(&store, users()).await, ["a ada", "a bob", "b eve"]);
        assert_eq!(of(&store, within()).await, ["b eve"]);
        assert_eq!(of(&store, Query { org_id: Some("a".to_owned()), ..within() }).await, Vec::<String>::new());
    }
    // What a snapshot writes that is not committed is seen by nobody.
    let mut pass = begin(&store, "a", minute(20)).await;
    pass.put(&USERS, vec![crate::bed::user("3", "cid")]).await.unwrap();
    assert_eq!(of(&store, users()).await, ["a ada", "a bob", "b eve"]);
    pass.undo().await;
    sync_users(&store, "a", minute(30), &[("2", "bob"), ("3", "cid")]).await;
    for _ in 0..2 {
        assert_eq!(of(&store, users()).await, ["a bob", "a cid", "b eve"]);
        assert_eq!(of(&store, Query { as_of: Some(minute(15)), ..users() }).await, ["a ada", "a bob", "b eve"]);
    }
    store.purge_organization("a").await.unwrap();
    assert_eq!(of(&store, users()).await, ["b eve"]);
    // What was never a table of snapshots is read each time.
    let connections = || Query { sql: "SELECT name FROM connections ORDER BY 1".to_owned(), ..users() };
    assert_eq!(of(&store, connections()).await, ["Acme"]);
    add(bed, &store, &connection("c2", "Beta"), "jca_CANARY0123456789").await.unwrap();
    assert_eq!(of(&store, connections()).await, ["Acme", "Beta"]);
    let cut = Limits { rows: 1, ..Limits::default() };
    let answer = store.query(&connections(), &cut).await.unwrap();
    assert!(answer.cut && answer.rows.len() == 1);
}

async fn columns_of_a_sister_table_are_shown_as_the_tables_own(bed: &Bed) {
    let store = filled(bed).await;
    let sql = "SELECT hostname, active, remote_ip FROM devices WHERE active AND remote_ip LIKE '192.%'";
    assert_eq!(lines(&ask(&store, sql).await.unwrap()), ["atlas true 192.0.2.1"]);
    let answer = ask(&store, "SELECT * FROM devices").await.unwrap();
    let names: Vec<&str> = answer.columns.iter().map(|column| column.name.as_str()).collect();
    assert_eq!(names, ["org_id", "id", "hostname", "user_id", "active", "remote_ip", "raw"]);
    let sql = "SELECT u.username, d.hostname FROM users u
               LEFT JOIN devices d ON d.org_id = u.org_id AND d.user_id = u.id ORDER BY username";
    assert_eq!(lines(&ask(&store, sql).await.unwrap()), ["ada atlas", "bob NULL", "eve NULL"]);
}

async fn what_was_received_can_be_read_as_json(bed: &Bed) {
    let store = filled(bed).await;
    let sql = if bed.is_postgres() {
        "SELECT raw::json ->> 'username', tags::json ->> 0 FROM users WHERE age = 36"
    } else {
        "SELECT raw ->> 'username', json_extract(tags, '$[0]') FROM users WHERE age = 36"
    };
    assert_eq!(lines(&ask(&store, sql).await.unwrap()), ["ada x"]);
    let each = if bed.is_postgres() {
        "SELECT t.value FROM users u, json_array_elements_text(u.tags::json) t WHERE u.age = 36"
    } else {
        "SELECT t.value FROM users u, json_each(u.tags) t WHERE u.age = 36"
    };
    assert_eq!(lines(&ask(&store, each).await.unwrap()), ["x", "y"]);
}

async fn booleans_are_booleans(bed: &Bed) {
    let store = filled(bed).await;
    let sql = "SELECT mfa FROM users WHERE org_id = 'a' ORDER BY id";
    assert_eq!(ask(&store, sql).await.unwrap().rows, [[Cell::Boolean(true)], [Cell::Boolean(false)]]);
    for sql in [
        "SELECT active FROM devices",
        "SELECT d.active FROM users u JOIN devices d ON d.user_id = u.id AND d.org_id = u.org_id",
        "WITH x AS (SELECT mfa FROM users WHERE mfa) SELECT DISTINCT mfa FROM x",
        "SELECT complete FROM snapshots WHERE org_id = 'a'",
        "SELECT enabled FROM connections",
        "SELECT active FROM (SELECT active FROM devices UNION ALL SELECT active FROM devices) x LIMIT 1",
    ] {
        assert_eq!(ask(&store, sql).await.unwrap().rows, [[Cell::Boolean(true)]], "{sql}");
    }
    assert_eq!(lines(&ask(&store, "SELECT COUNT(*) FROM users WHERE NOT mfa").await.unwrap()), ["1"]);
}

async fn a_store_without_snapshots_answers_with_no_rows(bed: &Bed) {
    let store = bed.open().await;
    assert_eq!(lines(&ask(&store, "SELECT COUNT(*) FROM users").await.unwrap()), ["0"]);
    let answer = ask(&store, "SELECT * FROM devices").await.unwrap();
    assert_eq!((answer.columns.len(), answer.rows.len()), (7, 0));
    assert_eq!(lines(&ask(&store, "SELECT 1 + 1").await.unwrap()), ["2"]);
}

async fn a_querys_own_tables_work_also_recursive_ones(bed: &Bed) {
    let store = filled(bed).await;
    for (sql, expected) in [
        ("WITH x AS (SELECT username FROM users WHERE mfa) SELECT COUNT(*) FROM x", vec!["2"]),
        ("WITH x AS (SELECT 1 AS a), y AS (SELECT a + 1 AS b FROM x) SELECT a, b FROM x, y", vec!["1 2"]),
        (
            "WITH RECURSIVE n(i) AS (SELECT 1 UNION ALL SELECT i + 1 FROM n WHERE i < 3) SELECT i FROM n",
            vec!["1", "2", "3"],
        ),
        (
            "WITH RECURSIVE n(i) AS (SELECT 1 UNION ALL SELECT i + 1 FROM n WHERE i < 2)
             SELECT username, i FROM users, n WHERE org_id = 'b' ORDER BY i",
            vec!["eve 1", "eve 2"],
        ),
        ("SELECT * FROM (WITH x AS (SELECT 7 AS a) SELECT a FROM x) y", vec!["7"]),
        ("SELECT (WITH x AS (SELECT COUNT(*) AS a FROM devices) SELECT a FROM x)", vec!["1"]),
        ("WITH X AS (SELECT 1 AS a) SELECT a FROM x", vec!["1"]),
    ] {
        assert_eq!(lines(&ask(&store, sql).await.unwrap()), expected, "{sql}");
    }
}

async fn order_limit_and_union_are_kept(bed: &Bed) {
    let store = filled(bed).await;
    for (sql, expected) in [
        ("SELECT username FROM users ORDER BY username DESC LIMIT 2", vec!["eve", "bob"]),
        ("SELECT username FROM users ORDER BY username LIMIT 1 OFFSET 1", vec!["bob"]),
        ("SELECT username FROM users UNION ALL SELECT hostname FROM devices ORDER BY 1 LIMIT 2", vec!["ada", "atlas"]),
        ("SELECT 1 EXCEPT SELECT 1", vec![]),
        ("SELECT org_id, COUNT(*) FROM users GROUP BY org_id HAVING COUNT(*) > 1", vec!["a 2"]),
        ("VALUES (1, 'x'), (2, 'y')", vec!["1 x", "2 y"]),
    ] {
        assert_eq!(lines(&ask(&store, sql).await.unwrap()), expected, "{sql}");
    }
}

async fn what_people_ask_for_works(bed: &Bed) {
    let store = filled(bed).await;
    for (sql, expected) in [
        ("select Username from Users where lower(username) like 'A%' or username = 'ada';", vec!["ada"]),
        ("SELECT \"username\" FROM \"users\" WHERE id = '2'", vec!["bob"]),
        ("SELECT COUNT(DISTINCT org_id), MIN(age), MAX(age), SUM(age), AVG(age) FROM users", vec!["2 7 36 43 21.5"]),
        ("SELECT created_at FROM users WHERE created_at < '2026-06-01'", vec!["2026-01-02T03:04:05.000Z"]),
        ("SELECT COALESCE(age, 0) FROM users WHERE username = 'eve'", vec!["0"]),
        ("SELECT username, ROW_NUMBER() OVER (ORDER BY username) FROM users LIMIT 1", vec!["ada 1"]),
        ("SELECT CASE WHEN mfa THEN 'on' ELSE 'off' END FROM users WHERE id = '2'", vec!["off"]),
        ("SELECT username FROM users -- a comment\n WHERE id = '2' /* another */", vec!["bob"]),
        ("SELECT 'Zoë 🦀 ''x'' ;--'", vec!["Zoë 🦀 'x' ;--"]),
        (
            "SELECT username FROM users u WHERE EXISTS (SELECT 1 FROM devices d WHERE d.user_id = u.id AND d.org_id = u.org_id)",
            vec!["ada"],
        ),
    ] {
        assert_eq!(lines(&ask(&store, sql).await.unwrap()), expected, "{sql}");
    }
}

async fn every_table_about_the_collecting_has_the_columns_that_it_declares(bed: &Bed) {
    let store = filled(bed).await;
    for table in SYSTEM_TABLES {
        let answer = ask(&store, &format!("SELECT * FROM {}", table.name)).await.unwrap();
        let names: Vec<&str> = answer.columns.iter().map(|column| column.name.as_str()).collect();
        assert_eq!(names, table.columns.iter().map(|column| column.name).collect::<Vec<_>>(), "{}", table.name);
    }
}

async fn a_broken_text_is_an_error_and_not_a_panic(bed: &Bed) {
    let store = filled(bed).await;
    for sql in [
        "SELECT CAST(x'ff00fe' AS TEXT)",
        "SELECT x'ff'",
        "SELECT $1",
        "SELECT ?",
        "SELECT :x",
        "SELECT @x",
        "SELECT 1e999",
    ] {
        match ask(&store, sql).await {
            Ok(_) | Err(Error::Query(_)) => {}
            other => panic!("{sql}: {other:?}"),
        }
    }
}

async fn an_answer_is_within_what_the_person_may_see(bed: &Bed) {
    let store = filled(bed).await;
    let asked = async |sql: &str, org_id: Option<&str>, within: &[&str]| {
        let query = Query {
            sql: sql.to_owned(),
            org_id: org_id.map(str::to_owned),
            within: Some(within.iter().map(|id| (*id).to_owned()).collect()),
            ..Query::default()
        };
        lines(&store.query(&query, &Limits::default()).await.unwrap())
    };
    let users = "SELECT username FROM users ORDER BY username";
    assert_eq!(asked(users, None, &["a"]).await, ["ada", "bob"]);
    assert_eq!(asked(users, None, &["a", "b"]).await, ["ada", "bob", "eve"]);
    assert_eq!(asked(users, Some("b"), &["a", "b"]).await, ["eve"]);
    assert!(asked(users, Some("b"), &["a"]).await.is_empty(), "another organization is asked for by name");
    assert!(asked(users, None, &[]).await.is_empty());
    let snapshots = "SELECT DISTINCT org_id FROM snapshots ORDER BY org_id";
    assert_eq!(asked(snapshots, None, &["b"]).await, ["b"]);
    assert!(asked(snapshots, Some("b"), &["a"]).await.is_empty());
    assert!(asked(snapshots, None, &[]).await.is_empty());
    let at = Query {
        sql: users.to_owned(),
        at: Some(vec![("a".to_owned(), 1), ("b".to_owned(), 2)]),
        within: Some(vec!["b".to_owned()]),
        ..Query::default()
    };
    assert_eq!(lines(&store.query(&at, &Limits::default()).await.unwrap()), ["eve"]);
}
