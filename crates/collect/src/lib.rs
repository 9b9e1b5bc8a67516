//! The sync engine.
/// Every table that the inventory collects.
pub mod tables;
