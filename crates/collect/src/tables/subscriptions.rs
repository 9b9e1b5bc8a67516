//! What the organization has bought: which parts of JumpCloud there are to be read at all.

use jumpcloud::endpoints;
use store::schema::{Table, json, real, text};

use super::{Collected, Id, Redact, Source};

/// `subscriptions`: one row for each product.
#[rustfmt::skip]
pub(super) static SUBSCRIPTIONS: Collected = Collected {
    table: Table {
        name: "subscriptions",
        about: "Products that the organization has, and their features, e.g. systemInsights or directoryInsightsPremium. Explains why a table is not licensed.",
        asset: None,
        label: "display_name",
        columns: &[
            text("product_code", "/productCode", "Code of the product."),
            text("display_name", "/displayName", "Name of the product."),
            json("features", "/features", "Names of its features."),
            real("list_price", "/listPrice", "List price."),
            real("annual_price", "/annualPrice", "Price when paid by the year."),
        ],
        joined: &[],
    },
    sources: &[Source::list(&endpoints::SUBSCRIPTIONS)],
    id: Id::Loose(&["productCode"]),
    redact: Redact::Nothing,
    absent: "the organization no longer has the product",
    fact: "V2 GET /api/v2/subscriptions",
};
