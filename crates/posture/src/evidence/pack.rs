//! Making a pack: everything is written and hashed, then the manifest names it, the key signs it, and the chain takes it up,
//! before the pack gets its name.

use std::collections::BTreeMap;
use std::path::Path;

use jiff::Timestamp;
use store::{EvidencePack, MasterKey};

use super::PackError;
use super::coverage::{Coverage, Gap};
use super::exceptions::{Exceptions, write_findings};
use super::folder::PackFolder;
use super::item::Item;
use super::keys::{HISTORY, key, keys};
use super::manifest::{ENVELOPE, FORMAT, MANIFEST, MINISIG, Manifest, ManifestFile, VERSION, sha256};
use super::outcomes::Outcomes;
use super::population::{self, Common, Packed};
use super::reading::Reading;
use super::rows::canonical;
use super::sample::Sampling;
use super::sign::{PublicKey, SigningKey};
use super::sources::{Completeness, Sources};
use super::{oscal, report};
use crate::framework::Framework;
use crate::run::{Organization, Posture};

/// What is to be packed.
#[derive(Debug)]
pub struct PackRequest<'a> {
    /// These items.
    pub items: Vec<&'a Item>,
    /// For this framework.
    pub framework: &'a Framework,
    /// Of this organization.
    pub organization: &'a Organization,
    /// The period begins here …
    pub from: Timestamp,
    /// … and ends here, inclusive.
    pub to: Timestamp,
    /// Populations are as they were at this time, which lies in the period.
    pub as_of: Timestamp,
    /// Samples, if they are wanted.
    pub sampling: Option<Sampling>,
    /// When the pack is made.
    pub made_at: Timestamp,
    /// Who makes it.
    pub made_by: String,
    /// The program's name and version.
    pub product: String,
    /// What each table is asked by.
    pub asked: BTreeMap<String, String>,
    /// Where it is to be: a folder, or an archive if it ends in `.zip`.
    pub out: &'a Path,
}

