//! A time-stamp authority on this machine, played by `openssl ts`: another program's answers, which ours has to understand.

use std::ops::Range;
use std::path::{Path, PathBuf};
use std::process::{Command, Stdio};
use std::sync::Arc;

use tokio::io::{AsyncReadExt as _, AsyncWriteExt as _};
use tokio::net::{TcpListener, TcpStream};

/// How the authority signs.
#[derive(Debug, Clone, Copy)]
pub(crate) struct Kind {
    /// What `openssl req -newkey` makes.
    key: &'static [&'static str],
    /// The digest under the signature.
    digest: &'static str,
}

/// What authorities use.
pub(crate) const KINDS: [Kind; 3] = [
    Kind { key: &["rsa:2048"], digest: "sha256" },
    Kind { key: &["rsa:3072"], digest: "sha512" },
    Kind { key: &["ec", "-pkeyopt", "ec_paramgen_curve:P-256"], digest: "sha256" },
];

/// A running authority.
pub(crate) struct Authority {
    folder: tempfile::TempDir,
    pub(crate) url: String,
}

const CONFIG: &str = "
[req]
distinguished_name = name
[name]
[tsa]
default_tsa = it
[it]
serial = serial
crypto_device = builtin
signer_cert = tsa.pem
certs = ca.pem
signer_key = tsa.key
signer_digest = DIGEST
default_policy = 1.2.3.4.1
digests = sha256, sha384, sha512
accuracy = secs:1
ordering = no
tsa_name = no
ess_cert_id_chain = no
ess_cert_id_alg = sha256
[ca]
basicConstraints = critical, CA:TRUE
keyUsage = critical, keyCertSign
subjectKeyIdentifier = hash
[stamps]
basicConstraints = critical, CA:FALSE
keyUsage = critical, digitalSignature
extendedKeyUsage = critical, timeStamping
";

/// Whether there is an `openssl` to play it.
pub(crate) fn is_there() -> bool {
    let found =
        Command::new("openssl").arg("version").stdout(Stdio::null()).status().is_ok_and(|status| status.success());
    if !found {
        assert!(
            std::env::var_os("JUMPSEAT_REQUIRE_ALL").is_none(),
            "openssl is required to play a time-stamp authority"
        );
        println!("skipped: there is no openssl to play a time-stamp authority");
    }
    found
}

impl Authority {
    pub(crate) async fn start(kind: Kind) -> Self {
        let folder = tempfile::tempdir().unwrap();
        let root = folder.path();
        std::fs::write(root.join("tsa.cnf"), CONFIG.replace("DIGEST", kind.digest)).unwrap();
        std::fs::write(root.join("serial"), "01\n").unwrap();
        let newkey = |name: &str, common_name: &str, more: &[&str]| {
            let (key, out) = (format!("{name}.key"), format!("{name}.pem"));
            let subject = format!("/CN={common_name}");
            let mut args = vec![
                "req", "-x509", "-nodes", "-days", "30", "-subj", &subject, "-keyout", &key, "-out", &out, "-newkey",
            ];
            args.extend(kind.key);
            args.extend(["-config", "tsa.cnf"]);
            args.extend(more);
            openssl(root, &args);
        };
        newkey("ca", "Test Authority", &["-extensions", "ca"]);
        newkey("tsa", "Test Time Stamps", &["-extensions", "stamps", "-CA", "ca.pem", "-CAkey", "ca.key"]);
        let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
        let url = format!("http://{}/", listener.local_addr().unwrap());
        let root = Arc::new(root.to_owned());
        tokio::spawn(async move {
            while let Ok((stream, _)) = listener.accept().await {
                answer(stream, &root).await;
            }
        });
        Self { folder, url }
    }

    /// The certificate that an auditor trusts.
    pub(crate) fn certificate(&self) -> PathBuf {
        self.folder.path().join("ca.pem")
    }

    /// Where that certificate stands in a time stamp.
    pub(crate) fn certificate_in(&self, stamp: &[u8]) -> Range<usize> {
        let pem = std::fs::read_to_string(self.certificate()).unwrap();
        let text: String = pem.lines().filter(|line| !line.starts_with('-')).collect();
        let der = data_encoding::BASE64.decode(text.as_bytes()).unwrap();
        let from = stamp.windows(der.len()).position(|window| window == der).unwrap();
        from..from + der.len()
    }

    /// Whether openssl itself takes a pack's time stamp for good.
    pub(crate) fn agrees(&self, pack: &Path) -> bool {
        let mut command = Command::new("openssl");
        command.args(["ts", "-verify", "-data", "manifest.json", "-in", "manifest.json.tsr", "-CAfile"]);
        command.arg(self.certificate()).current_dir(pack).stdout(Stdio::null()).stderr(Stdio::null());
        command.status().unwrap().success()
    }
}

fn openssl(folder: &Path, args: &[&str]) {
    let ended = Command::new("openssl").args(args).current_dir(folder).output().unwrap();
    assert!(ended.status.success(), "openssl {args:?}: {}", String::from_utf8_lossy(&ended.stderr));
}

/// One request over one connection.
async fn answer(mut stream: TcpStream, root: &Path) {
    let mut request = Vec::new();
    let (head, length) = loop {
        let mut chunk = [0; 4096];
        let count = stream.read(&mut chunk).await.unwrap();
        assert_ne!(count, 0, "the request ended early");
        request.extend_from_slice(&chunk[..count]);
        let Some(end) = request.windows(4).position(|window| window == b"\r\n\r\n") else { continue };
        let head = String::from_utf8_lossy(&request[..end]).to_lowercase();
        assert!(head.contains("content-type: application/timestamp-query"), "{head}");
        let length =
            head.lines().find_map(|line| line.strip_prefix("content-length: ")).unwrap().parse::<usize>().unwrap();
        if request.len() >= end + 4 + length {
            break (end + 4, length);
        }
    };
    std::fs::write(root.join("question.tsq"), &request[head..head + length]).unwrap();
    let args =
        ["ts", "-reply", "-config", "tsa.cnf", "-section", "it", "-queryfile", "question.tsq", "-out", "answer.tsr"];
    openssl(root, &args);
    let body = std::fs::read(root.join("answer.tsr")).unwrap();
    let head = format!(
        "HTTP/1.1 200 OK\r\nContent-Type: application/timestamp-reply\r\nContent-Length: {}\r\nConnection: close\r\n\r\n",
        body.len()
    );
    stream.write_all(&[head.as_bytes(), &body].concat()).await.unwrap();
}
