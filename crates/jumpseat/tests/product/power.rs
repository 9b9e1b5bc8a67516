//! The machine loses its power. What the program asked of the disk is written down (by strace), and the data directory is
//! built anew as a disk may have it at many moments: what was flushed is there, of all else nothing, or any part of it.
//! Then the store must open, hold everything that was said to be done, and claim nothing that it does not have.

use std::collections::{BTreeMap, HashMap};
use std::ffi::OsString;
use std::os::unix::ffi::OsStringExt as _;
use std::path::{Path, PathBuf};
use std::process::{Output, Stdio};

use collect::tables::ALL;
use secrecy::ExposeSecret as _;
use simulator::{Config, EventSpec};
use store::events::Hour;
use store::{Cell, Limits, Location, MasterKey, Query, Store};

use crate::events::hours_ago;
use crate::support::Scene;

/// So many moments of each command are tried.
const MOMENTS: usize = 12;

#[tokio::test(flavor = "multi_thread")]
async fn a_loss_of_power_at_any_moment_takes_nothing_that_was_said_to_be_done() {
    if !can_trace() {
        return;
    }
    let mut config = Config::single(60, 30, 6, 4);
    config.organizations[0].events = EventSpec::steady(120);
    let scene = Scene::new(config).await;
    let key = scene.world().credentials(0).read_only;
    let key_file = scene.file("key.txt", &key);
    let since = hours_ago(6).to_string();
    let url = scene.url();
    let add = ["connection", "add", "Acme", "--api-url", &url, "--api-key-file", key_file.to_str().unwrap()];
    let inventory = ["sync", "--stream", "inventory"];
    let events = ["sync", "--stream", "events", "--since", &since];
    let mut traces = Traces::new(scene.data_dir().parent().unwrap());
    let mut disk = Disk::new(scene.data_dir().parent().unwrap());
    let mut done = Held::default();
    let mut tried = 0;
    for (number, args) in [&add[..], &inventory, &events, &inventory, &events].into_iter().enumerate() {
        // There is something to change.
        scene.world().mutate_percent(0, 30.0);
        let (said, trace) = traced(&scene, args, None).await;
        assert!(said.status.success(), "{args:?}: {said:?}");
        let deeds = traces.read(&trace);
        let flushes: Vec<usize> = (0..deeds.len()).filter(|at| matches!(deeds[*at], Deed::Flush(_))).collect();
        assert!(flushes.len() >= 3, "{args:?} asks for {} flushes only", flushes.len());
        let every = flushes.len().div_ceil(MOMENTS);
        let before = done;
        for (at, deed) in deeds.iter().enumerate() {
            if flushes.iter().step_by(every).any(|flush| *flush == at) {
                tried += disk.lose_power(&before, &key).await;
            }
            disk.take(deed);
        }
        done = held_in_copy(&scene.data_dir()).await;
        match number {
            0 => assert!(done.connections == 1 && done.users == 0),
            1 => assert!(done.users >= 60 && done.runs > before.runs),
            2 => assert!(done.events > 500 && done.users == before.users),
            _ => assert!(done.runs > before.runs),
        }
        // It was said: the program has ended well.
        tried += disk.lose_power(&done, &key).await;
    }
    assert!(tried > 100, "{tried} disks");
    // And it goes on from there.
    let data = tempfile::tempdir().unwrap();
    disk.build(&data.path().join("disk"), Names::Flushed, Rest::Nothing);
    let scene = scene.at(data.path().join("disk").join("data"));
    for args in [&inventory[..], &events, &["event", "verify", "--recount"], &["doctor"]] {
        let ended = scene.run(args).await;
        assert!(ended.code == 0 || args == ["doctor"], "{ended:?}");
    }
    assert_eq!(scene.count("SELECT COUNT(*) FROM users").await as u64, scene.world().oracle(0).counts["systemusers"]);
}

