//! Signatures: one Ed25519 key, two forms. minisign's, which anybody can check with a tiny program, and a DSSE envelope around an
//! in-toto statement, which supply-chain tools read. Both are functions of key and content alone, so that the same pack has
//! the same bytes; that is why minisign's form is written here: the crate that signs in it adds random numbers.

use blake2::{Blake2b512, Digest as _};
use data_encoding::{BASE64, HEXLOWER};
use ed25519_dalek::pkcs8::EncodePublicKey as _;
use ed25519_dalek::pkcs8::spki::der::pem::LineEnding;
use ed25519_dalek::{Signature, Signer as _, VerifyingKey};
use secrecy::{ExposeSecret as _, SecretString};
use serde::{Deserialize, Serialize};
use serde_json::Value;
use sha2::Sha256;
use zeroize::Zeroizing;

use super::manifest::{MANIFEST, Manifest};

/// What the statement says of its subject. It is a name, and leads nowhere.
const PREDICATE: &str = "urn:jumpseat:evidence-pack:v1";
const STATEMENT: &str = "https://in-toto.io/Statement/v1";
const PAYLOAD_TYPE: &str = "application/vnd.in-toto+json";

/// minisign's marks: a key, and a signature over a BLAKE2b hash of the content.
const KEY_MARK: &[u8; 2] = b"Ed";
const HASHED_MARK: &[u8; 2] = b"ED";

/// The secret key of an installation.
pub struct SigningKey(ed25519_dalek::SigningKey);

/// The key that verifies packs.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct PublicKey(VerifyingKey);

/// A DSSE envelope.
#[derive(Debug, Serialize, Deserialize)]
#[serde(rename_all = "camelCase")]
struct Envelope {
    payload: String,
    payload_type: String,
    signatures: Vec<EnvelopeSignature>,
}

#[derive(Debug, Serialize, Deserialize)]
struct EnvelopeSignature {
    keyid: String,
    sig: String,
}

impl std::fmt::Debug for SigningKey {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_tuple("SigningKey").field(&self.public().id()).finish()
    }
}

impl SigningKey {
    /// Makes a new key.
    ///
    /// # Errors
    /// The machine gives no random numbers.
    pub fn generate() -> Result<Self, String> {
        let mut seed = Zeroizing::new([0_u8; 32]);
        getrandom::fill(seed.as_mut()).map_err(|error| format!("no random numbers: {error}"))?;
        Ok(Self(ed25519_dalek::SigningKey::from_bytes(&seed)))
    }

    /// Reads a key back.
    pub fn read(secret: &SecretString) -> Option<Self> {
        let seed = Zeroizing::new(HEXLOWER.decode(secret.expose_secret().as_bytes()).ok()?);
        Some(Self(ed25519_dalek::SigningKey::from_bytes(seed.as_slice().try_into().ok()?)))
    }

    /// The key as it is kept, sealed.
    pub fn secret(&self) -> SecretString {
        let seed = Zeroizing::new(self.0.to_bytes());
        SecretString::from(HEXLOWER.encode(seed.as_ref()))
    }

    /// The key that verifies what this one signs.
    pub fn public(&self) -> PublicKey {
        PublicKey(self.0.verifying_key())
    }

    /// Signs in minisign's form; the comment is signed too.
    pub(super) fn minisign(&self, content: &[u8], comment: &str) -> String {
        let signature = self.0.sign(&Blake2b512::digest(content)).to_bytes();
        let whole = self.0.sign(&[signature.as_slice(), comment.as_bytes()].concat());
        let line = [HASHED_MARK.as_slice(), &self.public().number(), &signature].concat();
        format!(
            "untrusted comment: signature by Jumpseat, key {}\n{}\ntrusted comment: {comment}\n{}\n",
            self.public().id(),
            BASE64.encode(&line),
            BASE64.encode(&whole.to_bytes())
        )
    }

    /// Signs a statement about the manifest of this digest.
    pub(super) fn envelope(&self, manifest: &Manifest, digest: &str) -> std::io::Result<Vec<u8>> {
        let statement = serde_json::json!({
            "_type": STATEMENT,
            "subject": [{ "name": MANIFEST, "digest": { "sha256": digest } }],
            "predicateType": PREDICATE,
            "predicate": {
                "org_id": manifest.org_id, "framework": manifest.framework, "from": manifest.from, "to": manifest.to,
                "as_of": manifest.as_of, "made_at": manifest.made_at, "number": manifest.number,
                "previous": manifest.previous,
            },
        });
        let payload = super::rows::canonical(&statement)?;
        let sig = BASE64.encode(&self.0.sign(&pre_authentication(&payload)).to_bytes());
        super::rows::canonical(&Envelope {
            payload: BASE64.encode(&payload),
            payload_type: PAYLOAD_TYPE.to_owned(),
            signatures: vec![EnvelopeSignature { keyid: self.public().id(), sig }],
        })
    }
}

impl PublicKey {
    /// Reads a minisign public key: the line of base64, with or without the comment before it.
    pub fn parse(text: &str) -> Option<Self> {
        let line = text.lines().map(str::trim).rfind(|line| !line.is_empty())?;
        let bytes = BASE64.decode(line.as_bytes()).ok()?;
        let rest = bytes.strip_prefix(KEY_MARK.as_slice())?;
        let (number, key) = rest.split_at_checked(8)?;
        let key = Self(VerifyingKey::from_bytes(key.try_into().ok()?).ok()?);
        (key.number() == number).then_some(key)
    }

