//! What SQL sees of events. An event is read through its window, so that a condition on `day` or `hour` is decided on the
//! ledger's few lines, and only the events of those are read. A condition on `time` is made one on `hour` by `narrow`.

use crate::query::SystemTable;
use crate::schema::{Column, boolean, integer, text, time};

/// What the engines spell differently: `{ms:x}` a time from milliseconds since 1970, `{day:x}` a date from a day's number,
/// `{uuid:x}` a UUID from its bytes, `{events:x}` the events of a window, `{days:x}` whole days from now until a time.
pub(crate) fn spelled(sql: &str, postgres: bool) -> String {
    let mut text = String::with_capacity(sql.len() * 2);
    let mut rest = sql;
    while let Some(begin) = rest.find('{') {
        let Some((inside, after)) = rest[begin + 1..].split_once('}') else { break };
        text.push_str(&rest[..begin]);
        match inside.split_once(':') {
            Some((form, x)) => text.push_str(&spell(form, x, postgres)),
            None => text.push_str(&rest[begin..begin + inside.len() + 2]),
        }
        rest = after;
    }
    text.push_str(rest);
    text
}

fn spell(form: &str, x: &str, postgres: bool) -> String {
    match (form, postgres) {
        ("ms", false) => format!("strftime('%Y-%m-%dT%H:%M:%fZ', ({x}) / 1000.0, 'unixepoch')"),
        ("ms", true) => {
            format!("to_char(to_timestamp(({x}) / 1000.0) AT TIME ZONE 'UTC', 'YYYY-MM-DD\"T\"HH24:MI:SS.MS\"Z\"')")
        }
        ("day", false) => format!("date(({x}) * 86400, 'unixepoch')"),
        ("day", true) => format!("to_char(to_timestamp(({x}) * 86400.0) AT TIME ZONE 'UTC', 'YYYY-MM-DD')"),
        ("events", false) => "{home}event".to_owned(),
        // OFFSET 0 keeps PostgreSQL from reading all events first and looking for their windows then: it can not know how few
        // of them lie in an hour, as it does not know what a bound that is reckoned from another table will be.
        ("events", true) => format!(
            "LATERAL (SELECT * FROM {{home}}event i WHERE i.org = {x}.org AND i.time_ms >= CAST({x}.hour AS BIGINT) * 3600000
               AND i.time_ms < CAST({x}.hour AS BIGINT) * 3600000 + 3600000 OFFSET 0)"
        ),
        ("uuid", false) => {
            let piece = |from: u8, length: u8| format!("substr(hex({x}), {from}, {length})");
            let pieces = [piece(1, 8), piece(9, 4), piece(13, 4), piece(17, 4), piece(21, 12)];
            format!("lower({})", pieces.join(" || '-' || "))
        }
        ("uuid", true) => format!("CAST(CAST(encode({x}, 'hex') AS uuid) AS text)"),
        // Not every SQLite has FLOOR; a cast cuts towards zero.
        ("days", false) => {
            let days = format!("(julianday({x}) - julianday({{now}}))");
            format!("CAST({days} AS INTEGER) - ({days} < CAST({days} AS INTEGER))")
        }
        ("days", true) => format!(
            "CAST(FLOOR(EXTRACT(EPOCH FROM (CAST({x} AS timestamptz) - CAST({{now}} AS timestamptz))) / 86400) AS BIGINT)"
        ),
        _ => x.to_owned(),
    }
}

