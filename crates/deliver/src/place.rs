//! Where an archive is: a folder, or a bucket of S3, Google Cloud Storage or Azure Blob. Which host its credential goes to
//! is decided here and nowhere else, and every failure is told in words that name the place and no secret.

use std::path::{Path as FilePath, PathBuf};
use std::str::FromStr;
use std::sync::Arc;
use std::time::Duration;

use bytes::Bytes;
use futures::{StreamExt as _, TryStreamExt as _};
use object_store::aws::{AmazonS3Builder, AmazonS3ConfigKey};
use object_store::azure::{AzureConfigKey, MicrosoftAzureBuilder};
use object_store::buffered::BufWriter;
use object_store::gcp::{GoogleCloudStorageBuilder, GoogleConfigKey};
use object_store::local::LocalFileSystem;
use object_store::path::Path;
use object_store::{
    BackoffConfig, Certificate, ClientOptions, ObjectStore, ObjectStoreExt as _, ObjectStoreScheme, RetryConfig,
};
use secrecy::{ExposeSecret as _, SecretString};
use url::Url;

use crate::{Error, Result};

/// What the program allows and knows of the machine.
#[derive(Debug, Clone)]
pub struct Access {
    /// An endpoint on this machine may be without TLS.
    pub allow_loopback: bool,
    /// Certificate authorities to trust beside the system's, as PEM.
    pub extra_root_certificates: Vec<Vec<u8>>,
    /// How long a request that fails is tried again.
    pub patience: Duration,
}

impl Default for Access {
    fn default() -> Self {
        Self { allow_loopback: false, extra_root_certificates: Vec::new(), patience: Duration::from_secs(60) }
    }
}

/// Where an archive is, as the user says it.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct PlaceUrl {
    url: Url,
    scheme: Scheme,
    /// What is before every object's name.
    prefix: Path,
}

#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Scheme {
    Folder,
    S3,
    Google,
    Azure,
}

/// The settings of an object store that are no secret and not in its URL.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub(crate) struct Options<'a> {
    pub region: Option<&'a str>,
    pub endpoint: Option<&'a str>,
}

impl PlaceUrl {
    /// Reads a URL (`s3://bucket/prefix`, `gs://bucket/prefix`, `abfss://container@account.dfs.core.windows.net/prefix`)
    /// or the path of a folder.
    ///
    /// # Errors
    /// It is none of these, or has a password in it.
    pub fn parse(text: &str, working_folder: &FilePath) -> Result<Self> {
        let url = match Url::parse(text) {
            // One letter is a drive of Windows, not a scheme.
            Ok(url) if url.scheme().len() > 1 => url,
            _ => {
                let folder = normalized(&working_folder.join(text));
                Url::from_directory_path(&folder)
                    .map_err(|()| Error::Place(format!("{text:?} is no folder that a file can be in")))?
            }
        };
        if url.password().is_some() || url.query().is_some() || url.fragment().is_some() {
            return Err(Error::Place(
                "the URL of an archive has no password, no `?` and no `#`: give the credential with --credential-file"
                    .to_owned(),
            ));
        }
        let known = "it is s3://bucket/prefix, gs://bucket/prefix, abfss://container@account.dfs.core.windows.net/prefix \
                     or the path of a folder";
        let (scheme, prefix) = ObjectStoreScheme::parse(&url)
            .map_err(|error| Error::Place(format!("{url} is no place: {error}; {known}")))?;
        let scheme = match scheme {
            ObjectStoreScheme::Local => Scheme::Folder,
            ObjectStoreScheme::AmazonS3 => Scheme::S3,
            ObjectStoreScheme::GoogleCloudStorage => Scheme::Google,
            ObjectStoreScheme::MicrosoftAzure => Scheme::Azure,
            _ => return Err(Error::Place(format!("{url} is no place for an archive; {known}"))),
        };
        // A folder is the root itself.
        let prefix = if scheme == Scheme::Folder { Path::default() } else { prefix };
        Ok(Self { url, scheme, prefix })
    }