#[tokio::test(flavor = "multi_thread")]
async fn what_follows_a_flush_that_failed_is_not_built_on_what_it_should_have_flushed() {
    if !can_trace() {
        return;
    }
    let mut config = Config::single(40, 20, 4, 3);
    config.organizations[0].events = EventSpec::steady(60);
    let scene = Scene::new(config).await;
    let key = scene.file("key.txt", &scene.world().credentials(0).read_only);
    let (url, since) = (scene.url(), hours_ago(3).to_string());
    let add = ["connection", "add", "Acme", "--api-url", &url, "--api-key-file", key.to_str().unwrap()];
    let root = scene.data_dir().parent().unwrap().to_owned();
    let (mut traces, mut disk) = (Traces::new(&root), Disk::new(&root));
    let (said, trace) = traced(&scene, &add, None).await;
    assert!(said.status.success(), "{said:?}");
    traces.read(&trace).iter().for_each(|deed| disk.take(deed));
    let (mut failed, mut compared) = (0, 0);
    for number in 1..=10 {
        scene.world().mutate_percent(0, 50.0);
        let fault = format!("inject=fsync,fdatasync:error=EIO:when={number}");
        let (_, trace) = traced(&scene, &["sync", "--since", &since], Some(&fault)).await;
        let (mut has_failed, mut is_folded) = (false, false);
        for deed in traces.read(&trace) {
            disk.take(&deed);
            if matches!(deed, Deed::FlushFailed(_)) {
                (has_failed, is_folded) = (true, false);
            }
            is_folded |= has_failed && disk.is_flush_of(&deed, "jumpseat.db");
            if is_folded && disk.is_flush_of(&deed, "jumpseat.db-wal") {
                // What the program tells now must be what is left when the power goes.
                let [seen, left] = [Rest::All, Rest::Nothing].map(|rest| (Names::All, rest));
                let (seen, left) = (disk.held(seen).await, disk.held(left).await);
                assert_eq!(left, seen, "after the failure of flush {number}");
                compared += 1;
            }
        }
        failed += u32::from(has_failed);
    }
    assert!(failed > 5 && compared > 2 * failed, "{failed} flushes have failed, {compared} disks were compared");
    assert_eq!(scene.run(&["sync", "--since", &since]).await.code, 0);
    let verified = scene.run(&["event", "verify", "--recount"]).await;
    assert_eq!(verified.code, 0, "{verified:?}");
}

#[tokio::test(flavor = "multi_thread")]
async fn a_disk_that_fails_is_told_and_what_was_stored_before_stays() {
    if !can_trace() {
        return;
    }
    let mut config = Config::single(40, 20, 4, 3);
    config.organizations[0].events = EventSpec::steady(60);
    let scene = Scene::new(config).await.synced().await;
    let since = hours_ago(3).to_string();
    let database = scene.data_dir().join("jumpseat.db");
    let log = scene.data_dir().join("jumpseat.db-wal");
    let (mut told, mut survived) = (0, 0);
    for (calls, error) in
        [("read,pread64", "EIO"), ("write,pwrite64", "EIO"), ("fsync,fdatasync", "EIO"), ("write,pwrite64", "EINTR")]
    {
        for when in ["1", "9", "5+3"] {
            let users = scene.count("SELECT COUNT(*) FROM users").await;
            scene.world().mutate_percent(0, 50.0);
            let fault = format!("inject={calls}:error={error}:when={when}");
            let only = [&database, &log].map(|path| path.to_str().unwrap());
            let options = ["-o", "/dev/null", "-P", only[0], "-P", only[1], "-e", &fault];
            let ended = under_strace(&scene, &options, &["sync", "--since", &since]).await;
            let words = [ended.stdout, ended.stderr].map(|words| String::from_utf8_lossy(&words).into_owned()).concat();
            match ended.status.code() {
                Some(0) => survived += 1,
                Some(code) => {
                    // What SQLite says of a schema that it can not read is that it is malformed.
                    let known = ["disk I/O error", "Input/output error", "malformed"];
                    let is_told = known.iter().any(|error| words.contains(error));
                    assert!(is_told && !words.contains("panicked"), "{fault}: {code}, {words}");
                    told += 1;
                }
                None => panic!("{fault}: {words}"),
            }
            assert!(error != "EINTR" || ended.status.success(), "{fault}: {words}");
            assert!(scene.count("SELECT COUNT(*) FROM users").await > 0 && users > 0, "{fault}");
            let look = Store::look(&Location::File(database.clone()), true).await.unwrap().unwrap();
            assert!(look.damage.is_empty(), "{fault}: {:?}", look.damage);
        }
    }
    assert!(told >= 3 && survived >= 3, "{told} were told, {survived} did no harm");
    assert_eq!(scene.run(&["sync", "--since", &since]).await.code, 0);
    let verified = scene.run(&["event", "verify", "--recount"]).await;
    assert_eq!(verified.code, 0, "{verified:?}");
    assert_eq!(scene.count("SELECT COUNT(*) FROM users").await as u64, scene.world().oracle(0).counts["systemusers"]);
}

