//! What there is to know: how streams and credentials stand, what the ledger of events lacks, what the checks have found.
//! News is what is so now, or has happened lately; who was told already is not known here.

use std::collections::{BTreeMap, HashMap};

use collect::condition::{Condition, State};
use deliver::notify::{News, Topic};
use jiff::{SignedDuration, Timestamp};
use store::{Answer, Cell, Connection, Limits, Notification, Query, Stream};

use super::{Notifier, NotifierError};
use crate::sync_now::lease_name;

/// How long before a credential's end people are told, in days; the shortest that applies counts.
const BEFORE_EXPIRY: [i64; 3] = [1, 7, 30];
/// What the checks have found is news for so long.
const FRESH: SignedDuration = SignedDuration::from_hours(7 * 24);
/// What changes slowly is looked for this often.
const SLOWLY: SignedDuration = SignedDuration::from_mins(10);
/// A day with less than this part of the usual events is a drop.
const DROP: f64 = 1.0 / 3.0;
/// Where there are fewer events a day, a drop means nothing.
const FEWEST: f64 = 100.0;

/// News, and since when it is so.
#[derive(Debug, Clone)]
pub(super) struct Found {
    pub(super) news: News,
    /// When it has happened, for what is no news to a place that was added later; `None` for what stands.
    at: Option<Timestamp>,
}

impl Found {
    /// Whether a place is to be told.
    pub(super) fn is_for(&self, place: &Notification) -> bool {
        place.topics.iter().any(|topic| topic == self.news.topic.word())
            && (self.news.severity == 0 || self.news.severity >= place.severity)
            && self.at.is_none_or(|at| at >= place.created_at)
    }
}

/// Looks for news, for what changes slowly not every time.
#[derive(Debug, Default)]
pub(super) struct Looker {
    slow: Vec<Found>,
    slow_at: Option<Timestamp>,
}

impl Looker {
    /// All there is to know; of what has happened, what has happened since.
    pub(super) async fn look(
        &mut self,
        notifier: &Notifier,
        since: Timestamp,
        now: Timestamp,
    ) -> Result<Vec<Found>, NotifierError> {
        let connections = notifier.store.connections().await?;
        let names: HashMap<String, String> = connections
            .iter()
            .filter_map(|connection| Some((connection.org_id.clone()?, called(connection))))
            .collect();
        let mut found = of_streams(notifier, &connections, now).await?;
        found.extend(of_credentials(&connections, now));
        found.extend(of_findings(notifier, &names, since.max(now - FRESH)).await?);
        if self.slow_at.is_none_or(|at| now.duration_since(at) >= SLOWLY || now < at) {
            self.slow = gaps(notifier, &names).await?;
            self.slow.extend(unknown_types(notifier, &names).await?);
            self.slow.extend(drops(notifier, &names, now).await?);
            self.slow_at = Some(now);
        }
        found.extend(self.slow.iter().cloned());
        Ok(found)
    }
}

fn called(connection: &Connection) -> String {
    connection.org_name.clone().unwrap_or_else(|| connection.name.clone())
}

/// Streams that wait for a person, that can not go on, or that are behind.
async fn of_streams(
    notifier: &Notifier,
    connections: &[Connection],
    now: Timestamp,
) -> Result<Vec<Found>, NotifierError> {
    let streams = notifier.store.streams(None).await?;
    let mut found = Vec::new();
    for connection in connections {
        let own: Vec<&Stream> = streams.iter().filter(|stream| stream.connection_id == connection.id).collect();
        let mut is_told = false;
        for stream in &own {
            let lease = lease_name(connection, stream.kind);
            let holder = notifier.store.lease_holder(&lease, &notifier.holder.host, now).await?;
            let condition = Condition::of(connection, stream, holder.as_deref(), now);
            let path = format!("/connections/{}", connection.id);
            let why = [condition.reason.clone(), condition.help.clone()];
            let text = why.into_iter().flatten().collect::<Vec<_>>().join(" ");
            let kind = stream.kind.word();
            match condition.state {
                // A key that is rejected is so for both streams: that is told once.
                State::ActionRequired if !is_told => {
                    is_told = true;
                    let since = own.iter().filter_map(|stream| stream.state.failing_since).min();
                    let since = since.map(|at| at.to_string()).unwrap_or_default();
                    found.push(stands(
                        Topic::CredentialRejected,
                        format!("{} {since}", connection.id),
                        called(connection),
                        format!("{} needs somebody: its {kind} stream can not go on", connection.name),
                        text,
                        path,
                    ));
                }
                State::Late | State::Stalled | State::Unreachable | State::Failing => {
                    // `Late` grows into `Stalled`, which is told as well; a first failure is often gone with the next try.
                    if matches!(condition.state, State::Unreachable | State::Failing) && stream.state.failures < 3 {
                        continue;
                    }
                    let since = match condition.state {
                        State::Late | State::Stalled => stream.state.last_success_at,
                        _ => stream.state.failing_since,
                    };
                    let since = since.map(|at| at.to_string()).unwrap_or_default();
                    let state = condition.state.words();
                    found.push(stands(
                        Topic::StreamLate,
                        format!("{} {kind} {state} {since}", connection.id),
                        called(connection),
                        format!("the {kind} stream of {} is {}", connection.name, state.to_lowercase()),
                        text,
                        path,
                    ));
                }
                _ => {}
            }
        }
    }
    Ok(found)
}

