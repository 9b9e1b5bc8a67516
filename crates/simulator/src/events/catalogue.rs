//! Every event type that can occur: its service, its shape, how common it is, and whether it is documented.
//! Responsible for this list only. Published names come from the Directory Insights specification; the others were
//! seen in the field or stand in other texts of the vendor.
//!
//! To add a type: its name in the right group. `name` alone is rare; `("name", 30)` is 30 times as common.

use std::collections::HashMap;
use std::sync::LazyLock;

/// Which writer in `shapes` makes an event of this kind.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Shape {
    Access,
    AdminChange,
    AdminLogin,
    Alert,
    AlertRule,
    Asset,
    Association,
    Channel,
    DeviceChange,
    DeviceLogin,
    DeviceUser,
    Enrollment,
    LdapBind,
    LdapSearch,
    MdmResult,
    ObjectChange,
    Plain,
    Radius,
    Report,
    Saas,
    Software,
    Sso,
    Storage,
    UserChange,
    UserLogin,
    Vault,
}

/// Who is told of such a type.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Origin {
    /// Published for organizations.
    Documented,
    /// Published for the multi-tenant portal: events of the provider.
    Portal,
    /// Not published, but seen; shown only with the oddity of undocumented events.
    Undocumented,
}

/// One event type.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Kind {
    pub(crate) service: &'static str,
    pub(crate) name: &'static str,
    pub(crate) shape: Shape,
    pub(crate) origin: Origin,
    /// How common it is; types that are not mentioned have 1.
    pub(crate) weight: u32,
    /// Whether machines cause it, at any hour, rather than people in theirs.
    pub(crate) by_machine: bool,
}

/// A number by which slots name a kind.
pub(crate) type KindNumber = u16;

type Group = (&'static str, Shape, Origin, &'static str);

use Origin::{Documented, Portal, Undocumented};