    /// The folder, if it is one.
    pub fn folder(&self) -> Option<PathBuf> {
        self.url.to_file_path().ok().filter(|_| self.scheme == Scheme::Folder)
    }

    /// Reads a credential file for this kind of place: lines as the environment would have them
    /// (`AWS_ACCESS_KEY_ID=…`), or for Google the JSON file of a service account.
    ///
    /// # Errors
    /// A line is something else, or names what is no credential.
    pub fn parse_credential(&self, text: &str) -> Result<SecretString> {
        if self.scheme == Scheme::Folder {
            return Err(Error::Place("a folder takes no credential".to_owned()));
        }
        pairs(self.scheme, text)?;
        Ok(SecretString::from(text.to_owned()))
    }
}

impl std::fmt::Display for PlaceUrl {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        match self.folder() {
            Some(folder) => folder.display().fmt(f),
            None => self.url.fmt(f),
        }
    }
}

/// A path without `.` and `..`, which a URL can not have. What is not there yet has no canonical path.
fn normalized(path: &FilePath) -> PathBuf {
    let mut normal = PathBuf::new();
    for part in path.components() {
        match part {
            std::path::Component::CurDir => {}
            std::path::Component::ParentDir => {
                normal.pop();
            }
            part => normal.push(part),
        }
    }
    normal
}

/// What a credential file may hold, for each kind of place.
const AWS: &[&str] = &["AWS_ACCESS_KEY_ID", "AWS_SECRET_ACCESS_KEY", "AWS_SESSION_TOKEN"];
const GOOGLE: &[&str] = &["GOOGLE_SERVICE_ACCOUNT_KEY"];
const AZURE: &[&str] = &[
    "AZURE_STORAGE_ACCOUNT_NAME",
    "AZURE_STORAGE_ACCOUNT_KEY",
    "AZURE_STORAGE_SAS_KEY",
    "AZURE_STORAGE_CLIENT_ID",
    "AZURE_STORAGE_CLIENT_SECRET",
    "AZURE_STORAGE_TENANT_ID",
];

fn pairs(scheme: Scheme, text: &str) -> Result<Vec<(&'static str, String)>> {
    let known = match scheme {
        Scheme::Folder => &[],
        Scheme::S3 => AWS,
        Scheme::Google if text.trim_start().starts_with('{') => return Ok(vec![(GOOGLE[0], text.trim().to_owned())]),
        Scheme::Google => GOOGLE,
        Scheme::Azure => AZURE,
    };
    let lines = text.lines().map(str::trim).filter(|line| !line.is_empty() && !line.starts_with('#'));
    let pairs: Vec<_> = lines
        .enumerate()
        .map(|(number, line)| {
            let line = line.strip_prefix("export ").unwrap_or(line);
            // Neither the name nor the value is repeated: either might be the secret.
            let wrong = || {
                Error::Place(format!(
                    "line {} of the credential is not NAME=VALUE with one of the names {}",
                    number + 1,
                    known.join(", ")
                ))
            };
            let (name, value) = line.split_once('=').ok_or_else(wrong)?;
            let name = known.iter().find(|known| known.eq_ignore_ascii_case(name.trim())).ok_or_else(wrong)?;
            Ok((*name, value.trim().trim_matches('"').to_owned()))
        })
        .collect::<Result<_>>()?;
    if pairs.is_empty() {
        return Err(Error::Place(format!("the credential is empty; it has lines with {}", known.join(", "))));
    }
    Ok(pairs)
}

/// An archive's place, opened.
#[derive(Clone)]
pub struct Place {
    store: Arc<dyn ObjectStore>,
    prefix: Path,
    folder: Option<PathBuf>,
    /// For messages.
    name: String,
}

/// Nothing of the credential.
impl std::fmt::Debug for Place {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("Place").field("name", &self.name).finish_non_exhaustive()
    }
}

