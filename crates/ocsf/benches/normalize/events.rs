//! Made-up Directory Insights events in the proportions of an organization with single sign-on, RADIUS, LDAP and managed
//! devices. The same number gives the same event, always. Every name, id and address is invented.

use std::fmt::Write as _;

/// Makes one event.
type Make = fn(&mut Dice) -> String;

/// How often each kind occurs, in thousandths, and what makes one.
const KINDS: &[(u32, Make)] = &[
    (220, sso_auth),
    (140, user_login_attempt),
    (40, admin_login_attempt),
    (140, login_attempt),
    (80, radius_auth_attempt),
    (50, ldap_bind),
    (60, ldap_search),
    (50, association_change),
    (40, user_update),
    (10, user_create),
    (5, user_lockout),
    (10, user_password_change),
    (5, group_update),
    (20, system_update),
    (10, policy_update),
    (5, application_update),
    (20, policy_result),
    (10, command_run),
    (30, software_add),
    (20, software_change),
    (10, mdm_command_result),
    (5, passwordmanager_app_unlock),
    (10, passwordmanager_item_autofill),
    (3, totp_finish_enrollment),
    (2, alert_created),
    (3, os_minor_upgrade),
    (2, system_fde_key_update),
];

/// One event for each number, as one line of JSON.
pub(crate) fn event(number: u64) -> String {
    let mut dice = Dice { state: number.wrapping_mul(0x9E37_79B9_7F4A_7C15) ^ 0x5DEE_CE66, number };
    let total: u32 = KINDS.iter().map(|(weight, _)| weight).sum();
    let mut place = dice.below(u64::from(total)) as u32;
    for (weight, make) in KINDS {
        if place < *weight {
            return make(&mut dice);
        }
        place -= weight;
    }
    unreachable!("the weights add up")
}

/// Repeatable chance.
struct Dice {
    state: u64,
    number: u64,
}

impl Dice {
    fn next(&mut self) -> u64 {
        self.state = self.state.wrapping_add(0x9E37_79B9_7F4A_7C15);
        let mut mixed = self.state;
        mixed = (mixed ^ (mixed >> 30)).wrapping_mul(0xBF58_476D_1CE4_E5B9);
        mixed = (mixed ^ (mixed >> 27)).wrapping_mul(0x94D0_49BB_1331_11EB);
        mixed ^ (mixed >> 31)
    }

    fn below(&mut self, end: u64) -> u64 {
        self.next() % end
    }

    fn percent(&mut self, share: u64) -> bool {
        self.below(100) < share
    }

