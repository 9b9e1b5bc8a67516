//! Apple MDM: the server object with its certificates, and the rows of devices under it.
//! Responsible for both. Which devices are managed is part of each `device`.

use serde_json::json;

use crate::config::Character;
use crate::json;
use crate::oddity::Oddity;
use crate::state::derived::MdmDevice;
use crate::state::device::Platform;
use crate::state::document::{Document, Documents, Noun};
use crate::state::user::username;
use crate::state::{Organization, Profile};
use crate::time::{DAY, text};

/// Makes up the Apple MDM server of the organization.
pub(crate) fn grow(profile: &Profile, now: i64, documents: &mut Documents) {
    let neglected = profile.character == Character::Neglected;
    let growing = profile.character == Character::Growing;
    let owner = match profile.character {
        Character::Tidy => format!("apple@{}", profile.domain),
        // A user who is suspended.
        Character::Neglected => format!("{}@{}", username(profile, 5), profile.domain),
        Character::Growing => "somebody@mail.example".to_owned(),
    };
    // Devices name this id as their MDM provider.
    let id = profile.id.child(7);
    let welcome = json!({"title": "Welcome", "paragraph": "Your device will be set up now.", "button": "Continue"});
    let side = json!({
        "welcomeScreen": welcome, "setupAssistantOptions": [], "setupOptions": [], "enableZeroTouchEnrollment": false,
        "defaultDeviceGroupObjectIds": [],
    });
    documents.put(
        Noun::AppleMdms,
        vec![Document::new(
            id,
            json!({
                "id": id,
                "name": "",
                "organization": profile.id,
                "apnsPushTopic": "com.apple.mgmt.External.00000000-0000-0000-0000-000000000000",
                "apnsCertExpiry": if growing { String::new() } else { text(now + if neglected { -4 * DAY } else { 200 * DAY }) },
                "appleCertCreatorAppleID": owner,
                "appleCertSerialNumber": "00AA11",
                "depServerTokenState": if neglected { "expired" } else if growing { "missing" } else { "valid" },
                "depAccessTokenExpiry": if growing { String::new() } else { text(now + if neglected { -30 * DAY } else { 150 * DAY }) },
                "allowMobileUserEnrollment": false,
                "defaultSystemGroupID": "",
                "defaultIosUserEnrollmentDeviceGroupID": "",
                "dep": {"welcomeScreen": welcome, "setupAssistantOptions": [], "enableZeroTouchEnrollment": false},
                "ades": {"macos": side, "ios": side},
                "serviceDiscoveryEnabled": false,
            }),
        )],
    );
}

impl MdmDevice {
    /// Whether the row tells nothing of security.
    pub(crate) fn bare(&self, profile: &Profile) -> bool {
        profile.oddities.has(Oddity::NullAttributes) && self.id.entropy().is_multiple_of(6)
    }

    /// Whether a passcode is set.
    pub(crate) fn passcode(&self) -> bool {
        self.id.entropy() % 9 != 1
    }

    /// Whether the passcode is as the policies want it.
    pub(crate) fn passcode_compliant(&self) -> bool {
        self.passcode() && self.id.entropy() % 7 != 1
    }
}

/// Appends the row of a device as Apple MDM tells it.
pub(crate) fn write_device(organization: &Organization, row: &MdmDevice, out: &mut String) {
    let profile = &organization.profile;
    let Some(device) = organization.devices.get(row.device) else { return };
    let entropy = row.id.entropy();
    let bare = row.bare(profile);
    let mac = device.platform == Platform::Mac;
    json::object(out, |fields| {
        fields.id("id", row.id);
        fields.id("appleMdmId", profile.id.child(7));
        fields.string("serialNumber", &device.serial(profile));
        fields.string("udid", &format!("{:08X}-{:016X}", device.number, entropy));
        fields.string("osVersion", &device.version());
        fields.string("modelFamily", if mac { "Mac" } else { "iPhone" });
        fields.string("mdmOsFamily", if mac { "MAC_OS" } else { "IOS" });
        fields.boolean("enrolled", true);
        fields.boolean("depRegistered", device.number.is_multiple_of(3));
        fields.time("createdAt", device.created_at);
        fields.boolean("hasActivationLockBypassCodes", device.number.is_multiple_of(2));
        fields.object("securityInfo", |security| {
            if bare {
                return;
            }
            if let (true, Some(active)) = (mac, device.encrypted) {
                security.boolean("filevaultEnabled", active != device.mdm_disagrees);
            }
            security.boolean("passcodePresent", row.passcode());
            security.boolean("passcodeCompliant", row.passcode_compliant());
            security.boolean("userApprovedEnrollment", device.user_approved);
            security.boolean("enrolledViaDep", device.number.is_multiple_of(3));
            security.boolean("isUserEnrollment", device.user_enrollment());
            security.boolean("recoveryLockEnabled", mac);
            security.boolean("isActivationLockManageable", true);
        });
        fields.object("deviceInformation", |information| {
            information.string("deviceName", &device.name(profile));
            information.string("modelName", if mac { "MacBook Pro" } else { "iPhone" });
            information.boolean("isSupervised", device.supervised());
            information.boolean("isAppleSilicon", mac);
            information.number("deviceCapacity", 494);
            information.string("wifiMac", &device.mac_address());
            information.string("imei", if mac { "" } else { "490154203237518" });
        });
    });
}