/// The columns of an event that say who took part, and where from.
macro_rules! event_columns {
    () => {
        "o.org_id, {uuid:e.uid} AS uid, {ms:e.time_ms} AS time,
         (SELECT p.received_at FROM {home}event_part p WHERE p.org = e.org AND p.number = e.place / 1048576) AS stored_at,
         {ms:CAST(w.hour AS BIGINT) * 3600000} AS hour,
         {day:w.hour / 24} AS day,
         NULLIF((SELECT k.service FROM {home}event_kind k WHERE k.org = e.org AND k.number = e.kind), '') AS service,
         NULLIF((SELECT k.event_type FROM {home}event_kind k WHERE k.org = e.org AND k.number = e.kind), '') AS event_type,
         (SELECT k.class_uid FROM {home}event_kind k WHERE k.org = e.org AND k.number = e.kind) AS class_uid,
         (SELECT k.activity_id FROM {home}event_kind k WHERE k.org = e.org AND k.number = e.kind) AS activity_id,
         (SELECT k.activity_name FROM {home}event_kind k WHERE k.org = e.org AND k.number = e.kind) AS activity,
         (SELECT k.severity_id FROM {home}event_kind k WHERE k.org = e.org AND k.number = e.kind) AS severity_id,
         CASE e.outcome WHEN 1 THEN 'success' WHEN 2 THEN 'failure' WHEN 99 THEN 'other' ELSE 'unknown' END AS outcome,
         e.mfa,
         (SELECT k.cleartext FROM {home}event_kind k WHERE k.org = e.org AND k.number = e.kind) AS cleartext,
         (SELECT k.by_api_key FROM {home}event_kind k WHERE k.org = e.org AND k.number = e.kind) AS by_api_key,
         NULLIF((SELECT t.id FROM {home}event_term t WHERE t.org = e.org AND t.number = e.user_term), '') AS user_id,
         NULLIF((SELECT t.name FROM {home}event_term t WHERE t.org = e.org AND t.number = e.user_term), '') AS user_name,
         NULLIF((SELECT t.id FROM {home}event_term t WHERE t.org = e.org AND t.number = e.administrator_term), '') AS administrator_id,
         NULLIF((SELECT t.name FROM {home}event_term t WHERE t.org = e.org AND t.number = e.administrator_term), '') AS administrator_name,
         NULLIF((SELECT t.id FROM {home}event_term t WHERE t.org = e.org AND t.number = e.device_term), '') AS device_id,
         NULLIF((SELECT t.name FROM {home}event_term t WHERE t.org = e.org AND t.number = e.device_term), '') AS device_name,
         NULLIF((SELECT t.id FROM {home}event_term t WHERE t.org = e.org AND t.number = e.application_term), '') AS application_id,
         NULLIF((SELECT t.name FROM {home}event_term t WHERE t.org = e.org AND t.number = e.application_term), '') AS application_name,
         NULLIF((SELECT t.kind FROM {home}event_term t WHERE t.org = e.org AND t.number = e.target_term), '') AS target_kind,
         NULLIF((SELECT t.id FROM {home}event_term t WHERE t.org = e.org AND t.number = e.target_term), '') AS target_id,
         NULLIF((SELECT t.name FROM {home}event_term t WHERE t.org = e.org AND t.number = e.target_term), '') AS target_name,
         NULLIF((SELECT t.name FROM {home}event_term t WHERE t.org = e.org AND t.number = e.origin_term), '') AS src_ip,
         NULLIF((SELECT t.kind FROM {home}event_term t WHERE t.org = e.org AND t.number = e.origin_term), '') AS country,
         NULLIF((SELECT t.name FROM {home}event_term t WHERE t.org = e.org AND t.number = e.reason_term), '') AS reason"
    };
}

/// Organization, then its windows, then their events: SQLite keeps the order of a CROSS JOIN.
macro_rules! from_events {
    () => {
        " FROM {home}event_org o CROSS JOIN {home}event_window w CROSS JOIN {events:w} e
         WHERE w.org = o.org AND e.org = w.org
           AND e.time_ms >= CAST(w.hour AS BIGINT) * 3600000 AND e.time_ms < CAST(w.hour AS BIGINT) * 3600000 + 3600000"
    };
}