/// Credentials that are about to end.
fn of_credentials(connections: &[Connection], now: Timestamp) -> Vec<Found> {
    let ending = connections.iter().filter(|connection| connection.enabled).filter_map(|connection| {
        let expires = connection.credential_expires_at.filter(|expires| *expires > now)?;
        let left = expires.duration_since(now);
        let days = BEFORE_EXPIRY.into_iter().find(|days| left <= SignedDuration::from_hours(days * 24))?;
        Some(stands(
            Topic::CredentialExpiring,
            format!("{} {expires} {days}", connection.id),
            called(connection),
            format!("the credential of {} expires on {}", connection.name, expires.strftime("%Y-%m-%d %H:%M UTC")),
            "Make a new one in JumpCloud and rotate it under Credentials before: nothing is lost in between."
                .to_owned(),
            format!("/connections/{}/credentials", connection.id),
        ))
    });
    ending.collect()
}

/// What the checks have found, and acceptances that are over.
async fn of_findings(
    notifier: &Notifier,
    names: &HashMap<String, String>,
    since: Timestamp,
) -> Result<Vec<Found>, NotifierError> {
    let sql = format!(
        "SELECT h.finding, h.action, h.at, f.org_id, f.check_id, f.severity_id, f.name, f.reason
         FROM finding_history h JOIN findings f ON f.number = h.finding
         WHERE h.action IN ('opened', 'reopened', 'acceptance_expired') AND h.at >= '{}' AND f.state = 'open'
         ORDER BY f.severity_id DESC, h.at, h.finding LIMIT 10000",
        store::schema::time_text(since)
    );
    let answer = ask(notifier, sql).await?;
    let found = answer.rows.iter().filter_map(|row| {
        let (number, action, at) = (number(&row[0]), text(&row[1]), text(&row[2]));
        let check = text(&row[4]);
        let title = notifier.library.check(&check).map_or(check, |check| check.title.clone());
        let (topic, how) = match action.as_str() {
            "opened" => (Topic::NewFinding, ""),
            "reopened" => (Topic::NewFinding, " (again)"),
            _ => (Topic::AcceptanceExpired, " (no longer accepted)"),
        };
        let news = News {
            key: format!("{} {number} {at}", topic.word()),
            topic,
            severity: self::number(&row[5]),
            organization: name_of(names, &text(&row[3])),
            title: format!("{title}: {}{how}", text(&row[6])),
            text: text(&row[7]),
            path: format!("/findings/{number}"),
        };
        Some(Found { news, at: Some(at.parse().ok()?) })
    });
    Ok(found.collect())
}

/// Hours that can not be proven, by day.
async fn gaps(notifier: &Notifier, names: &HashMap<String, String>) -> Result<Vec<Found>, NotifierError> {
    let sql = "SELECT org_id, day, COUNT(*), MIN(reason) FROM windows WHERE state = 'gap' AND removed_at IS NULL
               GROUP BY org_id, day ORDER BY org_id, day";
    let answer = ask(notifier, sql.to_owned()).await?;
    let found = answer.rows.iter().map(|row| {
        let (org_id, day) = (text(&row[0]), text(&row[1]));
        stands(
            Topic::Gap,
            format!("{org_id} {day}"),
            name_of(names, &org_id),
            format!("events of {day} are not proven complete ({} hours)", number(&row[2])),
            format!("{} `jumpseat event verify` shows each hour.", text(&row[3])),
            "/collection-status".to_owned(),
        )
    });
    Ok(found.collect())
}

