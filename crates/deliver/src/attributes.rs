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
}

impl Attribute {
    /// Whether events of a class can have it.
    pub(crate) fn is_of(&self, class_uid: u16) -> bool {
        self.classes.is_empty() || self.classes.contains(&class_uid)
    }
}

const fn new(name: &'static str, kind: Kind) -> Attribute {
    Attribute { name, kind, classes: &[] }
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

const UID: &[Attribute] = &[text("uid")];
const NAMED: &[Attribute] = &[text("uid"), text("name")];
const USER: &[Attribute] = &[
    text("uid"),
    text("name"),
    text("email_addr"),
    integer("type_id"),
    text("type"),
    new("has_mfa", Kind::Boolean),
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
    new("lat", Kind::Real),
    new("long", Kind::Real),
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
const RESOURCE: &[Attribute] = &[text("uid"), text("name"), text("hostname"), text("type")];
const METADATA: &[Attribute] = &[
    text("version"),
    new("product", Kind::Object(&[text("name"), text("vendor_name"), new("feature", Kind::Object(&[text("name")]))])),
    text("log_provider"),
    text("log_format"),
    text("uid"),
    text("tenant_uid"),
    text("original_event_uid"),
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
    new(
        "actor",
        Kind::Object(&[
            new("user", Kind::Object(USER)),
            text("app_name"),
            new("authorizations", Kind::Objects(AUTHORIZATION)),
        ]),
    ),
    of(REQUESTS, new("src_endpoint", Kind::Object(ENDPOINT))),
    of(&[3002, 6003], new("dst_endpoint", Kind::Object(ENDPOINT))),
    of(
        REQUESTS,
        new("http_request", Kind::Object(&[text("user_agent"), new("url", Kind::Object(&[text("url_string")]))])),
    ),
    of(SIGN_INS, new("service", Kind::Object(NAMED))),
    of(&[3006], new("group", Kind::Object(GROUP))),
    of(&[3006], new("subgroup", Kind::Object(GROUP))),
    of(&[3005, 3006], new("privileges", Kind::Texts)),
    of(&[3005, 3006], new("resource", Kind::Object(RESOURCE))),
    of(&[2004, 3005, 6003], new("resources", Kind::Objects(RESOURCE))),
    of(
        &[3004],
        new(
            "entity",
            Kind::Object(&[
                text("uid"),
                text("name"),
                integer("type_id"),
                text("type"),
                new("org", Kind::Object(NAMED)),
                new("policy", Kind::Object(NAMED)),
                new("data", Kind::Json),
            ]),
        ),
    ),
    new("device", Kind::Object(&[text("uid"), text("hostname"), text("name"), integer("type_id"), text("type")])),
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
                text("uid_alt"),
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
        new(
            "auth_factors",
            Kind::Objects(&[
                integer("factor_type_id"),
                text("factor_type"),
                new("is_totp", Kind::Boolean),
                text("provider"),
                new("device", Kind::Object(PHONE)),
            ]),
        ),
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
    new("raw_data_size", Kind::Long),
    new("raw_data_hash", Kind::Object(&[integer("algorithm_id"), text("algorithm"), text("value")])),
];
