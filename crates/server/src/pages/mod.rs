//! The pages. To add one: a file here with a struct that is its template's context, a template of the same name, and its
//! line in `routes.rs`.

pub(crate) mod account;
pub(crate) mod administration;
pub(crate) mod api_docs;
pub(crate) mod asset;
pub(crate) mod asset_facets;
pub(crate) mod asset_picture;
pub(crate) mod backup;
pub(crate) mod check;
pub(crate) mod collection_status;
pub(crate) mod connection;
pub(crate) mod connection_form;
pub(crate) mod event;
pub(crate) mod evidence;
pub(crate) mod finding;
pub(crate) mod framework;
pub(crate) mod library;
pub(crate) mod notifications;
pub(crate) mod oidc;
pub(crate) mod overview;
pub(crate) mod parts;
pub(crate) mod prose;
pub(crate) mod second_factor;
pub(crate) mod sign_in;
pub(crate) mod sql;
