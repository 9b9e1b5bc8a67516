//! `doctor`: looks at the installation, changes nothing, and says what to do. With `--bundle` it writes what a supporter
//! needs to know into one file that a person can read before giving it away.

mod bundle;

use std::os::unix::fs::PermissionsExt as _;
use std::path::{Path, PathBuf};

use anyhow::Result;
use clap::Args;
use collect::condition::{Condition, State};
use collect::{events::event_lease_name, inventory_lease_name};
use jiff::{SignedDuration, Timestamp};
use posture::{Library, Settings};
use serde_json::json;
use store::{Location, Store, StoreLook, StreamKind};

use super::Global;
use crate::config::{Config, load};
use crate::context::{existing_master_key, location, open_store, this_host};
use crate::exit::Exit;
use crate::output::{Format, Sheet, printable, write_lines};
use crate::posture::{own_checks, settings_file};

/// With less free space than this, in bytes, the next sync may find none.
const NO_SPACE: u64 = 64 << 20;
/// Less than this is little where much is collected.
const LITTLE_SPACE: u64 = 1 << 30;
/// A clock that is so far behind what was written down was set back.
const CLOCK_TOLERANCE: SignedDuration = SignedDuration::from_mins(5);

#[derive(Debug, Args)]
#[command(
    before_help = "Examples:
  jumpseat doctor
  jumpseat doctor --thorough
  jumpseat doctor --bundle support.json",
    after_help = "Exit code 1 when something is broken; what is only worth a look leaves it 0."
)]
pub(super) struct DoctorArgs {
    /// Compare also the database's indexes with its tables; takes as long as reading all of it.
    #[arg(long)]
    thorough: bool,
    /// Write what a supporter needs to know into this new file: no credential, no person's data, no event.
    #[arg(long, value_name = "FILE")]
    bundle: Option<PathBuf>,
}

/// How something stands.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Grade {
    Ok,
    /// Worth a look.
    Look,
    Broken,
}

/// What was looked at, and what was found.
#[derive(Debug, Clone)]
struct Finding {
    what: &'static str,
    grade: Grade,
    said: String,
    help: Option<String>,
}

impl Grade {
    fn word(self) -> &'static str {
        match self {
            Self::Ok => "ok",
            Self::Look => "look",
            Self::Broken => "broken",
        }
    }
}

impl Finding {
    fn ok(what: &'static str, said: impl Into<String>) -> Self {
        Self { what, grade: Grade::Ok, said: said.into(), help: None }
    }

    fn look(what: &'static str, said: impl Into<String>, help: impl Into<String>) -> Self {
        Self { what, grade: Grade::Look, said: said.into(), help: Some(help.into()) }
    }

    fn broken(what: &'static str, said: impl Into<String>, help: impl Into<String>) -> Self {
        Self { what, grade: Grade::Broken, said: said.into(), help: Some(help.into()) }
    }
}

pub(super) async fn run(args: DoctorArgs, global: &Global) -> Result<Exit> {
    let loaded = load(&global.overrides(), global.config.as_deref())?;
    let config = &loaded.config;
    let now = Timestamp::now();
    let mut findings = vec![data_dir(config), master_key(config), space(config), checks(config)];
    let (found, look) = store(config, args.thorough).await?;
    findings.extend(found);
    // Opening a store upgrades it; that is for the next start to do, not for a look.
    let is_current = look.as_ref().is_some_and(|look| look.version == look.known && look.damage.is_empty());
    let may_open = is_current && store_not_writable(config).is_none();
    let opened = if may_open { Some(open_store(config).await?) } else { None };
    if is_current && !may_open {
        let said = "not looked at, nor anything else that stands in the store: it is opened for writing";
        findings.push(Finding::look("connections", said, "Mend what is broken above, and look again."));
    }
    if let Some(store) = &opened {
        findings.push(clock(store, now).await?);
        findings.extend(credentials(config, store).await?);
        findings.extend(streams(store, now).await?);
        findings.extend(places(store).await?);
        findings.push(people(store).await?);
    }
    if let Some(path) = &args.bundle {
        bundle::write(path, &loaded, &findings, look.as_ref(), opened.as_ref(), now).await?;
    }
    if let Some(store) = opened {
        store.close().await;
    }
    tell(&findings, global.output())?;
    let is_broken = findings.iter().any(|finding| finding.grade == Grade::Broken);
    Ok(if is_broken { Exit::Error } else { Exit::Ok })
}

