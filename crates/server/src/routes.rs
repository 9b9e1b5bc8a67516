//! Every address of the server, with its method and what it needs. A route without a permission can not be written: it is
//! a part of the line. The matrix of routes and roles in the tests is made from this list.

use axum::Router;
use axum::extract::DefaultBodyLimit;
use axum::handler::Handler;
use axum::middleware::from_fn_with_state;
use axum::routing::{MethodRouter, get as on_get, patch as on_patch, post as on_post};

use crate::App;
use crate::api::{
    assets as assets_api, audit, checks, connections, events, evidence as evidence_api, findings, health,
    notifications as notifications_api, openapi,
};
use crate::assets;
use crate::gate::{Needs, gate};
use crate::outermost::{nothing_here, outermost};
use crate::pages::{
    account, administration, api_docs, asset, backup, check, collection_status, connection, connection_form, event,
    evidence, finding, framework, library, notifications, oidc, overview, second_factor, sign_in, sql,
};
use crate::permission::Permission as P;

/// Largest body of any request, in bytes.
const LARGEST_BODY: usize = 256 * 1024;

/// An address, as the list has it.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct RouteInfo {
    /// `GET`, `POST` or `PATCH`.
    pub method: &'static str,
    /// The path, with `{names}` for what varies.
    pub path: &'static str,
    /// Who it is open to.
    pub needs: Needs,
}

struct Route {
    info: RouteInfo,
    service: MethodRouter<App>,
}

const NOBODY: Needs = Needs::Nobody;

fn may(permission: P) -> Needs {
    Needs::Permission(permission)
}

fn get<H: Handler<T, App>, T: 'static>(path: &'static str, needs: Needs, handler: H) -> Route {
    Route { info: RouteInfo { method: "GET", path, needs }, service: on_get(handler) }
}

fn post<H: Handler<T, App>, T: 'static>(path: &'static str, needs: Needs, handler: H) -> Route {
    Route { info: RouteInfo { method: "POST", path, needs }, service: on_post(handler) }
}

fn patch<H: Handler<T, App>, T: 'static>(path: &'static str, needs: Needs, handler: H) -> Route {
    Route { info: RouteInfo { method: "PATCH", path, needs }, service: on_patch(handler) }
}

