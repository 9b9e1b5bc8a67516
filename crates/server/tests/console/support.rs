//! A store with people of every role, a simulator, and the router between them.

use std::net::SocketAddr;
use std::path::Path;
use std::sync::Arc;
use std::sync::atomic::{AtomicU8, Ordering};
use std::time::Duration;

use axum::Router;
use axum::body::{Body, to_bytes};
use axum::http::{HeaderMap, Request, StatusCode, header};
use collect::events::EventOptions;
use collect::{Collector, Settings, SyncOptions, new_connection, run_schedule, silent};
use data_encoding::HEXLOWER;
use jiff::{SignedDuration, Timestamp};
use jumpcloud::{Credential, SystemClock};
use posture::evidence::Items;
use posture::{Library, Mode, Posture, Request as PostureRequest};
use server::{Notifier, OidcSettings, Options, Role, RouteInfo};
use sha2::{Digest as _, Sha256};
use simulator::{Character, Clock, Config, OrganizationSpec, Running, Simulator};
use store::{ApiToken, AuditLine, Cell, LeaseHolder, Limits, Location, MasterKey, NewSession, Person, Query, Store};
use tempfile::TempDir;
use tokio_util::sync::{CancellationToken, DropGuard};
use tower::ServiceExt as _;

/// Where the browser thinks that the console is.
pub(crate) const HOST: &str = "127.0.0.1:8642";

pub(crate) struct Scene {
    pub(crate) store: Store,
    router: Router,
    collector: Collector,
    posture: Posture,
    running: Option<Running>,
    folder: TempDir,
    pub(crate) connection: String,
    pub(crate) org_id: String,
    pub(crate) username: String,
    pub(crate) device: String,
    pub(crate) finding: String,
    user_id: String,
    event: String,
    run: i64,
    /// The last number of the address that requests come from.
    place: AtomicU8,
}

/// A browser that is signed in.
pub(crate) struct Browser {
    pub(crate) cookie: String,
    pub(crate) form_token: String,
}

pub(crate) struct Answer {
    pub(crate) status: StatusCode,
    headers: HeaderMap,
    pub(crate) body: String,
}

impl Answer {
    pub(crate) fn header(&self, name: &str) -> String {
        self.headers.get(name).and_then(|value| value.to_str().ok()).unwrap_or_default().to_owned()
    }

    /// The value that a cookie gets.
    pub(crate) fn cookie(&self, name: &str) -> Option<String> {
        let cookies = self.headers.get_all(header::SET_COOKIE).iter().filter_map(|value| value.to_str().ok());
        let mut pairs = cookies.filter_map(|cookie| cookie.split(';').next()?.split_once('='));
        pairs.find(|(other, _)| *other == name).map(|(_, value)| value.to_owned())
    }

    pub(crate) fn location(&self) -> &str {
        self.headers.get(header::LOCATION).and_then(|value| value.to_str().ok()).unwrap_or_default()
    }
}

impl Scene {
    /// Nobody can sign in, and nothing is connected.
    pub(crate) async fn without_people() -> Self {
        let folder = tempfile::tempdir().unwrap();
        let declared: Vec<_> = collect::tables::ALL
            .iter()
            .map(|collected| &collected.table)
            .chain(posture::derived::TABLES.iter().copied())
            .collect();
        let store = Store::open(&Location::File(folder.path().join("jumpseat.db")), &declared).await.unwrap();
        let store = store.with_views(posture::derived::VIEWS);
        let key = MasterKey::find(&folder.path().join("master.key"), |_| None).unwrap();
        let holder = LeaseHolder::this_process("test", "atlas");
        let settings = Settings { allow_loopback: true, ..Settings::default() };
        let clock = Arc::new(SystemClock);
        let collector =
            Collector::new(store.clone(), Arc::new(key), clock, settings, holder.clone(), "test".to_owned());
        let library = Library::load(None).unwrap();
        let posture = Posture {
            store: store.clone(),
            settings: Arc::new(posture::Settings::read("", "posture.toml", &library).unwrap()),
            library: Arc::new(library),
            holder,
            clock: Arc::new(now),
        };
        let router = router(&collector, &posture, &folder, None, None).unwrap();
        Self {
            store,
            router,
            collector,
            posture,
            running: None,
            folder,
            connection: "none".to_owned(),
            org_id: "none".to_owned(),
            username: "nobody at all".to_owned(),
            device: "nothing at all".to_owned(),
            finding: "1".to_owned(),
            user_id: "none".to_owned(),
            event: "00000000-0000-0000-0000-000000000000".to_owned(),
            run: 1,
            place: AtomicU8::new(7),
        }
    }

