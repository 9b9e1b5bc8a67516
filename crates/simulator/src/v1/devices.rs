//! `/api/systems`: the list and single reads of devices.
//! Responsible for routing and for the oddity of `lastContact` filters; the row is written by `state::device`.

use crate::call::Answer;
use crate::filter::{Filter, Test};
use crate::id::Id;
use crate::listing::{self, TableRows, Wanted};
use crate::oddity::Oddity;
use crate::state::device::Device;
use crate::world::Scene;

/// Answers a route below `/api/systems`.
pub(super) fn route(scene: &Scene<'_>, parts: &[&str]) -> Option<Answer> {
    match parts {
        [] => {
            let mut wanted = Wanted::from_query(scene.call, &listing::V1);
            hide_online(scene, &mut wanted);
            Some(listing::page(&wanted, scene.tamper, &listing::V1, &rows(scene)))
        }
        [id] => Some(match Id::parse(id).and_then(|id| scene.organization.devices.get(id)) {
            Some(device) => {
                let mut row = String::with_capacity(2048);
                device.write(scene.organization, &mut row);
                listing::single(scene.call, &listing::V1, row)
            }
            None => Answer::not_found(),
        }),
        _ => None,
    }
}

/// All devices as rows.
pub(super) fn rows<'a>(scene: &Scene<'a>) -> TableRows<'a, Device, impl Fn(&Device, &mut String) + use<'a>> {
    let organization = scene.organization;
    TableRows {
        table: &organization.devices,
        write: |device: &Device, out: &mut String| device.write(organization, out),
    }
}

/// Oddity 11: a filter on `lastContact` leaves out devices that are online right now.
pub(super) fn hide_online(scene: &Scene<'_>, wanted: &mut Wanted) {
    let odd = scene.organization.profile.oddities.has(Oddity::LastContactGaps);
    if odd && wanted.filter().is_some_and(|filter| filter.mentions("lastContact") && !filter.mentions("active")) {
        wanted.also(Filter::Field { path: "active".to_owned(), test: Test::Equal(false.into()) });
    }
}
