//! Time stamps of a third party (RFC 3161): the question for one over the manifest, and checking offline that an answer binds
//! it. How the question travels is the caller's. What an answer is made of: RFC 3161 section 2.4.2 and RFC 5652 section 5.

use std::fs::{self, File};
use std::io::{self, Write as _};
use std::path::Path;

use data_encoding::HEXLOWER;
use jiff::Timestamp;
use rustls_pki_types::pem::PemObject as _;
use rustls_pki_types::{CertificateDer, SignatureVerificationAlgorithm, TrustAnchor, UnixTime};
use sha1::Sha1;
use sha2::{Digest as _, Sha256, Sha384, Sha512};
use webpki::{EndEntityCert, KeyUsage, anchor_from_trusted_cert, aws_lc_rs as algorithms};

use super::PackError;
use super::der::{CONTEXT_0, Der, GENERALIZED_TIME, INTEGER, OBJECT_ID, OCTETS, Part, SEQUENCE, SET, value};
use super::folder::entry_options;
use super::manifest::{MANIFEST, TIME_STAMP};
use super::verify::whole;

/// Object identifiers, as their bytes.
const SIGNED_DATA: &[u8] = &[0x2a, 0x86, 0x48, 0x86, 0xf7, 0x0d, 0x01, 0x07, 0x02];
const TST_INFO: &[u8] = &[0x2a, 0x86, 0x48, 0x86, 0xf7, 0x0d, 0x01, 0x09, 0x10, 0x01, 0x04];
const CONTENT_TYPE: &[u8] = &[0x2a, 0x86, 0x48, 0x86, 0xf7, 0x0d, 0x01, 0x09, 0x03];
const MESSAGE_DIGEST: &[u8] = &[0x2a, 0x86, 0x48, 0x86, 0xf7, 0x0d, 0x01, 0x09, 0x04];
const SIGNING_CERTIFICATE: &[u8] = &[0x2a, 0x86, 0x48, 0x86, 0xf7, 0x0d, 0x01, 0x09, 0x10, 0x02, 0x0c];
const SIGNING_CERTIFICATE_V2: &[u8] = &[0x2a, 0x86, 0x48, 0x86, 0xf7, 0x0d, 0x01, 0x09, 0x10, 0x02, 0x2f];
const SHA_256: &[u8] = &[0x60, 0x86, 0x48, 0x01, 0x65, 0x03, 0x04, 0x02, 0x01];
const SHA_384: &[u8] = &[0x60, 0x86, 0x48, 0x01, 0x65, 0x03, 0x04, 0x02, 0x02];
const SHA_512: &[u8] = &[0x60, 0x86, 0x48, 0x01, 0x65, 0x03, 0x04, 0x02, 0x03];
const RSA: &[u8] = &[0x2a, 0x86, 0x48, 0x86, 0xf7, 0x0d, 0x01, 0x01, 0x01];
const RSA_SHA_256: &[u8] = &[0x2a, 0x86, 0x48, 0x86, 0xf7, 0x0d, 0x01, 0x01, 0x0b];
const RSA_SHA_384: &[u8] = &[0x2a, 0x86, 0x48, 0x86, 0xf7, 0x0d, 0x01, 0x01, 0x0c];
const RSA_SHA_512: &[u8] = &[0x2a, 0x86, 0x48, 0x86, 0xf7, 0x0d, 0x01, 0x01, 0x0d];
const ECDSA_SHA_256: &[u8] = &[0x2a, 0x86, 0x48, 0xce, 0x3d, 0x04, 0x03, 0x02];
const ECDSA_SHA_384: &[u8] = &[0x2a, 0x86, 0x48, 0xce, 0x3d, 0x04, 0x03, 0x03];
const ECDSA_SHA_512: &[u8] = &[0x2a, 0x86, 0x48, 0xce, 0x3d, 0x04, 0x03, 0x04];
/// id-kp-timeStamping: what a certificate must be for.
const TIME_STAMPING: &[u8] = &[0x2b, 0x06, 0x01, 0x05, 0x05, 0x07, 0x03, 0x08];

type Algorithms = &'static [&'static dyn SignatureVerificationAlgorithm];
/// How time stamps and certificates may be signed, by digest.
static BY_SHA_256: Algorithms =
    &[algorithms::RSA_PKCS1_2048_8192_SHA256, algorithms::ECDSA_P256_SHA256, algorithms::ECDSA_P384_SHA256];
static BY_SHA_384: Algorithms =
    &[algorithms::RSA_PKCS1_2048_8192_SHA384, algorithms::ECDSA_P256_SHA384, algorithms::ECDSA_P384_SHA384];
