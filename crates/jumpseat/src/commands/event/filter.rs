//! Which events: what `search`, `export` and `tail` have in common.

use anyhow::Result;
use clap::Args;
use collect::origin::{parse_address, parse_country};
use jiff::Timestamp;
use store::events::{EventFilter, EventOutcome};

use crate::context::Context;
use crate::exit::Problem;
use crate::when::{parse_day, parse_moment};

#[derive(Debug, Clone, Args)]
pub(super) struct FilterArgs {
    /// From this time on: a date (its beginning) or an RFC 3339 time.
    #[arg(long, value_name = "TIME", value_parser = parse_day)]
    from: Option<Timestamp>,
    /// Until this time: a date (its end) or an RFC 3339 time.
    #[arg(long, value_name = "TIME", value_parser = parse_moment)]
    to: Option<Timestamp>,
    /// Services, as JumpCloud names them: directory, sso, systems, …
    #[arg(long, value_delimiter = ',', value_name = "NAME,NAME")]
    service: Vec<String>,
    /// Event types: user_login_attempt, …
    #[arg(long = "type", short = 't', value_delimiter = ',', value_name = "TYPE,TYPE")]
    kind: Vec<String>,
    /// OCSF classes, by number or name: 3002 or authentication for sign-ins, …
    #[arg(long, value_delimiter = ',', value_name = "CLASS,CLASS", value_parser = parse_class)]
    class: Vec<u16>,
    /// How it ended: success, failure, other or unknown.
    #[arg(long, value_delimiter = ',', value_name = "OUTCOME", value_parser = parse_outcome)]
    outcome: Vec<EventOutcome>,
    /// A user or administrator, by name or id.
    #[arg(long, value_name = "NAME")]
    user: Option<String>,
    /// A device, by name or id.
    #[arg(long, value_name = "NAME")]
    device: Option<String>,
    /// An application, by name or id.
    #[arg(long, value_name = "NAME")]
    application: Option<String>,
    /// The address that it came from.
    #[arg(long, value_name = "ADDRESS", value_parser = parse_address)]
    ip: Option<String>,
    /// The country that it came from, two letters.
    #[arg(long, value_name = "CC", value_parser = parse_country)]
    country: Option<String>,
    /// What its text contains.
    #[arg(long, value_name = "TEXT")]
    text: Option<String>,
    /// Only these connections.
    #[arg(long, value_delimiter = ',', value_name = "NAME,NAME")]
    connection: Vec<String>,
}

impl FilterArgs {
    /// The store's filter.
    pub(super) async fn filter(&self, context: &Context) -> Result<EventFilter> {
        if let (Some(from), Some(to)) = (self.from, self.to)
            && from > to
        {
            return Err(Problem::usage(format!("--from {from} lies after --to {to}")));
        }
        let org_ids = if self.connection.is_empty() {
            Vec::new()
        } else {
            let connections = context.named(&self.connection).await?;
            let known: Vec<String> = connections.into_iter().filter_map(|connection| connection.org_id).collect();
            if known.is_empty() {
                return Err(Problem::not_found(
                    "these connections have not collected anything yet",
                    "`jumpseat sync` collects now.",
                ));
            }
            known
        };
        Ok(EventFilter {
            org_ids,
            from: self.from,
            // People mean the last moment that they name, the store the first that it leaves out.
            to: self.to.and_then(|to| to.checked_add(jiff::SignedDuration::from_millis(1)).ok()),
            services: self.service.clone(),
            types: self.kind.clone(),
            classes: self.class.clone(),
            outcomes: self.outcome.clone(),
            user: self.user.clone(),
            device: self.device.clone(),
            application: self.application.clone(),
            ip: self.ip.clone(),
            country: self.country.clone(),
            text: self.text.clone(),
        })
    }
}

fn parse_outcome(word: &str) -> Result<EventOutcome, String> {
    EventOutcome::from_word(word).ok_or_else(|| format!("{word:?} is none of success, failure, other, unknown"))
}

/// A class by its number or by its name, whatever the name's case, blanks and underscores.
fn parse_class(word: &str) -> Result<u16, String> {
    let plain = |name: &str| name.replace([' ', '_', '-'], "").to_lowercase();
    let known = || ocsf::Class::ALL.iter();
    known()
        .find(|class| class.uid.to_string() == word || plain(class.name) == plain(word))
        .map(|class| class.uid)
        .ok_or_else(|| {
            let classes: Vec<String> = known().map(|class| format!("{} {}", class.uid, class.name)).collect();
            format!("it is none of the classes: {}", classes.join(", "))
        })
}

#[cfg(test)]
mod tests {
    use super::parse_class;

    #[test]
    fn a_class_is_known_by_its_number_and_by_its_name() {
        for word in ["3002", "authentication", "Authentication"] {
            assert_eq!(parse_class(word), Ok(3002), "{word}");
        }
        for word in ["account-change", "account_change", "Account Change"] {
            assert_eq!(parse_class(word), Ok(3001), "{word}");
        }
        assert!(parse_class("abc").unwrap_err().contains("3002 Authentication"));
    }
}