    /// The folder of the installation.
    pub(crate) fn data_dir(&self) -> &Path {
        self.folder.path()
    }

    /// Requests come from this address from now on: 192.0.2. and the number.
    pub(crate) fn come_from(&self, place: u8) {
        self.place.store(place, Ordering::Relaxed);
    }

    /// Requests come from another address from now on.
    pub(crate) fn come_from_elsewhere(&self) {
        self.place.fetch_add(1, Ordering::Relaxed);
    }

    /// The same console, with a provider that people can sign in with.
    pub(crate) fn with_oidc(self, settings: OidcSettings) -> Self {
        self.at(&format!("http://{HOST}"), Some(settings)).unwrap()
    }

    /// The same console at an address that people use; or why it can not be there.
    pub(crate) fn at(mut self, url: &str, oidc: Option<OidcSettings>) -> Result<Self, String> {
        let router = router(&self.collector, &self.posture, &self.folder, Some(url), oidc);
        self.router = router.map_err(|error| error.to_string())?;
        Ok(self)
    }

    /// A person of each role, called like the role, and one who may see another organization only.
    pub(crate) async fn empty() -> Self {
        let scene = Self::without_people().await;
        for role in Role::ALL {
            scene.add_person(role.word(), role, None).await;
        }
        for role in Role::ALL {
            let elsewhere = vec!["0123456789abcdef01234567".to_owned()];
            scene.add_person(&format!("outside {}", role.word()), role, Some(elsewhere)).await;
        }
        scene
    }

    pub(crate) async fn empty_with_simulator() -> Self {
        let mut scene = Self::empty().await;
        scene.running = Some(simulate(Config::single(25, 15, 4, 3)).await);
        scene
    }

    /// An organization with things to find in it.
    pub(crate) async fn synced() -> Self {
        Self::empty().await.with(OrganizationSpec::new("Acme", "acme.example", Character::Neglected, 25, 15)).await
    }

    /// The same, with names that attack whoever looks at them.
    pub(crate) async fn hostile() -> Self {
        Self::empty().await.with_hostile().await
    }

    /// The organization with names that attack is connected and synced now.
    pub(crate) async fn with_hostile(self) -> Self {
        let mut spec = OrganizationSpec::new("Hostile Inc", "hostile.example", Character::Neglected, 40, 30);
        spec.hostile = true;
        self.with(spec).await
    }

    async fn with(self, spec: OrganizationSpec) -> Self {
        let mut scene = self;
        let name = spec.name.clone();
        scene.running = Some(simulate(Config { seed: 7, organizations: vec![spec], provider: false }).await);
        let place = scene.collector.settings.place_of_urls(&scene.simulator_url(), None).unwrap();
        let credential = Credential::api_key(&scene.simulator_key()).unwrap();
        let mut connection = new_connection(name.clone(), place, &credential, now());
        connection.org_id = Some(scene.running.as_ref().unwrap().world().organizations()[0].id.to_string());
        connection.org_name = Some(name);
        scene.collector.link(&connection, &credential, None, None, "test").await.unwrap();
        let cancel = CancellationToken::new();
        let options = SyncOptions { started_by: "test".to_owned(), accept_shrink: false };
        let report = scene.collector.sync_inventory(&connection, &options, silent(), &cancel).await.unwrap();
        let since = now() - SignedDuration::from_hours(24);
        let events = EventOptions { since: Some(since), ..EventOptions::by("test") };
        scene.collector.sync_events(&connection, &events, silent(), &cancel).await.unwrap();
        let request = PostureRequest {
            checks: scene.posture.library.checks().collect(),
            org_ids: None,
            as_of: None,
            started_by: "test".to_owned(),
            mode: Mode::Record,
        };
        scene.posture.run(&request, |_, _, _| ()).await.unwrap();
        scene.run = report.run;
        scene.connection.clone_from(&connection.id);
        scene.org_id = report.org_id;
        scene.user_id = scene.one("SELECT id FROM users ORDER BY id LIMIT 1").await;
        scene.username = scene.one("SELECT username FROM users ORDER BY id LIMIT 1").await;
        scene.device =
            scene.one("SELECT serial_number FROM devices WHERE serial_number IS NOT NULL ORDER BY id LIMIT 1").await;
        scene.finding = scene.one("SELECT number FROM findings WHERE state = 'open' ORDER BY number LIMIT 1").await;
        scene.event = scene.one("SELECT uid FROM events ORDER BY time LIMIT 1").await;
        scene
    }