static BY_SHA_512: Algorithms =
    &[algorithms::RSA_PKCS1_2048_8192_SHA512, algorithms::ECDSA_P384_SHA512, algorithms::ECDSA_P521_SHA512];

/// What a time stamp says.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Stamp {
    /// The time that it tells.
    pub at: Timestamp,
    /// SHA-256 of the certificate that has signed it, hexadecimal.
    pub certificate: String,
    /// That certificate leads to one that was given; otherwise anybody could have made it.
    pub is_trusted: bool,
}

/// The certificates of authorities that are trusted.
#[derive(Debug, Clone)]
pub struct Authorities(Vec<CertificateDer<'static>>);

impl Authorities {
    /// Reads certificates in PEM.
    ///
    /// # Errors
    /// There is none, or one can not be read, in words.
    pub fn parse(pem: &[u8]) -> Result<Self, String> {
        let read: Result<Vec<_>, _> = CertificateDer::pem_slice_iter(pem).collect();
        let certificates = read.map_err(|error| format!("a certificate in it can not be read: {error}"))?;
        if certificates.is_empty() {
            return Err("there is no certificate in PEM in it".to_owned());
        }
        for certificate in &certificates {
            anchor_from_trusted_cert(certificate)
                .map_err(|error| format!("a certificate in it can not be used: {error}"))?;
        }
        Ok(Self(certificates))
    }
}

/// The question for a time stamp over a pack's manifest (`TimeStampReq`): what an authority is to be sent as
/// `application/timestamp-query`.
///
/// # Errors
/// The pack can not be read, or has a time stamp already.
pub fn stamp_question(pack: &Path) -> Result<Vec<u8>, PackError> {
    if whole(pack, TIME_STAMP)?.is_some() {
        return Err(PackError::Refused(format!("{} has a time stamp already", pack.display())));
    }
    Ok(question(&manifest(pack)?))
}

/// Puts an authority's answer into a pack, if it stamps the pack's manifest.
///
/// # Errors
/// It does not, or the pack can not be written. The pack is as it was then.
pub fn add_stamp(pack: &Path, answer: &[u8]) -> Result<Stamp, PackError> {
    let stamp = check(answer, &manifest(pack)?, None).map_err(|what| {
        PackError::Refused(format!("the answer of the time-stamp authority can not be used: {what}"))
    })?;
    let mut part_name = pack.file_name().unwrap_or_default().to_owned();
    part_name.push(format!(".{}.part", std::process::id()));
    if pack.is_dir() {
        // Outside of the pack, so that a half one is never part of it.
        let part = pack.with_file_name(part_name);
        fs::write(&part, answer).and_then(|()| fs::rename(&part, pack.join(TIME_STAMP)))?;
        return Ok(stamp);
    }
    let part = pack.with_file_name(part_name);
    let written = fs::copy(pack, &part).and_then(|_| append(&part, answer)).and_then(|()| fs::rename(&part, pack));
    if written.is_err() {
        let _ = fs::remove_file(&part);
    }
    written?;
    Ok(stamp)
}

fn append(archive: &Path, answer: &[u8]) -> io::Result<()> {
    let file = File::options().read(true).write(true).open(archive)?;
    let mut zip = zip::ZipWriter::new_append(file)?;
    zip.start_file(TIME_STAMP, entry_options(answer.len() as u64))?;
    zip.write_all(answer)?;
    zip.finish()?.sync_all()
}

fn manifest(pack: &Path) -> Result<Vec<u8>, PackError> {
    whole(pack, MANIFEST)?.ok_or_else(|| PackError::Refused(format!("{} is no evidence pack", pack.display())))
}

/// The question for a time stamp over a content (`TimeStampReq`): its SHA-256, and the wish for certificates, so that the
/// answer can be checked offline.
pub(super) fn question(content: &[u8]) -> Vec<u8> {
    let algorithm = value(SEQUENCE, &value(OBJECT_ID, SHA_256));
    let imprint = value(SEQUENCE, &[algorithm, value(OCTETS, &Sha256::digest(content))].concat());
    value(SEQUENCE, &[value(INTEGER, &[1]), imprint, value(0x01, &[0xff])].concat())
}

/// Checks offline that an answer (`TimeStampResp`) stamps a content.
///
/// # Errors
/// What is wrong with it, in words.
pub(super) fn check(answer: &[u8], content: &[u8], authorities: Option<&Authorities>) -> Result<Stamp, String> {
    let mut response = Der(answer).enter(SEQUENCE).ok_or("it is no answer of a time-stamp authority")?;
    let status = response.enter(SEQUENCE).and_then(|mut status| status.get(INTEGER));
    if !matches!(status, Some([0 | 1])) {
        return Err("the authority has refused it".to_owned());
    }
    let token = Token::read(response).ok_or("it has no token that can be read")?;
    let (imprint, at) = time_of(token.info).ok_or("it has no time that can be read")?;
    if digest(imprint.0, content).is_none_or(|digest| digest != imprint.1) {
        return Err("it is about another content than the manifest that is here".to_owned());
    }
    let certificate = token.signer().ok_or("the certificate of its signer is not in it")?;
    token.check_signature(certificate)?;
    if let Some(authorities) = authorities {
        leads_to(certificate, &token.certificates, authorities, at)?;
    }
    let certificate = HEXLOWER.encode(&Sha256::digest(certificate));
    Ok(Stamp { at, certificate, is_trusted: authorities.is_some() })
}

/// A token (`SignedData` over a `TSTInfo`), taken apart.
struct Token<'a> {
    /// What is stamped, and when.
    info: &'a [u8],
    certificates: Vec<&'a [u8]>,
    /// The signer's name: the issuer and number of its certificate, or the identifier of its key.
    signer: Part<'a>,
    digest: &'a [u8],
    /// What the signature is over: attributes, one of which is the digest of `info`.
    attributes: &'a [u8],
    /// How it is signed.
    algorithm: &'a [u8],
    signature: &'a [u8],
}