    /// minisign's line of base64.
    pub fn line(&self) -> String {
        BASE64.encode(&[KEY_MARK.as_slice(), &self.number(), self.0.as_bytes()].concat())
    }

    /// minisign's file.
    pub fn file(&self) -> String {
        format!("untrusted comment: minisign public key {}\n{}\n", self.id(), self.line())
    }

    /// The same key in PEM, for other programs.
    pub(super) fn pem(&self) -> Result<String, String> {
        self.0.to_public_key_pem(LineEnding::LF).map_err(|error| error.to_string())
    }

    /// What minisign calls it.
    pub fn id(&self) -> String {
        format!("{:016X}", u64::from_le_bytes(self.number()))
    }

    /// minisign's number of a key is any eight bytes; ours follow from the key.
    fn number(&self) -> [u8; 8] {
        let hash = Sha256::digest(self.0.as_bytes());
        std::array::from_fn(|at| hash[at])
    }

    /// Checks a signature in minisign's form.
    ///
    /// # Errors
    /// What is wrong with it, in words.
    pub(super) fn verify_minisign(&self, content: &[u8], signature: &str) -> Result<(), String> {
        let signature = minisign_verify::Signature::decode(signature)
            .map_err(|error| format!("it is no minisign signature: {error}"))?;
        let key = minisign_verify::PublicKey::from_base64(&self.line()).map_err(|error| error.to_string())?;
        key.verify(content, &signature, false)
            .map_err(|error| format!("it does not fit the manifest and the key {}: {error}", self.id()))
    }

    /// Checks an envelope; gives the statement in it.
    ///
    /// # Errors
    /// What is wrong with it, in words.
    pub(super) fn verify_envelope(&self, envelope: &[u8]) -> Result<Value, String> {
        let no_envelope = |error: &dyn std::fmt::Display| format!("it is no DSSE envelope: {error}");
        let envelope: Envelope = serde_json::from_slice(envelope).map_err(|error| no_envelope(&error))?;
        if envelope.payload_type != PAYLOAD_TYPE {
            return Err(no_envelope(&format!("its payload is {:?}", envelope.payload_type)));
        }
        let payload = BASE64.decode(envelope.payload.as_bytes()).map_err(|error| no_envelope(&error))?;
        let signed = pre_authentication(&payload);
        let fits = |signature: &EnvelopeSignature| {
            let bytes = BASE64.decode(signature.sig.as_bytes()).ok();
            let signature = bytes.and_then(|bytes| Signature::from_slice(&bytes).ok());
            signature.is_some_and(|signature| self.0.verify_strict(&signed, &signature).is_ok())
        };
        if !envelope.signatures.iter().any(fits) {
            return Err(format!("it is not signed by the key {}", self.id()));
        }
        serde_json::from_slice(&payload).map_err(|error| no_envelope(&error))
    }
}

/// The digest that a statement is about, if it is one about a pack's manifest.
pub(super) fn subject_of(statement: &Value) -> Option<&str> {
    let is_ours = statement["_type"] == STATEMENT && statement["predicateType"] == PREDICATE;
    let subject = statement["subject"].as_array()?.iter().find(|subject| subject["name"] == MANIFEST)?;
    subject["digest"]["sha256"].as_str().filter(|_| is_ours)
}

/// What of a payload is signed, so that no other kind of text can pass for it.
fn pre_authentication(payload: &[u8]) -> Vec<u8> {
    let head = format!("DSSEv1 {} {PAYLOAD_TYPE} {} ", PAYLOAD_TYPE.len(), payload.len());
    [head.as_bytes(), payload].concat()
}

#[cfg(test)]
mod tests {
    use super::*;

    fn key(byte: u8) -> SigningKey {
        SigningKey(ed25519_dalek::SigningKey::from_bytes(&[byte; 32]))
    }

    #[test]
    fn a_key_is_read_back_as_it_was_kept() {
        let made = SigningKey::generate().unwrap();
        let read = SigningKey::read(&made.secret()).unwrap();
        assert_eq!(read.public(), made.public());
        let public = made.public();
        assert_eq!(PublicKey::parse(&public.file()), Some(public.clone()));
        assert_eq!(PublicKey::parse(&public.line()), Some(public));
        assert!(PublicKey::parse("RWQ").is_none() && PublicKey::parse("").is_none());
    }

    #[test]
    fn a_signature_fits_its_content_its_comment_and_its_key_alone() {
        let (ours, other) = (key(1), key(2).public());
        let signature = ours.minisign(b"content", "pack 1");
        assert_eq!(signature, ours.minisign(b"content", "pack 1"), "the same bytes");
        assert_eq!(ours.public().verify_minisign(b"content", &signature), Ok(()));
        assert!(ours.public().verify_minisign(b"Content", &signature).is_err());
        assert!(ours.public().verify_minisign(b"content", &signature.replace("pack 1", "pack 2")).is_err());
        assert!(other.verify_minisign(b"content", &signature).is_err());
    }

    #[test]
    fn the_secret_is_not_shown() {
        let shown = format!("{:?}", key(7));
        assert!(!shown.contains(key(7).secret().expose_secret()) && shown.contains(&key(7).public().id()));
    }
}
