//! Verifying a pack: with the pack and the public key alone, on any machine. Every file is held against the manifest, the
//! manifest against its signatures, and its place against the chain, where that is given. What differs is named.

use std::collections::{BTreeMap, BTreeSet};
use std::fs::File;
use std::io::{self, BufRead as _, BufReader, Read};
use std::path::{Path, PathBuf};

use data_encoding::HEXLOWER;
use jiff::Timestamp;
use sha2::{Digest as _, Sha256};
use store::EvidencePack;
use zip::ZipArchive;

use super::keys::{HISTORY, KeyLink, lead};
use super::manifest::{ENVELOPE, FORMAT, MANIFEST, MINISIG, Manifest, TIME_STAMP, VERSION, sha256};
use super::sign::{PublicKey, subject_of};
use super::timestamp::{self, Authorities, Stamp};

/// Larger than any manifest; what claims more is not read.
const LARGEST_MANIFEST: u64 = 64 << 20;

/// What the verifier knows beside the pack.
#[derive(Debug, Default)]
pub struct Expected {
    /// The key of the installation. Without it the pack's own is used, which proves less.
    pub key: Option<PublicKey>,
    /// The digest that was told when the pack was made.
    pub digest: Option<String>,
    /// The digest of the pack before it.
    pub previous: Option<String>,
    /// The chain of the installation, as far as it is known.
    pub chain: Option<Vec<ChainLink>>,
    /// The time-stamp authorities that are trusted. With them a pack must have a time stamp.
    pub authorities: Option<Authorities>,
}

/// A pack of the chain.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct ChainLink {
    /// Its number.
    pub number: i64,
    /// The organization.
    pub org_id: String,
    /// The framework.
    pub framework: String,
    /// Its period, if the chain tells it.
    pub period: Option<(Timestamp, Timestamp)>,
    /// The digest of its manifest.
    pub digest: String,
    /// The digest of the pack before it.
    pub previous: Option<String>,
}

/// What was found.
#[derive(Debug, Default)]
pub struct Verified {
    /// What the manifest says, if it could be read.
    pub manifest: Option<Manifest>,
    /// SHA-256 of the manifest.
    pub digest: Option<String>,
    /// The key that was used.
    pub key: Option<PublicKey>,
    /// The key was given, or one that leads to it; otherwise it came with the pack.
    pub is_key_given: bool,
    /// The key that was given, if it is an older one of the installation that leads to the key that was used.
    pub led_by: Option<PublicKey>,
    /// What its time stamp says, if it has a good one.
    pub stamp: Option<Stamp>,
    /// Files that are as the manifest says.
    pub files: u64,
    /// What is wrong; nothing, if the pack is as it was made.
    pub differences: Vec<Difference>,
}

/// Something that is not as it should be.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Difference {
    /// What kind of thing is wrong.
    pub kind: DifferenceKind,
    /// The file.
    pub path: String,
    /// In words.
    pub what: String,
}

/// What kind of thing is wrong.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
#[expect(missing_docs, reason = "`word` says it")]
pub enum DifferenceKind {
    Missing,
    Changed,
    Added,
    Unreadable,
    Signature,
    Key,
    TimeStamp,
    Chain,
}

impl DifferenceKind {
    /// Its word.
    pub fn word(self) -> &'static str {
        match self {
            Self::Missing => "missing",
            Self::Changed => "changed",
            Self::Added => "added",
            Self::Unreadable => "unreadable",
            Self::Signature => "signature",
            Self::Key => "key",
            Self::TimeStamp => "time stamp",
            Self::Chain => "chain",
        }
    }
}

impl From<&EvidencePack> for ChainLink {
    fn from(pack: &EvidencePack) -> Self {
        Self {
            number: pack.number,
            org_id: pack.org_id.clone(),
            framework: pack.framework.clone(),
            period: Some((pack.from, pack.to)),
            digest: pack.digest.clone(),
            previous: pack.previous.clone(),
        }
    }
}