fn routes() -> Vec<Route> {
    vec![
        get("/static/{name}", NOBODY, assets::file),
        get("/setup", NOBODY, sign_in::setup_form),
        post("/setup", NOBODY, sign_in::setup),
        get("/sign-in", NOBODY, sign_in::form),
        post("/sign-in", NOBODY, sign_in::sign_in),
        post("/sign-in/code", NOBODY, sign_in::code),
        get("/sign-in/oidc", NOBODY, oidc::begin),
        get("/sign-in/oidc/callback", NOBODY, oidc::callback),
        get("/enter/{token}", NOBODY, sign_in::enter),
        post("/sign-out", may(P::OwnAccount), sign_in::sign_out),
        get("/", may(P::ReadHealth), overview::show),
        get("/connections", may(P::ReadHealth), connection::list),
        get("/connections/new", may(P::ManageConnections), connection_form::new),
        post("/connections/new", may(P::ManageConnections), connection_form::add),
        get("/connections/library", may(P::ReadHealth), library::show),
        get("/connections/outgoing", may(P::ReadHealth), library::outgoing),
        get("/connections/{id}", may(P::ReadHealth), connection::status),
        get("/connections/{id}/history", may(P::ReadHealth), connection::history),
        get("/connections/{id}/state", may(P::ReadHealth), connection::state),
        get("/connections/{id}/what-we-read", may(P::ReadHealth), connection::what_we_read),
        get("/connections/{id}/settings", may(P::ManageConnections), connection_form::settings),
        post("/connections/{id}/settings", may(P::ManageConnections), connection_form::save),
        get("/connections/{id}/credentials", may(P::ManageConnections), connection_form::credentials),
        post("/connections/{id}/credentials", may(P::ManageConnections), connection_form::rotate),
        post("/connections/{id}/test", may(P::RunConnections), connection::test),
        post("/connections/{id}/sync", may(P::RunConnections), connection::sync),
        post("/connections/{id}/cancel", may(P::RunConnections), connection::cancel),
        post("/connections/{id}/enabled", may(P::RunConnections), connection::set_enabled),
        post("/connections/{id}/remove", may(P::ManageConnections), connection_form::remove),
        get("/runs/{number}", may(P::ReadHealth), connection::run),
        get("/collection-status", may(P::ReadHealth), collection_status::show),
        get("/assets", may(P::ReadAssets), asset::list),
        get("/assets/{kind}/{org_id}/{*id}", may(P::ReadAssets), asset::show),
        get("/findings", may(P::ReadFindings), finding::list),
        get("/findings/{number}", may(P::ReadFindings), finding::show),
        post("/findings/act", may(P::Triage), finding::act),
        get("/checks", may(P::ReadChecks), check::list),
        post("/checks/run", may(P::RunConnections), check::run),
        get("/checks/{id}", may(P::ReadChecks), check::show),
        get("/frameworks", may(P::ReadChecks), framework::list),
        get("/frameworks/{id}", may(P::ReadChecks), framework::show),
        get("/evidence", may(P::ReadChecks), evidence::list),
        get("/evidence/items/{id}", may(P::ReadChecks), evidence::show),
        get("/evidence/packs", may(P::ReadChecks), evidence::packs),
        post("/evidence/packs", may(P::MakeEvidence), evidence::make),
        get("/evidence/packs/{number}", may(P::MakeEvidence), evidence::download),
        get("/events", may(P::ReadEvents), event::list),
        get("/events/{org_id}/{uid}", may(P::ReadEvents), event::show),
        get("/sql", may(P::RunSql), sql::show),
        get("/api-docs", may(P::ReadHealth), api_docs::show),
        get("/account", may(P::OwnAccount), account::show),
        post("/account/password", may(P::OwnAccount), account::set_password),
        get("/account/second-factor", may(P::OwnAccount), second_factor::show),
        post("/account/second-factor/begin", may(P::OwnAccount), second_factor::begin),
        post("/account/second-factor/confirm", may(P::OwnAccount), second_factor::confirm),
        post("/account/second-factor/remove", may(P::OwnAccount), second_factor::remove),
        post("/account/sessions/end", may(P::OwnAccount), account::end_session),
        post("/account/tokens", may(P::OwnAccount), account::add_token),
        post("/account/tokens/revoke", may(P::OwnAccount), account::revoke_token),
        get("/notifications", may(P::ManageNotifications), notifications::show),
        post("/notifications/add", may(P::ManageNotifications), notifications::add),
        post("/notifications/test", may(P::ManageNotifications), notifications::test),
        post("/notifications/enabled", may(P::ManageNotifications), notifications::set_enabled),
        post("/notifications/remove", may(P::ManageNotifications), notifications::remove),
        get("/administration", may(P::ReadAudit), administration::show),
        post("/administration/people", may(P::ManagePeople), administration::add_person),
        get("/administration/people/{id}", may(P::ManagePeople), administration::person),
        post("/administration/people/{id}", may(P::ManagePeople), administration::save_person),
        get("/administration/sessions", may(P::ManagePeople), administration::all_sessions),
        get("/administration/tokens", may(P::ManagePeople), administration::all_tokens),
        get("/administration/retention", may(P::ReadAudit), administration::retention),
        post("/administration/sessions/end", may(P::ManagePeople), administration::end_session),
        post("/administration/tokens/revoke", may(P::ManagePeople), administration::revoke_token),
        get("/administration/backup", may(P::ReadAudit), backup::show),
        post("/administration/backup", may(P::BackUp), backup::make),
        get("/administration/audit", may(P::ReadAudit), administration::audit),
        post("/administration/audit/verify", may(P::ReadAudit), administration::verify),
        get("/administration/about", may(P::ReadAudit), administration::about),
        get("/healthz", NOBODY, health::healthz),
        get("/readyz", NOBODY, health::readyz),
        get("/metrics", may(P::ReadHealth), health::metrics),
        get("/api/v1/openapi.json", may(P::ReadHealth), openapi::show),
        get("/api/v1/connections", may(P::ReadHealth), connections::list),
        get("/api/v1/connections/{id}", may(P::ReadHealth), connections::one),
        patch("/api/v1/connections/{id}", may(P::ManageConnections), connections::change),
        post("/api/v1/connections/{id}/test", may(P::RunConnections), connections::test),
        post("/api/v1/connections/{id}/sync", may(P::RunConnections), connections::sync),
        get("/api/v1/connections/{id}/runs", may(P::ReadHealth), connections::runs),
        get("/api/v1/runs/{number}", may(P::ReadHealth), connections::run),
        get("/api/v1/assets", may(P::ReadAssets), assets_api::types),
        get("/api/v1/assets/{kind}", may(P::ReadAssets), assets_api::of_type),
        get("/api/v1/assets/{kind}/{org_id}/{*id}", may(P::ReadAssets), assets_api::one),
        get("/api/v1/findings", may(P::ReadFindings), findings::list),
        get("/api/v1/findings/{number}", may(P::ReadFindings), findings::one),
        post("/api/v1/findings/accept", may(P::Triage), findings::accept),
        post("/api/v1/findings/reopen", may(P::Triage), findings::reopen),
        post("/api/v1/findings/assign", may(P::Triage), findings::assign),
        get("/api/v1/checks", may(P::ReadChecks), checks::list),
        get("/api/v1/checks/{id}", may(P::ReadChecks), checks::one),
        get("/api/v1/frameworks", may(P::ReadChecks), checks::frameworks),
        get("/api/v1/frameworks/{id}", may(P::ReadChecks), checks::framework),
        get("/api/v1/evidence/items", may(P::ReadChecks), evidence_api::items),
        get("/api/v1/evidence/packs", may(P::ReadChecks), evidence_api::packs),
        post("/api/v1/evidence/packs", may(P::MakeEvidence), evidence_api::make),
        get("/api/v1/evidence/packs/{number}", may(P::MakeEvidence), evidence_api::download),
        get("/api/v1/events", may(P::ReadEvents), events::list),
        get("/api/v1/events/{org_id}/{id}", may(P::ReadEvents), events::one),
        get("/api/v1/notifications", may(P::ManageNotifications), notifications_api::list),
        post("/api/v1/notifications/{id}/test", may(P::ManageNotifications), notifications_api::test),
        get("/api/v1/audit", may(P::ReadAudit), audit::list),
    ]
}

/// Every address, for the matrix of routes and roles.
pub fn route_list() -> Vec<RouteInfo> {
    routes().into_iter().map(|route| route.info).collect()
}

pub(crate) fn router(app: &App) -> Router {
    let mut router = Router::new();
    for Route { info, service } in routes() {
        let layer = from_fn_with_state((app.clone(), info.needs), gate);
        router = router.route(info.path, service.route_layer(layer));
    }
    router
        .fallback(nothing_here)
        .layer(DefaultBodyLimit::max(LARGEST_BODY))
        .layer(from_fn_with_state(app.clone(), outermost))
        .with_state(app.clone())
}
