//! Users (`systemusers`): what is kept of each, and how one is made up.
//! Responsible for the facts of a user. The row is written in `user_row`; groups and bindings are in `bindings`.

use crate::config::Character;
use crate::dice::Dice;
use crate::id::Id;
use crate::oddity::Oddity;
use crate::state::Profile;
use crate::state::table::Identified;
use crate::time::DAY;
use crate::words;

/// Every so many users, those of certain numbers are what checks must find (see `User::planted`).
pub(crate) const PLANTS: u32 = 500;

/// `mfa_excluded_until` of an exclusion that never ends.
pub(crate) const NO_END: i64 = i64::MAX;

/// A user, compact enough to keep a million of them.
#[derive(Clone, Debug)]
pub(crate) struct User {
    pub(crate) id: Id,
    /// Counts up in the organization; decides name and mail address.
    pub(crate) number: u32,
    /// Changes of the personal details so far.
    pub(crate) revision: u32,
    pub(crate) created_at: i64,
    pub(crate) state: UserState,
    /// Invited, but no password was ever set: the state says activated, and nobody can sign in.
    pub(crate) invited: bool,
    /// When life suspended the user; `None` for those who were suspended before anybody looked.
    pub(crate) suspended_at: Option<i64>,
    /// Never signs in anywhere.
    pub(crate) dormant: bool,
    pub(crate) locked_at: Option<i64>,
    pub(crate) bad_logins: u8,
    pub(crate) mfa: Mfa,
    pub(crate) mfa_required: bool,
    pub(crate) mfa_excluded_until: Option<i64>,
    pub(crate) password_set_at: Option<i64>,
    pub(crate) password_never_expires: bool,
    pub(crate) password_expired: bool,
    pub(crate) sudo: bool,
    pub(crate) passwordless_sudo: bool,
    pub(crate) ssh_keys: u8,
    pub(crate) ldap_binding: bool,
    pub(crate) samba_service: bool,
    pub(crate) source: Source,
    pub(crate) manager: Option<Id>,
    pub(crate) administrator: Option<Id>,
    /// Which hostile string stands in the names, if any.
    pub(crate) hostile: Option<u8>,
}

/// The life cycle state of a user.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum UserState {
    Staged,
    Activated,
    Suspended,
}

/// How far MFA enrolment of a user has come.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Mfa {
    None,
    Totp,
    Push,
    WebAuthn,
    PushAndWebAuthn,
    JumpCloudGo,
    InEnrollment,
    EnrollmentExpired,
    Disabled,
    Pending,
    PreEnrollment,
}

/// Where a user came from.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Source {
    Manual,
    ActiveDirectory,
    Scim,
    Federated,
}

impl Identified for User {
    fn id(&self) -> Id {
        self.id
    }
}

impl Mfa {
    /// Whether at least one factor is enrolled.
    pub(crate) fn enrolled(self) -> bool {
        matches!(self, Self::Totp | Self::Push | Self::WebAuthn | Self::PushAndWebAuthn | Self::JumpCloudGo)
    }

    /// Statuses in the order overall, TOTP, WebAuthn, push, JumpCloud Go.
    pub(crate) fn statuses(self) -> [&'static str; 5] {
        const NO: &str = "NOT_ENROLLED";
        const YES: &str = "ENROLLED";
        match self {
            Self::None => [NO; 5],
            Self::Totp => [YES, YES, NO, NO, NO],
            Self::Push => [YES, NO, NO, YES, NO],
            Self::WebAuthn => [YES, NO, YES, NO, NO],
            Self::PushAndWebAuthn => [YES, NO, YES, YES, NO],
            Self::JumpCloudGo => [YES, NO, NO, YES, YES],
            Self::InEnrollment => ["IN_ENROLLMENT", "IN_ENROLLMENT", NO, NO, NO],
            Self::EnrollmentExpired => ["ENROLLMENT_EXPIRED", NO, NO, "ENROLLMENT_EXPIRED", NO],
            Self::Disabled => ["DISABLED"; 5],
            Self::Pending => ["PENDING_ACTIVATION", NO, NO, "PENDING_ACTIVATION", NO],
            Self::PreEnrollment => ["PRE_ENROLLMENT", "PRE_ENROLLMENT", NO, NO, NO],
        }
    }
}