const EVENT_COLUMNS: &[Column] = &[
    text("org_id", "", "The organization."),
    text("uid", "", "Its identity; OCSF's metadata.uid."),
    time("time", "", "When it happened. A condition on it, on `hour` or on `day` makes a query fast."),
    time("stored_at", "", "When it was received and stored: how late it came."),
    time("hour", "", "The beginning of the hour that it lies in."),
    text("day", "", "The day in UTC that it lies in, as 2026-11-20."),
    text("service", "", "The service, as the event names it."),
    text("event_type", "", "Its type."),
    integer("class_uid", "", "OCSF class: 3002 is a sign-in; 0 is no event at all."),
    integer("activity_id", "", "OCSF activity within the class."),
    text("activity", "", "The activity in words."),
    integer("severity_id", "", "OCSF severity: 0 unknown, 1 informational, 2 low, 3 medium, 4 high, 5 critical."),
    text("outcome", "", "success, failure, other, or unknown when the event does not say."),
    boolean("mfa", "", "A second factor was used; NULL if the event does not say."),
    boolean(
        "cleartext",
        "",
        "A password crossed the network readable (LDAP without TLS); NULL if the event does not say.",
    ),
    boolean(
        "by_api_key",
        "",
        "It was done with an API key, and not in a session at the console; NULL if the event does not say.",
    ),
    text("user_id", "", "The user whom it is about, or who acted: `users.id`."),
    text("user_name", "", "That user's name in the event."),
    text("administrator_id", "", "The administrator who acted, or whom it is about: `administrators.id`."),
    text("administrator_name", "", "That administrator's name in the event."),
    text("device_id", "", "The device: `devices.id`."),
    text("device_name", "", "Its name in the event."),
    text("application_id", "", "The application: `applications.id`."),
    text("application_name", "", "Its name in the event."),
    text("target_kind", "", "The kind of what was changed, read or given."),
    text("target_id", "", "Its id."),
    text("target_name", "", "Its name."),
    text("src_ip", "", "The address that it came from."),
    text("country", "", "The country of that address, two letters."),
    text("reason", "", "Why it failed, or what was answered, as the event says it."),
];

/// Every event.
pub(crate) const EVENTS: SystemTable = SystemTable {
    name: "events",
    about: "Every stored event as the index knows it; `jumpseat event search --output raw` shows what was received. A \
            condition on `time`, `hour` or `day` makes a query fast.",
    columns: EVENT_COLUMNS,
    sql: concat!("SELECT ", event_columns!(), from_events!()),
};

/// Sign-ins.
pub(crate) const LOGINS: SystemTable = SystemTable {
    name: "logins",
    about: "Sign-ins to anything: the events of OCSF class 3002. A condition on `time`, `hour` or `day` makes a query fast.",
    columns: EVENT_COLUMNS,
    sql: concat!(
        "SELECT ",
        event_columns!(),
        from_events!(),
        " AND EXISTS (SELECT 1 FROM {home}event_kind c WHERE c.org = e.org AND c.number = e.kind AND c.class_uid = 3002)"
    ),
};

/// What users, devices and others did on each day. Ids and names are cast to what they are: SQLite makes an index for a join only
/// over columns of the same affinity, and an expression has none.
pub(crate) const ACTIVITY: SystemTable = SystemTable {
    name: "activity",
    about: "What each user, administrator, device, application and address did on each day, from events: last sign-in, last \
            used. The same id with another name is another row.",
    columns: &[
        text("org_id", "", "The organization."),
        text("day", "", "The day in UTC, as 2026-11-20."),
        text("role", "", "user, administrator, device, application or address."),
        text("id", "", "Its id in the inventory; NULL for an address, or if the events do not tell."),
        text("name", "", "Its name in the events; of an address, the address."),
        text("country", "", "Of an address: its country."),
        integer("events", "", "Events that it took part in."),
        integer("failures", "", "Those that failed."),
        integer("sign_ins", "", "Sign-ins that succeeded."),
        integer("failed_sign_ins", "", "Sign-ins that failed."),
        time("first_at", "", "The first event of the day."),
        time("last_at", "", "The last event of the day."),
        time("last_sign_in_at", "", "The last sign-in of the day that succeeded."),
    ],
    sql: "SELECT o.org_id, {day:a.day} AS day,
            CASE a.role WHEN 1 THEN 'user' WHEN 2 THEN 'administrator' WHEN 3 THEN 'device' WHEN 4 THEN 'application' ELSE 'address' END AS role,
            CAST(NULLIF(t.id, '') AS TEXT) AS id, CAST(NULLIF(t.name, '') AS TEXT) AS name, NULLIF(t.kind, '') AS country,
            a.events, a.failures, a.sign_ins, a.failed_sign_ins,
            {ms:CAST(a.day AS BIGINT) * 86400000 + a.first_ms} AS first_at,
            {ms:CAST(a.day AS BIGINT) * 86400000 + a.last_ms} AS last_at,
            {ms:CAST(a.day AS BIGINT) * 86400000 + a.last_sign_in_ms} AS last_sign_in_at
          FROM {home}event_org o CROSS JOIN {home}event_activity a CROSS JOIN {home}event_term t
          WHERE a.org = o.org AND t.org = a.org AND t.number = a.term",
};

