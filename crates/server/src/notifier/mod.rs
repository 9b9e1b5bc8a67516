//! Tells people what they should know: looks for news, and sends to each place what it was not told yet.
//!
//! What was told stands in the store and only one process sends at a time, so that nothing is told twice. A process that
//! dies after sending and before writing that down is the exception; a message's number tells that it is the same.

mod news;
#[cfg(test)]
mod tests;

use std::sync::Arc;
use std::time::Duration;

use collect::{Collector, Schedule};
use deliver::Access;
use deliver::notify::{Kind, Message, News, Place, Topic};
use jiff::{SignedDuration, Timestamp};
use jumpcloud::Clock;
use secrecy::SecretString;
use store::{Lease, LeaseHolder, MasterKey, Notification, NotificationState, Store};
use tokio_util::sync::CancellationToken;
use url::Url;

use self::news::Looker;

/// How often is looked for news.
const LOOK: Duration = Duration::from_secs(60);
/// A place that did not take a message is tried again after this time, then after twice the time, and so on.
const FIRST_RETRY: SignedDuration = SignedDuration::from_mins(1);
const LONGEST_RETRY: SignedDuration = SignedDuration::from_hours(6);
/// What still stands after so long is told once more.
const REMIND: SignedDuration = SignedDuration::from_hours(180 * 24);
/// Longest name of a place, in characters.
const LONGEST_NAME: usize = 100;

/// What is needed to tell people.
#[derive(Clone)]
pub struct Notifier {
    /// What is remembered.
    pub store: Store,
    /// Opens the secrets.
    pub key: Arc<MasterKey>,
    /// The time.
    pub clock: Arc<dyn Clock>,
    /// This process, for the lease.
    pub holder: LeaseHolder,
    /// Where may be sent to.
    pub access: Access,
    /// The checks, for their titles.
    pub library: Arc<posture::Library>,
    /// The address that people open the console at, if others than this machine can.
    pub console: Option<Url>,
}

impl std::fmt::Debug for Notifier {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("Notifier").field("console", &self.console).finish_non_exhaustive()
    }
}

