//! Names that outlive a loss of power: a file that is flushed can be found again only if its folder is flushed as well.

use std::fs::{DirBuilder, File, OpenOptions};
use std::io::{ErrorKind, Result, Write as _};
use std::os::unix::fs::{DirBuilderExt as _, OpenOptionsExt as _};
use std::path::Path;

/// Makes a folder (mode 0700) with those that it stands in, if they are not there.
pub(crate) fn make_folder(folder: &Path) -> Result<()> {
    let missing: Vec<&Path> = folder.ancestors().take_while(|folder| !folder.exists()).collect();
    DirBuilder::new().recursive(true).mode(0o700).create(folder)?;
    missing.into_iter().try_for_each(flush_name)
}

/// Makes a file (mode 0600) of this content, whole or not at all. One that is there already stays.
pub(crate) fn make_file(path: &Path, content: &[u8]) -> Result<()> {
    let part = path.with_extension(format!("{}.part", uuid::Uuid::now_v7().simple()));
    let mut file = OpenOptions::new().create_new(true).write(true).mode(0o600).open(&part)?;
    let linked = file.write_all(content).and_then(|()| file.sync_all()).and_then(|()| std::fs::hard_link(&part, path));
    std::fs::remove_file(&part)?;
    match linked {
        Err(error) if error.kind() != ErrorKind::AlreadyExists => Err(error),
        _ => flush_name(path),
    }
}

/// Flushes the folder in which this name stands.
pub(crate) fn flush_name(path: &Path) -> Result<()> {
    let folder = path.parent().filter(|folder| !folder.as_os_str().is_empty()).unwrap_or(Path::new("."));
    match File::open(folder)?.sync_all() {
        // Some file systems know no flushing of folders.
        Err(error) if matches!(error.kind(), ErrorKind::InvalidInput | ErrorKind::Unsupported) => Ok(()),
        flushed => flushed,
    }
}
