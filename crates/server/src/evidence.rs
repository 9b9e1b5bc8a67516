//! Evidence packs that are made in the console or through the API: kept in a folder of this installation, by their number.

use std::path::PathBuf;

use axum::body::Body;
use axum::http::{HeaderValue, StatusCode, header};
use axum::response::{IntoResponse as _, Response};
use jiff::Timestamp;
use posture::Organization;
use posture::evidence::{Item, Made, PackError, PackRequest, Sampling, pack};
use serde_json::json;
use store::EvidencePack;
use tokio_util::io::ReaderStream;

use crate::App;
use crate::problem::{Answered, Problem};
use crate::visit::Ctx;

/// What a pack is asked for with.
#[derive(Debug)]
pub(crate) struct Wanted {
    pub(crate) framework: String,
    pub(crate) org_id: String,
    pub(crate) from: Timestamp,
    pub(crate) to: Timestamp,
    /// The end of the period, if it is not said.
    pub(crate) as_of: Option<Timestamp>,
    pub(crate) sampling: Option<Sampling>,
    /// These items; all that serve the framework, if none is named.
    pub(crate) items: Vec<String>,
}

/// Where the pack of a number is kept.
fn place(app: &App, number: i64) -> PathBuf {
    app.packs.join(format!("pack-{number}.zip"))
}

/// Whether the pack of a number is kept here.
pub(crate) fn is_kept(app: &App, number: i64) -> bool {
    place(app, number).is_file()
}

/// The packs of organizations that this person may see, the newest first.
pub(crate) async fn packs(ctx: &Ctx) -> Result<Vec<EvidencePack>, Problem> {
    let mut packs = ctx.app.store.evidence_packs().await?;
    packs.retain(|pack| ctx.read().sees(Some(&pack.org_id)));
    packs.sort_by_key(|pack| std::cmp::Reverse(pack.number));
    Ok(packs)
}

/// An organization that something was collected of.
pub(crate) async fn organization(ctx: &Ctx, org_id: &str) -> Result<Organization, Problem> {
    let all = ctx.app.posture.organizations().await?;
    let mut seen = all.into_iter().filter(|organization| ctx.read().everywhere().sees(Some(&organization.org_id)));
    seen.find(|organization| organization.org_id == org_id)
        .ok_or_else(|| Problem::not_found("there is no such organization, or nothing was collected of it yet"))
}

/// Makes a pack and keeps it.
pub(crate) async fn make(ctx: &Ctx, wanted: &Wanted) -> Result<Made, Problem> {
    let app = &ctx.app;
    let framework = app.posture.library.framework(&wanted.framework);
    let framework = framework.ok_or_else(|| Problem::not_found("there is no such framework"))?;
    let organization = organization(ctx, &wanted.org_id).await?;
    let items: Vec<&Item> = match wanted.items.as_slice() {
        [] => app.items.serving(framework),
        ids => {
            let found: Option<Vec<&Item>> = ids.iter().map(|id| app.items.get(id)).collect();
            found.ok_or_else(|| Problem::not_found("there is no such evidence item"))?
        }
    };
    let detail = json!({
        "from": wanted.from, "to": wanted.to, "as_of": wanted.as_of, "items": wanted.items,
        "sample": wanted.sampling.as_ref().map(|sampling| sampling.size),
    });
    ctx.audit_begun("evidence.pack", &framework.id, Some(&organization.org_id), detail).await?;
    // It has its number when it is done.
    let out = app.packs.join(format!("{}.zip", uuid::Uuid::now_v7()));
    let request = PackRequest {
        items,
        framework,
        organization: &organization,
        from: wanted.from,
        to: wanted.to,
        // Nothing is known of what is still to come.
        as_of: wanted.as_of.unwrap_or(wanted.to).min(ctx.now),
        sampling: wanted.sampling.clone(),
        made_at: ctx.now,
        made_by: ctx.by(),
        product: format!("Jumpseat {}", env!("CARGO_PKG_VERSION")),
        asked: collect::tables::asked_by(),
        out: &out,
    };
    let made = pack(&app.posture, &app.collector.key, &request).await;
    let failure = made.as_ref().err().map(ToString::to_string);
    ctx.audit_ended("evidence.pack", &framework.id, Some(&organization.org_id), failure).await;
    let made = made?;
    tokio::fs::rename(&out, place(app, made.pack.number)).await.map_err(Problem::internal)?;
    Ok(made)
}

/// Answers with a pack as a file.
pub(crate) async fn download(ctx: &Ctx, number: i64) -> Answered {
    let packs = packs(ctx).await?;
    let pack = packs.iter().find(|pack| pack.number == number);
    let pack = pack.ok_or_else(|| Problem::not_found(format!("there is no pack {number}")))?;
    let file = tokio::fs::File::open(place(&ctx.app, number)).await.map_err(|_| {
        Problem::not_found(format!("pack {number} is not kept on this machine"))
            .help("It was made on the command line, by another server, or removed. Make it again for the same period.")
    })?;
    ctx.audit("export", &format!("evidence pack {number}"), Some(&pack.org_id), json!({})).await?;
    let mut response: Response = Body::from_stream(ReaderStream::new(file)).into_response();
    let name = format!("attachment; filename=\"jumpseat-evidence-{number}.zip\"");
    let headers = response.headers_mut();
    headers.insert(header::CONTENT_TYPE, HeaderValue::from_static("application/zip"));
    headers.insert(header::CONTENT_DISPOSITION, HeaderValue::from_str(&name).map_err(Problem::internal)?);
    Ok(response)
}

impl From<PackError> for Problem {
    fn from(error: PackError) -> Self {
        match error {
            PackError::Store(error) => error.into(),
            PackError::Refused(why) => Self::new(StatusCode::UNPROCESSABLE_ENTITY, "refused", why),
            // A file of the user's own.
            error @ PackError::Item { .. } => Self::new(StatusCode::UNPROCESSABLE_ENTITY, "item", error.to_string()),
            PackError::File(error) => Self::internal(error),
        }
    }
}