/// Verifies a pack, a folder or an archive.
///
/// # Errors
/// The pack itself can not be opened. Whatever is wrong inside is a difference.
pub fn verify(pack: &Path, expected: &Expected) -> io::Result<Verified> {
    let mut verified = Verified { is_key_given: expected.key.is_some(), ..Verified::default() };
    let mut container = match Container::open(pack) {
        Ok(container) => container,
        Err(error) if error.kind() == io::ErrorKind::InvalidData => {
            let name = pack.file_name().unwrap_or_default().to_string_lossy();
            verified.note(DifferenceKind::Unreadable, &name, error.to_string());
            return Ok(verified);
        }
        Err(error) => return Err(error),
    };
    for (path, what) in container.odd() {
        verified.note(DifferenceKind::Added, &path, what);
    }
    let Some(text) = verified.signed(&mut container, MANIFEST) else { return Ok(verified) };
    let digest = sha256(&text);
    verified.digest = Some(digest.clone());
    let manifest: Option<Manifest> = match serde_json::from_slice::<Manifest>(&text) {
        Ok(manifest) if manifest.format == FORMAT && manifest.version == VERSION => Some(manifest),
        Ok(manifest) => {
            let what =
                format!("it is of a layout that this program does not know: {} {}", manifest.format, manifest.version);
            verified.note(DifferenceKind::Unreadable, MANIFEST, what);
            None
        }
        Err(error) => {
            verified.note(DifferenceKind::Unreadable, MANIFEST, format!("it is no manifest: {error}"));
            None
        }
    };
    verified.check_signatures(&mut container, &text, &digest, manifest.as_ref(), expected);
    verified.check_stamp(&mut container, &text, expected);
    if let Some(manifest) = &manifest {
        verified.check_files(&mut container, manifest);
        verified.check_chain(manifest, &digest, expected);
    }
    verified.manifest = manifest;
    Ok(verified)
}

impl Verified {
    /// Whether the pack is as it was made.
    pub fn is_intact(&self) -> bool {
        self.differences.is_empty()
    }

    fn note(&mut self, kind: DifferenceKind, path: &str, what: impl Into<String>) {
        self.differences.push(Difference { kind, path: path.to_owned(), what: what.into() });
    }

    /// A file of which the manifest says nothing, whole.
    fn signed(&mut self, container: &mut Container, path: &str) -> Option<Vec<u8>> {
        match container.whole(path) {
            None => {
                self.note(DifferenceKind::Missing, path, "it is not there");
                None
            }
            Some(Ok(content)) => Some(content),
            Some(Err(error)) => {
                self.note(DifferenceKind::Unreadable, path, error.to_string());
                None
            }
        }
    }

    fn check_signatures(
        &mut self,
        container: &mut Container,
        text: &[u8],
        digest: &str,
        manifest: Option<&Manifest>,
        expected: &Expected,
    ) {
        let minisig = self.signed(container, MINISIG);
        let envelope = self.signed(container, ENVELOPE);
        let own = manifest.and_then(|manifest| PublicKey::parse(&manifest.public_key));
        if let (Some(given), Some(own)) = (&expected.key, &own)
            && given != own
        {
            match led(container, given, own) {
                Ok(()) => self.led_by = Some(given.clone()),
                Err(why) => {
                    let what =
                        format!("the pack names the key {}, not {}, which was given: {why}", own.id(), given.id());
                    self.note(DifferenceKind::Key, MANIFEST, what);
                }
            }
        }
        let given = expected.key.clone().filter(|_| self.led_by.is_none());
        let Some(key) = given.or(own) else {
            self.note(DifferenceKind::Key, MANIFEST, "it names no key that could be used; give one with --public-key");
            return;
        };
        if let Some(minisig) = minisig {
            let checked = String::from_utf8(minisig)
                .map_err(|_| "it is no minisign signature: it is no text".to_owned())
                .and_then(|signature| key.verify_minisign(text, &signature));
            if let Err(what) = checked {
                self.note(DifferenceKind::Signature, MINISIG, what);
            }
        }
        if let Some(envelope) = envelope {
            match key.verify_envelope(&envelope) {
                Err(what) => self.note(DifferenceKind::Signature, ENVELOPE, what),
                Ok(statement) if subject_of(&statement) != Some(digest) => {
                    self.note(
                        DifferenceKind::Signature,
                        ENVELOPE,
                        "it is about another manifest than the one that is here",
                    );
                }
                Ok(_) => {}
            }
        }
        self.key = Some(key);
    }

    fn check_stamp(&mut self, container: &mut Container, text: &[u8], expected: &Expected) {
        let authorities = expected.authorities.as_ref();
        if authorities.is_none() && container.names().all(|name| name != TIME_STAMP) {
            return;
        }
        let Some(answer) = self.signed(container, TIME_STAMP) else { return };
        match timestamp::check(&answer, text, authorities) {
            Ok(stamp) => self.stamp = Some(stamp),
            Err(what) => self.note(DifferenceKind::TimeStamp, TIME_STAMP, what),
        }
    }

