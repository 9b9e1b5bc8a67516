//! How long all checks take over 100,000 users, 50,000 devices and 90 days of events, and how much memory: first on a fresh
//! database, where every finding is new, then again, where nothing has changed; and the same of an evidence pack over these
//! days. The bars are 10 seconds and 500 MiB for the checks, 60 seconds for the pack, and that its memory does not grow with
//! the organization: a tenth of it is measured before. At full size what does not meet its bar makes the benchmark fail.
//!
//! `cargo bench -p posture --bench checks`; `-- --scale N` divides the size by N. Every run is a process of its own, so that its
//! memory is its own.

#![expect(clippy::print_stdout, reason = "a benchmark prints what it measured")]

use std::path::Path;
use std::process::{Command, Stdio};
use std::sync::Arc;
use std::time::Instant;

use jiff::Timestamp;
use posture::evidence::{Items, PackRequest, pack, verify};
use posture::{Library, Mode, Posture, Request, Settings};
use serde_json::{Map, Value, json};
use store::events::{EventOutcome, EventPage, EventRow, Hour, Party, SealOutcome};
use store::{LeaseHolder, Location, MasterKey, Store};

type Failure = Box<dyn std::error::Error>;

/// The program's own allocator.
#[global_allocator]
static ALLOCATOR: mimalloc::MiMalloc = mimalloc::MiMalloc;

const USERS: usize = 100_000;
const DEVICES: usize = 50_000;
const DAYS: i64 = 90;
/// Every user signs in somewhere every other day.
const EVENTS_PER_HOUR: usize = USERS / 48;

/// What checks may take at full size.
const MOST_SECONDS: f64 = 10.0;
const MOST_MIB: u64 = 500;
/// What a pack may take at full size.
const MOST_PACK_SECONDS: f64 = 60.0;
/// How much more memory a pack may take for ten times the rows and still be called flat.
const MOST_GROWTH: f64 = 1.5;

fn main() -> Result<(), Failure> {
    let args: Vec<String> = std::env::args().skip(1).filter(|arg| arg != "--bench").collect();
    match args.iter().map(String::as_str).collect::<Vec<_>>().as_slice() {
        ["as-run", folder] => run(Path::new(folder), Mode::Record),
        ["as-pack", folder] => make_pack(Path::new(folder)),
        // To look closer: which checks are slow, and something for a profiler.
        ["show", folder] => run(Path::new(folder), Mode::Show),
        ["make", folder, scale] => make_scaled(Path::new(folder), scale.parse()?),
        ["--test"] => Ok(()),
        ["--scale", scale] => measure(scale.parse()?),
        _ => measure(1),
    }
}

/// What one process has measured.
struct Measured {
    seconds: f64,
    mib: u64,
}

fn measure(scale: usize) -> Result<(), Failure> {
    let small = measure_size(scale * 10)?;
    let large = measure_size(scale)?;
    let growth = large.pack.mib as f64 / small.pack.mib as f64;
    let checks = large.checks.iter().map(|run| run.seconds).fold(0.0, f64::max);
    let checks_mib = large.checks.iter().map(|run| run.mib).max().unwrap_or(0);
    let rows = [
        ("checks: seconds", checks, MOST_SECONDS),
        ("checks: MiB", checks_mib as f64, MOST_MIB as f64),
        ("pack: seconds", large.pack.seconds, MOST_PACK_SECONDS),
        ("pack: memory for ten times the rows", growth, MOST_GROWTH),
    ];
    println!("\n| what | measured | bar | of the bar |\n|---|---|---|---|");
    for (what, measured, bar) in rows {
        println!("| {what} | {measured:.2} | {bar} | {:.0} % |", measured / bar * 100.0);
    }
    let missed: Vec<&str> = rows.iter().filter(|(_, measured, bar)| measured > bar).map(|(what, ..)| *what).collect();
    match missed.as_slice() {
        [] => Ok(()),
        _ if scale > 1 => Ok(()),
        missed => Err(format!("above the bar: {}", missed.join(", ")).into()),
    }
}