/// For people line by line, since advice that is cut is none.
fn tell(findings: &[Finding], format: Format) -> Result<()> {
    if format == Format::Table {
        let widest = findings.iter().map(|finding| finding.what.len()).max().unwrap_or_default();
        let mut lines = Vec::new();
        for Finding { what, grade, said, help } in findings {
            lines.push(format!("{:6}  {what:widest$}  {}", grade.word(), printable(said)));
            lines.extend(help.iter().map(|help| format!("{:6}  {:widest$}  {}", "", "", printable(help))));
        }
        write_lines(&lines)?;
        return Ok(());
    }
    let mut sheet = Sheet::new(&["what", "result", "said", "what_to_do"]);
    for finding in findings {
        sheet.push(vec![json!(finding.what), json!(finding.grade.word()), json!(finding.said), json!(finding.help)]);
    }
    Ok(sheet.write(format)?)
}

/// Whether every check and its settings can be used.
fn checks(config: &Config) -> Finding {
    let (library, mut errors) = Library::load_usable(Some(&own_checks(config)));
    errors.extend(Settings::load(&settings_file(config), &library).err());
    if errors.is_empty() {
        return Finding::ok("checks", format!("{} can be used", library.checks().count()));
    }
    let said: Vec<String> = errors.iter().map(ToString::to_string).collect();
    let help = "Mend the file; `jumpseat check test FILE` says more of a check.";
    Finding::look("checks", format!("not all can be used: {}", said.join("; ")), help)
}

fn database(config: &Config) -> PathBuf {
    config.data_dir.join("jumpseat.db")
}

/// Why a file or folder that is there can not be written to by this user, and what to do; nothing if it can.
fn not_writable(path: &Path) -> Option<(&'static str, &'static str)> {
    match rustix::fs::access(path, rustix::fs::Access::WRITE_OK) {
        Ok(()) | Err(rustix::io::Errno::NOENT) => None,
        Err(rustix::io::Errno::ROFS) => Some((
            "is on a file system that can only be read",
            "Mount it for writing. If it was, the system has stopped writing to a disk that may be failing: look at `dmesg`.",
        )),
        Err(_) => Some((
            "can not be written to by this user",
            "Run this as the user that runs `serve`, or let that user write there (`chown`, `chmod`).",
        )),
    }
}

/// The same of an embedded store: its file, and the folder in which SQLite writes beside it.
fn store_not_writable(config: &Config) -> Option<(&'static str, &'static str)> {
    let is_embedded = config.store.is_none();
    [&config.data_dir, &database(config)].into_iter().filter(|_| is_embedded).find_map(|path| not_writable(path))
}

/// The mode of a file or folder as `chmod` has it.
fn mode_of(path: &Path) -> std::io::Result<u32> {
    Ok(std::fs::metadata(path)?.permissions().mode() & 0o777)
}

fn data_dir(config: &Config) -> Finding {
    const WHAT: &str = "data directory";
    let path = &config.data_dir;
    let shown = path.display();
    match mode_of(path) {
        Err(error) if error.kind() == std::io::ErrorKind::NotFound => Finding::look(
            WHAT,
            format!("{shown} is not there yet"),
            "The first command that needs it makes it. If there should be one, name it with --data-dir.",
        ),
        Err(error) => Finding::broken(
            WHAT,
            format!("{shown} can not be read: {error}"),
            "Run this as the user that runs `serve`.",
        ),
        Ok(_) if !path.is_dir() => {
            Finding::broken(WHAT, format!("{shown} is no folder"), "Name a folder with --data-dir.")
        }
        Ok(_) if let Some((why, help)) = not_writable(path) => Finding::broken(WHAT, format!("{shown} {why}"), help),
        Ok(mode) if mode & 0o077 != 0 => {
            Finding::look(WHAT, format!("{shown} is open to others (mode {mode:o})"), format!("chmod 700 {shown}"))
        }
        Ok(mode) => Finding::ok(WHAT, format!("{shown} (mode {mode:o})")),
    }
}

/// Whether there is a master key, and nobody else can read it. None is made.
fn master_key(config: &Config) -> Finding {
    const WHAT: &str = "master key";
    match existing_master_key(config) {
        None => Finding::look(
            WHAT,
            "there is none yet",
            "It is made with the first connection. If there are connections already, put the key back from where you keep it.",
        ),
        Some(Ok(key)) => Finding::ok(WHAT, format!("{}; keep a copy of it elsewhere", key.source())),
        Some(Err(error)) => Finding::broken(WHAT, error.to_string(), "Without it no credential can be opened."),
    }
}