    /// Somebody without a password.
    pub(crate) async fn invite(&self, name: &str, email: &str, role: Role) {
        let person = server::new_person(name, role, Some(email.to_owned()), None, now()).unwrap();
        self.store.add_person(&person, None).await.unwrap();
    }

    async fn add_person(&self, name: &str, role: Role, org_ids: Option<Vec<String>>) {
        let person = Person {
            id: uuid::Uuid::now_v7().to_string(),
            name: name.to_owned(),
            email: None,
            role: role.word().to_owned(),
            org_ids,
            active: true,
            created_at: now(),
            last_sign_in_at: None,
        };
        // Hashing is slow on purpose; who signs in with a password in a test is the owner.
        let hash = (name == "owner").then(|| {
            use argon2::password_hash::PasswordHasher as _;
            argon2::Argon2::default().hash_password(b"a password of owner").unwrap().to_string()
        });
        self.store.add_person(&person, hash.as_deref()).await.unwrap();
    }

    /// The only value that a question answers.
    pub(crate) async fn one(&self, sql: &str) -> String {
        let query = Query { sql: sql.to_owned(), ..Query::default() };
        let answer = self.store.query(&query, &Limits::default()).await.unwrap();
        match answer.rows.first().and_then(|row| row.first()) {
            Some(Cell::Text(text)) => text.to_string(),
            Some(Cell::Integer(number)) => number.to_string(),
            other => panic!("{sql} answers {other:?}"),
        }
    }

    /// The pages of things whose names attack.
    pub(crate) async fn hostile_assets(&self) -> Vec<String> {
        let sql = "SELECT 'user', id FROM users WHERE raw LIKE '%<%' UNION ALL SELECT 'device', id FROM devices WHERE raw LIKE '%<%'";
        let query = Query { sql: sql.to_owned(), ..Query::default() };
        let answer = self.store.query(&query, &Limits::default()).await.unwrap();
        let path = |row: &Vec<Cell>| match row.as_slice() {
            [Cell::Text(kind), Cell::Text(id)] => Some(format!("/assets/{kind}/{}/{id}", self.org_id)),
            _ => None,
        };
        answer.rows.iter().filter_map(path).take(20).collect()
    }

    pub(crate) async fn audit(&self) -> Vec<AuditLine> {
        self.store.audit_lines(None, "", None, 10_000).await.unwrap()
    }

    pub(crate) async fn is_enabled(&self) -> bool {
        self.store.find_connection(&self.connection).await.unwrap().unwrap().enabled
    }

    pub(crate) fn simulator_url(&self) -> String {
        self.running.as_ref().unwrap().url()
    }

    pub(crate) fn simulator_key(&self) -> String {
        self.running.as_ref().unwrap().world().credentials(0).read_only.clone()
    }

    /// Runs the schedule, as `serve` does beside the console, until the guard is dropped.
    pub(crate) fn collect(&self) -> DropGuard {
        let (collector, stop) = (self.collector.clone(), CancellationToken::new());
        let stopping = stop.clone();
        tokio::spawn(async move { run_schedule(&collector, &stopping).await.unwrap() });
        stop.drop_guard()
    }