    fn check_files(&mut self, container: &mut Container, manifest: &Manifest) {
        let signed = [MANIFEST, MINISIG, ENVELOPE, TIME_STAMP];
        let mut named = BTreeSet::from(signed);
        for file in &manifest.files {
            if !named.insert(&file.path) {
                self.note(DifferenceKind::Changed, &file.path, "the manifest names it more than once");
                continue;
            }
            match container.hash(&file.path, file.bytes) {
                None => self.note(DifferenceKind::Missing, &file.path, "the manifest names it, and it is not there"),
                Some(Err(error)) => self.note(DifferenceKind::Unreadable, &file.path, error.to_string()),
                Some(Ok((bytes, sha256))) if bytes == file.bytes && sha256 == file.sha256 => self.files += 1,
                Some(Ok((bytes, _))) if bytes != file.bytes => {
                    let more = if bytes > file.bytes { "more" } else { "fewer" };
                    let what = format!("it has {more} bytes than the {} of the manifest", file.bytes);
                    self.note(DifferenceKind::Changed, &file.path, what);
                }
                Some(Ok((_, sha256))) => {
                    let what = format!("its SHA-256 is {sha256}, not {} as in the manifest", file.sha256);
                    self.note(DifferenceKind::Changed, &file.path, what);
                }
            }
        }
        let added: Vec<String> = container.names().filter(|name| !named.contains(name)).map(str::to_owned).collect();
        for path in added {
            self.note(DifferenceKind::Added, &path, "the manifest does not name it");
        }
    }

    fn check_chain(&mut self, manifest: &Manifest, digest: &str, expected: &Expected) {
        if let Some(told) = expected.digest.as_ref().filter(|told| !told.eq_ignore_ascii_case(digest)) {
            let what = format!(
                "the digest of this pack is {digest}, not {told}: it is another pack than the one that was told of"
            );
            self.note(DifferenceKind::Chain, MANIFEST, what);
        }
        let previous = manifest.previous.as_deref();
        if let Some(told) = expected.previous.as_ref()
            && !previous.is_some_and(|previous| previous.eq_ignore_ascii_case(told))
        {
            let what = format!("the pack before it has the digest {}, not {told}", previous.unwrap_or("none"));
            self.note(DifferenceKind::Chain, MANIFEST, what);
        }
        let Some(chain) = &expected.chain else { return };
        for pair in chain.windows(2) {
            if pair[1].previous.as_ref() != Some(&pair[0].digest) || pair[1].number != pair[0].number + 1 {
                let what =
                    format!("in the given chain pack {} does not follow pack {}", pair[1].number, pair[0].number);
                self.note(DifferenceKind::Chain, MANIFEST, what);
            }
        }
        let Some(link) = chain.iter().find(|link| link.digest == digest) else {
            let what = match chain.iter().find(|link| link.number == manifest.number) {
                Some(link) => {
                    format!("in the given chain pack {} has the digest {}, not {digest}", link.number, link.digest)
                }
                None => format!("the given chain has no pack {}", manifest.number),
            };
            self.note(DifferenceKind::Chain, MANIFEST, what);
            return;
        };
        if link.previous.as_deref() != previous || link.number != manifest.number {
            self.note(DifferenceKind::Chain, MANIFEST, "its place in the given chain is another one than it says");
        }
        // The pack of a quarter does not take the place of the one before, which has no day in common with it.
        let same = |other: &&ChainLink| {
            other.org_id == manifest.org_id
                && other.framework == manifest.framework
                && other.period.is_none_or(|(from, to)| from <= manifest.to && manifest.from <= to)
        };
        if let Some(newer) = chain.iter().filter(same).rfind(|other| other.number > manifest.number) {
            let what = format!(
                "it is pack {}, and the given chain has the newer pack {} of the same organization and framework, and of the same time",
                manifest.number, newer.number
            );
            self.note(DifferenceKind::Chain, MANIFEST, what);
        }
    }
}

/// A file of a pack, a folder or an archive; `None` if it is not there.
pub(super) fn whole(pack: &Path, path: &str) -> io::Result<Option<Vec<u8>>> {
    Container::open(pack)?.whole(path).transpose()
}

/// Whether one key leads to another by the pack's list of keys. Each step is signed, so it does not matter who wrote the list.
fn led(container: &mut Container, from: &PublicKey, to: &PublicKey) -> Result<(), String> {
    let text = container.whole(HISTORY).ok_or("the pack has no list of keys")?.map_err(|error| error.to_string())?;
    let links: Vec<KeyLink> = serde_json::from_slice(&text).map_err(|error| format!("no list of keys: {error}"))?;
    lead(&links, from, to)
}

/// A pack as it lies there.
enum Container {
    Folder { root: PathBuf, names: BTreeSet<String>, odd: Vec<(String, String)> },
    Archive { archive: Box<ZipArchive<BufReader<File>>>, names: BTreeMap<String, usize>, odd: Vec<(String, String)> },
}