fn space(config: &Config) -> Finding {
    const WHAT: &str = "disk space";
    let mut folder = config.data_dir.as_path();
    while !folder.exists() {
        match folder.parent() {
            Some(parent) => folder = parent,
            None => break,
        }
    }
    let folder = if folder.as_os_str().is_empty() { Path::new(".") } else { folder };
    let Ok(disk) = rustix::fs::statvfs(folder) else {
        return Finding::look(WHAT, format!("{} tells nothing", folder.display()), "Look with `df`.");
    };
    let free = disk.f_bavail.saturating_mul(disk.f_frsize);
    let held = std::fs::metadata(database(config)).map_or(0, |file| file.len());
    judged_space(free, held)
}

/// How so many free bytes stand beside a database of so many.
fn judged_space(free: u64, held: u64) -> Finding {
    const WHAT: &str = "disk space";
    let said = format!("{} MB are free; the database has {} MB", free >> 20, held >> 20);
    let make_room = "Make room, or keep events for a shorter time (keep_events).";
    match free {
        ..NO_SPACE => Finding::broken(WHAT, said, make_room),
        ..LITTLE_SPACE if free < held.saturating_mul(2) => Finding::look(WHAT, said, make_room),
        _ if free < held => {
            Finding::look(WHAT, said, "There is no room for a backup on this disk; write it to another.")
        }
        _ => Finding::ok(WHAT, said),
    }
}

/// The store from outside: that it can be read, is whole, and has a layout that this program knows.
async fn store(config: &Config, thorough: bool) -> Result<(Vec<Finding>, Option<StoreLook>)> {
    const WHAT: &str = "store";
    let location = location(config)?;
    let look = match Store::look(&location, thorough).await {
        Ok(Some(look)) => look,
        Ok(None) => {
            let said = "there is none yet";
            return Ok((vec![Finding::look(WHAT, said, "`jumpseat connection add` makes one.")], None));
        }
        Err(error) => {
            let help = match (location, store_not_writable(config)) {
                (Location::File(_), Some(_)) => {
                    "SQLite reads a database only where it can write beside it. Mend that first, and look again: nothing says that the database is damaged."
                }
                (Location::File(_), None) => "Restore a backup: `jumpseat backup restore`. Keep the damaged file.",
                (Location::Postgres(_), _) => "Check the URL, the server and the network.",
            };
            return Ok((vec![Finding::broken(WHAT, error.to_string(), help)], None));
        }
    };
    let mut findings = Vec::new();
    if let (Location::File(path), Some((why, help))) = (&location, not_writable(&database(config))) {
        findings.push(Finding::broken("store file", format!("{} {why}", path.display()), help));
    }
    if let Location::File(path) = &location {
        let mode = mode_of(path).unwrap_or(0);
        if mode & 0o077 != 0 {
            let said = format!("{} can be read by others (mode {mode:o})", path.display());
            findings.push(Finding::look("store file", said, format!("chmod 600 {}", path.display())));
        }
    }
    findings.push(match look.damage.as_slice() {
        [] => {
            Finding::ok("integrity", if thorough { "all of it was read and compared" } else { "every page was read" })
        }
        damage => Finding::broken(
            "integrity",
            damage.join("; "),
            "Stop `serve`, keep the file, and restore the newest backup: `jumpseat backup restore`.",
        ),
    });
    findings.push(match look.version.cmp(&look.known) {
        std::cmp::Ordering::Equal => Finding::ok("schema", format!("version {}", look.version)),
        std::cmp::Ordering::Less => Finding::look(
            "schema",
            format!("version {}; this program's is {}", look.version, look.known),
            "Make a backup with the program that runs now; the next start of this one upgrades it.",
        ),
        std::cmp::Ordering::Greater => Finding::broken(
            "schema",
            format!("version {} was made by a newer program; this one knows {}", look.version, look.known),
            "Use the newer program.",
        ),
    });
    Ok((findings, Some(look)))
}

async fn clock(store: &Store, now: Timestamp) -> Result<Finding> {
    const WHAT: &str = "clock";
    Ok(match store.newest_run_at().await? {
        Some(newest) if newest > now + CLOCK_TOLERANCE => Finding::broken(
            WHAT,
            format!("it is {now}, but something was written down at {newest}"),
            "Set the clock, and let it be kept right (NTP). Events of the wrong time are asked for until then.",
        ),
        _ => Finding::ok(WHAT, format!("it is {now}")),
    })
}

