//! J. Device management.

use std::collections::HashMap;

use super::Outcome::{Fail, NotApplicable, Pass, Unknown};
use super::look::time;
use super::{Check, Look, Outcomes, Tier, fail_if, verdict};
use crate::state::derived::MdmDevice;
use crate::state::device::Platform;
use crate::state::document::Noun;
use crate::state::user::UserState;
use crate::time::DAY;

pub(super) const CHECKS: &[Check] = &[
    Check::of("mdm-apns-certificate-expiring", Tier::A, push_certificate_expiring),
    Check::of("mdm-apns-personal-apple-id", Tier::A, personal_apple_id),
    Check::of("mdm-ade-token-expiring", Tier::A, enrollment_token_expiring),
    Check::of("device-mdm-not-enrolled", Tier::A, not_enrolled),
    Check::of("device-unsupervised", Tier::A, unsupervised),
    Check::of("device-mobile-passcode-missing", Tier::A, passcode_missing),
    Check::of("device-fde-sources-disagree", Tier::A, sources_disagree),
];

fn push_certificate_expiring(look: &Look<'_>) -> Outcomes {
    look.of_documents(Noun::AppleMdms, |mdm| {
        verdict(time(&mdm.body["apnsCertExpiry"]).map(|ends| ends <= look.now + 30 * DAY))
    })
}

/// That of a suspended user fails in any case. Without a list of domains nothing more can be told.
fn personal_apple_id(look: &Look<'_>) -> Outcomes {
    let allowed = &look.parameters().allowed_domains;
    look.of_documents(Noun::AppleMdms, |mdm| {
        let address = mdm.text("appleCertCreatorAppleID").to_lowercase();
        let domain = address.rsplit('@').next().unwrap_or("").to_owned();
        let mut users = look.organization.users.iter();
        let left = users.any(|user| user.state == UserState::Suspended && look.email(user).to_lowercase() == address);
        match address {
            address if address.is_empty() => Unknown,
            _ if left => Fail,
            _ if allowed.is_empty() => Unknown,
            _ => fail_if(!allowed.contains(&domain)),
        }
    })
}

fn enrollment_token_expiring(look: &Look<'_>) -> Outcomes {
    look.of_documents(Noun::AppleMdms, |mdm| match mdm.text("depServerTokenState") {
        "missing" => NotApplicable,
        "expired" => Fail,
        "" => Unknown,
        _ => fail_if(time(&mdm.body["depAccessTokenExpiry"]).is_some_and(|ends| ends <= look.now + 30 * DAY)),
    })
}

/// Macs, and Windows where Windows MDM is on. Management by somebody else is a fail too, of the lowest weight.
fn not_enrolled(look: &Look<'_>) -> Outcomes {
    let windows = look.setting("windowsMDM/enabled") == true;
    look.of_devices(|device| match device.platform {
        Platform::Mac => fail_or_stale(look, device),
        Platform::Windows if windows => fail_or_stale(look, device),
        _ => NotApplicable,
    })
}

fn fail_or_stale(look: &Look<'_>, device: &crate::state::device::Device) -> super::Outcome {
    if look.fresh(device) { fail_if(device.mdm_vendor(look.profile()) != Some("internal")) } else { Unknown }
}

/// The rows of Apple MDM by the hardware, as they are found by serial number.
fn apple<'a>(look: &Look<'a>) -> HashMap<u32, &'a MdmDevice> {
    let organization = look.organization;
    let rows = organization.mdm_devices().iter();
    rows.filter_map(|row| Some((organization.devices.get(row.device)?.number, row))).collect()
}

/// Of iPhones and iPads. Apple MDM does not say how old its facts are: they hold as long as those of the device. A
/// person's own device is out of scope; a device that is not supervised and does not tell whose it is, is unknown.
fn unsupervised(look: &Look<'_>) -> Outcomes {
    let rows = apple(look);
    look.of_devices(|device| match rows.get(&device.number) {
        _ if device.platform != Platform::Ios => NotApplicable,
        Some(row) if device.user_enrollment() && !row.bare(look.profile()) => NotApplicable,
        None => Unknown,
        Some(_) if !look.fresh(device) => Unknown,
        Some(_) if device.supervised() => Pass,
        Some(row) if row.bare(look.profile()) => Unknown,
        Some(_) => Fail,
    })
}

/// A passcode that is not as the policies want it is a fail too, of a lower severity. Fresh as for supervision.
fn passcode_missing(look: &Look<'_>) -> Outcomes {
    let rows = apple(look);
    look.of_devices(|device| match rows.get(&device.number) {
        _ if device.platform != Platform::Ios => NotApplicable,
        None => Unknown,
        Some(row) if row.bare(look.profile()) || !look.fresh(device) => Unknown,
        Some(row) => fail_if(!row.passcode_compliant()),
    })
}

/// Of Macs of which both tell; what the agent told too long ago is unknown.
fn sources_disagree(look: &Look<'_>) -> Outcomes {
    let rows = apple(look);
    look.of_devices(|device| match rows.get(&device.number) {
        Some(row) if device.platform == Platform::Mac && !row.bare(look.profile()) => match device.encrypted {
            None => NotApplicable,
            Some(_) if !look.fresh(device) => Unknown,
            Some(_) => fail_if(device.mdm_disagrees),
        },
        _ => NotApplicable,
    })
}
