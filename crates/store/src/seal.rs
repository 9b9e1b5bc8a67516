//! Sealing credentials: XChaCha20-Poly1305 with a master key that is not in the database, each secret bound to the
//! connection and the host that it was given for.

use std::io::ErrorKind;
use std::path::{Path, PathBuf};

use chacha20poly1305::aead::{Aead, KeyInit, Payload};
use chacha20poly1305::{Key, XChaCha20Poly1305, XNonce};
use data_encoding::{HEXLOWER, HEXLOWER_PERMISSIVE};
use secrecy::{ExposeSecret, SecretString};
use zeroize::Zeroizing;

use crate::{Error, Result, durable};

const VERSION: &str = "v1";
const KEY_BYTES: usize = 32;
const NONCE_BYTES: usize = 24;

/// The key that seals all credentials of an installation. It is wiped from memory when dropped and never printed.
pub struct MasterKey {
    key: Zeroizing<[u8; KEY_BYTES]>,
    source: MasterKeySource,
}

/// Where the master key came from.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum MasterKeySource {
    /// The environment variable `JUMPSEAT_MASTER_KEY`.
    Environment,
    /// The systemd credential `jumpseat-master-key`.
    SystemdCredential(PathBuf),
    /// A file of mode 0600.
    File(PathBuf),
}

/// A secret as it rests in the database.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Sealed(pub(crate) String);

impl std::fmt::Debug for MasterKey {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("MasterKey").field("source", &self.source).finish_non_exhaustive()
    }
}

impl MasterKey {
    /// Finds the master key: environment, then systemd credential, then the file, which is made if nothing is there.
    ///
    /// # Errors
    /// The key is malformed, or its file can be read by others.
    pub fn find(file: &Path, environment: impl Fn(&str) -> Option<String>) -> Result<Self> {
        if let Some(text) = environment("JUMPSEAT_MASTER_KEY") {
            return Self::parse(&text, MasterKeySource::Environment);
        }
        if let Some(folder) = environment("CREDENTIALS_DIRECTORY") {
            let path = Path::new(&folder).join("jumpseat-master-key");
            match std::fs::read_to_string(&path) {
                Ok(text) => return Self::parse(&text, MasterKeySource::SystemdCredential(path)),
                // The folder may be there for other credentials.
                Err(error) if error.kind() == ErrorKind::NotFound => {}
                Err(error) => {
                    let what = format!("the master key {} can not be read: {error}", path.display());
                    return Err(Error::MasterKey(what));
                }
            }
        }
        if !file.exists() {
            Self::make(file)?;
        }
        Self::read(file)
    }

    fn make(file: &Path) -> Result<()> {
        let failed = |error: std::io::Error| {
            Error::MasterKey(format!("the master key file {} can not be made: {error}", file.display()))
        };
        if let Some(folder) = file.parent().filter(|folder| !folder.exists()) {
            durable::make_folder(folder).map_err(failed)?;
        }
        let mut key = Zeroizing::new([0_u8; KEY_BYTES]);
        getrandom::fill(key.as_mut()).map_err(|error| Error::MasterKey(format!("no random numbers: {error}")))?;
        let text = Zeroizing::new(HEXLOWER.encode(key.as_ref()) + "\n");
        // If another process has made one at the same moment, its key is the key.
        durable::make_file(file, text.as_bytes()).map_err(failed)
    }

    fn read(file: &Path) -> Result<Self> {
        use std::os::unix::fs::PermissionsExt;
        let failed = |what: String| Error::MasterKey(format!("the master key file {} {what}", file.display()));
        let mode =
            std::fs::metadata(file).map_err(|error| failed(format!("can not be read: {error}")))?.permissions().mode();
        if mode & 0o077 != 0 {
            return Err(failed(format!(
                "can be read by others (mode {:o}); run: chmod 600 {}",
                mode & 0o777,
                file.display()
            )));
        }
        let text =
            Zeroizing::new(std::fs::read_to_string(file).map_err(|error| failed(format!("can not be read: {error}")))?);
        Self::parse(&text, MasterKeySource::File(file.to_owned()))
    }