/// The days that a query may name, each with its number: from 1970 to a year from now.
macro_rules! days {
    () => {
        "(WITH RECURSIVE days(number) AS (
            SELECT 366 - ({days:'1970-01-01'}) UNION ALL SELECT number - 1 FROM days WHERE number > 0
          )
          SELECT number, {day:number} AS day FROM days)"
    };
}

/// The last sign-in of everybody.
///
/// Grouped by number first: to sort some million days by number takes a third of the time that it takes by texts. Of the days that
/// may be named, only those that a condition names are worked out.
pub(crate) const LAST_SIGN_INS: SystemTable = SystemTable {
    name: "last_sign_ins",
    about: "The last successful sign-in of each user and administrator in a span of days, from events. A condition like \
            `role = 'user' AND since = '2026-10-16' AND until = '2026-11-15'` says whose and when, and is needed. The same id with \
            another name is another row.",
    columns: &[
        text("org_id", "", "The organization."),
        text("role", "", "user or administrator."),
        text("since", "", "The first day in UTC that counts, as 2026-10-16."),
        text("until", "", "The last one; at most a year from now."),
        text("id", "", "`users.id` or `administrators.id`; NULL if the events do not tell."),
        text("name", "", "The name in the events."),
        time("last_sign_in_at", "", "The last sign-in that succeeded."),
    ],
    sql: concat!(
        "SELECT l.org_id, CASE l.role WHEN 1 THEN 'user' ELSE 'administrator' END AS role, l.since, l.until,
           CAST(NULLIF(t.id, '') AS TEXT) AS id, CAST(NULLIF(t.name, '') AS TEXT) AS name, {ms:l.last_ms} AS last_sign_in_at
         FROM (
           SELECT o.org_id, a.org, a.role, f.day AS since, u.day AS until, a.term,
             MAX(CAST(a.day AS BIGINT) * 86400000 + a.last_sign_in_ms) AS last_ms
           FROM ",
        days!(),
        " f CROSS JOIN ",
        days!(),
        " u CROSS JOIN {home}event_org o CROSS JOIN {home}event_activity a
           WHERE a.org = o.org AND a.day >= f.number AND a.day <= u.number AND a.role IN (1, 2) AND a.last_sign_in_ms IS NOT NULL
           GROUP BY a.term, a.org, a.role, o.org_id, f.day, u.day
         ) l
         JOIN {home}event_term t ON t.org = l.org AND t.number = l.term"
    ),
};

/// The ledger.
pub(crate) const WINDOWS: SystemTable = SystemTable {
    name: "windows",
    about: "The ledger of events: every hour of every organization, how many events are stored, how many JumpCloud counts, \
            and whether that is proven.",
    columns: &[
        text("org_id", "", "The organization."),
        time("hour", "", "The beginning of the hour."),
        text("day", "", "The day in UTC, as 2026-11-20."),
        text("state", "", "open, read, sealed, reopened or gap."),
        text("reason", "", "Why it is a gap, was reopened, or could not be sealed."),
        integer("stored", "", "Events stored whose own time lies in the hour."),
        integer("counted", "", "Events that JumpCloud counted when it was asked last."),
        integer("duplicates", "", "Events that came again and were dropped."),
        integer("late", "", "Events that came after it had been sealed."),
        time("first_at", "", "The first event."),
        time("last_at", "", "The last event."),
        time("asked_at", "", "When it was asked for first; NULL if its events came in pages of other hours."),
        time("sealed_at", "", "When it was sealed last."),
        text("identities", "", "SHA-256 over the events' identities in order, as it was sealed last."),
        time("verified_at", "", "When JumpCloud's count was equal last."),
        time("next_check_at", "", "When it is to be counted again."),
        time("removed_at", "", "When the retention removed its events."),
    ],
    sql: "SELECT o.org_id, {ms:CAST(w.hour AS BIGINT) * 3600000} AS hour, {day:w.hour / 24} AS day, w.state, w.reason, w.stored,
            w.counted, w.duplicates, w.late, {ms:w.first_ms} AS first_at, {ms:w.last_ms} AS last_at, w.asked_at, w.sealed_at,
            w.identities, w.verified_at, w.next_check_at, w.removed_at
          FROM {home}event_org o CROSS JOIN {home}event_window w WHERE w.org = o.org",
};