/// Types by service and shape, as words with blanks between; a number after a colon says how common a type is.
const GROUPS: &[Group] = &[
    ("directory", Shape::UserLogin, Documented, "user_login_attempt:14000"),
    ("directory", Shape::AdminLogin, Documented, "admin_login_attempt:500 admin_old_api_key_attempt"),
    (
        "directory",
        Shape::UserChange,
        Documented,
        "totp_start_enrollment:20 totp_finish_enrollment:18 totp_delete_enrollment:3 user_create:25 user_delete:15
         user_lockout:30 user_mfa_exclusion_expired:5 user_password_expired:20 user_password_reset_request:40
         user_password_warning_email:60 user_update:900 user_password_change:90 user_activated:22
         user_activation_email:25 user_password_set:25 user_unlocked:25 user_suspended:8 user_unsuspended:2
         user_activation_schedule_create user_activation_schedule_delete user_suspension_schedule_create:2
         user_suspension_schedule_delete user_create_provision:40 user_update_provision:600 user_delete_provision:20
         user_admin_granted:2 user_admin_revoked:2",
    ),
    (
        "directory",
        Shape::AdminChange,
        Documented,
        "admin_create admin_delete admin_password_reset_request:2 admin_update:10 admin_totp_start_enrollment
         admin_totp_finish_enrollment admin_totp_disable admin_password_change",
    ),
    ("directory", Shape::Association, Documented, "association_change:900"),
    (
        "directory",
        Shape::ObjectChange,
        Documented,
        "application_create:2 application_delete application_update:10 group_create:4 group_delete:2 group_update:20
         integrationattribute_include integrationattribute_exclude invoice_download notification_delete
         organization_create organization_update:3 system_create:25 system_delete:12 system_update:200
         radiusserver_create radiusserver_delete radiusserver_update:2 user_group_admin_grant user_group_admin_revoke
         command_create:4 command_delete command_run:150 command_update:12 commandresult_delete:10 file_create:2
         file_delete file_update policy_create:3 policy_delete policy_update:12 authnpolicy_create authnpolicy_delete
         authpolicy_update:3 iplist_create iplist_delete iplist_update:2 activedirectory_create activedirectory_delete
         idsource_create idsource_delete idsource_update sambadomain_create sambadomain_delete sambadomain_update
         workday_create workday_delete workday_update integration_activate integration_deactivate
         gsuite_directory_create gsuite_directory_update:2 gsuite_directory_delete o365_directory_create
         o365_directory_update:2 o365_directory_delete integration_domain_add integration_domain_delete
         integration_default_domain_add integration_default_domain_update integration_default_domain_delete",
    ),
    ("directory", Shape::AdminLogin, Portal, "admin_login_attempt:300"),
    (
        "directory",
        Shape::AdminChange,
        Portal,
        "admin_unsuspend admin_create:3 admin_delete:2 admin_lockout:2 admin_password_reset_request:3 admin_suspended
         admin_update:10 admin_password_change:2",
    ),
    (
        "directory",
        Shape::ObjectChange,
        Portal,
        "organization_create:5 organization_update:20 provider_update:2 mtp_download_invoice:4 msp_ticket_create:15
         connectwise_integration_create connectwise_integration_update connectwise_integration_delete
         connectwise_billing_mapping_create connectwise_billing_mapping_update connectwise_billing_mapping_delete
         connectwise_company_mapping_create connectwise_company_mapping_update connectwise_company_mapping_delete
         connectwise_settings_update autotask_integration_create autotask_integration_update
         autotask_integration_delete autotask_billing_mapping_create autotask_billing_mapping_update
         autotask_billing_mapping_delete autotask_company_mapping_create autotask_company_mapping_update
         autotask_company_mapping_delete autotask_settings_update syncro_integration_create syncro_integration_update
         syncro_integration_delete syncro_billing_mapping_create syncro_billing_mapping_update
         syncro_billing_mapping_delete syncro_company_mapping_create syncro_company_mapping_update
         syncro_company_mapping_delete syncro_settings_update",
    ),
    ("radius", Shape::Radius, Documented, "radius_auth:9000"),
    ("sso", Shape::Sso, Documented, "sso_auth:24000"),
    ("systems", Shape::DeviceLogin, Documented, "login_attempt:16000"),
    ("systems", Shape::DeviceUser, Documented, "user_password_change:40 user_lockout:20"),
    (
        "systems",
        Shape::DeviceChange,
        Documented,
        "system_fde_key_update:60 system_fde_key_decrypt os_minor_upgrade:120 os_major_upgrade:6 os_minor_rollback:2
         os_major_rollback remote_session_start:12 remote_session_join:12 remote_session_end:12
         remote_session_feedback:4 google_emm_create google_emm_delete google_emm_patch:2 device_command:5",
    ),
    (
        "password_manager",
        Shape::Vault,
        Documented,
        "passwordmanager_enable passwordmanager_disable passwordmanager_user_enable:5 passwordmanager_user_disable:2
         passwordmanager_user_activate:5 passwordmanager_user_deactivate passwordmanager_user_reactivate
         passwordmanager_folder_create:20 passwordmanager_folder_delete:4 passwordmanager_folder_member_add:20
         passwordmanager_folder_member_update:4 passwordmanager_folder_member_remove:5 passwordmanager_item_add:150
         passwordmanager_item_update:120 passwordmanager_item_remove:30 passwordmanager_item_move:15
         passwordmanager_user_device_pair:20 passwordmanager_user_device_unpair:5 passwordmanager_user_signup:5
         passwordmanager_user_update:10 passwordmanager_backup_create:8 passwordmanager_backup_request
         passwordmanager_backup_key_create passwordmanager_backup_key_delete passwordmanager_backup_request_restore
         passwordmanager_backup_enable passwordmanager_backup_disable passwordmanager_backup_key_regenerate
         passwordmanager_backup_request_cancel passwordmanager_backup_request_reject
         passwordmanager_backup_request_approve passwordmanager_sharedfolders_policy_group_add
         passwordmanager_sharedfolders_policy_user_add passwordmanager_sharedfolders_policy_group_remove
         passwordmanager_sharedfolders_policy_user_remove passwordmanager_sharedfolders_policy_update
         passwordmanager_user_remove:2 passwordmanager_folder_group_add:3 passwordmanager_folder_group_update
         passwordmanager_folder_group_remove passwordmanager_folder_update:8 passwordmanager_item_reveal:400
         passwordmanager_item_copy:900 passwordmanager_item_autofill:5000 passwordmanager_force_sync:40
         passwordmanager_app_update:60 passwordmanager_local_backup_create passwordmanager_items_export
         passwordmanager_pincode_update:6 passwordmanager_local_backup_path_update passwordmanager_paranoid_mode_enable
         passwordmanager_paranoid_mode_disable passwordmanager_extension_settings_update:6
         passwordmanager_item_settings_update:6 passwordmanager_folder_force_sync:8 passwordmanager_items_import:3
         passwordmanager_local_backup_restore passwordmanager_mini_launch:200 passwordmanager_app_unlock:1500
         passwordmanager_item_history_reveal:6 passwordmanager_item_history_restore:2
         passwordmanager_extension_unlock:1200 passwordmanager_extension_pair:15
         passwordmanager_extension_site_exclusion:8",
    ),
    (
        "software",
        Shape::Software,
        Documented,
        "software_add:2500 software_change:9000 software_remove:1500 software_add_request:60 software_change_request:80
         software_remove_request:20",
    ),
    ("ldap", Shape::LdapBind, Documented, "ldap_bind:6000"),
    ("ldap", Shape::LdapSearch, Documented, "ldap_search:5000"),
    ("mdm", Shape::MdmResult, Documented, "mdm_command_result:8000"),
    ("mdm", Shape::Enrollment, Documented, "device_enrollment:20 configuration_file_download:10"),
    (
        "notifications",
        Shape::Channel,
        Documented,
        "notification_channel_created:2 notification_channel_updated:3 notification_channel_deleted",
    ),
    (
        "object_storage",
        Shape::Storage,
        Documented,
        "object_storage_create:6 object_storage_upload_validation_result:6 object_storage_get_download_url_request:80
         object_storage_delete:2",
    ),
    ("alerts", Shape::Alert, Documented, "alert_created:150 alert_updated:60 alert_status_updated:120"),
    ("alerts", Shape::AlertRule, Documented, "rule_created:2 rule_modified:4 rule_deleted"),
    (
        "saas_app_management",
        Shape::Saas,
        Documented,
        "saas_management_enable saas_management_disable saas_management_settings_update
         saas_management_application_discover:40 saas_management_event_application_review:10
         saas_management_application_update:10 saas_management_application_access_restriction_update:2
         saas_management_application_license_update:2 saas_management_application_delete
         saas_management_connector_create saas_management_connector_update saas_management_connector_delete
         saas_management_account_discover:300 saas_management_account_user_assign:30 saas_management_account_delete:10
         saas_management_tenant_discover:4 saas_management_login_event:1500",
    ),
    (
        "access_management",
        Shape::Access,
        Documented,
        "access_management_access_request:40 access_management_access_request_approval:38
         access_management_association_change:35 access_management_approval_flow_create:2
         access_management_approval_flow_update:3 access_management_approval_flow_delete
         access_management_access_request_settings_update",
    ),
    (
        "reports",
        Shape::Report,
        Documented,
        "report_run:40 report_export:25 report_create:6 report_update:4 report_delete:2",
    ),
    (
        "asset_management",
        Shape::Asset,
        Documented,
        "asset_management_enable asset_management_disable asset_management_general_settings_update
         asset_management_field_setting_create asset_management_field_setting_update
         asset_management_field_setting_delete asset_management_asset_create:15 asset_management_asset_update:60
         asset_management_asset_delete:6",
    ),
    (
        "software",
        Shape::Plain,
        Undocumented,
        "software_status_update:6000 windows_patch_install:300 windows_patch_export",
    ),
    ("systems", Shape::Plain, Undocumented, "policy_result:900 command_result:110"),
    ("notifications", Shape::Plain, Undocumented, "slack_notification_sent:80"),
    (
        "alerts",
        Shape::Plain,
        Undocumented,
        "bulk_update_alerts:6 bulk_delete_alerts:2 rule_config_created rule_config_updated:3 rule_config_deleted",
    ),
    (
        "directory",
        Shape::Plain,
        Undocumented,
        "attributemappings_add:4 attributemappings_delete:4 attributemappings_update:2 ca_created cert_issued_manual
         cert_issued_self_service:8 cert_revoked redirect_uri_create redirect_uri_delete redirect_uri_update
         risk_event_created:10 risk_event_resolved:8 risk_events_bulk_resolved scep_issued:6 systemuser_update:20",
    ),
    ("systems", Shape::DeviceLogin, Undocumented, "user_login:200"),
    (
        "reports",
        Shape::Plain,
        Undocumented,
        "custom_report_create custom_report_delete custom_report_update scheduled_report_create scheduled_report_delete
         scheduled_report_run_failed:2 scheduled_report_run_success:20 scheduled_report_update",
    ),
    ("saas_management", Shape::Plain, Undocumented, "saas_management_application_review:3"),
    ("workflows", Shape::Plain, Undocumented, "workflow_create workflow_delete workflow_run:30 workflow_update:5"),
    (
        "aigw",
        Shape::Plain,
        Undocumented,
        "aigw_session_opened:30 aigw_session_activity:120 aigw_session_closed:28 server_create server_delete
         server_update",
    ),
    (
        "genai",
        Shape::Plain,
        Undocumented,
        "genai_ai_assistant_chat_created:20 genai_ai_assistant_chat_message_sent:90 genai_ai_assistant_chat_updated:6
         genai_ai_assistant_chat_deleted:2",
    ),
    (
        "password_manager",
        Shape::Plain,
        Undocumented,
        "passwordvault_enable passwordvault_disable passwordvault_user_enable:2 passwordvault_user_disable
         passwordvault_credential_add:20 passwordvault_credential_update:20 passwordvault_credential_delete:4
         passwordvault_credential_archive passwordvault_credential_autofill:300 passwordvault_credential_copy:60
         passwordvault_credential_duplicate passwordvault_credential_export passwordvault_credential_import
         passwordvault_credential_history_reveal passwordvault_credential_reveal:30 passwordvault_credential_shareuser
         passwordvault_credential_shareusergroup passwordvault_credential_viewdetail:30
         passwordvault_credential_viewsecret:20 passwordvault_personalfolder_create passwordvault_personalfolder_delete
         passwordvault_personalfolder_credential_add passwordvault_personalfolder_credential_remove
         passwordvault_personalfolder_credential_update passwordvault_personalfolder_group_add
         passwordvault_personalfolder_user_add passwordvault_personalfolder_user_remove
         passwordvault_personalfolder_user_update passwordvault_personalfolder_website_add
         passwordvault_personalfolder_website_remove passwordvault_personalfolder_website_update
         passwordvault_sharedfolder_create passwordvault_sharedfolder_delete passwordvault_sharedfolder_credential_add
         passwordvault_sharedfolder_credential_remove passwordvault_sharedfolder_credential_update
         passwordvault_sharedfolder_group_add passwordvault_sharedfolder_user_add
         passwordvault_sharedfolder_user_remove passwordvault_sharedfolder_user_update
         passwordvault_sharedfolder_website_add passwordvault_sharedfolder_website_remove
         passwordvault_sharedfolder_website_update passwordvault_website_add passwordvault_website_archive
         passwordvault_website_connect:10 passwordvault_website_copy passwordvault_website_delete
         passwordvault_website_duplicate passwordvault_website_linkcredential passwordvault_website_shareuser
         passwordvault_website_shareusergroup passwordvault_website_update passwordvault_website_viewdetails
         passwordvault_websites_export",
    ),
    // Nobody has seen these two: they stand for what the service will invent next.
    ("quantum_desk", Shape::Plain, Undocumented, "quantum_desk_entangle:4 quantum_desk_measure:2"),
    ("di_events", Shape::Plain, Undocumented, "di_export_completed:3"),
];