    /// Looks for news once and tells it, as `serve` does every minute.
    pub(crate) async fn notify(&self) {
        let stop = CancellationToken::new();
        let mut notifier = Notifier::of(&self.collector, Arc::clone(&self.posture.library), None);
        notifier.clock = Arc::new(OneLook(stop.clone()));
        notifier.run(&stop).await;
    }

    /// Waits until the inventory of a connection was synced.
    pub(crate) async fn until_synced(&self, connection: &str) {
        for _ in 0..600 {
            let runs = self.store.runs(Some(connection), 20).await.unwrap();
            if runs.iter().any(|run| run.action == store::Action::Sync && run.ended_at.is_some()) {
                return;
            }
            tokio::time::sleep(Duration::from_millis(50)).await;
        }
        panic!("the sync did not end");
    }

    /// A path with the scene's own things in the place of its names.
    pub(crate) fn path_of(&self, path: &str) -> String {
        let id = match path {
            path if path.contains("/checks") => "user-mfa-not-enrolled",
            path if path.contains("/frameworks") => "soc2",
            path if path.contains("/evidence") => "ev-user-list",
            path if path.contains("/events") => &self.event,
            path if path.starts_with("/administration") => "nobody",
            _ => &self.connection,
        };
        let number = match path {
            path if path.contains("/runs") => self.run.to_string(),
            path if path.contains("/packs") => "1".to_owned(),
            _ => self.finding.clone(),
        };
        path.replace("{*id}", &self.user_id)
            .replace("{id}", id)
            .replace("{number}", &number)
            .replace("{kind}", "user")
            .replace("{org_id}", &self.org_id)
            .replace("{uid}", &self.event)
            .replace("{name}", "style.css")
            .replace("{token}", "x")
    }

    /// Signs somebody in without a password.
    pub(crate) async fn sign_in(&self, name: &str) -> Browser {
        let person = self.store.find_person(name).await.unwrap().unwrap().0;
        let token = format!("token {}", uuid::Uuid::now_v7()).replace(' ', "-");
        let session = NewSession {
            token_hash: &HEXLOWER.encode(&Sha256::digest(token.as_bytes())),
            id: &uuid::Uuid::now_v7().to_string(),
            person_id: &person.id,
            address: "192.0.2.1:4711",
            agent: "a test",
            expires_at: now() + SignedDuration::from_hours(1),
        };
        self.store.begin_session(&session, now()).await.unwrap();
        let mut browser = Browser { cookie: format!("jumpseat={token}"), form_token: String::new() };
        browser.form_token = self.form_token(&browser).await;
        browser
    }

    /// What the forms of a session carry.
    pub(crate) async fn form_token(&self, browser: &Browser) -> String {
        let page = self.get("/account", Some(browser)).await;
        let field = fields(&page.body).into_iter().find(|(name, _)| name == "form_token");
        field.unwrap_or_else(|| panic!("no form: {}", page.body)).1
    }

    /// What signing in with a password answers.
    pub(crate) async fn sign_in_answer(&self, name: &str, password: &str) -> Answer {
        self.post("/sign-in", &[("name", name), ("password", password)], None).await
    }

    /// Makes a token of the first start, as `serve` does.
    pub(crate) async fn setup_token(&self) -> Option<String> {
        let token = "setup_0123456789".to_owned();
        let hash = HEXLOWER.encode(&Sha256::digest(token.as_bytes()));
        let until = now() + SignedDuration::from_hours(1);
        self.store.begin_setup(&hash, until).await.unwrap().then_some(token)
    }

    pub(crate) async fn get(&self, path: &str, browser: Option<&Browser>) -> Answer {
        let mut request = Request::get(path).header(header::HOST, HOST);
        if let Some(browser) = browser {
            request = request.header(header::COOKIE, &browser.cookie);
        }
        self.ask(request.body(Body::empty()).unwrap()).await
    }