/// Counts by hour.
pub(crate) const COUNTS: SystemTable = SystemTable {
    name: "event_counts",
    about: "How many events of each type ended how, by hour. It stays when the retention removes the events.",
    columns: &[
        text("org_id", "", "The organization."),
        time("hour", "", "The beginning of the hour."),
        text("day", "", "The day in UTC, as 2026-11-20."),
        text("service", "", "The service."),
        text("event_type", "", "The type."),
        integer("class_uid", "", "OCSF class."),
        integer("activity_id", "", "OCSF activity within the class."),
        text("outcome", "", "success, failure, other or unknown."),
        boolean("cleartext", "", "A password crossed the network readable (LDAP without TLS); NULL if the events do not say."),
        boolean("by_api_key", "", "It was done with an API key, and not in a session at the console; NULL if the events do not say."),
        integer("events", "", "How many."),
    ],
    sql: "SELECT o.org_id, {ms:CAST(c.hour AS BIGINT) * 3600000} AS hour, {day:c.hour / 24} AS day,
            NULLIF(k.service, '') AS service, NULLIF(k.event_type, '') AS event_type, k.class_uid, k.activity_id,
            CASE c.outcome WHEN 1 THEN 'success' WHEN 2 THEN 'failure' WHEN 99 THEN 'other' ELSE 'unknown' END AS outcome,
            k.cleartext, k.by_api_key, c.events
          FROM {home}event_org o CROSS JOIN {home}event_count c CROSS JOIN {home}event_kind k
          WHERE c.org = o.org AND k.org = c.org AND k.number = c.kind",
};

const TYPE_COLUMNS: &[Column] = &[
    text("org_id", "", "The organization."),
    text("service", "", "The service; NULL if events of the type name none."),
    text("event_type", "", "The type; NULL if the events name none."),
    integer("class_uid", "", "OCSF class."),
    boolean("mapped", "", "The mapping knows the type."),
    integer("events", "", "How many came."),
    time("first_at", "", "The first."),
    time("last_at", "", "The last."),
];

macro_rules! types_where {
    ($condition:literal) => {
        concat!(
            "SELECT o.org_id, NULLIF(k.service, '') AS service, NULLIF(k.event_type, '') AS event_type, k.class_uid, k.mapped,
               CAST(SUM(k.events) AS BIGINT) AS events, {ms:MIN(k.first_ms)} AS first_at, {ms:MAX(k.last_ms)} AS last_at
             FROM {home}event_org o CROSS JOIN {home}event_kind k WHERE k.org = o.org",
            $condition,
            " GROUP BY o.org_id, k.service, k.event_type, k.class_uid, k.mapped"
        )
    };
}

/// Types of events.
pub(crate) const TYPES: SystemTable = SystemTable {
    name: "event_types",
    about: "What types of events each organization has emitted, documented or not.",
    columns: TYPE_COLUMNS,
    sql: types_where!(""),
};

/// Types that the mapping does not know.
pub(crate) const UNMAPPED: SystemTable = SystemTable {
    name: "events_unmapped",
    about: "Types of events that the mapping does not know. Their events are stored and searchable as any other.",
    columns: TYPE_COLUMNS,
    sql: types_where!(" AND NOT k.mapped"),
};

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn only_what_stands_in_braces_is_spelled_anew() {
        assert_eq!(
            spelled("SELECT {day:w.hour / 24} FROM {home}t", false),
            "SELECT date((w.hour / 24) * 86400, 'unixepoch') FROM {home}t"
        );
        assert_eq!(spelled("x {", true), "x {");
        assert_eq!(spelled("FROM {home}t, {events:w} e", false), "FROM {home}t, {home}event e");
        assert!(spelled("{events:w}", true).contains("FROM {home}event i WHERE i.org = w.org"));
    }
}
