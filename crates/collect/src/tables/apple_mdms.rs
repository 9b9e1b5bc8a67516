//! Apple device management: the certificates it depends on, and the devices that it knows.

use jumpcloud::endpoints;
use store::schema::{Table, boolean, json, real, text, time};

use super::{Collected, Id, Redact, Source, redact};

/// `apple_mdms`: one row for each Apple MDM, normally one.
#[rustfmt::skip]
pub(super) static APPLE_MDMS: Collected = Collected {
    table: Table {
        name: "apple_mdms",
        about: "Apple MDM instances, normally one. When the push certificate expires every device has to be enrolled again.",
        asset: Some("apple_mdm"),
        label: "name",
        columns: &[
            text("name", "/name", "Name; usually empty."),
            time("push_certificate_expires_at", "/apnsCertExpiry", "When Apple's push certificate expires."),
            text("push_certificate_owner", "/appleCertCreatorAppleID", "Apple Account that made it and has to renew it."),
            text("push_certificate_serial", "/appleCertSerialNumber", "Its serial number."),
            text("push_topic", "/apnsPushTopic", "Its topic; must stay the same when it is renewed."),
            text("automated_enrollment_state", "/depServerTokenState", "unknown, missing, valid or expired: the token for Apple's automated enrollment."),
            time("automated_enrollment_expires_at", "/depAccessTokenExpiry", "When that token expires."),
            boolean("zero_touch_macs", "/ades/macos/enableZeroTouchEnrollment", "Macs enroll without a person's help."),
            boolean("zero_touch_mobiles", "/ades/ios/enableZeroTouchEnrollment", "iPhones and iPads do."),
            json("default_groups_macs", "/ades/macos/defaultDeviceGroupObjectIds", "Groups that new Macs join (device_groups.id)."),
            json("default_groups_mobiles", "/ades/ios/defaultDeviceGroupObjectIds", "Groups that new iPhones and iPads join."),
            boolean("user_enrollment_allowed", "/allowMobileUserEnrollment", "People may enroll their own iPhones and iPads."),
            text("default_group_id", "/defaultSystemGroupID", "Group that new devices join."),
            text("default_user_enrollment_group_id", "/defaultIosUserEnrollmentDeviceGroupID", "Group that people's own devices join."),
            boolean("service_discovery_enabled", "/serviceDiscoveryEnabled", "Devices find the MDM by the user's Managed Apple Account."),
        ],
        joined: &[],
    },
    sources: &[Source::list(&endpoints::APPLEMDMS)],
    id: Id::Member(&["id"]),
    redact: Redact::Nothing,
    absent: "the MDM was removed",
    fact: "V2 GET /api/v2/applemdms",
};

/// `apple_mdm_devices`: one row for each device that an Apple MDM knows.
#[rustfmt::skip]
pub(super) static APPLE_MDM_DEVICES: Collected = Collected {
    table: Table {
        name: "apple_mdm_devices",
        about: "Apple devices as the MDM sees them, a second opinion on devices. The two are joined by serial_number; iPhones and iPads may be here alone.",
        asset: None,
        label: "device_name",
        columns: &[
            text("device_name", "/deviceInformation/deviceName", "Name of the device."),
            text("apple_mdm_id", "/appleMdmId", "The MDM (apple_mdms.id)."),
            text("serial_number", "/serialNumber", "Hardware serial number (devices.serial_number).").indexed(),
            text("udid", "/udid", "Apple's identifier of the device."),
            boolean("enrolled", "/enrolled", "Enrolled at present."),
            boolean("automated_enrollment_registered", "/depRegistered", "Registered for Apple's automated enrollment."),
            text("os_family", "/mdmOsFamily", "Operating system."),
            text("os_version", "/osVersion", "Its version."),
            text("os_build", "/deviceInformation/osBuildVersion", "Its build."),
            text("os_extra_version", "/deviceInformation/osExtraVersion", "Its rapid security response, e.g. (a)."),
            text("model_family", "/modelFamily", "Mac, iPhone, iPad, …"),
            text("model_name", "/deviceInformation/modelName", "Name of the model."),
            text("model_marketing_name", "/deviceInformation/modelMarketingName", "Name that the model is sold by."),
            text("model_number", "/deviceInformation/modelNumber", "Model number."),
            boolean("apple_silicon", "/deviceInformation/isAppleSilicon", "Has an Apple processor."),
            boolean("supervised", "/deviceInformation/isSupervised", "Supervised; needed for lost mode and many restrictions."),
            boolean("filevault_enabled", "/securityInfo/filevaultEnabled", "FileVault is on, as the MDM sees it."),
            boolean("passcode_present", "/securityInfo/passcodePresent", "A passcode is set."),
            boolean("passcode_compliant", "/securityInfo/passcodeCompliant", "It fulfills the policies."),
            boolean("user_approved_enrollment", "/securityInfo/userApprovedEnrollment", "The user has approved the management profile."),
            boolean("automated_enrollment", "/securityInfo/enrolledViaDep", "Enrolled by Apple's automated enrollment."),
            boolean("user_enrollment", "/securityInfo/isUserEnrollment", "A person's own device with a managed part."),
            boolean("recovery_lock_enabled", "/securityInfo/recoveryLockEnabled", "Recovery is locked by a password."),
            boolean("activation_lock_manageable", "/securityInfo/isActivationLockManageable", "Activation lock can be managed."),
            boolean("activation_lock_allowed", "/deviceInformation/activationLockAllowedWhileSupervised", "Activation lock is allowed although supervised."),
            boolean("activation_lock_bypass_present", "/hasActivationLockBypassCodes", "JumpCloud holds bypass codes; they are never read."),
            text("wifi_mac", "/deviceInformation/wifiMac", "MAC address of the Wi-Fi interface."),
            text("imei", "/deviceInformation/imei", "IMEI."),
            text("imei_2", "/deviceInformation/secondImei", "IMEI of the second line."),
            text("iccid", "/deviceInformation/iccid", "Number of the SIM."),
            text("carrier", "/deviceInformation/subscriberCarrierNetwork", "Mobile network."),
            real("capacity_gb", "/deviceInformation/deviceCapacity", "Storage, presumably in GB."),
            time("created_at", "/createdAt", "When the MDM came to know it."),
        ],
        joined: &[],
    },
    sources: &[Source::list_each("apple_mdms", &endpoints::APPLEMDM_DEVICES, "appleMdmId")],
    id: Id::Member(&["id"]),
    // Free space moves by itself.
    redact: Redact::Row(|row| redact::remove(row, "/deviceInformation/availableDeviceCapacity")),
    absent: "the device was removed from the MDM",
    fact: "V2 GET /api/v2/applemdms/{id}/devices; securityInfo {} is observed",
};