/// What a store holds.
#[derive(Debug, Default, Clone, Copy, PartialEq, Eq)]
struct Held {
    connections: i64,
    users: i64,
    events: i64,
    /// Those that have ended.
    runs: i64,
}

async fn open(data: &Path) -> Store {
    let tables: Vec<_> = ALL.iter().map(|collected| &collected.table).collect();
    Store::open(&Location::File(data.join("jumpseat.db")), &tables).await.unwrap()
}

async fn held(store: &Store) -> Held {
    let count = async |sql: &str| {
        let answer = store.query(&Query { sql: sql.to_owned(), ..Query::default() }, &Limits::default()).await.unwrap();
        match answer.rows[0][0] {
            Cell::Integer(number) => number,
            _ => panic!("{sql} gives no number"),
        }
    };
    Held {
        connections: count("SELECT COUNT(*) FROM connections").await,
        users: count("SELECT COUNT(*) FROM users").await,
        events: count("SELECT COUNT(*) FROM events").await,
        runs: count("SELECT COUNT(*) FROM runs WHERE outcome IS NOT NULL").await,
    }
}

/// The same of a copy: who opens a store may fold its log into it, and strace would not see that.
async fn held_in_copy(data: &Path) -> Held {
    let copy = tempfile::tempdir().unwrap();
    for name in ["jumpseat.db", "jumpseat.db-wal"] {
        if data.join(name).exists() {
            std::fs::copy(data.join(name), copy.path().join(name)).unwrap();
        }
    }
    let store = open(copy.path()).await;
    let held = held(&store).await;
    store.close().await;
    held
}

/// Runs a command; what it said, and what strace says that it asked of the system. `fault` is what strace is to spoil.
async fn traced(scene: &Scene, args: &[&str], fault: Option<&str>) -> (Output, String) {
    let file = scene.data_dir().with_file_name("trace.txt");
    let calls = "trace=openat,creat,mkdir,mkdirat,write,writev,pwrite64,pwritev,lseek,ftruncate,truncate,fallocate,fsync,\
                 fdatasync,rename,renameat,renameat2,link,linkat,unlink,unlinkat,copy_file_range,sendfile";
    let mut options = vec!["-xx", "-s", "100000000", "-e", calls, "-o", file.to_str().unwrap()];
    options.extend(fault.iter().flat_map(|fault| ["-e", *fault]));
    let said = under_strace(scene, &options, args).await;
    let trace = std::fs::read_to_string(&file).unwrap();
    std::fs::remove_file(&file).unwrap();
    (said, trace)
}

/// Runs a command under strace.
async fn under_strace(scene: &Scene, options: &[&str], args: &[&str]) -> Output {
    let program = scene.command(args);
    let program = program.as_std();
    let mut command = std::process::Command::new("strace");
    command.args(["-f", "-qq", "-e", "signal=none"]).args(options);
    command.arg(program.get_program()).args(program.get_args()).env_clear();
    command.envs(program.get_envs().filter_map(|(name, value)| Some((name, value?))));
    command.current_dir(program.get_current_dir().unwrap()).stdin(Stdio::null());
    tokio::task::spawn_blocking(move || command.output().unwrap()).await.unwrap()
}

fn can_trace() -> bool {
    let can = std::process::Command::new("strace").args(["-qq", "-o", "/dev/null", "true"]).output();
    let can = can.is_ok_and(|output| output.status.success());
    if !can {
        let required = std::env::var("JUMPSEAT_REQUIRE_ALL").is_ok();
        assert!(!required, "strace can not trace, and it is required");
        println!("skipped: install strace to see this test");
    }
    can
}

/// What a program does to files, each known by a number, and to names.
#[derive(Debug)]
enum Deed {
    /// A name for this file, which is new if it has no name yet.
    Name(PathBuf, usize),
    Forget(PathBuf),
    Folder(PathBuf),
    Write(usize, u64, Vec<u8>),
    Cut(usize, u64),
    Flush(Flushed),
    /// It failed: what waited for it is given up, and no later one brings it to the disk.
    FlushFailed(usize),
}

#[derive(Debug)]
enum Flushed {
    File(usize),
    /// The names in it.
    Folder(PathBuf),
}

/// An open file.
enum Open {
    File { file: usize, at: u64, appends: bool },
    Folder(PathBuf),
}

impl Open {
    fn file(&self) -> Option<usize> {
        match self {
            Self::File { file, .. } => Some(*file),
            Self::Folder(_) => None,
        }
    }
}