impl Container {
    fn open(pack: &Path) -> io::Result<Self> {
        if pack.is_dir() {
            let (mut names, mut odd) = (BTreeSet::new(), Vec::new());
            walk(pack, "", &mut names, &mut odd)?;
            return Ok(Self::Folder { root: pack.to_owned(), names, odd });
        }
        let mut file = BufReader::new(File::open(pack)?);
        let begins_as_zip = file.fill_buf()?.starts_with(b"PK");
        let not_zip = |error: zip::result::ZipError| match error {
            zip::result::ZipError::Io(error) if error.kind() != io::ErrorKind::UnexpectedEof => error,
            error => {
                let what = match begins_as_zip {
                    true => "the archive was cut short or damaged; get it once more from whoever made it",
                    false => "it is neither a folder nor a ZIP archive",
                };
                io::Error::new(io::ErrorKind::InvalidData, format!("{what} ({error})"))
            }
        };
        let mut archive = ZipArchive::new(file).map_err(not_zip)?;
        let (mut names, mut odd) = (BTreeMap::new(), Vec::new());
        for at in 0..archive.len() {
            let entry = archive.by_index_raw(at).map_err(not_zip)?;
            let name = entry.name().map_err(not_zip)?.into_owned();
            if entry.is_file() {
                names.insert(name, at);
            } else {
                odd.push((name, "it is no file".to_owned()));
            }
        }
        if archive.has_duplicate_names() {
            // Programs do not agree which of two such files counts.
            let path = pack.file_name().unwrap_or_default().to_string_lossy().into_owned();
            odd.push((path, "the archive has two files of one name".to_owned()));
        }
        Ok(Self::Archive { archive: Box::new(archive), names, odd })
    }

    /// What can not be part of a pack: links, and what comes twice.
    fn odd(&mut self) -> Vec<(String, String)> {
        match self {
            Self::Folder { odd, .. } | Self::Archive { odd, .. } => std::mem::take(odd),
        }
    }

    fn names(&self) -> Box<dyn Iterator<Item = &str> + '_> {
        match self {
            Self::Folder { names, .. } => Box::new(names.iter().map(String::as_str)),
            Self::Archive { names, .. } => Box::new(names.keys().map(String::as_str)),
        }
    }

    /// Reads a file from its beginning; `None` if it is not there. A name is only looked up among those that were found, so no
    /// name can lead out of the pack.
    fn read<T>(&mut self, path: &str, read: impl FnOnce(&mut dyn Read) -> io::Result<T>) -> Option<io::Result<T>> {
        match self {
            Self::Folder { root, names, .. } => {
                names.contains(path).then(|| read(&mut BufReader::new(File::open(root.join(path))?)))
            }
            Self::Archive { archive, names, .. } => {
                let at = *names.get(path)?;
                Some(archive.by_index(at).map_err(io::Error::other).and_then(|mut entry| read(&mut entry)))
            }
        }
    }

    fn whole(&mut self, path: &str) -> Option<io::Result<Vec<u8>>> {
        self.read(path, |reader| {
            let mut content = Vec::new();
            reader.take(LARGEST_MANIFEST + 1).read_to_end(&mut content)?;
            match content.len() as u64 > LARGEST_MANIFEST {
                true => Err(io::Error::other("it is too large")),
                false => Ok(content),
            }
        })
    }

    /// Size and SHA-256 of a file. Of one that is larger than it should be, no more is read than shows it.
    fn hash(&mut self, path: &str, expected: u64) -> Option<io::Result<(u64, String)>> {
        self.read(path, |reader| {
            let mut hasher = Sha256::new();
            let bytes = io::copy(&mut reader.take(expected.saturating_add(1)), &mut HashWriter(&mut hasher))?;
            Ok((bytes, HEXLOWER.encode(&hasher.finalize())))
        })
    }
}

struct HashWriter<'a>(&'a mut Sha256);

impl io::Write for HashWriter<'_> {
    fn write(&mut self, content: &[u8]) -> io::Result<usize> {
        self.0.update(content);
        Ok(content.len())
    }

    fn flush(&mut self) -> io::Result<()> {
        Ok(())
    }
}

/// Finds all files of a folder. Links are not followed.
fn walk(root: &Path, within: &str, names: &mut BTreeSet<String>, odd: &mut Vec<(String, String)>) -> io::Result<()> {
    for entry in std::fs::read_dir(root.join(within))? {
        let entry = entry?;
        let name = entry.file_name();
        let path = match name.to_str() {
            Some(name) if within.is_empty() => name.to_owned(),
            Some(name) => format!("{within}/{name}"),
            None => {
                odd.push((name.to_string_lossy().into_owned(), "its name is no text".to_owned()));
                continue;
            }
        };
        let kind = entry.file_type()?;
        if kind.is_dir() {
            walk(root, &path, names, odd)?;
        } else if kind.is_file() {
            names.insert(path);
        } else {
            odd.push((path, "it is no file but a link or the like".to_owned()));
        }
    }
    Ok(())
}