    fn parse(text: &str, source: MasterKeySource) -> Result<Self> {
        let key = HEXLOWER_PERMISSIVE
            .decode(text.trim().as_bytes())
            .ok()
            .filter(|bytes| bytes.len() == KEY_BYTES)
            .ok_or_else(|| {
                Error::MasterKey(format!(
                    "the master key ({source}) must be 64 hexadecimal digits; make one with: openssl rand -hex 32"
                ))
            })?;
        let mut fixed = Zeroizing::new([0_u8; KEY_BYTES]);
        fixed.copy_from_slice(&key);
        Ok(Self { key: fixed, source })
    }

    /// Where the key came from.
    pub fn source(&self) -> &MasterKeySource {
        &self.source
    }

    /// Seals `secret` for one connection and host.
    pub fn seal(&self, connection_id: &str, host: &str, secret: &SecretString) -> Result<Sealed> {
        let mut nonce = [0_u8; NONCE_BYTES];
        getrandom::fill(&mut nonce).map_err(|error| Error::Seal(format!("no random numbers: {error}")))?;
        let payload = Payload { msg: secret.expose_secret().as_bytes(), aad: &binding(connection_id, host) };
        let sealed = self
            .cipher()
            .encrypt(&XNonce::from(nonce), payload)
            .map_err(|_| Error::Seal("sealing failed".to_owned()))?;
        Ok(Sealed(format!("{VERSION}.{}.{}", HEXLOWER.encode(&nonce), HEXLOWER.encode(&sealed))))
    }

    /// Opens what was sealed for this connection and host.
    ///
    /// # Errors
    /// Another master key, another connection or host, or a changed text: all fail closed with the same words.
    pub fn open(&self, connection_id: &str, host: &str, sealed: &Sealed) -> Result<SecretString> {
        let refused = || {
            Error::Seal(
                "it was sealed with another master key, or for another connection or host; give the credential again with `jumpseat connection rotate`".to_owned(),
            )
        };
        let mut parts = sealed.0.split('.');
        let (Some(VERSION), Some(nonce), Some(body), None) = (parts.next(), parts.next(), parts.next(), parts.next())
        else {
            return Err(refused());
        };
        let nonce: [u8; NONCE_BYTES] =
            HEXLOWER.decode(nonce.as_bytes()).ok().and_then(|bytes| bytes.try_into().ok()).ok_or_else(refused)?;
        let body = HEXLOWER.decode(body.as_bytes()).map_err(|_| refused())?;
        let payload = Payload { msg: body.as_slice(), aad: &binding(connection_id, host) };
        let opened = self.cipher().decrypt(&XNonce::from(nonce), payload).map_err(|_| refused())?;
        String::from_utf8(opened).map(SecretString::from).map_err(|_| refused())
    }

    fn cipher(&self) -> XChaCha20Poly1305 {
        XChaCha20Poly1305::new(&Key::from(*self.key))
    }
}

impl std::fmt::Display for MasterKeySource {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        match self {
            Self::Environment => f.write_str("from JUMPSEAT_MASTER_KEY"),
            Self::SystemdCredential(path) | Self::File(path) => write!(f, "from {}", path.display()),
        }
    }
}

/// What a sealed secret is bound to. The lengths keep `("ab", "c")` and `("a", "bc")` apart.
fn binding(connection_id: &str, host: &str) -> Vec<u8> {
    format!("jumpseat credential {VERSION} {} {connection_id} {} {host}", connection_id.len(), host.len()).into_bytes()
}

#[cfg(test)]
mod tests {
    use super::*;

    fn key(text: &str) -> MasterKey {
        MasterKey::parse(text, MasterKeySource::Environment).unwrap()
    }

    fn canary() -> SecretString {
        SecretString::from("jca_CANARY0123456789".to_owned())
    }

    #[test]
    fn a_sealed_secret_opens_only_for_its_connection_host_and_key() {
        let mine = key(&"ab".repeat(32));
        let sealed = mine.seal("c1", "console.jumpcloud.com", &canary()).unwrap();
        assert_eq!(
            mine.open("c1", "console.jumpcloud.com", &sealed).unwrap().expose_secret(),
            canary().expose_secret()
        );
        assert!(mine.open("c2", "console.jumpcloud.com", &sealed).is_err());
        assert!(mine.open("c1", "console.eu.jumpcloud.com", &sealed).is_err());
        assert!(key(&"cd".repeat(32)).open("c1", "console.jumpcloud.com", &sealed).is_err());
    }