/// Reads the traces of one program after the other.
struct Traces {
    root: PathBuf,
    /// The files that have a name, and how many there were in all.
    names: HashMap<PathBuf, usize>,
    files: usize,
}

impl Traces {
    fn new(root: &Path) -> Self {
        Self { root: root.to_owned(), names: HashMap::new(), files: 0 }
    }

    /// What is done to files elsewhere is left out; a call that would have to be understood and is not is an error.
    fn read(&mut self, trace: &str) -> Vec<Deed> {
        let Self { root, names, files } = self;
        let mut open: HashMap<i64, Open> = HashMap::new();
        let mut unfinished: HashMap<&str, String> = HashMap::new();
        let mut deeds = Vec::new();
        for line in trace.lines() {
            let (thread, said) = line.split_once(' ').unwrap();
            let said = said.trim_start();
            let call = if let Some(begun) = said.strip_suffix(" <unfinished ...>") {
                unfinished.insert(thread, begun.to_owned());
                continue;
            } else if let Some((_, rest)) = said.strip_prefix("<... ").and_then(|said| said.split_once(" resumed>")) {
                unfinished.remove(thread).unwrap() + rest
            } else {
                said.to_owned()
            };
            let Some((call, result)) = call.rsplit_once(" = ") else { continue };
            let Some(result) = result.split(' ').next().and_then(|number| number.parse::<i64>().ok()) else { continue };
            let (name, args) = call.split_once('(').unwrap();
            if result < 0 {
                if name == "fsync" || name == "fdatasync" {
                    let failed = open.get(&first_of(args)).and_then(Open::file);
                    deeds.extend(failed.map(Deed::FlushFailed));
                }
                continue;
            }
            let texts: Vec<PathBuf> = match name {
                "write" | "pwrite64" => Vec::new(),
                _ => texts_of(args).into_iter().map(|text| PathBuf::from(OsString::from_vec(text))).collect(),
            };
            let is_ours = texts.iter().any(|path| path.starts_with(&*root));
            let descriptor = || first_of(args);
            let last = || args.trim_end().trim_end_matches(')').rsplit(", ").next().unwrap().parse::<u64>().unwrap();
            match name {
                "openat" if is_ours => {
                    let path = texts[0].clone();
                    if args.contains("O_DIRECTORY") || path.is_dir() {
                        open.insert(result, Open::Folder(path));
                        continue;
                    }
                    let file = match names.get(&path) {
                        Some(file) => *file,
                        None if args.contains("O_CREAT") => {
                            *files += 1;
                            names.insert(path.clone(), *files);
                            deeds.push(Deed::Name(path, *files));
                            *files
                        }
                        // Something that is only read and was there before.
                        None => continue,
                    };
                    if args.contains("O_TRUNC") {
                        deeds.push(Deed::Cut(file, 0));
                    }
                    open.insert(result, Open::File { file, at: 0, appends: args.contains("O_APPEND") });
                }
                "openat" => {
                    open.remove(&result);
                }
                "lseek" => {
                    if let Some(Open::File { at, .. }) = open.get_mut(&descriptor()) {
                        *at = u64::try_from(result).unwrap();
                    }
                }
                "write" | "pwrite64" => {
                    let Some(Open::File { file, at, appends }) = open.get_mut(&descriptor()) else { continue };
                    assert!(!*appends, "a file that is appended to is not understood: {}", &args[..40]);
                    let mut bytes = texts_of(args).remove(0);
                    bytes.truncate(usize::try_from(result).unwrap());
                    let place = if name == "write" { *at } else { last() };
                    if name == "write" {
                        *at += bytes.len() as u64;
                    }
                    deeds.push(Deed::Write(*file, place, bytes));
                }
                "ftruncate" => {
                    if let Some(Open::File { file, .. }) = open.get(&descriptor()) {
                        deeds.push(Deed::Cut(*file, last()));
                    }
                }
                "fsync" | "fdatasync" => match open.get(&descriptor()) {
                    Some(Open::File { file, .. }) => deeds.push(Deed::Flush(Flushed::File(*file))),
                    Some(Open::Folder(path)) => deeds.push(Deed::Flush(Flushed::Folder(path.clone()))),
                    None => {}
                },
                "mkdir" | "mkdirat" if is_ours => deeds.push(Deed::Folder(texts[0].clone())),
                "unlink" | "unlinkat" if is_ours => {
                    names.remove(&texts[0]);
                    deeds.push(Deed::Forget(texts[0].clone()));
                }
                "link" | "linkat" | "rename" | "renameat" | "renameat2" if is_ours => {
                    let file = names[&texts[0]];
                    names.insert(texts[1].clone(), file);
                    deeds.push(Deed::Name(texts[1].clone(), file));
                    if name.starts_with("rename") {
                        names.remove(&texts[0]);
                        deeds.push(Deed::Forget(texts[0].clone()));
                    }
                }
                "writev" | "pwritev" | "fallocate" | "copy_file_range" | "sendfile" => {
                    let is_of_file = matches!(open.get(&descriptor()), Some(Open::File { .. }));
                    assert!(!is_of_file, "a {name} of a file is not understood");
                }
                "creat" | "truncate" => assert!(!is_ours, "a {name} of a file is not understood"),
                _ => {}
            }
        }
        deeds
    }
}

