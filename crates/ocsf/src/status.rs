//! What an event states of its outcome. What it does not state is Unknown, never success.

use crate::event::Event;
use crate::field::Field;
use crate::json::{Text, Value};

/// How it ended, as OCSF counts it (`status_id` of activities).
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq, Hash)]
pub enum Outcome {
    /// The event does not say.
    #[default]
    Unknown = 0,
    /// It says that it succeeded.
    Success = 1,
    /// It says that it failed.
    Failure = 2,
    /// It says something else (an MDM command that is `Idle`).
    Other = 99,
}

/// `status_id`, `status`, `status_code` and `status_detail`.
#[derive(Debug, Clone, Copy, Default)]
pub(crate) struct Status<'a> {
    /// Of a finding this is its state (1 New, 2 In Progress, 3 Suppressed, 4 Resolved).
    pub id: u8,
    pub is_finding: bool,
    /// What 99 stands for.
    pub other: Option<Text<'a>>,
    pub code: Option<Text<'a>>,
    pub detail: Option<Text<'a>>,
}

impl<'a> Status<'a> {
    /// First that applies: `success`, `sso_token_success`, LDAP's `error_code`, MDM's `status`, object storage's
    /// `result` (ocsf-mapping, section 6).
    pub(crate) fn of(event: &Event<'a>) -> Self {
        let error_code = event.text(Field::ErrorCode);
        let mdm = event.is(Field::EventType, "mdm_command_result").then(|| event.get(Field::Status)).flatten();
        let mdm = mdm.and_then(Value::string);
        let chain = event.get(Field::MessageChain);
        let mut status = Self {
            code: error_code.or(mdm).or_else(|| chain?.text_of("response_code")),
            detail: event.string(Field::ErrorMessage).or_else(|| detail_elsewhere(event, chain)),
            ..Self::default()
        };
        let said = event.get(Field::Success).and_then(Value::boolean);
        let said = said.or_else(|| event.get(Field::SsoTokenSuccess).and_then(Value::boolean));
        let said = said.or_else(|| {
            (event.is(Field::Service, "ldap"))
                .then(|| event.get(Field::ErrorCode)?.integer())
                .flatten()
                .map(|code| code == 0)
        });
        status.id = match (said, mdm.map(|text| text.text)) {
            (Some(true), _) | (None, Some("Acknowledged")) => 1,
            (Some(false), _) | (None, Some("Error" | "CommandFormatError")) => 2,
            (None, Some(_)) => {
                status.other = mdm;
                99
            }
            (None, None) if event.is(Field::Service, "object_storage") => match event.text_of(Field::Result) {
                Some("Success") => 1,
                Some("Failure" | "Failed" | "Error") => 2,
                _ => 0,
            },
            (None, None) => 0,
        };
        status
    }

    /// The caption.
    pub(crate) fn name(&self) -> Text<'a> {
        match (self.id, self.is_finding) {
            (1, false) => Text::ours("Success"),
            (2, false) => Text::ours("Failure"),
            (1, true) => Text::ours("New"),
            (2, true) => Text::ours("In Progress"),
            (3, true) => Text::ours("Suppressed"),
            (4, true) => Text::ours("Resolved"),
            (99, _) => self.other.unwrap_or(Text::ours("Not stated")),
            _ => Text::ours("Unknown"),
        }
    }

    /// The outcome in a message: "success", "failure", or a finding's state.
    pub(crate) fn word(&self) -> Option<&'static str> {
        match (self.id, self.is_finding) {
            (1, false) => Some("success"),
            (2, false) => Some("failure"),
            (1, true) => Some("new"),
            (2, true) => Some("in progress"),
            (3, true) => Some("suppressed"),
            (4, true) => Some("resolved"),
            _ => None,
        }
    }

    pub(crate) fn of_event(&self) -> Outcome {
        match (self.is_finding, self.id) {
            (false, 1) => Outcome::Success,
            (false, 2) => Outcome::Failure,
            (false, 99) => Outcome::Other,
            _ => Outcome::Unknown,
        }
    }

    pub(crate) fn is_failure(&self) -> bool {
        !self.is_finding && self.id == 2
    }
}

fn detail_elsewhere<'a>(event: &Event<'a>, chain: Option<Value<'a>>) -> Option<Text<'a>> {
    let outer = || {
        let outer = event.get(Field::Outer)?;
        outer.get("error_message").or_else(|| outer.get("outer")?.get("error_message"))?.string()
    };
    outer().or_else(|| chain?.get("response_message")?.string()).or_else(|| event.string(Field::Result))
}
