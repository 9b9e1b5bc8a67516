//! The files of a pack as they are written: every byte goes through a hash on its way, so that the manifest is made of what
//! was written and not of what is read again. A folder gets its name when it is finished; an archive is made of the folder.

use std::collections::BTreeMap;
use std::fs::{self, File};
use std::io::{self, BufReader, BufWriter, Write};
use std::os::unix::fs::DirBuilderExt as _;
use std::path::{Path, PathBuf};

use data_encoding::HEXLOWER;
use sha2::{Digest as _, Sha256};
use zip::write::SimpleFileOptions;

/// What is known of a written file.
#[derive(Debug, Clone)]
pub(super) struct Written {
    /// Its size.
    pub bytes: u64,
    /// SHA-256 of its content, hexadecimal.
    pub sha256: String,
}

/// A folder that is being written. Dropped before [`PackFolder::finish`], it leaves nothing.
#[derive(Debug)]
pub(super) struct PackFolder {
    out: PathBuf,
    part: PathBuf,
    files: BTreeMap<String, Written>,
    finished: bool,
}

/// A file that is being written.
#[derive(Debug)]
pub(super) struct PackFile {
    path: String,
    file: BufWriter<File>,
    hasher: Sha256,
    bytes: u64,
}

impl PackFolder {
    /// Begins a pack that will be at `out`, which must not be there yet.
    pub(super) fn begin(out: &Path) -> io::Result<Self> {
        let name = out.file_name().ok_or_else(|| io::Error::other("it has no name"))?;
        let mut part_name = name.to_owned();
        part_name.push(format!(".{}.part", std::process::id()));
        let part = out.with_file_name(part_name);
        if out.symlink_metadata().is_ok() {
            return Err(io::Error::new(
                io::ErrorKind::AlreadyExists,
                "it is there already; a pack is never overwritten",
            ));
        }
        // What is in a pack is about people.
        fs::DirBuilder::new().recursive(true).mode(0o700).create(&part)?;
        Ok(Self { out: out.to_owned(), part, files: BTreeMap::new(), finished: false })
    }

    /// Begins a file.
    pub(super) fn create(&self, path: &str) -> io::Result<PackFile> {
        let place = self.part.join(path);
        if let Some(folder) = place.parent() {
            fs::create_dir_all(folder)?;
        }
        let file = BufWriter::with_capacity(1 << 16, File::create_new(place)?);
        Ok(PackFile { path: path.to_owned(), file, hasher: Sha256::new(), bytes: 0 })
    }

    /// Ends a file.
    pub(super) fn close(&mut self, mut file: PackFile) -> io::Result<()> {
        file.file.flush()?;
        let sha256 = HEXLOWER.encode(&file.hasher.finalize());
        self.files.insert(file.path, Written { bytes: file.bytes, sha256 });
        Ok(())
    }

    /// Writes a file whole.
    pub(super) fn write(&mut self, path: &str, content: &[u8]) -> io::Result<()> {
        let mut file = self.create(path)?;
        file.write_all(content)?;
        self.close(file)
    }

    /// All files so far, by path.
    pub(super) fn files(&self) -> &BTreeMap<String, Written> {
        &self.files
    }

    /// Gives the pack its name, as a folder or as one archive.
    pub(super) fn finish(mut self) -> io::Result<()> {
        if self.out.extension().is_some_and(|ending| ending == "zip") {
            let archive = self.part.with_extension("zip");
            let archived = self.archive(&archive).and_then(|()| fs::rename(&archive, &self.out));
            if archived.is_err() {
                let _ = fs::remove_file(&archive);
            }
            // The drop removes the folder that it was made of.
            return archived;
        }
        for path in self.files.keys() {
            File::open(self.part.join(path))?.sync_all()?;
        }
        fs::rename(&self.part, &self.out)?;
        self.finished = true;
        Ok(())
    }

    /// Writes the files into an archive, always in the same way.
    fn archive(&self, archive: &Path) -> io::Result<()> {
        use std::os::unix::fs::OpenOptionsExt as _;
        let file = File::options().write(true).create_new(true).mode(0o600).open(archive)?;
        let mut zip = zip::ZipWriter::new(BufWriter::new(file));
        for (path, written) in &self.files {
            zip.start_file(path.as_str(), entry_options(written.bytes))?;
            io::copy(&mut BufReader::new(File::open(self.part.join(path))?), &mut zip)?;
        }
        zip.finish()?.into_inner().map_err(io::IntoInnerError::into_error)?.sync_all()
    }
}

/// How a file of this size is put into an archive: always in the same way.
pub(super) fn entry_options(bytes: u64) -> SimpleFileOptions {
    SimpleFileOptions::DEFAULT
        .compression_method(zip::CompressionMethod::Deflated)
        .last_modified_time(zip::DateTime::DEFAULT)
        .unix_permissions(0o600)
        .large_file(bytes >= u64::from(u32::MAX))
}

impl Drop for PackFolder {
    fn drop(&mut self) {
        if !self.finished {
            let _ = fs::remove_dir_all(&self.part);
        }
    }
}

impl Write for PackFile {
    fn write(&mut self, content: &[u8]) -> io::Result<usize> {
        let written = self.file.write(content)?;
        self.hasher.update(&content[..written]);
        self.bytes += written as u64;
        Ok(written)
    }

    fn flush(&mut self) -> io::Result<()> {
        self.file.flush()
    }
}
