//! `/users/{id}/pushendpoints`: the phones on which a user confirms sign-ins.
//! Responsible for the list and single reads; who has a phone follows from the enrolled factors.

use crate::call::Answer;
use crate::id::Id;
use crate::json;
use crate::listing::{self, SliceRows};
use crate::oddity::Oddity;
use crate::state::user::Mfa;
use crate::time::{DAY, ZERO_TIME};
use crate::world::Scene;

/// Answers a route about the phones of a user.
pub(super) fn route(scene: &Scene<'_>, id: &str, rest: &[&str]) -> Option<Answer> {
    let organization = scene.organization;
    let Some(user) = Id::parse(id).and_then(|id| organization.users.get(id)) else {
        return Some(Answer::not_found());
    };
    let phones: &[()] =
        if matches!(user.mfa, Mfa::Push | Mfa::PushAndWebAuthn | Mfa::JumpCloudGo) { &[()] } else { &[] };
    let never = organization.profile.oddities.has(Oddity::ZeroTime) && user.number.is_multiple_of(3);
    let write = |(): &(), out: &mut String| {
        json::object(out, |row| {
            row.id("id", user.id.child(50));
            row.string("name", "Phone");
            row.string("state", "active");
            row.time("enrollmentDate", user.created_at + DAY);
            if never {
                row.string("lastUsedDate", ZERO_TIME);
            } else {
                row.time("lastUsedDate", organization.now - i64::from(user.number % 30) * DAY);
            }
            row.object("device", |device| {
                device.string("make", "Google");
                device.string("model", "Pixel 9");
                device.string("os", "android");
                device.string("osVersion", "16");
                device.string("appVersion", "2.5.1");
                device.boolean("uvEnabled", true);
            });
        });
    };
    match rest {
        [] => Some(listing::answer(scene.call, scene.tamper, &listing::V2, &SliceRows { slice: phones, write })),
        [phone] if Id::parse(phone) == Some(user.id.child(50)) && !phones.is_empty() => {
            let mut row = String::new();
            write(&(), &mut row);
            Some(listing::single(scene.call, &listing::V2, row))
        }
        _ => Some(Answer::not_found()),
    }
}