impl User {
    /// Makes up the user with this number as it joined at `created_at`.
    pub(crate) fn grow(profile: &Profile, number: u32, created_at: i64, now: i64) -> Self {
        let mut dice = Dice::of(profile.seed, "user", u64::from(number));
        let bad = profile.bad();
        let id = Id::new(created_at, dice.next());
        let state = match dice.below(1000) {
            0..40 => UserState::Suspended,
            40..90 => UserState::Staged,
            _ => UserState::Activated,
        };
        let mfa = if dice.permille(bad(0, 550, 180)) {
            *dice.pick(&[
                Mfa::None,
                Mfa::None,
                Mfa::None,
                Mfa::InEnrollment,
                Mfa::EnrollmentExpired,
                Mfa::Disabled,
                Mfa::Pending,
                Mfa::PreEnrollment,
            ])
        } else {
            *dice.pick(&[Mfa::Totp, Mfa::Push, Mfa::WebAuthn, Mfa::PushAndWebAuthn, Mfa::JumpCloudGo])
        };
        let locked_at = dice.permille(bad(2, 15, 6)).then(|| now - dice.below(3 * DAY as u64) as i64);
        let password_age = dice.below(bad(80, 900, 150).into()) as i64 * DAY + dice.below(DAY as u64) as i64;
        let sudo = dice.permille(bad(5, 120, 30));
        let mut user = Self {
            id,
            number,
            revision: 0,
            created_at,
            state,
            invited: false,
            suspended_at: None,
            dormant: false,
            locked_at,
            bad_logins: if locked_at.is_some() { 6 } else { dice.below(3) as u8 },
            mfa,
            mfa_required: !dice.permille(bad(5, 600, 150)),
            mfa_excluded_until: dice.permille(bad(3, 60, 20)).then(|| now + dice.below(60 * DAY as u64) as i64),
            password_set_at: (state != UserState::Staged).then(|| (now - password_age).max(created_at)),
            password_never_expires: dice.permille(bad(4, 250, 40)),
            password_expired: dice.permille(bad(5, 90, 20)),
            sudo,
            passwordless_sudo: sudo && dice.permille(bad(100, 500, 200)),
            ssh_keys: if dice.permille(250) { 1 + dice.below(3) as u8 } else { 0 },
            ldap_binding: dice.permille(bad(3, 40, 10)),
            samba_service: dice.permille(3),
            source: match dice.below(20) {
                0 => Source::ActiveDirectory,
                1 => Source::Scim,
                2 => Source::Federated,
                _ => Source::Manual,
            },
            manager: None,
            administrator: None,
            hostile: (profile.hostile && dice.permille(300)).then(|| (number % words::HOSTILE.len() as u32) as u8),
        };
        user.dormant = state == UserState::Activated && dice.permille(bad(0, 60, 20));
        user.planted(profile, now)
    }