fn make_scaled(folder: &Path, scale: usize) -> Result<(), Failure> {
    let (users, devices, events) = (USERS / scale, DEVICES / scale, (EVENTS_PER_HOUR / scale).max(1));
    println!("\n{users} users, {devices} devices, {DAYS} days with {events} events an hour");
    make(folder, users, devices, events)
}

struct MeasuredSize {
    checks: Vec<Measured>,
    pack: Measured,
}

fn measure_size(scale: usize) -> Result<MeasuredSize, Failure> {
    let folder = tempfile::tempdir()?;
    make_scaled(folder.path(), scale)?;
    let mut checks = Vec::new();
    for _ in 0..2 {
        checks.push(in_a_process("as-run", folder.path())?);
    }
    Ok(MeasuredSize { checks, pack: in_a_process("as-pack", folder.path())? })
}

/// Runs this program again for one thing, prints what it says, and reads its last line.
fn in_a_process(what: &str, folder: &Path) -> Result<Measured, Failure> {
    let ended = Command::new(std::env::current_exe()?).arg(what).arg(folder).stderr(Stdio::inherit()).output()?;
    let said = String::from_utf8(ended.stdout)?;
    if !ended.status.success() {
        return Err(format!("{what} failed: {said}").into());
    }
    let (told, last) = said.trim_end().rsplit_once('\n').ok_or("nothing was said")?;
    println!("{told}");
    let (seconds, mib) = last.split_once(' ').ok_or("no numbers were said")?;
    Ok(Measured { seconds: seconds.parse()?, mib: mib.parse()? })
}

#[tokio::main]
async fn make(folder: &Path, users: usize, devices: usize, events_per_hour: usize) -> Result<(), Failure> {
    let store = open(folder).await?;
    let holder = LeaseHolder::this_process("the benchmark", "here");
    let now = Timestamp::now();
    posture::fixture::write(&store, "org", &organization(users, devices), &holder, now).await?;
    let lease = store.take_lease("events org", "the benchmark", &holder, now).await?;
    let mut writer = store.event_writer("org", &lease, now).await?;
    let mut hour = Hour::of(now);
    for passed in 0..DAYS * 24 {
        hour = hour.previous();
        let made: Vec<Made> =
            (0..events_per_hour).map(|at| event(hour, passed as usize * events_per_hour + at, at, users)).collect();
        let rows: Vec<EventRow<'_>> = made.iter().map(Made::row).collect();
        let page = EventPage { window: hour, rows: &rows, position: None, is_last: true, mapping: 1 };
        writer.write_page(&page, now).await?;
        if let SealOutcome::Differs(window) = writer.seal(hour, rows.len() as u64, None, now).await? {
            return Err(format!("the hour can not be sealed: {window:?}").into());
        }
    }
    store.close().await;
    Ok(())
}

/// A sign-in that was made up.
struct Made {
    uid: [u8; 16],
    time_ms: i64,
    service: &'static str,
    event_type: &'static str,
    user: Option<(String, String)>,
    administrator: Option<String>,
    application: Option<String>,
    raw: String,
}

/// Users come again and again in their order, a tenth of them never; one in ten events is single sign-on, one in a hundred
/// an administrator's.
fn event(hour: Hour, number: usize, at: usize, users: usize) -> Made {
    let time_ms = hour.start().as_millisecond() + at as i64 % 3_600_000;
    let person = number % (users * 9 / 10).max(1);
    let (service, event_type) = match number % 100 {
        0 => ("directory", "admin_login_attempt"),
        1..=10 => ("sso", "sso_auth"),
        11 => ("ldap", "ldap_bind"),
        12 => ("radius", "radius_auth_attempt"),
        _ => ("directory", "user_login_attempt"),
    };
    let mut uid = [0; 16];
    uid[..8].copy_from_slice(&(number as u64).wrapping_mul(0x9E37_79B9_7F4A_7C15).to_be_bytes());
    uid[8..].copy_from_slice(&(number as u64).to_be_bytes());
    let is_admin = event_type == "admin_login_attempt";
    let raw = format!(
        r#"{{"id":"{number:024x}","service":"{service}","event_type":"{event_type}","success":true,"initiated_by":{{"id":"u{person:07}","type":"user"}},"client_ip":"198.51.100.{}"}}"#,
        number % 250
    );
    Made {
        uid,
        time_ms,
        service,
        event_type,
        user: (!is_admin).then(|| (format!("u{person:07}"), format!("user{person}"))),
        administrator: is_admin.then(|| format!("a{}", number % 20)),
        application: (service == "sso").then(|| format!("app{}", number % 45)),
        raw,
    }
}

