use std::time::Instant;
use store::schema::{Column, Joined, Kind, Table, text};
use store::*;
const fn c(name: &'static str) -> Column {
    Column { name, kind: Kind::Text, at: "/x", about: "" }
}
static USERS: Table = Table {
    name: "users",
    about: "",
    asset: None,
    label: "username",
    columns: &[
        text("username", "/u", ""),
        c("email"),
        c("state"),
        c("mfa"),
        c("c1"),
        c("c2"),
        c("c3"),
        c("c4"),
        c("c5"),
        c("c6"),
        c("c7"),
        c("c8"),
        c("c9"),
        c("c10"),
        c("c11"),
        c("c12"),
        c("c13"),
        c("c14"),
        c("c15"),
        c("c16"),
    ],
    joined: &[],
};
static DEVICES: Table = Table {
    name: "devices",
    about: "",
    asset: None,
    label: "hostname",
    columns: &[
        text("hostname", "/u", ""),
        c("os"),
        c("state"),
        c("user_id"),
        c("c1"),
        c("c2"),
        c("c3"),
        c("c4"),
        c("c5"),
        c("c6"),
        c("c7"),
        c("c8"),
        c("c9"),
        c("c10"),
        c("c11"),
        c("c12"),
        c("c13"),
        c("c14"),
        c("c15"),
        c("c16"),
    ],
    joined: &[Joined { table: "device_contacts", by: "id", columns: &["last_contact", "active"] }],
};
static CONTACTS: Table = Table {
    name: "device_contacts",
    about: "",
    asset: None,
    label: "id",
    columns: &[c("last_contact"), c("active")],
    joined: &[],
};
#[tokio::test]
async fn measure() {
    let path = std::path::PathBuf::from("/tmp/scratch_store/db");
    let orgs: i64 = std::env::var("ORGS").unwrap_or("1".into()).parse().unwrap();
    let pg = std::env::var("PG").ok();
    let loc = pg.clone().map_or(Location::File(path.clone()), Location::Postgres);
    let fill = std::env::var("FILL").is_ok();
    if fill && pg.is_none() {
        let _ = std::fs::remove_dir_all("/tmp/scratch_store");
    }
    let store = Store::open(&loc, &[&USERS, &DEVICES, &CONTACTS]).await.unwrap();
    if fill {
        let mut script = String::new();
        for (t, n, cols) in [("users", 100_000, 20), ("devices", 50_000, 20), ("device_contacts", 50_000, 2)] {
            let first = match t {
                "users" => {
                    "'name'||i, 'mail'||i||'@example.com', CASE WHEN i%10=0 THEN 'SUSPENDED' ELSE 'ACTIVATED' END, CASE WHEN i%3=0 THEN 'f' ELSE 't' END"
                }
                "devices" => "'host'||i, CASE WHEN i%3=0 THEN 'Linux' ELSE 'Windows' END, 'on', 'u'||(i*2)",
                _ => "'2026-01-01T00:00:00.'||j, CASE WHEN i%5=0 THEN 'f' ELSE 't' END",
            };
            let rest: String = (4..cols).map(|k| format!(", 'value {k} of '||i||' in '||j")).collect();
            let idp = match t {
                "users" => "u",
                _ => "d",
            };
            let content =
                if pg.is_some() { "decode(md5((i*100+j)::text),'hex')" } else { "CAST('0123456789abcdef' AS BLOB)" };
            for o in 0..orgs {
                let n = if o == 0 { n } else { n / 50 };
                script += &format!(
                    "INSERT INTO v_{t} SELECT {o}*10000000+row_number() OVER (ORDER BY f, i), 'org{o}', '{idp}'||i, '', f, CASE WHEN j=5 THEN 9223372036854775807 ELSE i%100+100*j+1+1 END, {content}, {first}{rest} FROM (SELECT i, j, CASE WHEN j=0 THEN 1 ELSE i%100+100*(j-1)+1+1 END AS f FROM (WITH RECURSIVE n(i) AS (SELECT 0 UNION ALL SELECT i+1 FROM n WHERE i<{n}-1) SELECT i FROM n) a, (SELECT 0 AS j UNION SELECT 1 UNION SELECT 2 UNION SELECT 3 UNION SELECT 4 UNION SELECT 5) b) x;\n"
                );
                script += &format!(
                    "INSERT INTO r_{t} SELECT row_id, '{{\"id\":\"'||id||'\",\"pad\":\"'||'{pad}'||'\"}}' FROM v_{t} WHERE org_id='org{o}';\n",
                    pad = "x".repeat(1000)
                );
            }
        }
        script += "WITH RECURSIVE n(i) AS (SELECT 1 UNION ALL SELECT i+1 FROM n WHERE i<501) INSERT INTO snapshot SELECT i, 'org0', 'c', 0, '2026', '2026-01-01T'||substr('00'||(i/60),-2)||':'||substr('00'||(i%60),-2)||':00.000Z', TRUE, NULL FROM n;\n".replace("substr('00'||(i/60),-2)", if pg.is_some() {"right('00'||(i/60),2)"} else {"substr('00'||(i/60),-2)"}).replace("substr('00'||(i%60),-2)", if pg.is_some() {"right('00'||(i%60),2)"} else {"substr('00'||(i%60),-2)"}).as_str();
        for o in 1..orgs {
            script += &format!(
                "INSERT INTO snapshot VALUES ({}, 'org{o}', 'c', 0, '2026', '2026-01-01T08:30:00.000Z', TRUE, NULL);",
                600 + o
            );
        }
        let t = Instant::now();
        use sqlx::Connection;
        if let Some(url) = &pg {
            let mut k = sqlx::PgConnection::connect(url).await.unwrap();
            sqlx::raw_sql(sqlx::AssertSqlSafe(script)).execute(&mut k).await.unwrap();
            sqlx::raw_sql("ANALYZE").execute(&mut k).await.unwrap();
        } else {
            let mut k = sqlx::SqliteConnection::connect(path.to_str().unwrap()).await.unwrap();
            sqlx::raw_sql(sqlx::AssertSqlSafe(format!("BEGIN;{script}COMMIT;"))).execute(&mut k).await.unwrap();
        }
        eprintln!("fill {:?}", t.elapsed());
    }
    let then: jiff::Timestamp = "2026-01-01T00:05:30Z".parse().unwrap();
    let mid: jiff::Timestamp = "2026-01-01T04:00:30Z".parse().unwrap();
    for sql in [
 "SELECT COUNT(*) FROM users u LEFT JOIN devices d ON d.user_id = u.id WHERE d.id IS NULL",
 "SELECT COUNT(*) FROM users u WHERE NOT EXISTS (SELECT 1 FROM devices d WHERE d.user_id = u.id)",
 "SELECT COUNT(*) FROM users u WHERE EXISTS (SELECT 1 FROM devices d WHERE d.user_id = u.id)",
 "SELECT d.hostname, u.username FROM devices d LEFT JOIN users u ON u.id = d.user_id WHERE d.hostname = 'host777'",
    ] {
        let mut told = String::new();
        for (name, as_of) in [("now", None), ("early", Some(then)), ("mid", Some(mid))] {
            let q = Query { sql: sql.into(), as_of, org_id: None };
            let mut best = f64::MAX;
            let mut rows = String::new();
            for _ in 0..2 {
                let t = Instant::now();
                let a = store.query(&q, &Limits { time: std::time::Duration::from_secs(4), ..Limits::default() }).await;
                best = best.min(t.elapsed().as_secs_f64() * 1000.0);
                rows = match a {
                    Ok(a) => format!("{}r", a.rows.len()),
                    Err(e) => e.to_string(),
                };
                if best > 2000.0 {
                    break;
                }
            }
            told += &format!("{name} {best:.0} ms ({rows})  ");
        }
        eprintln!("{told} {sql}");
    }
}