/// Whether every sealed credential opens.
async fn credentials(config: &Config, store: &Store) -> Result<Vec<Finding>> {
    const WHAT: &str = "credentials";
    let connections = store.connections().await?;
    if connections.is_empty() {
        return Ok(vec![Finding::look(WHAT, "no organization is connected", "`jumpseat connection add`")]);
    }
    let key = match existing_master_key(config) {
        None => {
            let said = format!("{} connections, and no master key", connections.len());
            let help = "Put master.key back, or give new credentials: `jumpseat connection rotate`.";
            return Ok(vec![Finding::broken(WHAT, said, help)]);
        }
        Some(Ok(key)) => key,
        // That is told already.
        Some(Err(_)) => return Ok(Vec::new()),
    };
    let mut unopened = Vec::new();
    for connection in &connections {
        if store.open_credential(connection, &key).await.is_err() {
            unopened.push(connection.name.as_str());
        }
    }
    Ok(vec![match unopened.as_slice() {
        [] => Finding::ok(WHAT, format!("{} open with this master key", connections.len())),
        unopened => Finding::broken(
            WHAT,
            format!("those of {} do not open with this master key", unopened.join(", ")),
            "Put the right master key back, or give new credentials: `jumpseat connection rotate`.",
        ),
    }])
}

/// How every stream stands; one line if all are well.
async fn streams(store: &Store, now: Timestamp) -> Result<Vec<Finding>> {
    const WHAT: &str = "connections";
    let connections = store.connections().await?;
    let (mut found, mut well) = (Vec::new(), 0);
    for stream in store.streams(None).await? {
        let Some(connection) = connections.iter().find(|one| one.id == stream.connection_id) else { continue };
        let lease = match stream.kind {
            StreamKind::Inventory => inventory_lease_name(connection),
            StreamKind::Events => event_lease_name(connection),
        };
        let holder = store.lease_holder(&lease, &this_host(), now).await?;
        let condition = Condition::of(connection, &stream, holder.as_deref(), now);
        let said = [
            format!("{}, {}: {}", connection.name, stream.kind.word(), condition.state.words()),
            condition.reason.clone().unwrap_or_default(),
        ];
        let said = said.into_iter().filter(|part| !part.is_empty()).collect::<Vec<_>>().join("; ");
        let help = condition.help.clone().unwrap_or_else(|| "`jumpseat history` shows more.".to_owned());
        match condition.state {
            State::Syncing | State::Active | State::Paused => well += 1,
            State::ActionRequired | State::Failing | State::Unreachable | State::Stalled => {
                found.push(Finding::broken(WHAT, said, help));
            }
            State::Late | State::Incomplete | State::Pending => found.push(Finding::look(WHAT, said, help)),
        }
    }
    if well > 0 {
        found.push(Finding::ok(WHAT, format!("{well} streams are well")));
    }
    Ok(found)
}

/// Archives and notifications that fail.
async fn places(store: &Store) -> Result<Vec<Finding>> {
    let mut found = Vec::new();
    for archive in store.archives().await?.into_iter().filter(|archive| archive.state.failures > 0) {
        let said = format!("{}: {}", archive.name, archive.state.failure.unwrap_or_default());
        found.push(Finding::broken("archive", said, "`jumpseat archive run` tries again and says more."));
    }
    for place in store.notifications().await?.into_iter().filter(|place| place.state.failures > 0) {
        let said = format!("{}: {}", place.name, place.state.failure.unwrap_or_default());
        found.push(Finding::broken("notification", said, "`jumpseat notification test` tries again."));
    }
    Ok(found)
}

async fn people(store: &Store) -> Result<Finding> {
    const WHAT: &str = "people";
    Ok(match store.people().await?.iter().filter(|person| person.active).count() {
        0 => Finding::look(
            WHAT,
            "nobody can sign in to the console",
            "`jumpseat serve` prints a token for the first account; or `jumpseat user add`.",
        ),
        count => Finding::ok(WHAT, format!("{count} can sign in")),
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_small_disk_with_a_small_database_is_in_order() {
        let mib = 1 << 20;
        for (free, held, grade) in [
            (40 * mib, 5 * mib, Grade::Broken),
            (300 * mib, 5 * mib, Grade::Ok),
            (300 * mib, 200 * mib, Grade::Look),
            (5_000 * mib, 200 * mib, Grade::Ok),
            (5_000 * mib, 6_000 * mib, Grade::Look),
        ] {
            assert_eq!(judged_space(free, held).grade, grade, "{free} free, {held} held");
        }
    }
}