/// Types of events that the mapping does not know.
async fn unknown_types(notifier: &Notifier, names: &HashMap<String, String>) -> Result<Vec<Found>, NotifierError> {
    let sql = "SELECT org_id, service, event_type, CAST(SUM(events) AS BIGINT) FROM events_unmapped
               GROUP BY org_id, service, event_type ORDER BY org_id, service, event_type LIMIT 1000";
    let answer = ask(notifier, sql.to_owned()).await?;
    let found = answer.rows.iter().map(|row| {
        let (org_id, service, kind) = (text(&row[0]), text(&row[1]), text(&row[2]));
        stands(
            Topic::UnknownEventType,
            format!("{org_id} {service} {kind}"),
            name_of(names, &org_id),
            format!("a type of event that is new to Jumpseat: {kind} ({service})"),
            format!(
                "{} came so far. They are stored and can be searched as any other; a newer version may map them.",
                number(&row[3])
            ),
            "/events".to_owned(),
        )
    });
    Ok(found.collect())
}

/// Organizations whose last whole day had far fewer events than the same weekday before.
async fn drops(
    notifier: &Notifier,
    names: &HashMap<String, String>,
    now: Timestamp,
) -> Result<Vec<Found>, NotifierError> {
    let day_of = |days_ago: i64| (now - SignedDuration::from_hours(24 * days_ago)).strftime("%Y-%m-%d").to_string();
    // A day counts if all of it is proven; the same weekday, since on weekends there is less everywhere.
    let days: Vec<String> = [1, 8, 15, 22, 29].map(day_of).to_vec();
    let listed = days.iter().map(|day| format!("'{day}'")).collect::<Vec<_>>().join(", ");
    let sql = format!(
        "SELECT org_id, day, CAST(SUM(stored) AS BIGINT) FROM windows WHERE day IN ({listed}) AND state = 'sealed' AND removed_at IS NULL
         GROUP BY org_id, day HAVING COUNT(*) = 24"
    );
    let mut stored: BTreeMap<String, HashMap<String, i64>> = BTreeMap::new();
    for row in &ask(notifier, sql).await?.rows {
        stored.entry(text(&row[0])).or_default().insert(text(&row[1]), number(&row[2]));
    }
    let found = stored.iter().filter_map(|(org_id, by_day)| {
        let last = *by_day.get(&days[0])?;
        let mut before: Vec<i64> = days[1..].iter().filter_map(|day| by_day.get(day).copied()).collect();
        let usual = median(&mut before)?;
        #[expect(clippy::cast_precision_loss, reason = "counts of events a day")]
        let (last_real, usual_real) = (last as f64, usual as f64);
        (usual_real >= FEWEST && last_real < usual_real * DROP).then(|| {
            stands(
                Topic::VolumeDrop,
                format!("{org_id} {}", days[0]),
                name_of(names, org_id),
                format!("{} events on {}, where {usual} are usual", last, days[0]),
                "All of the day was read and counted. Something in the organization may have been switched off."
                    .to_owned(),
                "/events".to_owned(),
            )
        })
    });
    Ok(found.collect())
}

/// The middle of at least two numbers.
fn median(numbers: &mut [i64]) -> Option<i64> {
    numbers.sort_unstable();
    (numbers.len() >= 2).then(|| numbers[numbers.len() / 2])
}

/// News that is so now.
fn stands(topic: Topic, key: String, organization: String, title: String, text: String, path: String) -> Found {
    let key = format!("{} {key}", topic.word());
    Found { news: News { key, topic, severity: 0, organization, title, text, path }, at: None }
}

fn name_of(names: &HashMap<String, String>, org_id: &str) -> String {
    names.get(org_id).cloned().unwrap_or_else(|| org_id.to_owned())
}

async fn ask(notifier: &Notifier, sql: String) -> Result<Answer, NotifierError> {
    Ok(notifier.store.query(&Query { sql, ..Query::default() }, &Limits::default()).await?)
}

fn text(cell: &Cell) -> String {
    match cell {
        Cell::Text(text) => text.to_string(),
        _ => String::new(),
    }
}

fn number(cell: &Cell) -> i64 {
    match cell {
        Cell::Integer(number) => *number,
        // PostgreSQL adds BIGINTs up to NUMERIC, which comes as text.
        Cell::Text(text) => text.parse().unwrap_or(0),
        #[expect(clippy::cast_possible_truncation, reason = "counts")]
        Cell::Real(number) => *number as i64,
        _ => 0,
    }
}
