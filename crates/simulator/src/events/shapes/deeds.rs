//! What was done by whom in an event, as far as checks ask: the same decisions that texts are written from.
//! Responsible for facts without any text. An event that is of no interest to checks is no deed.

use std::ops::Range;

use super::pen::Pen;
use super::{devices, ldap, login, objects, people, radius, sso};
use crate::events::catalogue::Shape;
use crate::events::feed::Feed;
use crate::events::part::Thing;
use crate::id::Id;

/// What was done.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Act {
    /// A user signed in to the portal, a device, or a network.
    SignIn,
    /// A user signed in to an application.
    AppSignIn,
    /// A user was looked up by a directory client with a password.
    LdapBind { in_clear: bool },
    /// An administrator signed in to the console.
    AdminSignIn,
    /// Something was created, updated, deleted or associated through an API key.
    ChangeByKey,
}

/// One deed.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Deed {
    /// Epoch milliseconds.
    pub(crate) time: i64,
    pub(crate) act: Act,
    /// The user or administrator.
    pub(crate) who: Option<Id>,
    pub(crate) success: bool,
    /// The application that was signed in to, where the event names it.
    pub(crate) application: Option<Id>,
}

impl Feed {
    /// Tells every deed of `range` that can be read at `now`, in order.
    pub(crate) fn deeds(&self, range: Range<i64>, now: i64, mut tell: impl FnMut(Deed)) {
        self.each(range, now, |hour, slot| {
            if let Some(deed) = of(&Pen::new(&self.source, hour, slot)) {
                tell(deed);
            }
        });
    }
}

fn of(pen: &Pen<'_>) -> Option<Deed> {
    let deed = |act, who: Option<Id>, success| Deed { time: pen.slot.time, act, who, success, application: None };
    let user = || Some(pen.user_actor(pen.person())).filter(|who| who.thing == Thing::User).map(|who| who.id);
    Some(match (pen.slot.kind().shape, pen.name()) {
        (Shape::UserLogin, _) => deed(Act::SignIn, user(), login::succeeds(pen)),
        (Shape::AdminLogin, "admin_login_attempt") => {
            deed(Act::AdminSignIn, Some(login::administrator_who(pen).id), login::succeeds(pen))
        }
        (Shape::DeviceLogin, "login_attempt") => {
            let owner = pen.owner_of(pen.machine());
            let who = (!devices::is_local(pen)).then(|| pen.user_actor(owner).id);
            deed(Act::SignIn, who, devices::login_succeeds(pen))
        }
        (Shape::Radius, _) => deed(Act::SignIn, user(), radius::succeeds(pen)),
        (Shape::Sso, _) => {
            let application = (!sso::unreachable(pen)).then(|| sso::application(pen).id);
            Deed { application, ..deed(Act::AppSignIn, user(), sso::succeeds(pen)) }
        }
        (Shape::LdapBind, _) => deed(Act::LdapBind { in_clear: ldap::in_clear(pen) }, user(), ldap::succeeds(pen)),
        (Shape::AdminChange | Shape::Association | Shape::ObjectChange | Shape::UserChange, name) => {
            let changes = ["_create", "_update", "_delete"].iter().any(|end| name.ends_with(end));
            let nobody = people::BY_NOBODY.contains(&name) || objects::by_agent(pen);
            let themselves = people::BY_THEMSELVES.contains(&name);
            if !(changes || name == "association_change") || nobody || themselves || pen.channel() != "api key" {
                return None;
            }
            deed(Act::ChangeByKey, Some(pen.admin_actor().id), true)
        }
        _ => return None,
    })
}