    #[test]
    fn every_changed_byte_of_a_sealed_secret_is_noticed() {
        let mine = key(&"ab".repeat(32));
        let sealed = mine.seal("c1", "h", &canary()).unwrap();
        for at in 0..sealed.0.len() {
            let mut bytes = sealed.0.clone().into_bytes();
            bytes[at] = if bytes[at] == b'0' { b'1' } else { b'0' };
            let changed = Sealed(String::from_utf8(bytes).unwrap());
            assert!(mine.open("c1", "h", &changed).is_err(), "byte {at}");
        }
    }

    #[test]
    fn neither_debug_nor_the_sealed_text_shows_the_secret() {
        let mine = key(&"ab".repeat(32));
        let sealed = mine.seal("c1", "h", &canary()).unwrap();
        assert!(!format!("{mine:?} {sealed:?}").contains("CANARY"));
        assert!(!format!("{mine:?}").contains("abab"));
    }

    #[test]
    fn a_key_file_is_made_with_mode_0600_and_refused_when_others_can_read_it() {
        use std::os::unix::fs::PermissionsExt;
        let folder = tempfile::tempdir().unwrap();
        let file = folder.path().join("master.key");
        let made = MasterKey::find(&file, |_| None).unwrap();
        assert_eq!(std::fs::metadata(&file).unwrap().permissions().mode() & 0o777, 0o600);
        let again = MasterKey::find(&file, |_| None).unwrap();
        assert_eq!(made.key.as_ref(), again.key.as_ref());
        std::fs::set_permissions(&file, std::fs::Permissions::from_mode(0o640)).unwrap();
        let refused = MasterKey::find(&file, |_| None).unwrap_err().to_string();
        assert!(refused.contains("chmod 600"), "{refused}");
    }

    #[test]
    fn programs_that_begin_at_once_have_one_key_and_none_sees_half_of_it() {
        const AT_ONCE: usize = 8;
        for _ in 0..50 {
            let folder = tempfile::tempdir().unwrap();
            let file = folder.path().join("master.key");
            let begin = std::sync::Barrier::new(AT_ONCE);
            let find = || {
                begin.wait();
                MasterKey::find(&file, |_| None).unwrap().key
            };
            let keys: Vec<_> = std::thread::scope(|scope| {
                let threads: Vec<_> = (0..AT_ONCE).map(|_| scope.spawn(find)).collect();
                threads.into_iter().map(|thread| thread.join().unwrap()).collect()
            });
            assert!(keys.iter().all(|key| **key == *keys[0]));
            assert_eq!(std::fs::read_dir(folder.path()).unwrap().count(), 1, "something is left over");
        }
    }

    #[test]
    fn a_credential_that_can_not_be_read_is_told_and_no_other_key_takes_its_place() {
        let folder = tempfile::tempdir().unwrap();
        let (file, credential) = (folder.path().join("master.key"), folder.path().join("jumpseat-master-key"));
        let environment =
            |name: &str| (name == "CREDENTIALS_DIRECTORY").then(|| folder.path().to_str().unwrap().to_owned());
        std::fs::create_dir(&credential).unwrap();
        let refused = MasterKey::find(&file, environment).unwrap_err().to_string();
        assert!(refused.contains("jumpseat-master-key can not be read"), "{refused}");
        assert!(!file.exists());
        std::fs::remove_dir(&credential).unwrap();
        std::fs::write(&credential, "0f".repeat(32)).unwrap();
        assert_eq!(
            MasterKey::find(&file, environment).unwrap().source(),
            &MasterKeySource::SystemdCredential(credential)
        );
        assert!(!file.exists());
    }

    #[test]
    fn the_environment_comes_before_the_file_and_a_bad_key_is_refused() {
        let folder = tempfile::tempdir().unwrap();
        let file = folder.path().join("master.key");
        let found = MasterKey::find(&file, |name| (name == "JUMPSEAT_MASTER_KEY").then(|| "0f".repeat(32))).unwrap();
        assert_eq!(found.source(), &MasterKeySource::Environment);
        assert!(!file.exists());
        assert!(MasterKey::find(&file, |name| (name == "JUMPSEAT_MASTER_KEY").then(|| "short".to_owned())).is_err());
    }
}
