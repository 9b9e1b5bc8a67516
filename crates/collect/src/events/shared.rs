//! One request for several organizations that one key can see: Directory Insights answers with the events of all that are
//! named, and each event says whose it is. Only the newest minutes are read so, and every organization then stores its
//! share in a run of its own. Counts are never asked for together: see `docs/decisions/0010-several-organizations-at-once.md`.
//!
//! A share is exact or there is none: an answer that is refused, too long or has an event that names none of the
//! organizations is thrown away, and everybody asks alone.

use std::collections::HashMap;
use std::sync::Arc;
use std::time::Duration;

use futures::StreamExt as _;
use jiff::Timestamp;
use jumpcloud::{Client, EventPage, EventQuery};
use ocsf::Mapper;
use secrecy::{ExposeSecret as _, SecretString};
use store::events::{Hour, WindowState};
use store::{Connection, Place};
use tokio::sync::Mutex;

use super::plan::{HOUR, MINUTE, Pass, Position, Rules};
use crate::client::credential_of;
use crate::sync::Collector;

/// Only those take part who have read everything until so long ago: nobody is to wait for another's past.
const RECENT: i64 = 10 * MINUTE;
/// A share that nobody has taken by then is old.
const FRESH: i64 = 20_000;
/// After an answer that could not be shared, everybody asks alone for so long.
const PAUSE: i64 = 5 * MINUTE;
/// The most organizations of one request: each is a line of its header.
const MOST_ORGANIZATIONS: usize = 50;
/// The most pages. They are in memory until they are taken.
const MOST_PAGES: usize = 2;
/// The others wait meanwhile.
const PATIENCE: Duration = Duration::from_secs(10);

/// What was read for one organization together with others.
#[derive(Debug)]
pub(crate) struct Share {
    hour: i64,
    /// Nothing between these moments is missing, in milliseconds since 1970; the end is not part of it.
    from: i64,
    to: i64,
    /// At least one; the last one says so.
    pages: Vec<EventPage>,
}

impl Share {
    /// The pass that this share is, if it reads the beginning of what another one of this hour would.
    pub(crate) fn pass(&self, hour: i64, wanted: &Pass) -> Option<Pass> {
        let is_part = hour == self.hour && wanted.after.is_none() && self.from <= wanted.from && self.to <= wanted.to;
        (is_part && wanted.from < self.to).then(|| Pass { to: self.to, ..wanted.clone() })
    }

    pub(crate) fn into_pages(self) -> Vec<EventPage> {
        self.pages
    }
}

/// The shares of all keys that several connections have.
#[derive(Default)]
pub(crate) struct Sharing {
    groups: Mutex<Vec<Arc<Group>>>,
}

/// The connections that have one credential at one place.
struct Group {
    place: Place,
    client_id: Option<String>,
    secret: SecretString,
    state: Mutex<State>,
}

#[derive(Default)]
struct State {
    /// The client of the last request, and the organizations that it is for.
    client: Option<(Vec<String>, Client)>,
    shares: HashMap<String, Share>,
    /// Organizations of which nothing came, from and until when: their ledger says nothing about it.
    quiet: HashMap<String, (i64, i64)>,
    /// Nothing is asked together before this moment.
    paused_until: i64,
}

/// An organization that takes part.
struct Member {
    org_id: String,
    /// From when on it has to be read.
    from: i64,
    /// From when on nothing is missing then.
    covered_from: Option<i64>,
}

