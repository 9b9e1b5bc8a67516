//! `backup`: a copy of an embedded installation, made while it runs, verified, and put back.
//!
//! What a backup is, and how it is made, is in `store::BackupManifest` and `Store::back_up`.

use std::fs::File;
use std::io::Read as _;
use std::path::{Component, Path, PathBuf};

use anyhow::{Context as _, Result};
use clap::{Args, Subcommand};
use serde_json::json;
use store::{BackupFile, BackupManifest, Store};

use super::{Global, audit};
use crate::config::Config;
use crate::context::{Context, existing_master_key};
use crate::exit::{Exit, Problem, eprintln_quietly};
use crate::output::{Format, Sheet, write_json};

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
    if !config.data_dir.join(BackupManifest::DATABASE).exists() {
        let words = format!("there is no installation in {}", config.data_dir.display());
        return Err(Problem::not_found(words, "Name its folder with --data-dir."));
    }
    if args.folder.exists() {
        let words = format!("{} is there already; a backup is written into a new folder", args.folder.display());
        return Err(Problem::usage(words));
    }
    let context = Context::open(global).await?;
    let detail = json!({ "with_master_key": args.with_master_key });
    audit::note(&context, "backup.make", &args.folder.display().to_string(), None, detail).await?;
    let manifest = match context.store.back_up(&config.data_dir, &args.folder, args.with_master_key, context.now).await
    {
        Ok(manifest) => manifest,
        Err(error) => {
            let object = args.folder.display().to_string();
            audit::note_failed(&context, "backup.make", &object, None, &error.to_string()).await;
            return Err(match error {
                store::Error::Refused(why) => Problem::usage(why),
                other => other.into(),
            });
        }
    };
    context.store.close().await;
    tell(&context, &args.folder, &manifest)?;
    Ok(Exit::Ok)
}

fn tell(context: &Context, folder: &Path, manifest: &BackupManifest) -> Result<()> {
    let (bytes, has_key) = (manifest.bytes(), manifest.has_master_key());
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

fn sync_folder(folder: Option<&Path>) -> Result<()> {
    let folder = folder.filter(|folder| !folder.as_os_str().is_empty()).unwrap_or_else(|| Path::new("."));
    File::open(folder).and_then(|folder| folder.sync_all()).context("the folder can not be written to the disk")
}

fn read_manifest(folder: &Path) -> Result<BackupManifest> {
    let path = folder.join(BackupManifest::FILE);
    let Ok(file) = File::open(&path) else {
        let words = format!("{} is no backup: it has no {}", folder.display(), BackupManifest::FILE);
        return Err(Problem::not_found(words, "Name the folder that `jumpseat backup make` has written."));
    };
    let mut text = String::new();
    file.take(LARGEST_MANIFEST)
        .read_to_string(&mut text)
        .map_err(|error| damaged(format!("{} can not be read: {error}", path.display())))?;
    let manifest: BackupManifest =
        serde_json::from_str(&text).map_err(|error| damaged(format!("{} can not be read: {error}", path.display())))?;
    if manifest.format != BackupManifest::FORMAT {
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
async fn differences(folder: &Path, manifest: &BackupManifest) -> Vec<(String, String)> {
    let mut wrong = Vec::new();
    for file in &manifest.files {
        let path = Path::new(&file.path);
        // A path that leads out of the folder is not one that we wrote.
        if !path.components().all(|part| matches!(part, Component::Normal(_))) {
            wrong.push((file.path.clone(), "the path leads out of the folder".to_owned()));
            continue;
        }
        match std::fs::symlink_metadata(folder.join(path)) {
            Ok(kind) if kind.is_file() => match BackupFile::of(folder, path) {
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
    if !manifest.files.iter().any(|file| file.path == BackupManifest::DATABASE) {
        wrong.push((BackupManifest::DATABASE.to_owned(), "the manifest does not name it".to_owned()));
    } else if wrong.is_empty() {
        match Store::sound(&folder.join(BackupManifest::DATABASE)).await {
            Ok(schema) if schema == manifest.schema => {}
            Ok(schema) => wrong.push((BackupManifest::DATABASE.to_owned(), format!("its schema is version {schema}"))),
            Err(error) => wrong.push((BackupManifest::DATABASE.to_owned(), format!("{error:#}"))),
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
    for name in [BackupManifest::DATABASE, "jumpseat.db-wal", "jumpseat.db-shm"] {
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
        if BackupFile::of(data_dir, Path::new(&file.path))? != *file {
            return Err(Problem::usage(format!(
                "{} is there already and is another one; nothing is overwritten: move it away",
                data_dir.join(&file.path).display()
            )));
        }
    }
    // The database comes last: until it is there, there is no installation.
    let others = manifest.files.iter().filter(|file| file.path != BackupManifest::DATABASE);
    let database = manifest.files.iter().filter(|file| file.path == BackupManifest::DATABASE);
    for file in others.chain(database) {
        put_back(folder, data_dir, file)?;
    }
    sync_folder(Some(data_dir))?;
    let context = Context::open(global).await?;
    let detail = json!({ "made_at": manifest.made_at, "program": manifest.program });
    audit::note(&context, "backup.restore", &folder.display().to_string(), None, detail).await?;
    let unopened = unopened_credentials(&config, &context.store).await?;
    let connections = context.store.connections().await?.len();
    context.store.close().await;
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
            "warning: the credentials of {} do not open: the master key is not here, or it is another one. Put the right {} into {}, \
             or give new credentials with `jumpseat connection rotate`",
            unopened.join(", "),
            BackupManifest::MASTER_KEY,
            data_dir.display()
        ));
    }
    Ok(Exit::Ok)
}

/// Copies a file to its place. It gets its name when it is whole and is what the manifest says.
fn put_back(folder: &Path, data_dir: &Path, file: &BackupFile) -> Result<()> {
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
    let copied = BackupFile::copy(&folder.join(&file.path), data_dir, &part)?;
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