    /// Asks a route as one of our pages does, with a form about the scene's finding where it changes something.
    pub(crate) async fn send(&self, route: &RouteInfo, browser: Option<&Browser>) -> Answer {
        let path = self.path_of(route.path);
        match route.method {
            "GET" => self.get(&path, browser).await,
            "POST" => self.post(&path, &[("finding", self.finding.as_str()), ("do", "reopen")], browser).await,
            _ => {
                let mut request = Request::builder().method(route.method).uri(path).header(header::HOST, HOST);
                request = request.header(header::ORIGIN, format!("http://{HOST}"));
                if let Some(browser) = browser {
                    request = request.header(header::COOKIE, &browser.cookie);
                    request = request.header("x-form-token", &browser.form_token);
                }
                self.ask(request.body(Body::from("{}")).unwrap()).await
            }
        }
    }

    /// Makes a token of somebody, for what a role may, and gives back its secret.
    pub(crate) async fn token(&self, person: &str, scope: Role) -> String {
        let secret = format!("jst_{}", uuid::Uuid::now_v7().simple());
        let token = ApiToken {
            id: uuid::Uuid::now_v7().to_string(),
            person_id: self.store.find_person(person).await.unwrap().unwrap().0.id,
            name: "a test".to_owned(),
            prefix: "jst_".to_owned(),
            scope: scope.word().to_owned(),
            created_at: now(),
            expires_at: now() + SignedDuration::from_hours(1),
            last_used_at: None,
            revoked_at: None,
        };
        self.store.add_api_token(&token, &HEXLOWER.encode(&Sha256::digest(secret.as_bytes()))).await.unwrap();
        secret
    }

    /// Asks as a program does.
    pub(crate) async fn call(
        &self,
        method: &str,
        path: &str,
        token: &str,
        headers: &[(&str, &str)],
        body: &str,
    ) -> Answer {
        let mut request = Request::builder().method(method).uri(path).header(header::HOST, HOST);
        request = request.header(header::AUTHORIZATION, format!("Bearer {token}"));
        for (name, value) in headers {
            request = request.header(*name, *value);
        }
        self.ask(request.body(Body::from(body.to_owned())).unwrap()).await
    }

    /// Asks with nothing that tells who it is, and from no page.
    pub(crate) async fn bare(&self, method: &str, path: &str) -> Answer {
        let request = Request::builder().method(method).uri(path).header(header::HOST, HOST);
        self.ask(request.body(Body::empty()).unwrap()).await
    }

    pub(crate) async fn get_at(&self, path: &str, host: &str) -> Answer {
        self.ask(Request::get(path).header(header::HOST, host).body(Body::empty()).unwrap()).await
    }

    /// Sends a form as one of our pages does.
    pub(crate) async fn post(&self, path: &str, form: &[(&str, &str)], browser: Option<&Browser>) -> Answer {
        let token = browser.map(|browser| browser.form_token.clone());
        self.raw_post(path, form, browser, &format!("http://{HOST}"), token.as_deref()).await
    }

    pub(crate) async fn post_fields(&self, path: &str, form: &[(String, String)]) -> Answer {
        let form: Vec<(&str, &str)> = form.iter().map(|(name, value)| (name.as_str(), value.as_str())).collect();
        self.post(path, &form, None).await
    }

    pub(crate) async fn post_form(&self, path: &str, form: &[(String, String)], browser: &Browser) -> Answer {
        let form: Vec<(&str, &str)> = form.iter().map(|(name, value)| (name.as_str(), value.as_str())).collect();
        self.post(path, &form, Some(browser)).await
    }

    pub(crate) async fn raw_post(
        &self,
        path: &str,
        form: &[(&str, &str)],
        browser: Option<&Browser>,
        origin: &str,
        form_token: Option<&str>,
    ) -> Answer {
        let mut body = url::form_urlencoded::Serializer::new(String::new());
        body.extend_pairs(form);
        if let Some(token) = form_token {
            body.append_pair("form_token", token);
        }
        let mut request = Request::post(path)
            .header(header::HOST, HOST)
            .header(header::CONTENT_TYPE, "application/x-www-form-urlencoded");
        if !origin.is_empty() {
            request = request.header(header::ORIGIN, origin);
        }
        if let Some(browser) = browser {
            request = request.header(header::COOKIE, &browser.cookie);
        }
        self.ask(request.body(Body::from(body.finish())).unwrap()).await
    }

