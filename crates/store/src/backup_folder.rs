//! A backup: a folder with a copy of an embedded store, the user's own files, and `backup.json`, which names every file with its
//! size and SHA-256. How the store itself is copied is in `backup.rs`; verifying and putting back is the command line's.

use std::fs::{File, OpenOptions};
use std::io::{Read as _, Write as _};
use std::os::unix::fs::OpenOptionsExt as _;
use std::path::{Path, PathBuf};

use data_encoding::HEXLOWER;
use jiff::Timestamp;
use serde::{Deserialize, Serialize};
use sha2::{Digest as _, Sha256};

use crate::{Error, Location, Result, Store, durable};

/// So much of a disk is left over, in bytes: the store goes on writing to the same one, it may be.
const SPARE: u64 = 64 << 20;
/// The user's own files in the data directory.
const OWN: &[&str] = &["posture.toml", "checks", "evidence"];

/// What is in a backup.
#[derive(Debug, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct BackupManifest {
    /// The version of this layout.
    pub format: u32,
    /// Version of the program that made it.
    pub program: String,
    /// Version of the database's schema.
    pub schema: i64,
    /// When it was made.
    pub made_at: Timestamp,
    /// Every file but the manifest itself.
    pub files: Vec<BackupFile>,
}

/// A file of a backup.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct BackupFile {
    /// With `/` between its parts.
    pub path: String,
    /// Its size, in bytes.
    pub bytes: u64,
    /// Of its content, in hexadecimal digits.
    pub sha256: String,
}

impl BackupManifest {
    /// The version of the layout that this program writes.
    pub const FORMAT: u32 = 1;
    /// The file that holds it.
    pub const FILE: &str = "backup.json";
    /// The copy of the store.
    pub const DATABASE: &str = "jumpseat.db";
    /// The master key, if it was asked for.
    pub const MASTER_KEY: &str = "master.key";

    /// The size of all files, in bytes.
    pub fn bytes(&self) -> u64 {
        self.files.iter().map(|file| file.bytes).sum()
    }

    /// Whether credentials can be opened with what is in it.
    pub fn has_master_key(&self) -> bool {
        self.files.iter().any(|file| file.path == Self::MASTER_KEY)
    }
}

impl BackupFile {
    /// What a file of a folder is now.
    ///
    /// # Errors
    /// [`Error::File`] if it can not be read.
    pub fn of(folder: &Path, path: &Path) -> Result<Self> {
        let full = folder.join(path);
        let (bytes, sha256) = read_through(&full, |_| Ok(())).map_err(failed(&full))?;
        Ok(Self { path: text_of(path)?, bytes, sha256 })
    }

    /// Copies a file to a path of a folder where none is (mode 0600), and reckons what it is while doing so.
    ///
    /// # Errors
    /// [`Error::File`] if it can not be read or written.
    pub fn copy(from: &Path, folder: &Path, path: &Path) -> Result<Self> {
        let to = folder.join(path);
        if let Some(parent) = to.parent() {
            durable::make_folder(parent).map_err(failed(parent))?;
        }
        let mut out = new_file(&to)?;
        let (bytes, sha256) = read_through(from, |part| out.write_all(part)).map_err(failed(&to))?;
        out.sync_all().map_err(failed(&to))?;
        Ok(Self { path: text_of(path)?, bytes, sha256 })
    }
}

impl Store {
    /// Makes a backup of an embedded installation in a folder that is not there yet, while others go on reading and writing. The
    /// copy of the database is read and checked before the folder gets its name. Without the master key nobody can open a
    /// credential, whoever gets hold of the folder.
    ///
    /// # Errors
    /// [`Error::Refused`] on PostgreSQL, when the folder is there, or when the master key is asked for and is not a file of the
    /// data directory; [`Error::File`] when something can not be read or written, or the copy is damaged.
    pub async fn back_up(
        &self,
        data_dir: &Path,
        folder: &Path,
        with_master_key: bool,
        now: Timestamp,
    ) -> Result<BackupManifest> {
        if folder.exists() {
            let words = format!("{} is there already; a backup is written into a new folder", folder.display());
            return Err(Error::Refused(words));
        }
        // It gets its name when it is whole.
        let mut part = folder.to_owned().into_os_string();
        part.push(".part");
        let part = PathBuf::from(part);
        durable::make_folder(&part).map_err(failed(&part))?;
        let room = room_in(&part)?;
        let needed = self.size().await? + SPARE;
        if room < needed {
            let _ = std::fs::remove_dir(&part);
            return Err(Error::Refused(format!(
                "{} has {room} bytes left, and a backup needs {needed}: make room, or choose another disk",
                folder.display()
            )));
        }
        match self.write_backup(data_dir, &part, with_master_key, now).await {
            Ok(manifest) => {
                std::fs::rename(&part, folder).and_then(|()| durable::flush_name(folder)).map_err(failed(folder))?;
                Ok(manifest)
            }
            Err(error) => {
                // What is not whole is of no use.
                let _ = std::fs::remove_dir_all(&part);
                Err(error)
            }
        }
    }