/// A pack that was made.
#[derive(Debug)]
pub struct Made {
    /// Its place in the chain.
    pub pack: EvidencePack,
    /// The key that verifies it.
    pub key: PublicKey,
    /// What is missing of the period.
    pub gaps: Vec<Gap>,
    /// For each item: its state's word, and the rows of its population.
    pub items: BTreeMap<String, (&'static str, Option<u64>)>,
}

/// Makes a pack.
///
/// # Errors
/// There was no snapshot yet, the place is taken or can not be written, an item's file is wrong, or the store fails. Nothing
/// is left then.
pub async fn pack(posture: &Posture, master: &MasterKey, request: &PackRequest<'_>) -> Result<Made, PackError> {
    let PackRequest { from, to, as_of, made_at, organization, .. } = *request;
    if from > to || as_of < from || as_of > to {
        return Err(PackError::Refused("the period must begin before it ends, and --as-of must lie in it".to_owned()));
    }
    if made_at > (posture.clock)() {
        return Err(PackError::Refused("a pack can not be made in the future; look at --made-at".to_owned()));
    }
    let store = &posture.store;
    let snapshots = store.snapshots_held(Some(as_of), Some(&organization.org_id)).await?;
    let Some(snapshot) = snapshots.into_iter().next() else {
        return Err(PackError::Refused(format!("nothing was collected of {} by {as_of:.0}", organization.names[0])));
    };
    let signing = key(store, master, made_at).await?;
    let mut folder = PackFolder::begin(request.out)?;
    let at = (organization.org_id.clone(), snapshot.number);
    let reading = Reading::new(store, at, (from, to), as_of);
    let sources = Sources::read(&reading, snapshot, &request.asked).await?;
    sources.write(&mut folder)?;
    let coverage = Coverage::read(&reading, (from, to), made_at, &mut folder).await?;
    folder.write("ledger/coverage.json", &canonical(&coverage.document())?)?;
    let common = Common {
        reading: &reading,
        framework: request.framework,
        sources: &sources,
        coverage: &coverage,
        sampling: request.sampling.as_ref(),
    };
    let mut items: Vec<Packed<'_>> = Vec::with_capacity(request.items.len());
    for item in &request.items {
        items.push(population::pack(item, &common, &mut folder).await?);
    }
    let checks: Vec<String> = request.framework.checks(&posture.library).map(|check| check.id.clone()).collect();
    let exceptions = Exceptions::read(&reading, &checks, as_of, &mut folder).await?;
    let findings = write_findings(&reading, &checks, &mut folder).await?;
    let outcomes = Outcomes::read(posture, request.framework, organization, &reading, &exceptions).await?;
    outcomes.write(&mut folder)?;
    let public = signing.public();
    folder.write("keys/jumpseat.pub", public.file().as_bytes())?;
    folder.write("keys/jumpseat.pem", public.pem().map_err(PackError::Refused)?.as_bytes())?;
    let keys = keys(store).await?;
    folder.write(HISTORY, &canonical(&keys)?)?;
    if let Some(vouched) = keys.last().and_then(|newest| newest.vouched.as_ref()) {
        folder.write("keys/jumpseat.pub.minisig", vouched.as_bytes())?;
    }
    let mut manifest = Manifest {
        format: FORMAT.to_owned(),
        version: VERSION,
        product: request.product.clone(),
        org_id: organization.org_id.clone(),
        organization: sources.name_of(organization),
        framework: request.framework.id.clone(),
        framework_name: format!("{} {}", request.framework.name, request.framework.version),
        from,
        to,
        as_of,
        made_at,
        made_by: request.made_by.clone(),
        number: 0,
        previous: None,
        public_key: public.line(),
        files: Vec::new(),
    };
    report::write(
        &report::Facts {
            manifest: &manifest,
            items: &items,
            outcomes: &outcomes,
            exceptions: &exceptions,
            findings,
            sources: &sources,
            coverage: &coverage,
            sampling: request.sampling.as_ref(),
            key: &public,
        },
        &mut folder,
    )?;
    oscal::write(
        &oscal::Facts {
            manifest: &manifest,
            items: &items,
            outcomes: &outcomes,
            exceptions: &exceptions,
            sources: &sources,
            gaps: coverage.gaps.len(),
        },
        &mut folder,
    )?;
    manifest.files = folder
        .files()
        .iter()
        .map(|(path, written)| ManifestFile {
            path: path.clone(),
            bytes: written.bytes,
            sha256: written.sha256.clone(),
        })
        .collect();
    let pack = seal(posture, &signing, manifest, folder).await?;
    let told = items.iter().map(|packed| (packed.item.id.clone(), (packed.completeness.word(), packed.rows)));
    debug_assert!(
        items
            .iter()
            .all(|packed| { packed.rows.is_some() != matches!(packed.completeness, Completeness::NotCollected(_)) })
    );
    let items = told.collect();
    Ok(Made { pack, key: public, gaps: coverage.gaps, items })
}

/// Signs the manifest and takes the pack up into the chain; then it gets its name.
async fn seal(
    posture: &Posture,
    signing: &SigningKey,
    mut manifest: Manifest,
    mut folder: PackFolder,
) -> Result<EvidencePack, PackError> {
    let store = &posture.store;
    let now = (posture.clock)();
    let lease = store.take_lease("evidence", "an evidence pack", &posture.holder, now).await?;
    let sealed = async {
        let newest = store.newest_evidence_pack().await?;
        if let Some(newest) = newest.as_ref().filter(|newest| newest.made_at > manifest.made_at) {
            return Err(PackError::Refused(format!(
                "pack {} was made at {:.0}; a pack can not be made before the one that it follows",
                newest.number, newest.made_at
            )));
        }
        manifest.number = newest.as_ref().map_or(0, |newest| newest.number) + 1;
        manifest.previous = newest.map(|newest| newest.digest);
        let text = canonical(&manifest)?;
        let digest = sha256(&text);
        let comment = format!(
            "Jumpseat evidence pack {} of {}, {}, made {:.0}, sha256:{digest}",
            manifest.number, manifest.org_id, manifest.framework, manifest.made_at
        );
        folder.write(MANIFEST, &text)?;
        folder.write(MINISIG, signing.minisign(&text, &comment).as_bytes())?;
        folder.write(ENVELOPE, &signing.envelope(&manifest, &digest)?)?;
        let pack = EvidencePack {
            number: manifest.number,
            org_id: manifest.org_id.clone(),
            framework: manifest.framework.clone(),
            from: manifest.from,
            to: manifest.to,
            as_of: manifest.as_of,
            made_at: manifest.made_at,
            made_by: manifest.made_by.clone(),
            files: manifest.files.len() as i64,
            bytes: manifest.files.iter().map(|file| file.bytes as i64).sum(),
            digest,
            previous: manifest.previous.clone(),
            public_key: manifest.public_key.clone(),
        };
        // The chain first: a number without a pack is noticed, two packs of one number would not be.
        store.add_evidence_pack(&pack, &lease, now).await?;
        folder.finish()?;
        Ok(pack)
    }
    .await;
    store.release_lease(lease).await?;
    sealed
}
