//! `backup`: a copy of an embedded installation, made while it runs, verified, and put back.
//!
//! A backup is a folder: `jumpseat.db`, the user's own checks, evidence items and `posture.toml`, and `backup.json`, which
//! names every file with its size and SHA-256. The master key is in it only if that is asked for: without it nobody can
//! open a credential, whoever gets hold of the folder.

use std::fs::{File, OpenOptions};
use std::io::{Read as _, Write as _};
use std::os::unix::fs::{DirBuilderExt as _, OpenOptionsExt as _};
use std::path::{Component, Path, PathBuf};

use anyhow::{Context as _, Result, bail};
use clap::{Args, Subcommand};
use data_encoding::HEXLOWER;
use jiff::Timestamp;
use serde::{Deserialize, Serialize};
use serde_json::json;
use sha2::{Digest as _, Sha256};
use store::{Location, Store};

use super::{Global, audit};
use crate::config::Config;
use crate::context::{Context, existing_master_key, open_store};
use crate::exit::{Exit, Problem, eprintln_quietly};
use crate::output::{Format, Sheet, write_json};

const DATABASE: &str = "jumpseat.db";
const MASTER_KEY: &str = "master.key";
const MANIFEST: &str = "backup.json";
/// The user's own files in the data directory.
const OWN: &[&str] = &["posture.toml", "checks", "evidence"];
/// The version of this layout.
const FORMAT: u32 = 1;
/// A manifest is not larger, in bytes.
const LARGEST_MANIFEST: u64 = 16 << 20;

#[derive(Debug, Subcommand)]
pub(super) enum BackupCommand {
    /// Write a backup into a new folder, while everything goes on.
    #[command(before_help = "Examples:
  jumpseat backup make /srv/backup/jumpseat-2026-11-30
  jumpseat backup make /mnt/safe/jumpseat --with-master-key")]
    Make(MakeArgs),
    /// Hold a backup against its manifest, and the database in it against itself.
    #[command(after_help = "Exit code 11 when something is missing, changed or damaged.")]
    Verify(FolderArgs),
    /// Verify a backup and put it into an empty data directory.
    #[command(
        before_help = "Examples:\n  jumpseat --data-dir /var/lib/jumpseat backup restore /srv/backup/jumpseat-2026-11-30"
    )]
    Restore(FolderArgs),
}

#[derive(Debug, Args)]
pub(super) struct MakeArgs {
    /// The folder, which must not be there yet.
    folder: PathBuf,
    /// Put the master key into it as well. Whoever has the folder then has every credential.
    #[arg(long)]
    with_master_key: bool,
}

#[derive(Debug, Args)]
pub(super) struct FolderArgs {
    /// The folder of the backup.
    folder: PathBuf,
}

/// What is in a backup.
#[derive(Debug, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
struct Manifest {
    format: u32,
    /// Version of the program that made it.
    program: String,
    /// Version of the database's schema.
    schema: i64,
    made_at: Timestamp,
    files: Vec<Entry>,
}

/// A file of a backup.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
struct Entry {
    /// With `/` between its parts.
    path: String,
    bytes: u64,
    sha256: String,
}

pub(super) async fn run(command: BackupCommand, global: &Global) -> Result<Exit> {
    match command {
        BackupCommand::Make(args) => make(&args, global).await,
        BackupCommand::Verify(args) => verify(&args.folder, global).await,
        BackupCommand::Restore(args) => restore(&args.folder, global).await,
    }
}

fn embedded_only(config: &Config) -> Result<()> {
    if config.store.is_some() {
        return Err(Problem::usage(format!(
            "this installation rests in PostgreSQL: back it up with pg_dump, and keep {} with its master.key beside it",
            config.data_dir.display()
        )));
    }
    Ok(())
}

async fn make(args: &MakeArgs, global: &Global) -> Result<Exit> {
    let config = crate::config::load(&global.overrides(), global.config.as_deref())?.config;
    embedded_only(&config)?;
    if !config.data_dir.join(DATABASE).exists() {
        let words = format!("there is no installation in {}", config.data_dir.display());
        return Err(Problem::not_found(words, "Name its folder with --data-dir."));
    }
    if args.folder.exists() {
        let words = format!("{} is there already; a backup is written into a new folder", args.folder.display());
        return Err(Problem::usage(words));
    }
    let context = Context::open(global).await?;
    let detail = json!({ "with_master_key": args.with_master_key });
    audit::note(&context, "backup.make", &args.folder.display().to_string(), detail).await?;
    // It gets its name when it is whole.
    let mut part = args.folder.clone().into_os_string();
    part.push(".part");
    let part = PathBuf::from(part);
    make_folder(&part)?;
    let written = write(&context, &part, args.with_master_key).await;
    let manifest = match written {
        Ok(manifest) => manifest,
        Err(error) => {
            // What is not whole is of no use.
            let _ = std::fs::remove_dir_all(&part);
            return Err(error);
        }
    };
    std::fs::rename(&part, &args.folder)
        .with_context(|| format!("{} can not be renamed to {}", part.display(), args.folder.display()))?;
    sync_folder(args.folder.parent())?;
    context.store.close().await;
    tell(&context, &args.folder, &manifest)?;
    Ok(Exit::Ok)
}

