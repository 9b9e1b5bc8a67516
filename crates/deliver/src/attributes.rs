//! Which columns the files have: every attribute of OCSF that the mapper of `crates/ocsf` can write, with its type and the
//! classes that have it. The schema of the files, what is read back of them, and `docs/archive-columns.md` follow from it.
//!
//! **To add an attribute**: one line where it belongs. A test maps every event type and names what has no place here.

/// What an attribute holds.
#[derive(Debug, Clone, Copy)]
pub(crate) enum Kind {
    /// Text.
    Text,
    /// JSON of any shape, as text.
    Json,
    /// OCSF's `integer_t`.
    Integer,
    /// OCSF's `long_t`.
    Long,
    /// OCSF's `float_t`.
    Real,
    /// True or false.
    Boolean,
    /// Milliseconds since 1970.
    Time,
    /// Attributes of its own.
    Object(&'static [Attribute]),
    /// Texts.
    Texts,
    /// Numbers, each OCSF's `float_t`.
    Reals,
    /// Objects, each with these attributes.
    Objects(&'static [Attribute]),
}

/// One attribute of an OCSF event, or of an object in it.
#[derive(Debug, Clone, Copy)]
pub(crate) struct Attribute {
    pub name: &'static str,
    pub kind: Kind,
    /// The classes that have it (`class_uid`); none: all. Only attributes of events have some.
    pub classes: &'static [u16],
    /// Which versions of OCSF have it.
    pub versions: Versions,
}

/// Which versions of OCSF have an attribute: 1.8.0, which the mapper writes, or 1.1.0, which Amazon Security Lake takes.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Versions {
    Both,
    /// Not 1.1.0, in events of these classes; in none, if none is named.
    Newer(&'static [u16]),
    /// Only 1.1.0.
    Older,
}

impl Attribute {
    /// Whether events of a class can have it.
    pub(crate) fn is_of(&self, class_uid: u16) -> bool {
        self.classes.is_empty() || self.classes.contains(&class_uid)
    }

    /// Whether OCSF 1.1.0 lacks it in events of a class.
    pub(crate) fn is_newer(&self, class_uid: u16) -> bool {
        matches!(self.versions, Versions::Newer(classes) if classes.is_empty() || classes.contains(&class_uid))
    }
}

const fn new(name: &'static str, kind: Kind) -> Attribute {
    Attribute { name, kind, classes: &[], versions: Versions::Both }
}

/// OCSF 1.1.0 does not have it.
const fn newer(attribute: Attribute) -> Attribute {
    newer_in(&[], attribute)
}

/// OCSF 1.1.0 does not have it in events of these classes.
const fn newer_in(classes: &'static [u16], attribute: Attribute) -> Attribute {
    Attribute { versions: Versions::Newer(classes), ..attribute }
}

/// OCSF 1.1.0 has it in another one's place.
const fn older(attribute: Attribute) -> Attribute {
    Attribute { versions: Versions::Older, ..attribute }
}

const fn text(name: &'static str) -> Attribute {
    new(name, Kind::Text)
}

const fn integer(name: &'static str) -> Attribute {
    new(name, Kind::Integer)
}

const fn of(classes: &'static [u16], attribute: Attribute) -> Attribute {
    Attribute { classes, ..attribute }
}

const FINDINGS: &[u16] = &[2004];
const SIGN_INS: &[u16] = &[3002];
const PEOPLE: &[u16] = &[3001, 3002, 3005, 3006];
const REQUESTS: &[u16] = &[3001, 3002, 3004, 3005, 3006, 6003];

/// What the requests behind such changes were, OCSF 1.1.0 does not ask.
const CHANGES: &[u16] = &[3004, 3005, 3006];

const UID: &[Attribute] = &[text("uid")];
const NAMED: &[Attribute] = &[text("uid"), text("name")];
const USER: &[Attribute] = &[
    text("uid"),
    text("name"),
    text("email_addr"),
    integer("type_id"),
    text("type"),
    newer(new("has_mfa", Kind::Boolean)),
    new("org", Kind::Object(UID)),
];
const OS: &[Attribute] = &[text("name"), integer("type_id"), text("type"), text("version")];
const LOCATION: &[Attribute] = &[
    text("city"),
    text("postal_code"),
    text("country"),
    text("region"),
    text("desc"),
    text("continent"),
    newer(new("lat", Kind::Real)),
    newer(new("long", Kind::Real)),
    older(new("coordinates", Kind::Reals)),
];
const ENDPOINT: &[Attribute] = &[
    text("ip"),
    text("uid"),
    text("hostname"),
    text("name"),
    text("svc_name"),
    new("os", Kind::Object(OS)),
    new("location", Kind::Object(LOCATION)),
];
const GROUP: &[Attribute] = &[text("uid"), text("name"), text("type")];
const RESOURCE: &[Attribute] = &[text("uid"), text("name"), newer(text("hostname")), text("type")];
const METADATA: &[Attribute] = &[
    text("version"),
    new("product", Kind::Object(&[text("name"), text("vendor_name"), new("feature", Kind::Object(&[text("name")]))])),
    text("log_provider"),
    newer(text("log_format")),
    text("uid"),
    text("tenant_uid"),
    newer(text("original_event_uid")),
    text("original_time"),
    text("event_code"),
    text("log_name"),
    text("log_version"),
    new("logged_time", Kind::Time),
    text("correlation_uid"),
    new("sequence", Kind::Long),
    new("labels", Kind::Texts),
    new("profiles", Kind::Texts),
];
const AUTHORIZATION: &[Attribute] = &[text("decision"), new("policy", Kind::Object(NAMED))];
const PHONE: &[Attribute] = &[
    text("uid"),
    integer("type_id"),
    text("type"),
    text("model"),
    text("vendor_name"),
    text("ip"),
    new("os", Kind::Object(OS)),
    new("owner", Kind::Object(USER)),
];

/// The attributes of an event, in the order of the columns.
pub(crate) const ATTRIBUTES: &[Attribute] = &[
    new("time", Kind::Time),
    integer("timezone_offset"),
    integer("class_uid"),
    text("class_name"),
    integer("category_uid"),
    text("category_name"),
    integer("activity_id"),
    text("activity_name"),
    new("type_uid", Kind::Long),
    text("type_name"),
    integer("severity_id"),
    text("severity"),
    integer("status_id"),
    text("status"),
    text("status_code"),
    text("status_detail"),
    text("message"),
    new("metadata", Kind::Object(METADATA)),
    of(PEOPLE, new("user", Kind::Object(USER))),
    newer_in(
        &[0],
        new(
            "actor",
            Kind::Object(&[
                new("user", Kind::Object(USER)),
                newer(text("app_name")),
                older(text("invoked_by")),
                new("authorizations", Kind::Objects(AUTHORIZATION)),
            ]),
        ),
    ),
    of(REQUESTS, newer_in(CHANGES, new("src_endpoint", Kind::Object(ENDPOINT)))),
    of(&[3002, 6003], new("dst_endpoint", Kind::Object(ENDPOINT))),
    of(
        REQUESTS,
        newer_in(
            CHANGES,
            new("http_request", Kind::Object(&[text("user_agent"), new("url", Kind::Object(&[text("url_string")]))])),
        ),
    ),
    of(SIGN_INS, new("service", Kind::Object(NAMED))),
    of(&[3006], new("group", Kind::Object(GROUP))),
    of(&[3006], newer(new("subgroup", Kind::Object(GROUP)))),
    of(&[3005, 3006], new("privileges", Kind::Texts)),
    of(&[3005, 3006], new("resource", Kind::Object(RESOURCE))),
    of(&[2004, 3005, 6003], newer_in(&[3005], new("resources", Kind::Objects(RESOURCE)))),
    of(
        &[3004],
        new(
            "entity",
            Kind::Object(&[
                text("uid"),
                text("name"),
                newer(integer("type_id")),
                text("type"),
                newer(new("org", Kind::Object(NAMED))),
                newer(new("policy", Kind::Object(NAMED))),
                new("data", Kind::Json),
            ]),
        ),
    ),
    newer_in(
        &[0, 6003],
        new("device", Kind::Object(&[text("uid"), text("hostname"), text("name"), integer("type_id"), text("type")])),
    ),
    of(
        &[6002],
        new("app", Kind::Object(&[text("uid"), text("name"), text("version"), text("vendor_name"), text("path")])),
    ),
    new(
        "api",
        Kind::Object(&[
            text("operation"),
            new("request", Kind::Object(UID)),
            new("service", Kind::Object(&[text("name")])),
        ]),
    ),
    of(
        FINDINGS,
        new(
            "finding_info",
            Kind::Object(&[
                text("uid"),
                newer(text("uid_alt")),
                text("title"),
                text("desc"),
                new("types", Kind::Texts),
                new("created_time", Kind::Time),
                new("modified_time", Kind::Time),
            ]),
        ),
    ),
    of(
        &[3001, 3002],
        newer(new(
            "auth_factors",
            Kind::Objects(&[
                integer("factor_type_id"),
                text("factor_type"),
                new("is_totp", Kind::Boolean),
                text("provider"),
                new("device", Kind::Object(PHONE)),
            ]),
        )),
    ),
    of(SIGN_INS, integer("auth_protocol_id")),
    of(SIGN_INS, text("auth_protocol")),
    of(SIGN_INS, integer("logon_type_id")),
    of(SIGN_INS, text("logon_type")),
    of(SIGN_INS, new("is_mfa", Kind::Boolean)),
    of(SIGN_INS, new("is_remote", Kind::Boolean)),
    of(SIGN_INS, new("is_cleartext", Kind::Boolean)),
    of(SIGN_INS, new("session", Kind::Object(UID))),
    of(&[2004, 3004], text("comment")),
    new("observables", Kind::Objects(&[text("name"), integer("type_id"), text("type"), text("value")])),
    new("unmapped", Kind::Json),
    text("raw_data"),
    newer(new("raw_data_size", Kind::Long)),
    newer(new("raw_data_hash", Kind::Object(&[integer("algorithm_id"), text("algorithm"), text("value")]))),
];