/// Types that machines cause at any hour.
const BY_MACHINE: &[&str] = &[
    "ldap_search",
    "mdm_command_result",
    "software_add",
    "software_change",
    "software_remove",
    "software_status_update",
    "policy_result",
    "windows_patch_install",
    "user_update_provision",
    "user_password_warning_email",
    "user_password_expired",
    "user_mfa_exclusion_expired",
    "system_fde_key_update",
    "os_minor_upgrade",
    "saas_management_account_discover",
    "saas_management_application_discover",
    "alert_created",
    "alert_updated",
    "system_update",
    "object_storage_get_download_url_request",
    "passwordmanager_app_update",
    "scheduled_report_run_success",
];

/// Published name and the name that is seen instead while `Oddity::RenamedEvents` holds.
pub(crate) const RENAMED: &[(&str, &str)] = &[
    ("radius_auth", "radius_auth_attempt"),
    ("ldap_search", "ldap_srch"),
    ("authpolicy_update", "authnpolicy_update"),
    ("access_management_approval_flow_create", "access_management_workflow_create"),
    ("access_management_approval_flow_update", "access_management_workflow_update"),
    ("access_management_approval_flow_delete", "access_management_workflow_delete"),
    ("access_management_access_request_settings_update", "access_management_workflow_settings_update"),
];

