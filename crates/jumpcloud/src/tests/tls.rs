//! TLS: who cannot prove to be the host gets no request.

use rcgen::{BasicConstraints, CertificateParams, CertifiedIssuer, IsCa, KeyPair, date_time_ymd};
use rustls::pki_types::{CertificateDer, PrivateKeyDer};

use super::{
    clock::ManualClock,
    config,
    server::{Say, Server, ok},
};
use crate::{Client, Error, Stage, endpoints};

type Authority = CertifiedIssuer<'static, KeyPair>;

fn authority() -> Authority {
    let mut params = CertificateParams::default();
    params.is_ca = IsCa::Ca(BasicConstraints::Unconstrained);
    CertifiedIssuer::self_signed(params, KeyPair::generate().unwrap()).unwrap()
}

/// Returns a server's TLS settings with a certificate for `name`, changed by `change` before it is signed.
fn tls(authority: &Authority, name: &str, change: impl FnOnce(&mut CertificateParams)) -> rustls::ServerConfig {
    let key = KeyPair::generate().unwrap();
    let mut params = CertificateParams::new(vec![name.to_owned()]).unwrap();
    change(&mut params);
    let certificate = params.signed_by(&key, authority).unwrap();
    server_config(certificate.der().clone(), &key)
}

fn server_config(certificate: CertificateDer<'static>, key: &KeyPair) -> rustls::ServerConfig {
    let key = PrivateKeyDer::try_from(key.serialize_der()).unwrap();
    rustls::ServerConfig::builder_with_provider(rustls::crypto::aws_lc_rs::default_provider().into())
        .with_safe_default_protocol_versions()
        .unwrap()
        .with_no_client_auth()
        .with_single_cert(vec![certificate], key)
        .unwrap()
}

async fn read(tls: rustls::ServerConfig, roots: &[&Authority]) -> (Result<(), Error>, usize) {
    let server = Server::start_tls(|_, _| ok("{}"), tls).await;
    let mut config = config(&server, ManualClock::new());
    config.extra_root_certificates = roots.iter().map(|root| root.pem().into_bytes()).collect();
    let result = Client::new(config).unwrap().read(&endpoints::SYSTEM, &["1"], &[]).await;
    (result.map(|_| ()), server.asked().len())
}

#[tokio::test]
async fn an_extra_certificate_authority_is_trusted() {
    let ours = authority();
    let (result, asked) = read(tls(&ours, "127.0.0.1", |_| {}), &[&authority(), &ours]).await;
    assert_eq!((result, asked), (Ok(()), 1));
}

#[tokio::test]
async fn whoever_cannot_prove_to_be_the_host_is_refused_and_told_nothing() {
    let ours = authority();
    let key = KeyPair::generate().unwrap();
    let self_signed = CertificateParams::new(vec!["127.0.0.1".to_owned()]).unwrap().self_signed(&key).unwrap();
    for (name, tls) in [
        ("self-signed", server_config(self_signed.der().clone(), &key)),
        ("unknown authority", tls(&authority(), "127.0.0.1", |_| {})),
        ("other host", tls(&ours, "127.0.0.2", |_| {})),
        ("other name", tls(&ours, "console.jumpcloud.com", |_| {})),
        (
            "expired",
            tls(&ours, "127.0.0.1", |params| {
                params.not_before = date_time_ymd(2019, 1, 1);
                params.not_after = date_time_ymd(2020, 1, 1);
            }),
        ),
        ("not yet valid", tls(&ours, "127.0.0.1", |params| params.not_before = date_time_ymd(2999, 1, 1))),
    ] {
        let (result, asked) = read(tls, &[&ours]).await;
        let error = result.expect_err(name);
        assert!(matches!(error, Error::Unreachable { stage: Stage::Tls, .. }), "{name}: {error}");
        assert!(error.help().contains("certificate authority"));
        assert_eq!(asked, 0, "{name}");
    }
}

#[tokio::test]
async fn plain_http_on_a_tls_port_and_old_tls_versions_are_refused() {
    // A record of TLS 1.0 that ends the handshake: "protocol version".
    let old = Server::start_raw(b"\x15\x03\x01\x00\x02\x02\x46").await;
    let plain = Server::start_raw(b"HTTP/1.1 400 Bad Request\r\ncontent-length: 0\r\n\r\n").await;
    for server in [old, plain] {
        let mut config = config(&server, ManualClock::new());
        config.limits.max_attempts = 1;
        let error = Client::new(config).unwrap().read(&endpoints::SYSTEM, &["1"], &[]).await.unwrap_err();
        assert!(matches!(error, Error::Unreachable { stage: Stage::Tls, .. }), "{error}");
    }
}

#[tokio::test]
async fn what_is_no_certificate_is_refused_as_one() {
    let server = Server::start(|_, _| Say::Cut(Vec::new())).await;
    for pem in ["", "x", "-----BEGIN CERTIFICATE-----\nAAAA\n-----END CERTIFICATE-----\n"] {
        let mut config = config(&server, ManualClock::new());
        config.extra_root_certificates = vec![pem.as_bytes().to_vec()];
        assert!(matches!(Client::new(config), Err(Error::Config(_))), "{pem}");
    }
}