/// What is kept in memory of an object before its parts are sent.
const PART_BYTES: usize = 8 << 20;
/// Parts of one object that are on their way at the same time.
const PARTS_AT_ONCE: usize = 2;

impl Place {
    /// Opens a place; nothing is asked of it yet, but a folder must be there.
    ///
    /// # Errors
    /// The settings can not be used, or the folder is not there.
    pub(crate) fn open(
        at: &PlaceUrl,
        options: &Options<'_>,
        credential: Option<&SecretString>,
        access: &Access,
    ) -> Result<Self> {
        let name = at.to_string();
        let unusable = |error: object_store::Error| Error::Place(format!("{name} can not be used: {}", words(&error)));
        if let Some(folder) = at.folder() {
            // Made when the archive is added, and not again: a disk that is not mounted is no empty archive.
            if !folder.is_dir() {
                return Err(Error::NotFound { place: name, what: "there is no such folder".to_owned() });
            }
            let store = LocalFileSystem::new_with_prefix(&folder).map_err(unusable)?.with_fsync(true);
            return Ok(Self { store: Arc::new(store), prefix: Path::default(), folder: Some(folder), name });
        }
        let client = client_options(options.endpoint, access)?;
        let retry = RetryConfig { backoff: BackoffConfig::default(), max_retries: 10, retry_timeout: access.patience };
        let given = credential.map(|text| pairs(at.scheme, text.expose_secret())).transpose()?;
        let store: Arc<dyn ObjectStore> = match at.scheme {
            Scheme::Folder => unreachable!("a folder was opened above"),
            Scheme::S3 => {
                let mut builder = match &given {
                    // A credential that was given is used alone: nothing of the environment sends it elsewhere.
                    Some(given) => {
                        configured(AmazonS3Builder::new(), given, |builder, key: AmazonS3ConfigKey, value| {
                            builder.with_config(key, value)
                        })?
                    }
                    None => AmazonS3Builder::from_env(),
                };
                builder = builder.with_url(at.url.as_str()).with_client_options(client).with_retry(retry);
                if let Some(region) = options.region {
                    builder = builder.with_region(region);
                }
                if let Some(endpoint) = options.endpoint {
                    // Servers of other makers have no host for each bucket.
                    builder = builder.with_endpoint(endpoint).with_virtual_hosted_style_request(false);
                }
                Arc::new(builder.build().map_err(unusable)?)
            }
            Scheme::Google => {
                let builder = match &given {
                    Some(given) => {
                        configured(GoogleCloudStorageBuilder::new(), given, |builder, key: GoogleConfigKey, value| {
                            builder.with_config(key, value)
                        })?
                    }
                    None => GoogleCloudStorageBuilder::from_env(),
                };
                let mut builder = builder.with_url(at.url.as_str()).with_client_options(client).with_retry(retry);
                if let Some(endpoint) = options.endpoint {
                    builder = builder.with_base_url(endpoint);
                }
                Arc::new(builder.build().map_err(unusable)?)
            }
            Scheme::Azure => {
                let builder = match &given {
                    Some(given) => {
                        configured(MicrosoftAzureBuilder::new(), given, |builder, key: AzureConfigKey, value| {
                            builder.with_config(key, value)
                        })?
                    }
                    None => MicrosoftAzureBuilder::from_env(),
                };
                let mut builder = builder.with_url(at.url.as_str()).with_client_options(client).with_retry(retry);
                if let Some(endpoint) = options.endpoint {
                    builder = builder.with_endpoint(endpoint.to_owned());
                }
                Arc::new(builder.build().map_err(unusable)?)
            }
        };
        Ok(Self { store, prefix: at.prefix.clone(), folder: None, name })
    }

    /// A place that is an object store of the caller's own: for tests.
    pub fn of_store(store: Arc<dyn ObjectStore>, name: &str) -> Self {
        Self { store, prefix: Path::default(), folder: None, name: name.to_owned() }
    }