impl Sharing {
    /// What was read for a connection together with others. `well` are the connections that are due about now and do not
    /// fail: one that is not among them asks alone, or it would spoil the answer for all. Asks, if nobody has yet.
    pub(crate) async fn take(
        &self,
        collector: &Collector,
        connection: &Connection,
        well: &[Connection],
    ) -> Option<Share> {
        let org_id = connection.org_id.as_ref()?;
        if !well.iter().any(|other| other.id == connection.id) {
            return None;
        }
        let others: Vec<&Connection> = well.iter().filter(|other| may_share(connection, other)).collect();
        if others.is_empty() && self.groups.lock().await.is_empty() {
            return None;
        }
        let group = self.group(collector, connection).await?;
        let mut state = group.state.lock().await;
        let now = collector.clock.now().as_millisecond();
        state.shares.retain(|_, share| (0..=FRESH).contains(&(now - share.to)));
        if let Some(share) = state.shares.remove(org_id) {
            return Some(share);
        }
        if others.is_empty() {
            return None;
        }
        // A clock that was set back must not make it wait for longer than it ever would.
        if (now..=now + PAUSE).contains(&state.paused_until) {
            return None;
        }
        let mut connections = vec![connection];
        for other in others {
            let secret = collector.store.open_credential(other, &collector.key).await.ok()?;
            if secret.expose_secret() == group.secret.expose_secret() {
                connections.push(other);
            }
        }
        let members = state.members(collector, &connections).await?;
        if members.len() < 2 || members[0].org_id != *org_id {
            return None;
        }
        let reading = state.read(collector, connection, &group, &members);
        match tokio::time::timeout(PATIENCE, reading).await {
            Ok(Some(shares)) => state.shares = shares,
            Ok(None) | Err(_) => {
                tracing::debug!(organizations = members.len(), "events could not be read together");
                state.paused_until = now + PAUSE;
            }
        }
        state.shares.remove(org_id)
    }

    async fn group(&self, collector: &Collector, connection: &Connection) -> Option<Arc<Group>> {
        let secret = collector.store.open_credential(connection, &collector.key).await.ok()?;
        let mut groups = self.groups.lock().await;
        let is_it = |group: &&Arc<Group>| {
            group.place == connection.place
                && group.client_id == connection.credential_client_id
                && group.secret.expose_secret() == secret.expose_secret()
        };
        if let Some(group) = groups.iter().find(is_it) {
            return Some(Arc::clone(group));
        }
        // A key that was replaced is nobody's any more.
        groups.retain(|group| Arc::strong_count(group) > 1 || group.place != connection.place);
        let group = Arc::new(Group {
            place: connection.place.clone(),
            client_id: connection.credential_client_id.clone(),
            secret,
            state: Mutex::default(),
        });
        groups.push(Arc::clone(&group));
        Some(group)
    }
}

/// Whether one request may serve two connections, by what is known without opening their credentials.
pub(crate) fn may_share(one: &Connection, other: &Connection) -> bool {
    one.id != other.id
        && one.place == other.place
        && one.credential_kind == other.credential_kind
        && one.credential_last_four == other.credential_last_four
        && one.credential_client_id == other.credential_client_id
        && other.org_id.is_some()
        && one.org_id != other.org_id
}

impl State {
    /// JumpCloud's time, as far as it is known.
    fn now(&self, collector: &Collector) -> i64 {
        let now = collector.clock.now().as_millisecond();
        let ahead = self.client.as_ref().and_then(|(_, client)| client.clock_ahead());
        now - ahead.map(|ahead| ahead.as_secs()).filter(|seconds| *seconds >= 2).unwrap_or(0) * 1000
    }

    /// Who of these has read the current hour until a moment ago.
    async fn members(&self, collector: &Collector, connections: &[&Connection]) -> Option<Vec<Member>> {
        let now = self.now(collector);
        let begin = now.div_euclid(HOUR) * HOUR;
        let overlap = Rules::default().overlap;
        let mut members: Vec<Member> = Vec::new();
        for connection in connections {
            let Some(org_id) = &connection.org_id else { continue };
            let line = collector.store.event_window(org_id, Hour::of_ms(now)).await.ok()?;
            if line.as_ref().is_some_and(|line| line.state != WindowState::Open || line.removed_at.is_some()) {
                continue;
            }
            let position = Position::of(line.and_then(|line| line.position).as_deref());
            let own = position.read_to.map_or(begin, |read_to| (read_to - overlap).max(begin));
            let quiet = self.quiet.get(org_id).filter(|(from, to)| (*from..*to).contains(&own));
            let from = quiet.map_or(own, |(_, to)| (to - overlap).max(own));
            let is_ready = position.pass.is_none() && position.wait_until.is_none() && now - from <= RECENT;
            if is_ready && from < now && members.len() < MOST_ORGANIZATIONS {
                members.push(Member { org_id: org_id.clone(), from, covered_from: quiet.map(|(from, _)| *from) });
            }
        }
        Some(members)
    }

