//! K. Logging and collection. Most of it is about the product that collects, which nobody here can see.

use super::{Check, Look, Outcomes, Tier, fail_if};
use crate::state::document::Noun;

const OWN_STATE: &str = "about how far the product has read, which only the product knows";

pub(super) const CHECKS: &[Check] = &[
    Check::outside("log-collection-lagging", Tier::P, OWN_STATE),
    Check::outside("log-service-silent", Tier::P, "about events of the product's own archive against its own baseline"),
    Check::outside("log-retention-short", Tier::P, "about the product's archive and its setting"),
    Check::outside("log-archive-integrity", Tier::P, "about digests and signatures of the product's archive"),
    Check::of("log-alerting-absent", Tier::B, alerting_absent),
    Check::outside("inventory-partial", Tier::P, OWN_STATE),
    Check::outside("connection-scope-shrunk", Tier::P, "about what the product could read before and cannot now"),
];

/// The product is taken to tell nobody itself.
fn alerting_absent(look: &Look<'_>) -> Outcomes {
    let documents = &look.organization.documents;
    let rule = documents.iter(Noun::HealthRules).any(|rule| rule.text("status") == "RULE_STATUS_ENABLED");
    let channel = documents.iter(Noun::NotificationChannels).next().is_some();
    look.of_organization(fail_if(!rule || !channel))
}