/// Why somebody could not be told.
#[derive(Debug, thiserror::Error)]
#[non_exhaustive]
pub enum NotifierError {
    /// The store failed.
    #[error(transparent)]
    Store(#[from] store::Error),
    /// The place can not be used, or did not take it.
    #[error(transparent)]
    Place(#[from] deliver::notify::NotifyError),
    /// What was asked for can not be.
    #[error("{0}")]
    Unusable(String),
}

/// What somebody says of a new place.
#[derive(Debug)]
pub struct NewPlace {
    /// How it is called here.
    pub name: String,
    /// Where it is.
    pub place: Place,
    /// What it is told about.
    pub topics: Vec<Topic>,
    /// Findings below this severity are not told; OCSF's number.
    pub severity: i64,
    /// When what has gathered is told; at once, if `None`.
    pub digest: Option<String>,
}

impl Notifier {
    /// What tells people, with a collector's store, key and settings. `console`: where others than this machine open it.
    pub fn of(collector: &Collector, library: Arc<posture::Library>, console: Option<Url>) -> Self {
        let settings = &collector.settings;
        let access = Access {
            allow_loopback: settings.allow_loopback,
            extra_root_certificates: settings.extra_root_certificates.clone(),
            ..Access::default()
        };
        let (store, key) = (collector.store.clone(), Arc::clone(&collector.key));
        let (clock, holder) = (Arc::clone(&collector.clock), collector.holder.clone());
        Self { store, key, clock, holder, access, library, console }
    }

    /// Looks for news and sends it, until `stop`. What fails is told in the log and tried again.
    pub async fn run(&self, stop: &CancellationToken) {
        let mut looker = Looker::default();
        while !stop.is_cancelled() {
            if let Err(error) = self.look(&mut looker).await {
                tracing::warn!(%error, "nobody could be notified");
            }
            tokio::select! {
                () = stop.cancelled() => {}
                () = self.clock.sleep(LOOK) => {}
            }
        }
    }

    /// Adds a place, after sending a message there.
    ///
    /// # Errors
    /// It can not be used, does not take the message, or its name is taken.
    pub async fn add(&self, new: NewPlace) -> Result<Notification, NotifierError> {
        let name = new.name.trim();
        if name.is_empty() || name.chars().count() > LONGEST_NAME || name.chars().any(posture::harmless::is_steering) {
            let words = format!("a name has 1 to {LONGEST_NAME} characters, all of them visible");
            return Err(NotifierError::Unusable(words));
        }
        if new.topics.is_empty() {
            return Err(NotifierError::Unusable("it has to be told about something: choose topics".to_owned()));
        }
        if let Some(digest) = &new.digest {
            let read = digest.parse::<Schedule>();
            read.map_err(|error| NotifierError::Unusable(format!("the digest: {error}")))?;
        }
        let notification = Notification {
            id: uuid::Uuid::now_v7().to_string(),
            name: name.to_owned(),
            kind: new.place.kind().word().to_owned(),
            address: new.place.address(&self.access)?,
            settings: new.place.settings(),
            topics: new.topics.iter().map(|topic| topic.word().to_owned()).collect(),
            severity: new.severity,
            digest: new.digest,
            enabled: true,
            created_at: self.clock.now(),
            state: NotificationState::default(),
        };
        if self.store.find_notification(&notification.name).await?.is_some() {
            let words = format!("there is a notification named {} already; choose another name", notification.name);
            return Err(NotifierError::Unusable(words));
        }
        new.place.send(&self.test_message(&notification), &self.access).await?;
        self.store.add_notification(&notification, new.place.secret(), &self.key).await?;
        Ok(notification)
    }

    /// Sends a message that says that it is a test.
    ///
    /// # Errors
    /// It was not taken.
    pub async fn test(&self, notification: &Notification) -> Result<(), NotifierError> {
        let place = self.place_of(notification).await?;
        Ok(place.send(&self.test_message(notification), &self.access).await?)
    }

    fn test_message(&self, notification: &Notification) -> Message {
        let subject = "Jumpseat: this is a test. News will arrive here.".to_owned();
        self.message(notification, subject, Vec::new())
    }

    fn message(&self, notification: &Notification, subject: String, news: Vec<News>) -> Message {
        let console = self.console.as_ref().map(Url::to_string);
        Message { subject, news, console, to: notification.name.clone(), at: self.clock.now() }
    }

    /// The place behind a notification; its secret goes to the host that it was given for, and to no other.
    async fn place_of(&self, notification: &Notification) -> Result<Place, NotifierError> {
        let secret = self.store.notification_secret(notification, &self.key).await?;
        let place = Place::of(&notification.kind, &notification.settings, secret)?;
        if place.address(&self.access)? != notification.address {
            let words = "its settings name another host than its secret was given for; remove it and add it again";
            return Err(NotifierError::Unusable(words.to_owned()));
        }
        Ok(place)
    }

    /// One look: whoever is due is told what they were not told yet.
    async fn look(&self, looker: &mut Looker) -> Result<(), NotifierError> {
        let now = self.clock.now();
        let mut due = self.store.notifications().await?;
        due.retain(|place| place.enabled && place.state.next_at.is_none_or(|next| next <= now));
        if due.is_empty() {
            return Ok(());
        }
        let lease = match self.store.take_lease("notifications", "notifying", &self.holder, now).await {
            Ok(lease) => lease,
            Err(store::Error::Held { .. }) => return Ok(()),
            Err(error) => return Err(error.into()),
        };
        let told = self.tell_all(&due, looker, &lease).await;
        self.store.release_lease(lease).await?;
        told
    }

    async fn tell_all(&self, due: &[Notification], looker: &mut Looker, lease: &Lease) -> Result<(), NotifierError> {
        let now = self.clock.now();
        self.store.forget_told(now - REMIND).await?;
        let since = due.iter().map(|place| place.created_at).min().unwrap_or(now);
        let all = looker.look(self, since, now).await?;
        for place in due {
            let digest = place.digest.as_ref().and_then(|digest| digest.parse::<Schedule>().ok());
            let next = digest.as_ref().and_then(|digest| digest.next(Some(now), now));
            // A new digest waits for its first time.
            if digest.is_some() && place.state.next_at.is_none() {
                self.store.set_notification_next(&place.id, next).await?;
                continue;
            }
            let told = self.store.news_told(&place.id).await?;
            let wanted: Vec<News> = all
                .iter()
                .filter(|found| found.is_for(place) && !told.contains(&found.news.key))
                .map(|found| found.news.clone())
                .collect();
            if wanted.is_empty() {
                self.store.set_notification_next(&place.id, next).await?;
                continue;
            }
            self.tell(place, wanted, next, lease).await?;
        }
        Ok(())
    }

    async fn tell(
        &self,
        place: &Notification,
        news: Vec<News>,
        next: Option<Timestamp>,
        lease: &Lease,
    ) -> Result<(), NotifierError> {
        let message = self.message(place, subject(&news), news);
        // Somebody else may have become the one who tells while a slow place was told.
        self.store.keep_lease(lease, self.clock.now()).await?;
        let sent = match self.place_of(place).await {
            Ok(reached) => reached.send(&message, &self.access).await.map_err(NotifierError::from),
            Err(error) => Err(error),
        };
        let now = self.clock.now();
        match sent {
            Ok(()) => {
                let keys: Vec<&str> = message.news.iter().map(|news| news.key.as_str()).collect();
                self.store.note_told(&place.id, &keys, next, lease, now).await?;
                tracing::info!(notification = place.name, kind = place.kind, news = keys.len(), "notified");
            }
            Err(error) => {
                let doubled = u32::try_from(place.state.failures.clamp(0, 9)).unwrap_or(0);
                let wait = (FIRST_RETRY * 2_i32.pow(doubled)).min(LONGEST_RETRY);
                self.store.note_not_told(&place.id, &error.to_string(), now + wait, now).await?;
                tracing::warn!(notification = place.name, kind = place.kind, %error, "not notified; tried again later");
            }
        }
        Ok(())
    }
}

/// What a message is about.
fn subject(news: &[News]) -> String {
    match news {
        [only] => format!("Jumpseat: {}: {}", only.organization, only.title),
        all => format!("Jumpseat: {} things to know", all.len()),
    }
}

/// Reads a secret's place for Slack and Teams: their URL is all there is.
pub fn place_of_url(kind: Kind, url: SecretString) -> Option<Place> {
    match kind {
        Kind::Slack => Some(Place::Slack(url)),
        Kind::Teams => Some(Place::Teams(url)),
        Kind::Email | Kind::Webhook => None,
    }
}