impl Made {
    fn row(&self) -> EventRow<'_> {
        EventRow {
            time_ms: Some(self.time_ms),
            service: Some(self.service),
            event_type: Some(self.event_type),
            class_uid: 3002,
            activity_id: 1,
            activity_name: "Logon",
            severity_id: 1,
            is_mapped: true,
            outcome: EventOutcome::Success,
            user: self.user.as_ref().map_or_else(Party::default, |(id, name)| Party { id: Some(id), name: Some(name) }),
            administrator: Party { id: self.administrator.as_deref(), name: None },
            application: Party { id: self.application.as_deref(), name: None },
            ..EventRow::bare(self.uid, &self.raw)
        }
    }
}

async fn open(folder: &Path) -> Result<Store, Failure> {
    let collected = collect::tables::ALL.iter().map(|collected| &collected.table);
    let tables: Vec<_> = collected.chain(posture::derived::TABLES.iter().copied()).collect();
    let store = Store::open(&Location::File(folder.join("jumpseat.db")), &tables).await?;
    Ok(store.with_views(posture::derived::VIEWS))
}

fn posture_of(store: &Store) -> Result<Posture, Failure> {
    let library = Library::load(None).map_err(|errors| format!("{errors:?}"))?;
    Ok(Posture {
        store: store.clone(),
        library: Arc::new(library),
        settings: Arc::new(Settings::default()),
        holder: LeaseHolder::this_process("the benchmark", "here"),
        clock: Arc::new(Timestamp::now),
    })
}

/// Runs all checks and tells in the last line seconds and MiB; which were slow, where they ran one after the other.
#[tokio::main]
async fn run(folder: &Path, mode: Mode) -> Result<(), Failure> {
    let store = open(folder).await?;
    let posture = posture_of(&store)?;
    let checks = posture.library.checks().collect();
    let (org_ids, as_of) = (None, None);
    let request = Request { checks, org_ids, as_of, started_by: "benchmark".to_owned(), mode };
    let mut slowest: Vec<(f64, String)> = Vec::new();
    let mut now: Option<(String, Instant)> = None;
    let begun = Instant::now();
    let reports = posture
        .run(&request, |check, _, _| {
            if now.as_ref().is_none_or(|(id, _)| *id != check.id) {
                let before = now.replace((check.id.clone(), Instant::now()));
                slowest.extend(before.map(|(id, at)| (at.elapsed().as_secs_f64(), id)));
            }
        })
        .await?;
    let seconds = begun.elapsed().as_secs_f64();
    let failed: u64 = reports.iter().flat_map(|report| report.results.values()).map(|result| result.failed).sum();
    let undecided: Vec<String> = reports
        .iter()
        .flat_map(|report| &report.results)
        .filter_map(|(id, result)| Some(format!("{id}: {}", result.reason.as_ref()?)))
        .filter(|words| !words.contains("events were never collected"))
        .collect();
    slowest.sort_by(|a, b| b.0.total_cmp(&a.0));
    let slowest: Vec<String> = slowest.iter().take(30).map(|(seconds, id)| format!("{id} {seconds:.2}")).collect();
    let mib = peak_mib();
    println!("checks: {seconds:.2} s, {mib} MiB, {failed} findings");
    if mode == Mode::Show {
        println!("slowest: {}", slowest.join(", "));
    }
    for words in undecided {
        println!("undecided {words}");
    }
    println!("{seconds} {mib}");
    store.close().await;
    Ok(())
}