    async fn write_backup(
        &self,
        data_dir: &Path,
        folder: &Path,
        with_master_key: bool,
        now: Timestamp,
    ) -> Result<BackupManifest> {
        let copy = folder.join(BackupManifest::DATABASE);
        self.copy_into(&copy).await?;
        let schema = Self::sound(&copy).await?;
        let (data_dir, folder) = (data_dir.to_owned(), folder.to_owned());
        // Reading all of it takes as long as the disk does, and must not hold up who answers.
        let written = move || write_files(&data_dir, &folder, with_master_key, schema, now);
        tokio::task::spawn_blocking(written).await.map_err(|error| Error::Refused(error.to_string()))?
    }

    /// The version of a database's schema, if nothing of the database is damaged.
    ///
    /// # Errors
    /// [`Error::File`] if something is, or if there is none.
    pub async fn sound(database: &Path) -> Result<i64> {
        let bad = |what: String| Error::File { path: database.to_owned(), what };
        let look = Self::look(&Location::File(database.to_owned()), true).await?;
        let look = look.ok_or_else(|| bad("it is missing".to_owned()))?;
        match look.damage.as_slice() {
            [] => Ok(look.version),
            damage => Err(bad(format!("it is damaged: {}", damage.join("; ")))),
        }
    }
}

/// Everything beside the database, and the manifest last.
fn write_files(
    data_dir: &Path,
    folder: &Path,
    with_master_key: bool,
    schema: i64,
    now: Timestamp,
) -> Result<BackupManifest> {
    let mut paths = Vec::new();
    for name in OWN {
        collect(data_dir, Path::new(name), &mut paths)?;
    }
    if with_master_key {
        if !data_dir.join(BackupManifest::MASTER_KEY).is_file() {
            return Err(Error::Refused(format!(
                "the master key is not a file in {}, so it can not be put into the backup; leave --with-master-key out",
                data_dir.display()
            )));
        }
        paths.push(PathBuf::from(BackupManifest::MASTER_KEY));
    }
    let mut files = vec![BackupFile::of(folder, Path::new(BackupManifest::DATABASE))?];
    for path in paths {
        files.push(BackupFile::copy(&data_dir.join(&path), folder, &path)?);
    }
    let program = env!("CARGO_PKG_VERSION").to_owned();
    let manifest = BackupManifest { format: BackupManifest::FORMAT, program, schema, made_at: now, files };
    let text = serde_json::to_string_pretty(&manifest).map_err(|error| Error::Refused(error.to_string()))? + "\n";
    let place = folder.join(BackupManifest::FILE);
    let mut file = new_file(&place)?;
    file.write_all(text.as_bytes()).and_then(|()| file.sync_all()).map_err(failed(&place))?;
    durable::flush_name(&place).map_err(failed(&place))?;
    Ok(manifest)
}

/// The files at a path of a folder, in order. Links are left out: what they point to is not the installation's.
fn collect(folder: &Path, path: &Path, found: &mut Vec<PathBuf>) -> Result<()> {
    let full = folder.join(path);
    let Ok(kind) = std::fs::symlink_metadata(&full) else { return Ok(()) };
    if kind.is_file() {
        found.push(path.to_owned());
    } else if kind.is_dir() {
        let mut names = Vec::new();
        for entry in std::fs::read_dir(&full).map_err(failed(&full))? {
            names.push(entry.map_err(failed(&full))?.file_name());
        }
        names.sort();
        for name in names {
            collect(folder, &path.join(name), found)?;
        }
    }
    Ok(())
}

/// What is left for us on the disk of a folder, in bytes.
fn room_in(folder: &Path) -> Result<u64> {
    let disk = rustix::fs::statvfs(folder).map_err(|error| failed(folder)(error.into()))?;
    Ok(disk.f_bavail.saturating_mul(disk.f_frsize))
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
    let text = path.to_str().map(str::to_owned);
    text.ok_or_else(|| Error::File { path: path.to_owned(), what: "its name is no text".to_owned() })
}

fn new_file(path: &Path) -> Result<File> {
    OpenOptions::new().create_new(true).write(true).mode(0o600).open(path).map_err(failed(path))
}

fn failed(path: &Path) -> impl Fn(std::io::Error) -> Error {
    move |error| Error::File { path: path.to_owned(), what: error.to_string() }
}