fn tell(context: &Context, folder: &Path, manifest: &Manifest) -> Result<()> {
    let bytes: u64 = manifest.files.iter().map(|file| file.bytes).sum();
    let has_key = manifest.files.iter().any(|file| file.path == MASTER_KEY);
    if context.format == Format::Table {
        let key = if has_key {
            "The master key is in it: keep it as you would keep the credentials themselves."
        } else {
            "The master key is not in it: keep that elsewhere, or credentials have to be given again after a restore."
        };
        eprintln_quietly(&format!(
            "{}: {} files, {bytes} bytes, verified. {key}",
            folder.display(),
            manifest.files.len()
        ));
        return Ok(());
    }
    write_json(&json!({
        "folder": folder.display().to_string(),
        "files": manifest.files.len(),
        "bytes": bytes,
        "schema": manifest.schema,
        "has_master_key": has_key,
    }))?;
    Ok(())
}

async fn write(context: &Context, folder: &Path, with_master_key: bool) -> Result<Manifest> {
    let data_dir = &context.config.data_dir;
    let copy = folder.join(DATABASE);
    context.store.copy_into(&copy).await?;
    let schema = sound(&copy).await?;
    let mut paths = Vec::new();
    for name in OWN {
        collect(data_dir, Path::new(name), &mut paths)?;
    }
    if with_master_key {
        if !data_dir.join(MASTER_KEY).is_file() {
            return Err(Problem::usage(format!(
                "the master key is not a file in {}, so it can not be put into the backup; leave --with-master-key out",
                data_dir.display()
            )));
        }
        paths.push(PathBuf::from(MASTER_KEY));
    }
    let mut files = vec![entry_of(folder, Path::new(DATABASE))?];
    for path in paths {
        files.push(copy_file(&data_dir.join(&path), folder, &path)?);
    }
    let manifest =
        Manifest { format: FORMAT, program: env!("CARGO_PKG_VERSION").to_owned(), schema, made_at: context.now, files };
    let text = serde_json::to_string_pretty(&manifest)? + "\n";
    let mut file = new_file(&folder.join(MANIFEST))?;
    file.write_all(text.as_bytes())?;
    file.sync_all()?;
    sync_folder(Some(folder))?;
    Ok(manifest)
}

/// The version of a database's schema, if nothing of the database is damaged.
async fn sound(database: &Path) -> Result<i64> {
    let look = Store::look(&Location::File(database.to_owned()), true).await?;
    let look = look.with_context(|| format!("{} is missing", database.display()))?;
    match look.damage.as_slice() {
        [] => Ok(look.version),
        damage => bail!("{} is damaged: {}", database.display(), damage.join("; ")),
    }
}

/// The files at a path of a folder, in order. Links are left out: what they point to is not the installation's.
fn collect(folder: &Path, path: &Path, found: &mut Vec<PathBuf>) -> Result<()> {
    let full = folder.join(path);
    let Ok(kind) = std::fs::symlink_metadata(&full) else { return Ok(()) };
    if kind.is_file() {
        found.push(path.to_owned());
    } else if kind.is_dir() {
        let mut names = Vec::new();
        for entry in std::fs::read_dir(&full).with_context(|| format!("{} can not be read", full.display()))? {
            names.push(entry?.file_name());
        }
        names.sort();
        for name in names {
            collect(folder, &path.join(name), found)?;
        }
    }
    Ok(())
}

/// Copies a file and reckons what it is while doing so.
fn copy_file(from: &Path, folder: &Path, path: &Path) -> Result<Entry> {
    let to = folder.join(path);
    if let Some(parent) = to.parent() {
        make_folder(parent)?;
    }
    let failed = || format!("{} can not be copied to {}", from.display(), to.display());
    let mut out = new_file(&to)?;
    let (bytes, sha256) = read_through(from, |part| out.write_all(part)).with_context(failed)?;
    out.sync_all().with_context(failed)?;
    Ok(Entry { path: text_of(path)?, bytes, sha256 })
}