/// Names that requests may put into `service`: the published ones, and those that exporters in the field send.
pub(crate) const SERVICES: &[&str] = &[
    "access_management",
    "aigw",
    "alerts",
    "all",
    "asset_management",
    "di_events",
    "directory",
    "genai",
    "ldap",
    "mdm",
    "notifications",
    "object_storage",
    "password_manager",
    "radius",
    "reports",
    "saas_app_management",
    "software",
    "sso",
    "systems",
    "workflows",
];

/// All kinds; a `KindNumber` is a place in this list.
pub(crate) static KINDS: LazyLock<Vec<Kind>> = LazyLock::new(|| {
    let mut kinds = Vec::new();
    for (service, shape, origin, words) in GROUPS {
        for word in words.split_whitespace() {
            let (name, weight) = word.split_once(':').map_or((word, 1), |(name, weight)| {
                (name, weight.parse().expect("a weight in the list above is a number"))
            });
            let by_machine = BY_MACHINE.contains(&name);
            kinds.push(Kind { service, name, shape: *shape, origin: *origin, weight, by_machine });
        }
    }
    kinds
});

static BY_NAME: LazyLock<HashMap<(&'static str, &'static str), KindNumber>> = LazyLock::new(|| {
    // The first of two equal names wins, which is the one of organizations.
    KINDS.iter().enumerate().rev().map(|(number, kind)| ((kind.service, kind.name), number as KindNumber)).collect()
});

/// The number of a kind in the list.
///
/// # Panics
/// When there is no such kind.
pub(crate) fn number_of(service: &'static str, name: &'static str) -> KindNumber {
    *BY_NAME.get(&(service, name)).unwrap_or_else(|| panic!("no event type {service}/{name} in the catalogue"))
}

#[cfg(test)]
mod tests {
    use std::collections::HashSet;

    use super::*;

    #[test]
    fn every_name_stands_once_for_each_service_and_origin() {
        let mut seen = HashSet::new();
        for kind in KINDS.iter() {
            assert!(seen.insert((kind.service, kind.name, kind.origin == Portal)), "{} twice", kind.name);
        }
        assert!(KINDS.len() > 360, "{}", KINDS.len());
    }

    #[test]
    fn every_rename_and_every_machine_type_is_about_a_type_that_exists() {
        let names: HashSet<&str> = KINDS.iter().map(|kind| kind.name).collect();
        for name in RENAMED.iter().map(|(published, _)| published).chain(BY_MACHINE) {
            assert!(names.contains(name), "{name}");
        }
    }
}