    /// Asks for what all of them need; gives each its own, or nobody anything.
    async fn read(
        &mut self,
        collector: &Collector,
        connection: &Connection,
        group: &Group,
        members: &[Member],
    ) -> Option<HashMap<String, Share>> {
        let asked_to = self.now(collector);
        let mut org_ids: Vec<String> = members.iter().map(|member| member.org_id.clone()).collect();
        org_ids.sort_unstable();
        let client = match self.client.take() {
            Some((known, client)) if known == org_ids => client,
            _ => {
                let credential = credential_of(connection, &group.secret).ok()?;
                let (first, more) = org_ids.split_first()?;
                let clock = Arc::clone(&collector.clock);
                collector.settings.client_for(&group.place, credential, Some(first), more, clock).ok()?
            }
        };
        let from = members.iter().map(|member| member.from).min()?;
        let mut pages = client.events(EventQuery::range(moment(from)?, moment(asked_to)?));
        let mut shared: HashMap<&str, Vec<EventPage>> =
            org_ids.iter().map(|org_id| (org_id.as_str(), Vec::new())).collect();
        for number in 1.. {
            let page = pages.next().await?.ok()?;
            split(&page, &mut shared)?;
            if page.is_last {
                break;
            }
            if number == MOST_PAGES {
                return None;
            }
        }
        drop(pages);
        let shared: HashMap<String, Vec<EventPage>> =
            shared.into_iter().map(|(org_id, pages)| (org_id.to_owned(), pages)).collect();
        self.client = Some((org_ids, client));
        // The answer has told JumpCloud's time: what lies ahead of it was not read.
        let to = asked_to.min(self.now(collector));
        if to <= from {
            return None;
        }
        Some(self.hand_out(members, shared, from, to))
    }

    fn hand_out(
        &mut self,
        members: &[Member],
        mut shared: HashMap<String, Vec<EventPage>>,
        from: i64,
        to: i64,
    ) -> HashMap<String, Share> {
        let hour = from.div_euclid(HOUR);
        let mut shares = HashMap::new();
        for member in members {
            let pages = shared.remove(&member.org_id).unwrap_or_default();
            let from = member.covered_from.unwrap_or(from);
            if pages.iter().all(EventPage::is_empty) {
                self.quiet.insert(member.org_id.clone(), (from, to));
            } else {
                self.quiet.remove(&member.org_id);
            }
            shares.insert(member.org_id.clone(), Share { hour, from, to, pages });
        }
        shares
    }
}

/// Gives each organization its part of a page; nothing, if an event is not surely one of theirs.
fn split(page: &EventPage, shared: &mut HashMap<&str, Vec<EventPage>>) -> Option<()> {
    let mut mapper = Mapper::new();
    let mut places: HashMap<&str, Vec<usize>> = HashMap::new();
    for (at, text) in page.rows().enumerate() {
        let event = mapper.read(text);
        let (org_id, _) = shared.get_key_value(event.facts().organization?)?;
        places.entry(*org_id).or_default().push(at);
    }
    for (org_id, pages) in shared {
        let own = places.get(org_id).map_or(&[][..], Vec::as_slice);
        if page.is_last || !own.is_empty() {
            pages.push(page.only(own, page.is_last));
        }
    }
    Some(())
}

fn moment(ms: i64) -> Option<Timestamp> {
    Timestamp::from_millisecond(ms).ok()
}