fn entry_of(folder: &Path, path: &Path) -> Result<Entry> {
    let full = folder.join(path);
    let (bytes, sha256) =
        read_through(&full, |_| Ok(())).with_context(|| format!("{} can not be read", full.display()))?;
    Ok(Entry { path: text_of(path)?, bytes, sha256 })
}

/// Reads a file part by part; its size and SHA-256.
fn read_through(path: &Path, mut each: impl FnMut(&[u8]) -> std::io::Result<()>) -> std::io::Result<(u64, String)> {
    let mut file = File::open(path)?;
    let (mut hash, mut bytes, mut part) = (Sha256::new(), 0_u64, vec![0; 1 << 20]);
    loop {
        let read = file.read(&mut part)?;
        if read == 0 {
            return Ok((bytes, HEXLOWER.encode(&hash.finalize())));
        }
        hash.update(&part[..read]);
        each(&part[..read])?;
        bytes += read as u64;
    }
}

fn text_of(path: &Path) -> Result<String> {
    path.to_str().map(str::to_owned).with_context(|| format!("the name {} is no text", path.display()))
}

fn new_file(path: &Path) -> Result<File> {
    let made = OpenOptions::new().create_new(true).write(true).mode(0o600).open(path);
    made.with_context(|| format!("{} can not be made", path.display()))
}

fn make_folder(path: &Path) -> Result<()> {
    let made = std::fs::DirBuilder::new().recursive(true).mode(0o700).create(path);
    made.with_context(|| format!("the folder {} can not be made", path.display()))
}

fn sync_folder(folder: Option<&Path>) -> Result<()> {
    let folder = folder.filter(|folder| !folder.as_os_str().is_empty()).unwrap_or_else(|| Path::new("."));
    File::open(folder).and_then(|folder| folder.sync_all()).context("the folder can not be written to the disk")
}

fn read_manifest(folder: &Path) -> Result<Manifest> {
    let path = folder.join(MANIFEST);
    let Ok(file) = File::open(&path) else {
        let words = format!("{} is no backup: it has no {MANIFEST}", folder.display());
        return Err(Problem::not_found(words, "Name the folder that `jumpseat backup make` has written."));
    };
    let mut text = String::new();
    file.take(LARGEST_MANIFEST)
        .read_to_string(&mut text)
        .map_err(|error| damaged(format!("{} can not be read: {error}", path.display())))?;
    let manifest: Manifest =
        serde_json::from_str(&text).map_err(|error| damaged(format!("{} can not be read: {error}", path.display())))?;
    if manifest.format != FORMAT {
        return Err(Problem::usage(format!(
            "this backup was made by Jumpseat {}, in a layout that this version does not know; use that version",
            manifest.program
        )));
    }
    Ok(manifest)
}

const USE_ANOTHER: &str = "Use another backup: of this one nothing is certain.";

fn damaged(message: String) -> anyhow::Error {
    let help = Some(USE_ANOTHER.to_owned());
    Problem { exit: Exit::Integrity, code: "backup_damaged".to_owned(), message, help }.into()
}

/// What is wrong with a backup, file by file; nothing if it is as it was written.
async fn differences(folder: &Path, manifest: &Manifest) -> Vec<(String, String)> {
    let mut wrong = Vec::new();
    for file in &manifest.files {
        let path = Path::new(&file.path);
        // A path that leads out of the folder is not one that we wrote.
        if !path.components().all(|part| matches!(part, Component::Normal(_))) {
            wrong.push((file.path.clone(), "the path leads out of the folder".to_owned()));
            continue;
        }
        match std::fs::symlink_metadata(folder.join(path)) {
            Ok(kind) if kind.is_file() => match entry_of(folder, path) {
                Ok(found) if found == *file => {}
                Ok(found) if found.bytes < file.bytes => {
                    let said = format!("it was cut short: {} of {} bytes are there", found.bytes, file.bytes);
                    wrong.push((file.path.clone(), said));
                }
                Ok(_) => wrong.push((file.path.clone(), "it is not what it was".to_owned())),
                Err(error) => wrong.push((file.path.clone(), format!("{error:#}"))),
            },
            _ => wrong.push((file.path.clone(), "it is missing".to_owned())),
        }
    }
    if !manifest.files.iter().any(|file| file.path == DATABASE) {
        wrong.push((DATABASE.to_owned(), "the manifest does not name it".to_owned()));
    } else if wrong.is_empty() {
        match sound(&folder.join(DATABASE)).await {
            Ok(schema) if schema == manifest.schema => {}
            Ok(schema) => wrong.push((DATABASE.to_owned(), format!("its schema is version {schema}"))),
            Err(error) => wrong.push((DATABASE.to_owned(), format!("{error:#}"))),
        }
    }
    wrong
}