/// The number that a call's arguments begin with.
fn first_of(args: &str) -> i64 {
    args.split([',', ')']).next().and_then(|number| number.parse().ok()).unwrap()
}

/// What stands between quotes, each byte as `\x00`.
fn texts_of(args: &str) -> Vec<Vec<u8>> {
    let digit = |byte: u8| char::from(byte).to_digit(16).unwrap() as u8;
    let quoted = args.split('"').skip(1).step_by(2);
    quoted.map(|text| text.as_bytes().chunks(4).map(|byte| digit(byte[2]) << 4 | digit(byte[3])).collect()).collect()
}

/// A disk with a cache that nobody flushes but the program.
struct Disk {
    root: PathBuf,
    files: HashMap<usize, File>,
    /// What the program sees, and what is flushed.
    names: BTreeMap<PathBuf, Option<usize>>,
    flushed_names: BTreeMap<PathBuf, Option<usize>>,
    /// Losses so far: each leaves another part of what was not flushed.
    losses: u64,
}

#[derive(Default)]
struct File {
    flushed: Vec<u8>,
    /// What the program sees.
    seen: Vec<u8>,
    /// Not flushed yet, in order: from where on, what (nothing: cut there).
    waiting: Vec<(u64, Option<Vec<u8>>)>,
}

/// Which names are there after a loss.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Names {
    Flushed,
    /// All: a file system may write them down by itself at any time.
    All,
}

/// What is there after a loss of what was not flushed.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Rest {
    Nothing,
    /// Some of it, chosen by this number.
    Some(u64),
    /// As if nothing had been lost.
    All,
}

impl File {
    fn change(bytes: &mut Vec<u8>, (from, what): &(u64, Option<Vec<u8>>)) {
        let from = usize::try_from(*from).unwrap();
        match what {
            None => bytes.resize(from, 0),
            Some(what) => {
                bytes.resize(bytes.len().max(from + what.len()), 0);
                bytes[from..from + what.len()].copy_from_slice(what);
            }
        }
    }

    /// As it is found after a loss.
    fn found(&self, rest: Rest) -> Vec<u8> {
        let some = |at: usize, seed: u64| (seed + at as u64).wrapping_mul(0x9E37_79B9_7F4A_7C15) >> 63 == 0;
        let mut bytes = self.flushed.clone();
        match rest {
            Rest::Nothing => {}
            Rest::Some(seed) => {
                let waiting = self.waiting.iter().enumerate().filter(|(at, _)| some(*at, seed));
                waiting.for_each(|(_, change)| Self::change(&mut bytes, change));
            }
            Rest::All => bytes.clone_from(&self.seen),
        }
        bytes
    }
}

impl Disk {
    /// An empty folder on it.
    fn new(root: &Path) -> Self {
        let (root, files) = (root.to_owned(), HashMap::new());
        Self { root, files, names: BTreeMap::new(), flushed_names: BTreeMap::new(), losses: 0 }
    }

    fn take(&mut self, deed: &Deed) {
        match deed {
            Deed::Name(path, file) => {
                self.files.entry(*file).or_default();
                self.names.insert(path.clone(), Some(*file));
            }
            Deed::Folder(path) => {
                self.names.insert(path.clone(), None);
            }
            Deed::Forget(path) => {
                self.names.remove(path);
            }
            Deed::Write(file, from, bytes) => self.wait(*file, *from, Some(bytes.clone())),
            Deed::Cut(file, from) => self.wait(*file, *from, None),
            Deed::Flush(Flushed::File(file)) => {
                let file = self.files.get_mut(file).unwrap();
                for change in std::mem::take(&mut file.waiting) {
                    File::change(&mut file.flushed, &change);
                }
            }
            Deed::FlushFailed(file) => self.files.get_mut(file).unwrap().waiting.clear(),
            Deed::Flush(Flushed::Folder(folder)) => {
                let is_in = |path: &PathBuf| path.parent() == Some(folder);
                self.flushed_names.retain(|path, _| !is_in(path));
                let names = self.names.iter().filter(|(path, _)| is_in(path));
                self.flushed_names.extend(names.map(|(path, file)| (path.clone(), *file)));
            }
        }
    }

