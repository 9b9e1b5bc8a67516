//! The OCSF classes that are written, with the captions that the schema gives them (OCSF 1.8.0).

/// A class of events.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Class {
    /// `class_uid`.
    pub uid: u16,
    /// `class_name`.
    pub name: &'static str,
    /// `category_uid`.
    pub category_uid: u8,
    /// `category_name`.
    pub category_name: &'static str,
    /// What of an event this class has a place for.
    pub(crate) room: Room,
    activities: &'static [(u8, &'static str)],
}

/// Attributes that only some classes have.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) struct Room {
    pub actor: bool,
    pub src_endpoint: bool,
    pub http_request: bool,
}

const IAM: Room = Room { actor: true, src_endpoint: true, http_request: true };
const ACTOR: Room = Room { actor: true, src_endpoint: false, http_request: false };
const NOTHING: Room = Room { actor: false, src_endpoint: false, http_request: false };

const fn iam(uid: u16, name: &'static str, activities: &'static [(u8, &'static str)]) -> Class {
    Class { uid, name, category_uid: 3, category_name: "Identity & Access Management", room: IAM, activities }
}

impl Class {
    /// What is not a Directory Insights event at all.
    pub const BASE: Self = Self {
        uid: 0,
        name: "Base Event",
        category_uid: 0,
        category_name: "Uncategorized",
        room: NOTHING,
        activities: &[],
    };
    /// JumpCloud's own alerts.
    pub const DETECTION_FINDING: Self = Self {
        uid: 2004,
        name: "Detection Finding",
        category_uid: 2,
        category_name: "Findings",
        room: NOTHING,
        activities: &[(1, "Create"), (2, "Update"), (3, "Close")],
    };
    /// Life of users and administrators.
    pub const ACCOUNT_CHANGE: Self = iam(
        3001,
        "Account Change",
        &[
            (1, "Create"),
            (2, "Enable"),
            (3, "Password Change"),
            (4, "Password Reset"),
            (5, "Disable"),
            (6, "Delete"),
            (7, "Attach Policy"),
            (8, "Detach Policy"),
            (9, "Lock"),
            (10, "MFA Factor Enable"),
            (11, "MFA Factor Disable"),
            (12, "Unlock"),
        ],
    );
    /// Sign-ins.
    pub const AUTHENTICATION: Self = iam(3002, "Authentication", &[(1, "Logon"), (2, "Logoff")]);
    /// Everything configured.
    pub const ENTITY_MANAGEMENT: Self = iam(
        3004,
        "Entity Management",
        &[
            (1, "Create"),
            (2, "Read"),
            (3, "Update"),
            (4, "Delete"),
            (5, "Move"),
            (6, "Enroll"),
            (7, "Unenroll"),
            (8, "Enable"),
            (9, "Disable"),
            (10, "Activate"),
            (11, "Deactivate"),
            (12, "Suspend"),
            (13, "Resume"),
        ],
    );
    /// Direct grants to a user.
    pub const USER_ACCESS: Self =
        iam(3005, "User Access Management", &[(1, "Assign Privileges"), (2, "Revoke Privileges")]);
    /// Life, members and grants of groups.
    pub const GROUP_MANAGEMENT: Self = iam(
        3006,
        "Group Management",
        &[
            (1, "Assign Privileges"),
            (2, "Revoke Privileges"),
            (3, "Add User"),
            (4, "Remove User"),
            (5, "Delete"),
            (6, "Create"),
            (7, "Add Subgroup"),
            (8, "Remove Subgroup"),
        ],
    );
    /// What changed on a device's system.
    pub const DEVICE_STATE: Self = Self {
        uid: 5019,
        name: "Device Config State Change",
        category_uid: 5,
        category_name: "Discovery",
        room: ACTOR,
        activities: &[(1, "Log"), (2, "Collect")],
    };
    /// Software on devices; with the profile `host`, which gives it an actor.
    pub const APPLICATION_LIFECYCLE: Self = Self {
        uid: 6002,
        name: "Application Lifecycle",
        category_uid: 6,
        category_name: "Application Activity",
        room: ACTOR,
        activities: &[
            (1, "Install"),
            (2, "Remove"),
            (3, "Start"),
            (4, "Stop"),
            (5, "Restart"),
            (6, "Enable"),
            (7, "Disable"),
            (8, "Update"),
        ],
    };
    /// Reads, runs, and every event type that is not known.
    pub const API_ACTIVITY: Self = Self {
        uid: 6003,
        name: "API Activity",
        category_uid: 6,
        category_name: "Application Activity",
        room: IAM,
        activities: &[(1, "Create"), (2, "Read"), (3, "Update"), (4, "Delete")],
    };

    /// All classes.
    pub const ALL: &'static [Self] = &[
        Self::BASE,
        Self::DETECTION_FINDING,
        Self::ACCOUNT_CHANGE,
        Self::AUTHENTICATION,
        Self::ENTITY_MANAGEMENT,
        Self::USER_ACCESS,
        Self::GROUP_MANAGEMENT,
        Self::DEVICE_STATE,
        Self::APPLICATION_LIFECYCLE,
        Self::API_ACTIVITY,
    ];

    /// The schema's caption of an activity; "Other" for 99.
    pub fn activity(self, id: u8) -> Option<&'static str> {
        match id {
            0 => Some("Unknown"),
            99 => Some("Other"),
            _ => self.activities.iter().find(|(known, _)| *known == id).map(|(_, caption)| *caption),
        }
    }
}
