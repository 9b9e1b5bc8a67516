//! The building blocks of OCSF events, one file each: what it is read from, what it needs to be one, how it is written.

pub(crate) mod actor;
pub(crate) mod api;
pub(crate) mod app;
pub(crate) mod caption;
pub(crate) mod device;
pub(crate) mod endpoint;
pub(crate) mod entity;
pub(crate) mod factors;
pub(crate) mod finding;
pub(crate) mod group;
pub(crate) mod http;
pub(crate) mod location;
pub(crate) mod observables;
pub(crate) mod os;
pub(crate) mod product;
pub(crate) mod resource;
pub(crate) mod service;
pub(crate) mod user;
pub(crate) mod version;