async fn verify(folder: &Path, global: &Global) -> Result<Exit> {
    let manifest = read_manifest(folder)?;
    let wrong = differences(folder, &manifest).await;
    let mut sheet = Sheet::new(&["file", "difference"]);
    for (file, difference) in &wrong {
        sheet.push(vec![json!(file), json!(difference)]);
    }
    if global.output() != Format::Table || !sheet.is_empty() {
        sheet.write(global.output())?;
    }
    eprintln_quietly(&format!(
        "made at {} by Jumpseat {}: {} files, {} differences",
        manifest.made_at,
        manifest.program,
        manifest.files.len(),
        wrong.len()
    ));
    if !wrong.is_empty() {
        eprintln_quietly(USE_ANOTHER);
    }
    Ok(if wrong.is_empty() { Exit::Ok } else { Exit::Integrity })
}

async fn restore(folder: &Path, global: &Global) -> Result<Exit> {
    let config = crate::config::load(&global.overrides(), global.config.as_deref())?.config;
    embedded_only(&config)?;
    let manifest = read_manifest(folder)?;
    let data_dir = &config.data_dir;
    // Also a log of a database that is gone belongs to what was there.
    for name in [DATABASE, "jumpseat.db-wal", "jumpseat.db-shm"] {
        if data_dir.join(name).exists() {
            return Err(Problem::usage(format!(
                "{} holds an installation already ({name}); nothing is overwritten: name another --data-dir, or move it away",
                data_dir.display()
            )));
        }
    }
    let wrong = differences(folder, &manifest).await;
    if let Some((file, difference)) = wrong.first() {
        return Err(damaged(format!("nothing was restored: {file}: {difference}")));
    }
    for file in manifest.files.iter().filter(|file| data_dir.join(&file.path).exists()) {
        if entry_of(data_dir, Path::new(&file.path))? != *file {
            return Err(Problem::usage(format!(
                "{} is there already and is another one; nothing is overwritten: move it away",
                data_dir.join(&file.path).display()
            )));
        }
    }
    make_folder(data_dir)?;
    // The database comes last: until it is there, there is no installation.
    let others = manifest.files.iter().filter(|file| file.path != DATABASE);
    let database = manifest.files.iter().filter(|file| file.path == DATABASE);
    for file in others.chain(database) {
        put_back(folder, data_dir, file)?;
    }
    sync_folder(Some(data_dir))?;
    let store = open_store(&config).await?;
    let unopened = unopened_credentials(&config, &store).await?;
    let connections = store.connections().await?.len();
    store.close().await;
    if global.output() == Format::Table {
        eprintln_quietly(&format!(
            "restored into {}: {connections} connections, as of {}",
            data_dir.display(),
            manifest.made_at
        ));
    } else {
        write_json(&json!({
            "data_dir": data_dir.display().to_string(),
            "connections": connections,
            "made_at": manifest.made_at.to_string(),
            "credentials_that_do_not_open": unopened,
        }))?;
    }
    if !unopened.is_empty() {
        eprintln_quietly(&format!(
            "warning: the credentials of {} do not open: the master key is not here, or it is another one. Put the right {MASTER_KEY} into {}, \
             or give new credentials with `jumpseat connection rotate`",
            unopened.join(", "),
            data_dir.display()
        ));
    }
    Ok(Exit::Ok)
}

/// Copies a file to its place. It gets its name when it is whole and is what the manifest says.
fn put_back(folder: &Path, data_dir: &Path, file: &Entry) -> Result<()> {
    let to = data_dir.join(&file.path);
    if to.exists() {
        return Ok(());
    }
    let mut part = Path::new(&file.path).to_owned().into_os_string();
    part.push(".part");
    let part = PathBuf::from(part);
    let full = data_dir.join(&part);
    if full.exists() {
        std::fs::remove_file(&full).with_context(|| format!("{} can not be removed", full.display()))?;
    }
    let copied = copy_file(&folder.join(&file.path), data_dir, &part)?;
    if (copied.bytes, &copied.sha256) != (file.bytes, &file.sha256) {
        let _ = std::fs::remove_file(&full);
        return Err(damaged(format!("{} has changed while it was copied", file.path)));
    }
    std::fs::rename(&full, &to).with_context(|| format!("{} can not be put in its place", to.display()))
}

/// The connections whose credentials do not open with the master key that is here.
async fn unopened_credentials(config: &Config, store: &Store) -> Result<Vec<String>> {
    let key = existing_master_key(config).transpose()?;
    let mut unopened = Vec::new();
    for connection in store.connections().await? {
        let opens = match &key {
            Some(key) => store.open_credential(&connection, key).await.is_ok(),
            None => false,
        };
        if !opens {
            unopened.push(connection.name);
        }
    }
    Ok(unopened)
}