    /// Whether this flushes the file of this name in the data directory.
    fn is_flush_of(&self, deed: &Deed, name: &str) -> bool {
        let file = self.names.get(&self.root.join("data").join(name)).copied().flatten();
        matches!(deed, Deed::Flush(Flushed::File(flushed)) if Some(*flushed) == file)
    }

    fn wait(&mut self, file: usize, from: u64, what: Option<Vec<u8>>) {
        let file = self.files.get_mut(&file).unwrap();
        file.waiting.push((from, what));
        File::change(&mut file.seen, &file.waiting[file.waiting.len() - 1]);
    }

    /// Writes the disk as it is found after a loss into a folder.
    fn build(&self, folder: &Path, names: Names, rest: Rest) {
        std::fs::create_dir_all(folder).unwrap();
        let names = if names == Names::All { &self.names } else { &self.flushed_names };
        let place = |path: &Path| folder.join(path.strip_prefix(&self.root).unwrap());
        for (path, file) in names.iter().filter(|(path, _)| path.extension().is_none_or(|ending| ending != "db-shm")) {
            // What stands in a folder that is not there is not there.
            if !place(path).parent().unwrap().is_dir() {
                continue;
            }
            let Some(file) = file else {
                std::fs::create_dir(place(path)).unwrap();
                continue;
            };
            std::fs::write(place(path), self.files[file].found(rest)).unwrap();
            let mode = std::os::unix::fs::PermissionsExt::from_mode(0o600);
            std::fs::set_permissions(place(path), mode).unwrap();
        }
    }

    /// What a store on the disk holds if this is left of it.
    async fn held(&self, (names, rest): (Names, Rest)) -> Held {
        let folder = tempfile::tempdir().unwrap();
        self.build(&folder.path().join("disk"), names, rest);
        let store = open(&folder.path().join("disk").join("data")).await;
        let held = held(&store).await;
        store.close().await;
        held
    }

    /// Loses power now, in four ways: what is found must hold what was done. How many disks were looked at.
    async fn lose_power(&mut self, done: &Held, key: &str) -> usize {
        self.losses += 1;
        let ways = [Names::Flushed, Names::All]
            .map(|names| [(names, Rest::Nothing), (names, Rest::Some(self.losses))])
            .concat();
        for (names, rest) in &ways {
            let folder = tempfile::tempdir().unwrap();
            self.build(&folder.path().join("disk"), *names, *rest);
            let data = folder.path().join("disk").join("data");
            let way = format!("loss {}, names {names:?}, rest {rest:?}", self.losses);
            let store = open(&data).await;
            let found = held(&store).await;
            assert!(found.connections >= done.connections && found.runs >= done.runs, "{way}: {found:?} of {done:?}");
            assert!(found.events >= done.events, "{way}: {found:?} of {done:?}");
            assert!(done.users == 0 || found.users > 0, "{way}: {found:?} of {done:?}");
            let master =
                MasterKey::find(&data.join("master.key"), |_| None).unwrap_or_else(|why| panic!("{way}: {why}"));
            for connection in store.connections().await.unwrap() {
                let opened =
                    store.open_credential(&connection, &master).await.unwrap_or_else(|why| panic!("{way}: {why}"));
                assert_eq!(opened.expose_secret(), key);
                // The ledger claims no event that is not there, and no position is ahead of its events.
                let Some(org_id) = connection.org_id else { continue };
                let windows =
                    store.event_windows(&org_id, Hour::from_number(0), Hour::of(hours_ago(-1))).await.unwrap();
                for window in windows {
                    let there = store.recompute_window(&org_id, window.hour).await.unwrap();
                    assert_eq!(there.stored, window.stored, "{way}: events of {}", window.hour);
                }
            }
            store.close().await;
            let look = Store::look(&Location::File(data.join("jumpseat.db")), true).await.unwrap().unwrap();
            assert!(look.damage.is_empty(), "{way}: {:?}", look.damage);
        }
        ways.len()
    }
}