impl<'a> Token<'a> {
    fn read(mut response: Der<'a>) -> Option<Self> {
        let mut content = response.enter(SEQUENCE)?;
        let mut signed =
            (content.get(OBJECT_ID)? == SIGNED_DATA).then(|| content.enter(CONTEXT_0))??.enter(SEQUENCE)?;
        signed.get(INTEGER)?;
        signed.get(SET)?;
        let mut enclosed = signed.enter(SEQUENCE)?;
        let info = (enclosed.get(OBJECT_ID)? == TST_INFO).then(|| enclosed.enter(CONTEXT_0))??.get(OCTETS)?;
        let certificates =
            signed.enter(CONTEXT_0)?.filter(|part| part.tag == SEQUENCE).map(|part| part.whole).collect();
        // Lists of revoked certificates may stand between.
        let mut signers = signed.find(|part| part.tag == SET).map(|part| Der(part.content))?;
        let mut signer = signers.enter(SEQUENCE)?;
        // Version 1 goes with an issuer and a number, 3 with a key.
        let version = signer.get(INTEGER)?;
        let name = signer.next()?;
        if version != if name.tag == SEQUENCE { [1] } else { [3] } {
            return None;
        }
        let digest = signer.enter(SEQUENCE)?.get(OBJECT_ID)?;
        let attributes = signer.get(CONTEXT_0)?;
        let algorithm = signer.enter(SEQUENCE)?.get(OBJECT_ID)?;
        Some(Self { info, certificates, signer: name, digest, attributes, algorithm, signature: signer.get(OCTETS)? })
    }

    /// The first value of a signed attribute.
    fn attribute(&self, name: &[u8]) -> Option<Der<'a>> {
        Der(self.attributes).filter(|part| part.tag == SEQUENCE).find_map(|part| {
            let mut attribute = Der(part.content);
            (attribute.get(OBJECT_ID)? == name).then(|| attribute.enter(SET))?
        })
    }

    /// The certificate whose hash the signer has signed.
    fn signer(&self) -> Option<&'a [u8]> {
        let first = |name| self.attribute(name)?.enter(SEQUENCE)?.enter(SEQUENCE)?.enter(SEQUENCE);
        let (algorithm, hash) = match first(SIGNING_CERTIFICATE_V2) {
            Some(mut id) => {
                let named = id.enter(SEQUENCE).and_then(|mut algorithm| algorithm.get(OBJECT_ID));
                (Some(named.unwrap_or(SHA_256)), id.get(OCTETS)?)
            }
            None => (None, first(SIGNING_CERTIFICATE)?.get(OCTETS)?),
        };
        let fits = |certificate: &&&[u8]| match algorithm {
            Some(algorithm) => digest(algorithm, certificate).is_some_and(|digest| digest == hash),
            None => Sha1::digest(certificate).as_slice() == hash,
        };
        let certificate = self.certificates.iter().find(fits).copied()?;
        // The hash is signed and says whose it is; a name that says something else is somebody's change all the same.
        (self.signer.tag != SEQUENCE || name_of(certificate)? == self.signer.content).then_some(certificate)
    }

    fn check_signature(&self, certificate: &[u8]) -> Result<(), String> {
        let kind = self.attribute(CONTENT_TYPE).and_then(|mut kind| kind.get(OBJECT_ID));
        let told = self.attribute(MESSAGE_DIGEST).and_then(|mut told| told.get(OCTETS));
        let is = digest(self.digest, self.info);
        if kind != Some(TST_INFO) || is.is_none() || told != is.as_deref() {
            return Err("what is signed in it is not the time that it tells".to_owned());
        }
        let (allowed, names) = match self.digest {
            SHA_384 => (BY_SHA_384, [RSA, RSA_SHA_384, ECDSA_SHA_384]),
            SHA_512 => (BY_SHA_512, [RSA, RSA_SHA_512, ECDSA_SHA_512]),
            _ => (BY_SHA_256, [RSA, RSA_SHA_256, ECDSA_SHA_256]),
        };
        if !names.contains(&self.algorithm) {
            return Err("it is signed in a way that is not known here".to_owned());
        }
        // They are signed as the set that they are, not as the part of the token that they stand as.
        let length = self.attributes.len();
        let head = match length {
            0..=0x7f => vec![SET, length as u8],
            0x80..=0xff => vec![SET, 0x81, length as u8],
            _ => vec![SET, 0x82, (length >> 8) as u8, length as u8],
        };
        let message = [head.as_slice(), self.attributes].concat();
        let der = CertificateDer::from(certificate);
        let signer =
            EndEntityCert::try_from(&der).map_err(|error| format!("its certificate can not be read: {error}"))?;
        let fits = |algorithm: &&dyn SignatureVerificationAlgorithm| {
            signer.verify_signature(*algorithm, &message, self.signature).is_ok()
        };
        if allowed.iter().any(fits) { Ok(()) } else { Err("its signature does not fit its certificate".to_owned()) }
    }
}