    /// Users of certain numbers are made what checks must find, so that every organization has some of each.
    fn planted(mut self, profile: &Profile, now: i64) -> Self {
        let tidy = profile.character == Character::Tidy;
        let neglected = profile.character == Character::Neglected;
        match self.number % PLANTS {
            // Administrators, and those who share an address with one.
            0..=4 | 6..=9 => self.state = UserState::Activated,
            5 => self.state = if neglected { UserState::Suspended } else { UserState::Activated },
            // The bind account of a directory client, as it should be.
            20 => {
                self.state = UserState::Activated;
                (self.ldap_binding, self.samba_service, self.sudo, self.passwordless_sudo) =
                    (true, false, false, false);
                (self.ssh_keys, self.dormant) = (0, false);
            }
            // One that is a person with more rights.
            21 if !tidy => {
                self.state = UserState::Activated;
                (self.ldap_binding, self.sudo) = (true, true);
            }
            // A leaver of whom nothing is left.
            22 => {
                self.state = UserState::Suspended;
                (self.ssh_keys, self.ldap_binding, self.sudo, self.passwordless_sudo) = (0, false, false, false);
            }
            23 if !tidy => {
                self.state = UserState::Activated;
                (self.dormant, self.ldap_binding, self.samba_service) = (true, false, false);
            }
            24 | 25 => {
                self.state = UserState::Activated;
                (self.invited, self.mfa, self.password_set_at, self.dormant) = (true, Mfa::None, None, false);
            }
            26 | 27 | 29..=32 => self.ssh_keys = self.ssh_keys.max(1),
            28 => {
                self.state = UserState::Suspended;
                self.ssh_keys = self.ssh_keys.max(1);
            }
            33 if !tidy => self.mfa_excluded_until = Some(NO_END),
            34 if !tidy => self.mfa_excluded_until = Some(now - 10 * DAY),
            // Administrators of devices: with a factor that cannot be phished, and without.
            35 => (self.sudo, self.mfa) = (true, Mfa::WebAuthn),
            36 if !tidy => (self.sudo, self.mfa) = (true, Mfa::Totp),
            37 => (self.state, self.mfa) = (UserState::Activated, Mfa::Totp),
            38 => (self.state, self.mfa) = (UserState::Activated, Mfa::JumpCloudGo),
            39 if !tidy => {
                self.state = UserState::Activated;
                (self.sudo, self.passwordless_sudo) = (true, true);
            }
            // A password whose date nobody knows.
            40 if !tidy => (self.state, self.password_set_at) = (UserState::Activated, None),
            41 if neglected => {
                self.state = UserState::Activated;
                (self.mfa, self.ldap_binding, self.samba_service) = (Mfa::None, false, false);
            }
            42 if !tidy => (self.state, self.mfa_required) = (UserState::Activated, false),
            43 => self.state = UserState::Staged,
            _ => {}
        }
        match self.state {
            UserState::Staged => self.password_set_at = None,
            _ if self.invited || self.number % PLANTS == 40 => {}
            _ => self.password_set_at = self.password_set_at.or(Some(self.created_at)),
        }
        self
    }

    /// Whether the user can sign in: activated and not only invited.
    pub(crate) fn live(&self) -> bool {
        self.state == UserState::Activated && !self.invited
    }

    /// Bits that decide details that mean nothing to anyone, and how old the row is.
    pub(crate) fn shape(&self, profile: &Profile) -> u64 {
        profile.dice("user details", u64::from(self.number) | 1 << 32).next()
    }

    /// Whether the row lacks what was invented after 2021: state and enrolment.
    pub(crate) fn old_row(&self, profile: &Profile) -> bool {
        profile.oddities.has(Oddity::OldRowsLackState) && self.shape(profile).is_multiple_of(5)
    }

    /// Whether the row tells nothing at all about factors: some of the old ones.
    pub(crate) fn silent_about_mfa(&self, profile: &Profile) -> bool {
        self.old_row(profile) && (self.shape(profile) / 5).is_multiple_of(3)
    }

    /// The login name; unique in the organization.
    pub(crate) fn username(&self, profile: &Profile) -> String {
        username(profile, self.number)
    }
}

/// The login name of the user with this number.
pub(crate) fn username(profile: &Profile, number: u32) -> String {
    let mut dice = Dice::of(profile.seed, "user name", u64::from(number));
    let first = dice.index(words::FIRST_NAMES_ASCII.len());
    let last = dice.index(words::LAST_NAMES_ASCII.len());
    format!("{}.{}{}", words::FIRST_NAMES_ASCII[first], words::LAST_NAMES_ASCII[last], number)
}

impl UserState {
    /// The word in `state`.
    pub(crate) fn as_str(self) -> &'static str {
        match self {
            Self::Staged => "STAGED",
            Self::Activated => "ACTIVATED",
            Self::Suspended => "SUSPENDED",
        }
    }
}

/// Spreads creation times over about five years before `now`.
pub(crate) fn creation_time(profile: &Profile, noun: &str, number: u32, now: i64) -> i64 {
    let mut dice = Dice::of(profile.seed, noun, u64::from(number) | 1 << 40);
    let span = match profile.character {
        Character::Growing => 2 * 365,
        _ => 6 * 365,
    };
    now - DAY - dice.below(span * DAY as u64) as i64
}