    /// Where an object is within the store.
    fn at(&self, path: &str) -> Result<Path> {
        let path =
            Path::parse(path).map_err(|error| Error::Place(format!("{path} is no name of an object: {error}")))?;
        Ok(self.prefix.parts().chain(path.parts()).collect())
    }

    /// Begins an object. It takes the place of one of that name when it is finished, and not before.
    pub(crate) fn write(&self, path: &str) -> Result<Upload> {
        let writer = BufWriter::with_capacity(self.store.clone(), self.at(path)?, PART_BYTES)
            .with_max_concurrency(PARTS_AT_ONCE);
        Ok(Upload { writer, place: self.name.clone() })
    }

    /// Reads an object piece by piece; nothing if it is not there.
    pub(crate) async fn read(&self, path: &str, mut piece: impl FnMut(&[u8]) -> Result<()>) -> Result<Option<u64>> {
        let got = match self.store.get(&self.at(path)?).await {
            Err(object_store::Error::NotFound { source, .. }) if !is_of_bucket(&source.to_string()) => return Ok(None),
            got => got.map_err(|error| told(&self.name, &error))?,
        };
        let mut bytes = 0;
        let mut stream = got.into_stream();
        while let Some(next) = stream.try_next().await.map_err(|error| told(&self.name, &error))? {
            bytes += next.len() as u64;
            piece(&next)?;
        }
        Ok(Some(bytes))
    }

    /// Removes an object, if it is there.
    pub(crate) async fn remove(&self, path: &str) -> Result<()> {
        match self.store.delete(&self.at(path)?).await {
            Err(object_store::Error::NotFound { source, .. }) if !is_of_bucket(&source.to_string()) => Ok(()),
            done => done.map_err(|error| told(&self.name, &error)),
        }
    }

    /// The names of all objects under a folder of the archive, in order.
    pub(crate) async fn list(&self, folder: &str) -> Result<Vec<String>> {
        let under = if folder.is_empty() { self.prefix.clone() } else { self.at(folder)? };
        let depth = self.prefix.parts().count();
        let mut names = Vec::new();
        let mut listed = self.store.list(Some(&under).filter(|under| !under.as_ref().is_empty()));
        while let Some(object) = listed.next().await {
            let object = object.map_err(|error| told(&self.name, &error))?;
            let path: Path = object.location.parts().skip(depth).collect();
            names.push(path.to_string());
        }
        names.sort_unstable();
        Ok(names)
    }

    /// Removes what a process that was killed has left of writing this object. Only folders keep such things: object stores
    /// drop unfinished uploads by a rule of the bucket.
    pub(crate) async fn sweep(&self, path: &str) -> Result<()> {
        let Some(folder) = &self.folder else { return Ok(()) };
        let file = folder.join(path);
        let (Some(parent), Some(name)) = (file.parent(), file.file_name().and_then(|name| name.to_str())) else {
            return Ok(());
        };
        let failed = |source| Error::File { what: format!("{} can not be tidied", parent.display()), source };
        let mut entries = match tokio::fs::read_dir(parent).await {
            Err(error) if error.kind() == std::io::ErrorKind::NotFound => return Ok(()),
            entries => entries.map_err(failed)?,
        };
        while let Some(entry) = entries.next_entry().await.map_err(failed)? {
            // The object store writes to `name#1` and renames that.
            let is_left = entry
                .file_name()
                .to_str()
                .and_then(|entry| entry.strip_prefix(name)?.strip_prefix('#'))
                .is_some_and(|number| !number.is_empty() && number.bytes().all(|byte| byte.is_ascii_digit()));
            if is_left {
                tokio::fs::remove_file(entry.path()).await.map_err(failed)?;
            }
        }
        Ok(())
    }
}

/// An object being written.
pub(crate) struct Upload {
    writer: BufWriter,
    place: String,
}

impl Upload {
    pub(crate) async fn put(&mut self, bytes: Bytes) -> Result<()> {
        self.writer.put(bytes).await.map_err(|error| told(&self.place, &error))
    }