/// Makes a pack over all days, checks it, and tells in the last line seconds and MiB of the making.
#[tokio::main]
async fn make_pack(folder: &Path) -> Result<(), Failure> {
    let store = open(folder).await?;
    let posture = posture_of(&store)?;
    let items = Items::load(None, &posture.library).map_err(|errors| format!("{errors:?}"))?;
    let framework = posture.library.framework("soc2").ok_or("there is no framework soc2")?;
    let organizations = posture.organizations().await?;
    let master = MasterKey::find(&folder.join("master.key"), |_| None)?;
    let out = folder.join("pack.zip");
    let now = Timestamp::now();
    let request = PackRequest {
        items: items.serving(framework),
        framework,
        organization: organizations.first().ok_or("there is no organization")?,
        from: now - jiff::SignedDuration::from_hours(24 * DAYS),
        to: now,
        as_of: now,
        sampling: None,
        made_at: now,
        made_by: "benchmark".to_owned(),
        product: "Jumpseat".to_owned(),
        asked: std::collections::BTreeMap::new(),
        out: &out,
    };
    let begun = Instant::now();
    let made = pack(&posture, &master, &request).await?;
    let (seconds, mib) = (begun.elapsed().as_secs_f64(), peak_mib());
    let mut items: Vec<(u64, &String)> = made.items.iter().map(|(id, (_, rows))| (rows.unwrap_or(0), id)).collect();
    items.sort();
    let largest: Vec<String> = items.iter().rev().take(8).map(|(rows, id)| format!("{id} {rows}")).collect();
    let size = std::fs::metadata(&out)?.len() >> 20;
    println!(
        "pack: {seconds:.2} s, {mib} MiB, {} files with {} MiB, as an archive {size} MiB; largest: {}",
        made.pack.files,
        made.pack.bytes >> 20,
        largest.join(", ")
    );
    let begun = Instant::now();
    let verified = verify(&out, &posture::evidence::Expected::default())?;
    println!(
        "verified in {:.2} s: {} files, {} differences",
        begun.elapsed().as_secs_f64(),
        verified.files,
        verified.differences.len()
    );
    println!("{seconds} {mib}");
    store.close().await;
    Ok(())
}

/// The most memory that this process ever had, in MiB.
fn peak_mib() -> u64 {
    let status = std::fs::read_to_string("/proc/self/status").unwrap_or_default();
    let line = status.lines().find(|line| line.starts_with("VmHWM:")).unwrap_or_default();
    line.split_whitespace().nth(1).and_then(|kib| kib.parse::<u64>().ok()).unwrap_or(0) / 1024
}