/// The issuer of a certificate and its number there, as a signer is named by them.
fn name_of(certificate: &[u8]) -> Option<Vec<u8>> {
    let mut parts = Der(certificate).enter(SEQUENCE)?.enter(SEQUENCE)?.filter(|part| part.tag != CONTEXT_0);
    let number = parts.next().filter(|part| part.tag == INTEGER)?;
    let issuer = parts.nth(1)?;
    Some([issuer.whole, number.whole].concat())
}

/// What is stamped: the name of the digest, and the digest.
type Imprint<'a> = (&'a [u8], &'a [u8]);

/// What is stamped, and when, of a `TSTInfo`.
fn time_of(info: &[u8]) -> Option<(Imprint<'_>, Timestamp)> {
    let mut info = Der(info).enter(SEQUENCE)?;
    info.get(INTEGER)?;
    info.get(OBJECT_ID)?;
    let mut imprint = info.enter(SEQUENCE)?;
    let algorithm = imprint.enter(SEQUENCE)?.get(OBJECT_ID)?;
    let hash = imprint.get(OCTETS)?;
    info.get(INTEGER)?;
    let text = std::str::from_utf8(info.get(GENERALIZED_TIME)?).ok()?;
    // 20261130120000Z, or with a fraction behind a dot.
    let (date, time) = text.strip_suffix('Z')?.split_at_checked(8)?;
    let at = format!("{date}T{time}Z").parse().ok()?;
    Some(((algorithm, hash), at))
}

fn digest(algorithm: &[u8], content: &[u8]) -> Option<Vec<u8>> {
    match algorithm {
        SHA_256 => Some(Sha256::digest(content).to_vec()),
        SHA_384 => Some(Sha384::digest(content).to_vec()),
        SHA_512 => Some(Sha512::digest(content).to_vec()),
        _ => None,
    }
}

/// Whether a certificate is for time stamps, was valid then, and leads to a given one.
fn leads_to(certificate: &[u8], others: &[&[u8]], authorities: &Authorities, at: Timestamp) -> Result<(), String> {
    let der = CertificateDer::from(certificate);
    let signer = EndEntityCert::try_from(&der).map_err(|error| format!("its certificate can not be read: {error}"))?;
    let others: Vec<CertificateDer<'_>> = others.iter().map(|other| CertificateDer::from(*other)).collect();
    let anchors: Vec<TrustAnchor<'_>> =
        authorities.0.iter().filter_map(|certificate| anchor_from_trusted_cert(certificate).ok()).collect();
    let then = UnixTime::since_unix_epoch(std::time::Duration::from_secs(at.as_second().unsigned_abs()));
    let allowed = [BY_SHA_256, BY_SHA_384, BY_SHA_512].concat();
    signer
        .verify_for_usage(&allowed, &anchors, &others, then, KeyUsage::required(TIME_STAMPING), None, None)
        .map(drop)
        .map_err(|error| format!("its certificate does not lead to one of those that were given: {error}"))
}