    async fn ask(&self, mut request: Request<Body>) -> Answer {
        let address = SocketAddr::from(([192, 0, 2, self.place.load(Ordering::Relaxed)], 50000));
        request.extensions_mut().insert(axum::extract::ConnectInfo(address));
        let response = self.router.clone().oneshot(request).await.unwrap();
        let (parts, body) = response.into_parts();
        let bytes = to_bytes(body, 64 << 20).await.unwrap();
        Answer { status: parts.status, headers: parts.headers, body: String::from_utf8_lossy(&bytes).into_owned() }
    }
}

fn router(
    collector: &Collector,
    posture: &Posture,
    folder: &TempDir,
    url: Option<&str>,
    oidc: Option<OidcSettings>,
) -> Result<Router, server::Error> {
    server::router(Options {
        collector: collector.clone(),
        items: Items::load(None, &posture.library).unwrap(),
        packs: folder.path().join("packs"),
        data_dir: folder.path().to_owned(),
        posture: posture.clone(),
        public_url: url.map(|url| url.parse().unwrap()),
        host: "atlas".to_owned(),
        keep_events: "forever".to_owned(),
        open_to: None,
        oidc,
    })
}

/// The machine's time; who waits has had the look.
struct OneLook(CancellationToken);

impl jumpcloud::Clock for OneLook {
    fn now(&self) -> Timestamp {
        now()
    }

    fn sleep(&self, duration: Duration) -> futures::future::BoxFuture<'static, ()> {
        self.0.cancel();
        Box::pin(tokio::time::sleep(duration))
    }
}

async fn simulate(config: Config) -> Running {
    Simulator::start(config, Clock::system(), ([127, 0, 0, 1], 0).into()).await.unwrap()
}

fn now() -> Timestamp {
    Timestamp::now()
}

/// The elements of a page with their attributes, as a browser would find them.
pub(crate) fn tags(html: &str) -> Vec<(String, Vec<(String, String)>)> {
    let mut found = Vec::new();
    let mut rest = html;
    while let Some(begin) = rest.find('<') {
        rest = &rest[begin + 1..];
        let is_tag = rest.starts_with(|letter: char| letter.is_ascii_alphabetic() || letter == '!');
        if !is_tag {
            continue;
        }
        let end =
            rest.find(|letter: char| letter.is_whitespace() || letter == '>' || letter == '/').unwrap_or(rest.len());
        let name = rest[..end].to_lowercase();
        rest = &rest[end..];
        let mut attributes = Vec::new();
        loop {
            rest = rest.trim_start_matches(|letter: char| letter.is_whitespace() || letter == '/');
            if rest.is_empty() || rest.starts_with('>') {
                break;
            }
            let end = rest.find(|letter: char| letter.is_whitespace() || "=>/".contains(letter)).unwrap_or(rest.len());
            let attribute = rest[..end.max(1)].to_lowercase();
            rest = &rest[end.max(1)..];
            let mut value = String::new();
            if let Some(after) = rest.strip_prefix('=') {
                let (text, left) = match after.strip_prefix('"') {
                    Some(quoted) => quoted.split_once('"').unwrap_or((quoted, "")),
                    None => after.split_at(
                        after.find(|letter: char| letter.is_whitespace() || letter == '>').unwrap_or(after.len()),
                    ),
                };
                text.clone_into(&mut value);
                rest = left;
            }
            attributes.push((attribute, value));
        }
        found.push((name, attributes));
    }
    found
}

/// The fields of the forms of a page.
pub(crate) fn fields(html: &str) -> Vec<(String, String)> {
    let attribute = |attributes: &[(String, String)], name: &str| {
        attributes.iter().find(|(other, _)| other == name).map(|(_, value)| value.clone()).unwrap_or_default()
    };
    tags(html)
        .iter()
        .filter(|(tag, _)| tag == "input")
        .map(|(_, attributes)| (attribute(attributes, "name"), attribute(attributes, "value")))
        .collect()
}