/// An organization as large as wished, in which one thing in ten is not as it should be.
fn organization(users: usize, devices: usize) -> Value {
    let now = Timestamp::now().to_string();
    let mut tables = Map::new();
    let rows = |count: usize, row: &dyn Fn(usize) -> Value| Value::Array((0..count).map(row).collect());
    let groups = (users / 100).max(4);
    tables.insert(
        "organizations".to_owned(),
        json!([{
        "id": "org", "admin_mfa_required": true, "directory_insights_enabled": true, "password_min_length_enabled": true, "password_min_length": 8 }]),
    );
    tables.insert("users".to_owned(), rows(users, &|at| {
        json!({
            "id": format!("u{at:07}"), "username": format!("user{at}"), "email": format!("user{at}@acme.example"),
            "state": if at % 20 == 0 { "SUSPENDED" } else { "ACTIVATED" }, "activated": true, "suspended": at % 20 == 0,
            "mfa_configured": at % 10 != 0, "mfa_status": if at % 10 == 0 { "NOT_ENROLLED" } else { "ENROLLED" },
            "mfa_totp_status": "ENROLLED", "mfa_required": at % 3 == 0, "sudo": at % 50 == 0, "passwordless_sudo": false,
            "password_never_expires": at % 10 == 1, "password_changed_at": now, "created_at": "2024-01-01T00:00:00Z",
            "account_locked": false, "department": "Sales", "manager_id": format!("u{:07}", at / 10), "unix_uid": at,
            "ldap_binding_user": false, "samba_service_user": false,
        })
    }));
    tables.insert("administrators".to_owned(), rows(20, &|at| {
        json!({
            "id": format!("a{at}"), "email": format!("admin{at}@acme.example"), "role_name": "Administrator", "suspended": false,
            "mfa_required": true, "totp_enrolled": at % 10 != 0, "created_at": "2024-01-01T00:00:00Z", "api_key_set": at % 4 == 0,
        })
    }));
    tables.insert(
        "user_groups".to_owned(),
        rows(
            groups,
            &|at| json!({ "id": format!("g{at}"), "name": format!("Group {at}"), "membership_method": "STATIC" }),
        ),
    );
    tables.insert(
        "device_groups".to_owned(),
        rows(
            groups,
            &|at| json!({ "id": format!("dg{at}"), "name": format!("Devices {at}"), "membership_method": "STATIC" }),
        ),
    );
    let mut memberships: Vec<Value> = Vec::with_capacity(users * 2 + devices);
    for at in 0..users * 2 {
        let (user, group) = (at / 2, if at % 2 == 0 { (at / 2) % groups } else { (at / 7) % groups });
        memberships.push(json!({ "id": format!("g{group}/{at}"), "group_id": format!("g{group}"), "member_id": format!("u{user:07}"), "member_type": "user", "is_direct": true }));
    }
    for at in 0..devices {
        let group = at % groups;
        memberships.push(json!({ "id": format!("dg{group}/{at}"), "group_id": format!("dg{group}"), "member_id": format!("d{at:07}"), "member_type": "system", "is_direct": true }));
    }
    tables.insert("group_memberships".to_owned(), Value::Array(memberships));
    let mut bindings: Vec<Value> = (0..devices)
        .map(|at| {
            json!({ "id": format!("b{at}"), "from_type": "user", "from_id": format!("u{at:07}"), "to_type": "system",
                    "to_id": format!("d{at:07}"), "sudo_enabled": at % 10 == 0, "sudo_without_password": at % 100 == 0 })
        })
        .collect();
    for at in 0..groups {
        bindings.push(json!({ "id": format!("ga{at}"), "from_type": "user_group", "from_id": format!("g{at}"), "to_type": "application", "to_id": format!("app{}", at % 50) }));
    }
    tables.insert("associations".to_owned(), Value::Array(bindings));
    tables.insert("applications".to_owned(), rows(50, &|at| {
        json!({ "id": format!("app{at}"), "label": format!("App {at}"), "active": true, "sso_type": "saml", "idp_certificate_expires_at": "2027-01-01T00:00:00Z" })
    }));
    tables.insert("devices".to_owned(), rows(devices, &|at| {
        json!({
            "id": format!("d{at:07}"), "hostname": format!("host{at}"), "display_name": format!("Host {at}"),
            "serial_number": format!("S{at}"), "os_family": (["darwin", "windows", "linux"][at % 3]), "os": (["Mac OS X", "Windows", "Ubuntu"][at % 3]),
            "os_major": 15, "os_minor": 1, "os_patch": 0, "desktop": true, "agent_version": "2.0.0", "disk_encrypted": at % 10 != 0,
            "recovery_key_escrowed": at % 10 != 1, "last_contact": now, "primary_user_id": format!("u{at:07}"),
            "mdm_vendor": "internal", "mdm_user_approved": true, "policies_total": 3, "policies_failed": 0, "ssh_root_login_allowed": at % 50 == 0,
            "ssh_password_allowed": false, "system_insights_state": "enabled", "login_mfa_enabled": at % 2 == 0, "created_at": "2025-01-01T00:00:00Z",
        })
    }));
    tables.insert("device_local_users".to_owned(), rows(devices * 3, &|at| {
        json!({ "id": format!("l{at}"), "device_id": format!("d{:07}", at / 3), "username": (["root", "admin", "user"][at % 3].to_owned() + &(at / 3).to_string()),
                "admin": at % 3 == 1, "managed": at % 3 == 2, "suspended": false })
    }));
    for (name, per) in [
        ("insights_users", 3),
        ("insights_alf", 1),
        ("insights_patches", 2),
        ("insights_programs", 4),
        ("insights_apps", 4),
    ] {
        tables.insert(
            name.to_owned(),
            rows(devices * per, &|at| json!({ "id": format!("i{at}"), "device_id": format!("d{:07}", at / per) })),
        );
    }
    Value::Object(tables)
}
