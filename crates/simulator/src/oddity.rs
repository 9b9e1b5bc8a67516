//! The service-side oddities of the JumpCloud API, each a switch of an organization.
//! Responsible for naming and collecting them. How each one shows is written where the answer is made.

use serde::{Deserialize, Serialize};

/// One observed peculiarity. Numbers 1 to 30 are places in the project's list of oddities; higher ones were added here.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
#[repr(u8)]
pub enum Oddity {
    /// A request without a key is sent to an HTML login page (302; off: 401). Nobody is asking yet, so the switch of the
    /// first organization counts.
    MissingKeyRedirects = 1,
    /// Pages of group members are short, or hold `null`, in the middle; the header still has the right total.
    ShortMemberPages = 2,
    /// `applemdms` gives one row when no limit is sent (off: a full page).
    AppleMdmLimitOne = 3,
    /// V1 lists give ten rows when no limit is sent (off: a full page).
    DefaultPageOfTen = 4,
    /// Unknown `sort` and `fields` names and unknown body keys are ignored. Always so; nothing is known of another way.
    UnknownNamesIgnored = 5,
    /// Directory Insights: `changes` is an array or an object.
    ChangesChangeShape = 6,
    /// Directory Insights: timestamps carry 0 to 9 decimals.
    VaryingFractions = 7,
    /// Directory Insights: `success` is absent from some events.
    SuccessAbsent = 8,
    /// Directory Insights: event types differ from the published names.
    RenamedEvents = 9,
    /// Directory Insights: events arrive late and repeat at window boundaries.
    LateEvents = 10,
    /// `lastContact` is null or missing at times, and a filter on it hides devices that are online.
    LastContactGaps = 11,
    /// A reinstalled agent leaves its old device behind: two ids, one serial number.
    ReinstalledDevices = 12,
    /// `attributes` is null and `securityInfo` is `{}` although the specification says otherwise.
    NullAttributes = 13,
    /// Older user rows have no `state` and no `mfaEnrollment`.
    OldRowsLackState = 14,
    /// The Read Only role gets 403 from a few association endpoints.
    ReadOnlyGaps = 15,
    /// A parent listed a moment ago answers 404.
    VanishingParents = 16,
    /// A multi-tenant key without `x-org-id` silently acts on its first organization (off: 401).
    SilentDefaultOrganization = 17,
    /// `x-org-id` is refused with 403 on organization-level routes. One organization with the switch is enough.
    OrganizationHeaderRefused = 18,
    /// `commandresults` refuses a search limit of 1000 that users and systems accept.
    CommandResultsLimit = 19,
    /// Bursts of 503.
    UnavailableBursts = 20,
    /// A removed association lingers in graph answers for a minute.
    LingeringAssociations = 21,
    /// Directory Insights: `geoip` flat or nested, numbers or strings.
    GeoipVaries = 22,
    /// Directory Insights: `api key` or `api-key`, `user` or `systemuser`.
    SpellingVaries = 23,
    /// Directory Insights: very large MDM events.
    LargeMdmEvents = 24,
    /// A key of another region gets the same plain 401 as a wrong key. Always so.
    WrongRegionIsUnauthorized = 25,
    /// Directory Insights: `distinct` answers are wrapped under the field's name.
    DistinctWrapped = 26,
    /// Directory Insights refuses organizations whose plan lacks it with 403 (off: 402).
    UnlicensedIsForbidden = 27,
    /// The administrator listing leaves `organization` unset for multi-tenant keys.
    AdministratorsLackOrganization = 28,
    /// `0001-01-01T00:00:00Z` stands for "never".
    ZeroTime = 29,
    /// Directory Insights: stray characters inside strings.
    StrayCharacters = 30,
    /// A device without bound users answers an empty body instead of an empty list.
    EmptyBodies = 31,
    /// The list of organizations has no display names.
    UnnamedOrganizations = 32,
    /// Directory Insights: services and event types that no specification names.
    UndocumentedEvents = 33,
    /// Directory Insights: some events have no id.
    EventsWithoutId = 34,
    /// Directory Insights: some timestamps are missing, null, impossible, or written with an offset or a small z.
    OddTimestamps = 35,
    /// Directory Insights: some events exist twice, as two documents with one id, and are counted twice.
    RepeatedEvents = 36,
    /// Directory Insights: values that are null, huge, nested or of other types than usual.
    OddValues = 37,
    /// Directory Insights: `end_time` is inclusive like `start_time` (off: exclusive). Nothing published says which.
    InclusiveEndTime = 38,
    /// Directory Insights: clocks of devices are wrong, so that an event's time lies after its publication.
    SkewedClocks = 39,
}

/// A set of oddities. The default is [`Oddities::clean`].
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Oddities(u64);

impl Oddities {
    /// Only what is a rule of the service rather than a quirk: numbers 1, 3, 4, 5, 15, 18, 19 and 25.
    pub const fn clean() -> Self {
        Self(0)
            .with(Oddity::MissingKeyRedirects)
            .with(Oddity::AppleMdmLimitOne)
            .with(Oddity::DefaultPageOfTen)
            .with(Oddity::UnknownNamesIgnored)
            .with(Oddity::ReadOnlyGaps)
            .with(Oddity::OrganizationHeaderRefused)
            .with(Oddity::CommandResultsLimit)
            .with(Oddity::WrongRegionIsUnauthorized)
    }

    /// What is commonly met in the field: the clean set and the quirks that do not make whole requests fail.
    pub const fn field() -> Self {
        Self::clean()
            .with(Oddity::ShortMemberPages)
            .with(Oddity::ChangesChangeShape)
            .with(Oddity::VaryingFractions)
            .with(Oddity::SuccessAbsent)
            .with(Oddity::RenamedEvents)
            .with(Oddity::LateEvents)
            .with(Oddity::LastContactGaps)
            .with(Oddity::ReinstalledDevices)
            .with(Oddity::NullAttributes)
            .with(Oddity::OldRowsLackState)
            .with(Oddity::LingeringAssociations)
            .with(Oddity::GeoipVaries)
            .with(Oddity::SpellingVaries)
            .with(Oddity::DistinctWrapped)
            .with(Oddity::AdministratorsLackOrganization)
            .with(Oddity::ZeroTime)
            .with(Oddity::EmptyBodies)
            .with(Oddity::UndocumentedEvents)
    }

    /// The set with one more oddity.
    #[must_use]
    pub const fn with(self, oddity: Oddity) -> Self {
        Self(self.0 | (1 << oddity as u8))
    }

    /// The set without one oddity.
    #[must_use]
    pub const fn without(self, oddity: Oddity) -> Self {
        Self(self.0 & !(1 << oddity as u8))
    }

    /// Whether the set holds this oddity.
    pub const fn has(self, oddity: Oddity) -> bool {
        self.0 & (1 << oddity as u8) != 0
    }
}

impl Default for Oddities {
    fn default() -> Self {
        Self::clean()
    }
}