    /// Returns when the object store has confirmed the whole object.
    pub(crate) async fn finish(mut self) -> Result<()> {
        tokio::io::AsyncWriteExt::shutdown(&mut self.writer).await.map_err(|error| {
            match error.get_ref().and_then(|inner| inner.downcast_ref::<object_store::Error>()) {
                Some(error) => told(&self.place, error),
                None => Error::Failed { place: self.place.clone(), what: error.to_string() },
            }
        })
    }

    pub(crate) async fn abort(mut self) {
        if let Err(error) = self.writer.abort().await {
            tracing::debug!(place = self.place, error = words(&error), "an unfinished object could not be taken back");
        }
    }
}

fn configured<B, K: FromStr<Err = object_store::Error>>(
    builder: B,
    given: &[(&'static str, String)],
    with: impl Fn(B, K, String) -> B,
) -> Result<B> {
    given.iter().try_fold(builder, |builder, (name, value)| {
        let key = name.to_lowercase().parse::<K>().map_err(|error| Error::Place(words(&error)))?;
        Ok(with(builder, key, value.clone()))
    })
}

fn client_options(endpoint: Option<&str>, access: &Access) -> Result<ClientOptions> {
    let mut options =
        ClientOptions::new().with_timeout(Duration::from_secs(300)).with_connect_timeout(Duration::from_secs(15));
    for pem in &access.extra_root_certificates {
        let bundle = Certificate::from_pem_bundle(pem)
            .map_err(|error| Error::Place(format!("a certificate can not be read: {}", words(&error))))?;
        options = bundle.into_iter().fold(options, ClientOptions::with_root_certificate);
    }
    if let Some(endpoint) = endpoint {
        let url = Url::parse(endpoint).map_err(|error| Error::Place(format!("{endpoint} is no endpoint: {error}")))?;
        match url.scheme() {
            "https" => {}
            "http" if access.allow_loopback && is_loopback(&url) => options = options.with_allow_http(true),
            _ => {
                return Err(Error::Place(format!(
                    "the endpoint {endpoint} must be https: a credential would go over the network for everybody to read \
                     (one on this machine is accepted with --allow-loopback-upstream)"
                )));
            }
        }
    }
    Ok(options)
}

pub(crate) fn is_loopback(url: &Url) -> bool {
    match url.host() {
        Some(url::Host::Ipv4(address)) => address.is_loopback(),
        Some(url::Host::Ipv6(address)) => address.is_loopback(),
        Some(url::Host::Domain(name)) => name == "localhost",
        None => false,
    }
}

/// A failure of the object store, by what is to be done about it.
fn told(place: &str, error: &object_store::Error) -> Error {
    let (place, what) = (place.to_owned(), words(error));
    match error {
        object_store::Error::NotFound { .. } => Error::NotFound { place, what },
        object_store::Error::PermissionDenied { .. } | object_store::Error::Unauthenticated { .. } => {
            Error::Refused { place, what }
        }
        _ if is_of_bucket(&what) => Error::NotFound { place, what },
        _ if is_of_network(error) => Error::Unreachable { place, what },
        _ => Error::Failed { place, what },
    }
}

/// Whether a text is about the bucket or container and not about one object in it.
fn is_of_bucket(text: &str) -> bool {
    ["NoSuchBucket", "ContainerNotFound", "The specified bucket does not exist"].iter().any(|word| text.contains(word))
}

/// Whether nobody answered.
fn is_of_network(error: &object_store::Error) -> bool {
    let mut cause: Option<&dyn std::error::Error> = Some(error);
    while let Some(error) = cause {
        if let Some(error) = error.downcast_ref::<object_store::client::HttpError>() {
            use object_store::client::HttpErrorKind;
            return matches!(error.kind(), HttpErrorKind::Connect | HttpErrorKind::Timeout | HttpErrorKind::Request);
        }
        cause = error.source();
    }
    false
}

/// An error and its causes on one line, each said once.
fn words(error: &dyn std::error::Error) -> String {
    let mut words = error.to_string();
    let mut cause = error.source();
    while let Some(error) = cause {
        let text = error.to_string();
        if !words.contains(&text) {
            words.push_str(": ");
            words.push_str(&text);
        }
        cause = error.source();
    }
    words.split_whitespace().map(without_query).collect::<Vec<_>>().join(" ")
}

/// A word without what follows a `?` in a URL: that may be a signature.
fn without_query(word: &str) -> &str {
    match (word.find("://"), word.find('?')) {
        (Some(scheme), Some(query)) if scheme < query => &word[..query],
        _ => word,
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn at(text: &str) -> Result<PlaceUrl> {
        PlaceUrl::parse(text, FilePath::new("/home/mara"))
    }

    #[test]
    fn a_folder_is_meant_by_its_path_also_a_relative_one() {
        for (text, folder) in [
            ("/srv/archive", "/srv/archive"),
            ("archive", "/home/mara/archive"),
            ("../x/./archive/", "/home/x/archive"),
            ("file:///srv/archive", "/srv/archive"),
            ("with blank", "/home/mara/with blank"),
        ] {
            assert_eq!(at(text).unwrap().folder().unwrap(), PathBuf::from(folder), "{text}");
        }
    }

    #[test]
    fn object_stores_are_known_by_their_urls_and_nothing_else_is_a_place() {
        assert_eq!(at("s3://bucket/a/b").unwrap().prefix.to_string(), "a/b");
        assert_eq!(at("gs://bucket").unwrap().scheme, Scheme::Google);
        assert_eq!(at("abfss://box@account.dfs.core.windows.net/a").unwrap().scheme, Scheme::Azure);
        for text in ["https://example.com/x", "ftp://host/x", "s3://key:secret@bucket/x", "s3://bucket/x?versionId=1"] {
            let error = at(text).unwrap_err();
            assert_eq!(error.code(), "usage", "{text}: {error}");
            assert!(!error.to_string().contains("secret"), "{error}");
        }
    }

    #[test]
    fn a_credential_is_taken_for_its_kind_of_place_only_and_never_repeated() {
        let bucket = at("s3://bucket").unwrap();
        assert!(bucket.parse_credential("AWS_ACCESS_KEY_ID=a\nexport AWS_SECRET_ACCESS_KEY=\"CANARY\"\n").is_ok());
        for text in ["", "CANARY", "CANARY=1", "AWS_ENDPOINT_URL=https://CANARY", "AZURE_STORAGE_ACCOUNT_KEY=CANARY"] {
            let error = bucket.parse_credential(text).unwrap_err().to_string();
            assert!(!error.contains("CANARY"), "{error}");
        }
        assert!(at("gs://bucket").unwrap().parse_credential("{\"type\":\"service_account\"}").is_ok());
        assert!(at("/srv").unwrap().parse_credential("AWS_ACCESS_KEY_ID=a").is_err());
    }

    #[test]
    fn a_signature_in_a_url_is_not_told() {
        let error =
            std::io::Error::other("PUT https://a.blob.core.windows.net/c/x?sig=CANARY) failed; why? nobody knows");
        assert_eq!(words(&error), "PUT https://a.blob.core.windows.net/c/x failed; why? nobody knows");
    }

    #[test]
    fn an_endpoint_without_tls_is_refused_unless_it_is_on_this_machine_and_allowed() {
        let allowed = Access { allow_loopback: true, ..Access::default() };
        for endpoint in ["http://127.0.0.1:9000", "http://localhost:9000", "http://[::1]:9000"] {
            assert!(client_options(Some(endpoint), &allowed).is_ok(), "{endpoint}");
            assert!(client_options(Some(endpoint), &Access::default()).is_err(), "{endpoint}");
        }
        for endpoint in ["http://192.0.2.1", "http://localhost.example.com", "ftp://127.0.0.1", "x"] {
            assert!(client_options(Some(endpoint), &allowed).is_err(), "{endpoint}");
        }
    }
}