    fn one<'a>(&mut self, of: &[&'a str]) -> &'a str {
        of[self.below(of.len() as u64) as usize]
    }

    fn id(&mut self, kind: u32, many: u64) -> String {
        format!("5f{kind:06x}{:016x}", self.below(many))
    }

    fn ip(&mut self) -> String {
        match self.below(3) {
            0 => format!("203.0.113.{}", self.below(256)),
            1 => format!("198.51.100.{}", self.below(256)),
            _ => format!("2001:db8::{:x}", self.below(65_536)),
        }
    }

    fn user(&mut self) -> (String, String) {
        let number = self.below(5_000);
        let first = ["mara", "jonas", "aylin", "tom", "sofia", "liam", "nora", "emil"][(number % 8) as usize];
        let last = ["lind", "weber", "kaya", "berg", "rossi", "novak", "holm", "silva"][(number / 8 % 8) as usize];
        (format!("5fb0000000000000{number:08x}"), format!("{first}.{last}{}", number / 64))
    }

    fn initiator(&mut self) -> String {
        let (id, name) = self.user();
        format!(r#""initiated_by":{{"id":"{id}","type":"user","username":"{name}"}}"#)
    }

    fn administrator(&mut self) -> String {
        let number = self.below(12);
        format!(
            r#""initiated_by":{{"id":"5fa0000000000000{number:08x}","type":"admin","email":"admin{number}@tundra.example"}}"#
        )
    }

    fn resource(&mut self) -> String {
        let (id, name) = self.user();
        format!(r#""resource":{{"id":"{id}","type":"user","username":"{name}"}}"#)
    }

    fn system(&mut self) -> String {
        let number = self.below(3_000);
        format!(
            r#""system":{{"id":"5fc0000000000000{number:08x}","hostname":"LT-{number:04}","displayName":"Laptop {number}"}}"#
        )
    }

    fn geoip(&mut self) -> String {
        let (country, continent, region, code, zone, lat, long) = [
            ("FI", "EU", "Uusimaa", "18", "Europe/Helsinki", 60.17, 24.93),
            ("DE", "EU", "Land Berlin", "BE", "Europe/Berlin", 52.5196, 13.4069),
            ("US", "NA", "Colorado", "CO", "America/Denver", 39.7388, -104.9868),
            ("BR", "SA", "Sao Paulo", "SP", "America/Sao_Paulo", -23.5475, -46.6361),
        ][self.below(4) as usize];
        format!(
            r#""geoip":{{"country_code":"{country}","timezone":"{zone}","latitude":{lat},"continent_code":"{continent}","region_name":"{region}","longitude":{long},"region_code":"{code}"}}"#
        )
    }

    fn useragent(&mut self, field: &str) -> String {
        let agents = [
            r#"{"os":"Mac OS X","minor":"0","os_minor":"15","os_version":"10.15.7","os_major":"10","version":"131.0.0.0","os_patch":"7","patch":"0","os_full":"Mac OS X 10.15.7","major":"131","name":"Chrome","os_name":"Mac OS X","device":"Mac"}"#,
            r#"{"os_full":"Windows 10","os":"Windows","major":"143","minor":"0","os_major":"10","os_version":"10","name":"Firefox","os_name":"Windows","version":"143.0","device":"Other"}"#,
            r#"{"os":"Ubuntu","minor":"0","major":"128","name":"Firefox","os_name":"Ubuntu","version":"128.0","os_full":"Ubuntu","device":"Other"}"#,
            r#"{"os_full":"iOS 18.1","os":"iOS","os_major":"18","os_minor":"1","os_version":"18.1","name":"Mobile Safari","version":"18.1","major":"18","minor":"1","os_name":"iOS","device":"iPhone"}"#,
        ];
        format!(r#""{field}":{}"#, self.one(&agents))
    }

    fn context(&mut self) -> String {
        let methods = self.one(&[
            "{}",
            r#"{"password":{"success":true}}"#,
            r#"{"password":{"success":true},"jumpcloud_protect":{"success":true}}"#,
            r#"{"password":{"success":true},"webauthn":{"success":false}}"#,
        ]);
        let action = if self.percent(4) { "DENY" } else { "ALLOW" };
        let system = self.system();
        format!(
            r#""auth_context":{{"auth_methods":{methods},{system},"policies_applied":[{{"metadata":{{"resource_type":"APPLICATION","action":"{action}"}},"name":"Global Policy","id":""}}]}}"#
        )
    }

    /// `"@version"` to `"timestamp"`: what all begin with.
    fn begin(&mut self, kind: &str, service: &str) -> String {
        let ms = self.number * 37 % 86_400_000;
        let (hour, minute, second) = (ms / 3_600_000, ms / 60_000 % 60, ms / 1000 % 60);
        let fraction = match service {
            "sso" | "mdm" => format!(".{:09}", ms % 1000 * 1_000_000 + self.below(1_000_000)),
            "radius" | "ldap" => String::new(),
            _ => format!(".{:03}", ms % 1000),
        };
        let day = 1 + self.number / 40_000 % 28;
        let id = match service {
            "radius" => format!("{:08X}-F3DB-3CB4-B452-{:012X}", self.next() as u32, self.number),
            _ => format!("6740{:020x}", self.number),
        };
        format!(
            r#""@version":"1","id":"{id}","event_type":"{kind}","service":"{service}","organization":"5f00000000000000000000{:02x}","timestamp":"2026-11-{day:02}T{hour:02}:{minute:02}:{second:02}{fraction}Z""#,
            self.below(3)
        )
    }
}

fn sso_auth(dice: &mut Dice) -> String {
    let ok = dice.percent(95);
    let app = dice.one(&["zulip", "salesforce", "google", "github", "aws", "zendesk"]);
    let mut event = format!("{{{}", dice.begin("sso_auth", "sso"));
    let _ = write!(
        event,
        r#","client_ip":"{}",{},{},"mfa":{},"provider":"","error_message":"{}","sso_token_success":{ok},"idp_initiated":{},{},{},"application":{{"display_label":"Team {app}","sso_type":"saml","name":"{app}","id":"{}","sso_url":"https://sso.jumpcloud.com/saml2/{app}"}}}}"#,
        dice.ip(),
        dice.geoip(),
        dice.initiator(),
        dice.percent(60),
        if ok { "" } else { "not authorized" },
        dice.percent(50),
        dice.useragent("useragent"),
        dice.context(),
        dice.id(0xf0, 200),
    );
    event
}

fn user_login_attempt(dice: &mut Dice) -> String {
    let ok = dice.percent(90);
    format!(
        r#"{{{},"client_ip":"{}",{},{},{},"mfa":{},"mfa_meta":{{"type":"totp"}},"provider":null,"success":{ok},"error_message":{},{},{},"auth_method":"session","target_resource":{{"type":"user_portal"}}}}"#,
        dice.begin("user_login_attempt", "directory"),
        dice.ip(),
        dice.geoip(),
        dice.initiator(),
        dice.resource(),
        dice.percent(70),
        if ok { "null" } else { "\"MFA challenge failed\"" },
        dice.useragent("useragent"),
        dice.context(),
    )
}

fn admin_login_attempt(dice: &mut Dice) -> String {
    format!(
        r#"{{{},"client_ip":"{}",{},{},"mfa":{},"mfa_meta":{{"type":"webauthn"}},"provider":null,"success":{},{}}}"#,
        dice.begin("admin_login_attempt", "directory"),
        dice.ip(),
        dice.geoip(),
        dice.administrator(),
        dice.percent(90),
        dice.percent(93),
        dice.useragent("useragent"),
    )
}

fn login_attempt(dice: &mut Dice) -> String {
    let (_, name) = dice.user();
    let ok = dice.percent(85);
    format!(
        r#"{{{},"system_timestamp":"2026-11-20T10:40:00+02:00",{},"message":"User {name} {} from 10.0.2.2, process name: sshd","client_ip":"{}","src_ip":"10.0.{}.{}","username":"{name}","process_name":"sshd","success":{ok},{}{}}}"#,
        dice.begin("login_attempt", "systems"),
        dice.system(),
        if ok { "logged in" } else { "failed to log in" },
        dice.ip(),
        dice.below(256),
        dice.below(256),
        dice.geoip(),
        if dice.percent(50) { r#","windows_meta":{"elevated":false,"logon_type":"10"}"# } else { "" },
    )
}

fn radius_auth_attempt(dice: &mut Dice) -> String {
    let (_, name) = dice.user();
    let ok = dice.percent(92);
    format!(
        r#"{{{},"client_ip":"{}",{},"initiated_by":{{"type":"user","username":"{name}"}},"username":"{name}","auth_type":"eap","eap_type":"MSCHAPv2","outer":{{"eap_type":"PEAP","username":"{name}","error_message":null}},"nas_mfa_state":"DISABLED","mfa":false,"mfa_meta":{{"type":""}},"auth_meta":{{"user_password_enabled":true,"device_cert_enabled":false,"user_cert_enabled":false,"auth_idp":"JUMPCLOUD","userid_type":"USERNAME"}},"success":{ok},"error_message":{}}}"#,
        dice.begin("radius_auth_attempt", "radius"),
        dice.ip(),
        dice.geoip(),
        if ok { "null" } else { "\"mschap: MS-CHAP2-Response is incorrect\"" },
    )
}

fn ldap_bind(dice: &mut Dice) -> String {
    let ok = dice.percent(97);
    format!(
        r#"{{{},"username":"svc-print","dn":"uid=svc-print,ou=Users,o=5f0000000000000000000001,dc=jumpcloud,dc=com","connection_id":"UhKgFeYIvbsh4so/{:016x}=","operation_number":0,"auth_method":"simple","mech":"simple","start_tls":{},"tls_established":false,"success":{ok},"error_code":{}}}"#,
        dice.begin("ldap_bind", "ldap"),
        dice.next(),
        dice.percent(80),
        if ok { 0 } else { 49 },
    )
}

fn ldap_search(dice: &mut Dice) -> String {
    format!(
        r#"{{{},"username":"svc-print","connection_id":"UhKgFeYIvbsh4so/{:016x}=","operation_number":{},"base":"ou=Users,o=5f0000000000000000000001,dc=jumpcloud,dc=com","scope":2,"deref":0,"filter":"(&(objectClass=inetOrgPerson)(uid=mara))","attr":"uid mail","number_of_results":{},"error_code":0}}"#,
        dice.begin("ldap_search", "ldap"),
        dice.next(),
        1 + dice.below(9),
        dice.below(90),
    )
}

fn association_change(dice: &mut Dice) -> String {
    let (id, name) = dice.user();
    let op = dice.one(&["add", "remove"]);
    let from = match dice.below(3) {
        0 => format!(r#"{{"name":"LT-0042","type":"system","object_id":"{}"}}"#, dice.id(0xc0, 3000)),
        _ => format!(r#"{{"name":"Engineering","type":"user_group","object_id":"{}"}}"#, dice.id(0x90, 80)),
    };
    format!(
        r#"{{{},"client_ip":"{}",{},{},"association":{{"op":"{op}","action_source":"manual","connection":{{"from":{from},"to":{{"name":"{name}","type":"user","object_id":"{id}"}}}},"attributes":null}},"auth_method":"session","provider":null,"success":true,{}}}"#,
        dice.begin("association_change", "directory"),
        dice.ip(),
        dice.geoip(),
        dice.administrator(),
        dice.useragent("useragent"),
    )
}

fn user_update(dice: &mut Dice) -> String {
    let changes = dice.one(&[
        r#"[{"field":"state","from":"ACTIVATED","to":"SUSPENDED"},{"field":"suspended","from":false,"to":true}]"#,
        r#"[{"field":"attributes","from":[{"name":"Division","value":"Marketing"}],"to":[{"name":"Division","value":"Sales"}]}]"#,
        r#"[{"field":"enable_user_portal_multifactor","from":false,"to":true}]"#,
        r#"[{"field":"jobTitle","from":"","to":"Engineer"}]"#,
    ]);
    format!(
        r#"{{{},"client_ip":"{}",{},{},{},"auth_method":"api key","changes":{changes},{},"provider":null{}}}"#,
        dice.begin("user_update", "directory"),
        dice.ip(),
        dice.geoip(),
        dice.administrator(),
        dice.resource(),
        dice.useragent("useragent"),
        dice.one(&["", ",\"success\":true"]),
    )
}

fn user_create(dice: &mut Dice) -> String {
    let begin = dice.begin("user_create", "directory");
    let (ip, resource) = (dice.ip(), dice.resource());
    format!(
        r#"{{{begin},"client_ip":"{ip}","initiated_by":{{"id":"5fa000000000000000000001","type":"admin","email":"admin1@tundra.example","source":"jumpcloud:scim","source_metadata":{{"name":"okta"}}}},{resource},"auth_method":"api key","changes":[{{"field":"email","to":"new.person@tundra.example"}},{{"field":"state","to":"STAGED"}}],"success":true}}"#
    )
}

fn user_lockout(dice: &mut Dice) -> String {
    let begin = dice.begin("user_lockout", "directory");
    format!(r#"{{{begin},{},"initiated_by":{{"type":"system"}}}}"#, dice.resource())
}

fn user_password_change(dice: &mut Dice) -> String {
    let begin = dice.begin("user_password_change", "systems");
    format!(r#"{{{begin},{},{},{},"success":true}}"#, dice.resource(), dice.initiator(), dice.system())
}

fn group_update(dice: &mut Dice) -> String {
    managed(dice, "group_update", "user_group", "Engineering")
}

fn system_update(dice: &mut Dice) -> String {
    managed(dice, "system_update", "system", "LT-0042")
}

fn policy_update(dice: &mut Dice) -> String {
    managed(dice, "policy_update", "policy", "Lock screen")
}

fn application_update(dice: &mut Dice) -> String {
    managed(dice, "application_update", "application", "Zulip")
}

fn managed(dice: &mut Dice, kind: &str, resource: &str, name: &str) -> String {
    let begin = dice.begin(kind, "directory");
    format!(
        r#"{{{begin},"client_ip":"{}",{},{},"resource":{{"id":"{}","type":"{resource}","name":"{name}"}},"auth_method":"session","changes":[{{"field":"name","from":"a","to":"b"}}],{},"success":true}}"#,
        dice.ip(),
        dice.geoip(),
        dice.administrator(),
        dice.id(0x80, 500),
        dice.useragent("useragent"),
    )
}

fn policy_result(dice: &mut Dice) -> String {
    let begin = dice.begin("policy_result", "directory");
    let ok = dice.percent(97);
    format!(
        r#"{{{begin},{},"resource":{{"id":"{}","type":"policy","name":"Disk encryption"}},"success":{ok},"state":"{}"}}"#,
        dice.system(),
        dice.id(0x80, 40),
        if ok { "active" } else { "failed" },
    )
}

fn command_run(dice: &mut Dice) -> String {
    let begin = dice.begin("command_run", "directory");
    format!(
        r#"{{{begin},"client_ip":"{}",{},"resource":{{"id":"{}","type":"command","name":"Collect \"logs\" \\ daily"}},"auth_method":"session","success":true}}"#,
        dice.ip(),
        dice.administrator(),
        dice.id(0x70, 60),
    )
}

fn software_add(dice: &mut Dice) -> String {
    software(dice, "software_add", "")
}

fn software_change(dice: &mut Dice) -> String {
    software(dice, "software_change", r#","changes":[{"field":"version","from":"130.0","to":"131.0"}]"#)
}

fn software(dice: &mut Dice, kind: &str, changes: &str) -> String {
    let begin = dice.begin(kind, "software");
    let id = dice.id(0xc0, 3000);
    format!(
        r#"{{{begin},"system":{{"id":"{id}","type":"system"}},"application":{{"name":"{}","version":"131.0.{}","path":"/Applications/An App.app","publisher":"Example"}},"resource":{{"id":"{id}","type":"system"}}{changes}}}"#,
        dice.one(&["Google Chrome", "Firefox", "Slack", "zoom.us", "7-Zip 24.08 (x64)"]),
        dice.below(9000),
    )
}

fn mdm_command_result(dice: &mut Dice) -> String {
    let begin = dice.begin("mdm_command_result", "mdm");
    let request = dice.one(&["InstallProfile", "ProfileList", "DeviceInformation", "RestartDevice"]);
    let mut profiles = String::new();
    for number in 0..dice.below(20) {
        let _ = write!(
            profiles,
            r#"{}{{"PayloadDisplayName":"Profile {number}","PayloadIdentifier":"com.example.profile.{number}","PayloadUUID":"01234567-89ab-cdef-0123-{number:012}","payload_verion":1,"IsManaged":true}}"#,
            if number > 0 { "," } else { "" },
        );
    }
    format!(
        r#"{{{begin},"mdm_type":"apple","request_type":"{request}","mdm_device_id":"{}","mdm_device_manager_id":"5f0000000000000000000071","command":{{"request_type":"{request}"}},"command_uuid":"{:08x}-89ab-cdef-0123-0123456789ab","status":"{}","error_chain":null,"profile_list":[{profiles}]}}"#,
        dice.id(0xc0, 3000),
        dice.next() as u32,
        dice.one(&["Acknowledged", "Acknowledged", "Acknowledged", "Error", "Idle"]),
    )
}

fn passwordmanager_app_unlock(dice: &mut Dice) -> String {
    vault(dice, "passwordmanager_app_unlock")
}

fn passwordmanager_item_autofill(dice: &mut Dice) -> String {
    vault(dice, "passwordmanager_item_autofill")
}

fn vault(dice: &mut Dice, kind: &str) -> String {
    let begin = dice.begin(kind, "password_manager");
    format!(
        r#"{{{begin},"client_ip":"{}",{},{},{},"success":true,"provider":null,"error_message":""}}"#,
        dice.ip(),
        dice.geoip(),
        dice.initiator(),
        dice.useragent("user_agent"),
    )
}

fn totp_finish_enrollment(dice: &mut Dice) -> String {
    let begin = dice.begin("totp_finish_enrollment", "directory");
    format!(r#"{{{begin},"client_ip":"{}",{},"success":true}}"#, dice.ip(), dice.initiator())
}

fn alert_created(dice: &mut Dice) -> String {
    let begin = dice.begin("alert_created", "alerts");
    format!(
        r#"{{{begin},"category":"Directory","severity":"{}","initiated_by":{{"type":"system"}},"resource":{{"id":"{}","source_id":"{}","source_type":"user","reference_id":"r-1"}},"success":true}}"#,
        dice.one(&["High", "Medium", "Low"]),
        dice.id(0x60, 9000),
        dice.id(0xb0, 5000),
    )
}

fn os_minor_upgrade(dice: &mut Dice) -> String {
    let begin = dice.begin("os_minor_upgrade", "systems");
    format!(r#"{{{begin},{},"changes":[{{"field":"version","from":"15.0","to":"15.1"}}]}}"#, dice.system())
}

fn system_fde_key_update(dice: &mut Dice) -> String {
    let begin = dice.begin("system_fde_key_update", "systems");
    format!(r#"{{{begin},{},"initiated_by":{{"type":"system"}},"success":true}}"#, dice.system())
}
