# The mapping of crates/ocsf as a jq program, for the event types of its benchmark.
#
# Usage: jq -c -R --slurpfile table TABLE.json -f ocsf.jq RAW_LINES
# jq knows no hashes: `metadata.uid` and `raw_data_hash` are left out, which makes it faster than it would be.

def filled: select(. != null and . != "");
def cleaned:
  if type == "object" then with_entries(.value |= cleaned | select(.value != null)) | if length == 0 then null else . end
  elif type == "array" then map(cleaned | select(. != null)) | if length == 0 then null else . end
  elif . == "" then null
  else . end;
def compact: with_entries(select(.value != null and .value != ""));
def is_ip: type == "string" and test("^([0-9]{1,3}\\.){3}[0-9]{1,3}$|^[0-9a-fA-F:]*:[0-9a-fA-F:.]+$");

def user($tenant):
  ((.username | filled) // (.name | filled) // (.email | filled) // null) as $name
  | ((.id | filled) // (.object_id | filled) // null) as $uid
  | if $name == null and $uid == null then null
    else
      ({user: [1, "User"], systemuser: [1, "User"], admin: [2, "Admin"], system: [3, "System"]}[.type // ""]
        // (if .type == null then [0, "Unknown"] else [99, .type] end)) as $type
      | {uid: $uid, name: $name, email_addr: (if (.email // "" | contains("@")) then .email else null end),
         type_id: $type[0], type: $type[1], org: (if $tenant then {uid: $tenant} else null end)} | compact
    end;

def os_type:
  ascii_downcase as $name
  | if $name | contains("ipados") then [302, "iPadOS"] elif $name | contains("ios") then [301, "iOS"]
    elif $name | contains("android") then [201, "Android"] elif $name | contains("windows") then [100, "Windows"]
    elif ($name | contains("mac")) or ($name | contains("darwin")) then [300, "macOS"]
    elif $name | test("linux|ubuntu|debian|fedora") then [200, "Linux"] else [99, .] end;

def location:
  (.geoip // .)
  | ((.country_code | filled) // (.country_code2 | filled) // null) as $country
  | if $country == null then null
    else
      {country: $country, region: (if (.region_code // "") != "" then "\($country)-\(.region_code)" else null end),
       desc: .region_name,
       continent: {AF: "Africa", AN: "Antarctica", AS: "Asia", EU: "Europe", NA: "North America", OC: "Oceania",
                   SA: "South America"}[.continent_code // ""],
       lat: (.latitude | if . then tonumber else null end), long: (.longitude | if . then tonumber else null end)} | compact
    end;

def source($agent):
  (.auth_context.system // {}) as $system
  | {ip: (.client_ip | if is_ip then . else null end), uid: $system.id, hostname: $system.hostname,
     name: $system.displayName} | compact as $named
  | if ($named | length) == 0 then {}
    else
      (if $system.os then [$system.os, $system.version] else [($agent.os_name // $agent.os), $agent.os_version] end) as $os
      | $named
        + (if $os[0] != null and $os[0] != "Other"
           then ($os[0] | os_type) as $type | {os: ({name: $os[0], type_id: $type[0], type: $type[1], version: $os[1]} | compact)}
           else {} end)
    end;

def resource($kind):
  {uid: (.id // .object_id), name: ((.displayName | filled) // (.name | filled) // (.username | filled) // .email),
   hostname: .hostname, type: (.type // $kind)} | compact | if .uid or .name then . else null end;

def status:
  (if .event_type == "mdm_command_result" then .status else null end) as $mdm
  | (if .success != null then .success elif .sso_token_success != null then .sso_token_success
     elif .service == "ldap" and .error_code != null then .error_code == 0 else null end) as $said
  | (if $said == true or ($said == null and $mdm == "Acknowledged") then [1, "Success"]
     elif $said == false or ($said == null and ($mdm == "Error" or $mdm == "CommandFormatError")) then [2, "Failure"]
     elif $mdm != null then [99, $mdm] else [0, "Unknown"] end)
    + [(if .error_code != null then (.error_code | tostring) else $mdm end),
       ((.error_message | filled) // (.outer.error_message | filled) // null)];

def factor:
  {password: {factor_type_id: 11, factor_type: "Password"}, totp: {factor_type_id: 7, factor_type: "OTP", is_totp: true},
   webauthn: {factor_type_id: 10, factor_type: "WebAuthn"},
   jumpcloud_protect: {factor_type_id: 5, factor_type: "Push Notification", provider: "JumpCloud Protect"}}[.]
  // {factor_type_id: 99, factor_type: .};

def endpoint: {uid: .id, hostname: .hostname, name: .displayName} | compact;
def group: {uid: (.id // .object_id), name: .name, type: .type} | compact;

def authentication($event; $source; $tenant; $initiator):
  ($event.auth_context // {}) as $context
  | ($initiator // ($event.resource | if . then user($tenant) else null end)
     // ($event.username | if . then {name: ., type_id: 1, type: "User", org: {uid: $tenant}} else null end)) as $user
  | [$context.policies_applied // [] | .[]
     | {decision: (.metadata.action | if . then {ALLOW: "Allow", DENY: "Deny"}[.] // . else null end),
        policy: ({uid: .id, name: .name} | compact | if length == 0 then null else . end)} | compact | select(length > 0)] as $policies
  | (($context.auth_methods // {}) as $methods
     | if ($methods | length) > 0 then [$methods | keys_unsorted[] | factor]
       elif $event.mfa == true and ($event.mfa_meta.type // "") != "" then [$event.mfa_meta.type | factor] else null end) as $factors
  | {user: $user, actor: (if ($policies | length) > 0 and $user then {user: $user, authorizations: $policies} else null end),
     auth_factors: $factors, is_mfa: $event.mfa, src_endpoint: $source,
     mapped: ["mfa", (if $user.name == $event.username then "username" else empty end)]}
  + ($event.event_type as $kind
     | if $kind == "admin_login_attempt" then
         {service: {uid: "admin_portal", name: "JumpCloud Admin Portal"}, is_remote: true}
       elif $kind == "user_login_attempt" then
         {service: {uid: "user_portal", name: "JumpCloud User Portal"}, is_remote: true}
       elif $kind == "sso_auth" then
         $event.application
         | ({saml: [5, "SAML"], oidc: [4, "OpenID"]}[.sso_type // ""] // [0, "Unknown"]) as $protocol
         | {service: ({uid: .id, name: ((.display_label | filled) // (.name | filled) // (.sso_url | split("/") | last))} | compact),
            dst_endpoint: (if (.name // "") != "" then {svc_name: .name} else null end),
            auth_protocol_id: $protocol[0], auth_protocol: $protocol[1]}
       elif $kind | startswith("radius_auth") then
         {service: {uid: "radius", name: "JumpCloud RADIUS"}, auth_protocol_id: 10, auth_protocol: "RADIUS"}
       elif $kind == "ldap_bind" then
         {service: {uid: "ldap", name: "JumpCloud LDAP"}, auth_protocol_id: 12, auth_protocol: "LDAP",
          session: {uid: $event.connection_id}, is_cleartext: (($event.start_tls or $event.tls_established) | not)}
       elif $kind == "login_attempt" then
         {dst_endpoint: (($event.system // {} | endpoint) + ($source | {ip, location} | compact)),
          src_endpoint: (if $event.src_ip | is_ip then {ip: $event.src_ip} else {} end),
          is_remote: (($event.src_ip // "") != "" and ($event.src_ip | startswith("127.") | not))}
         + (if $event.windows_meta.logon_type == "10" then {logon_type_id: 10, logon_type: "Remote Interactive"} else {} end)
       else {service: {uid: "password_manager", name: "JumpCloud Password Manager"}, logon_type_id: 7, logon_type: "Unlock"} end)
  | if $event.event_type == "login_attempt" then .mapped += ["client_ip", "src_ip"] else . end;

def refined($line):
  (.changes // [] | map({key: .field, value: .to}) | from_entries) as $to
  | if $to.suspended == true or $to.state == "SUSPENDED" then [5, "Disable", 2]
    elif $to.suspended == false or $to.state == "ACTIVATED" then [2, "Enable", 1]
    elif $to.account_locked == true then [9, "Lock", 3] elif $to.account_locked == false then [12, "Unlock", 1]
    elif $to.enable_user_portal_multifactor == true then [10, "MFA Factor Enable", 1]
    elif $to.enable_user_portal_multifactor == false then [11, "MFA Factor Disable", 3]
    else [$line.activity_id, $line.activity_name, $line.severity_id] end;

def other($event; $line; $source; $tenant; $initiator; $time):
  ($event.initiated_by // {}) as $from
  | ({user: $initiator,
      app_name: (($from.source_metadata.name | filled) // ($from.source | filled)
        // (if $event.service == "ldap" then null
            else {session: "JumpCloud Admin Portal", "api key": "JumpCloud API"}[$event.auth_method // ""] end))}
     | compact | if length == 0 then null else . end) as $actor
  | {actor: $actor, src_endpoint: $source, mapped: []}
  + ($line.class_uid as $class
     | if $line.family == "association" then
         $event.association as $association
         | [$association.connection.from, $association.connection.to] as $ends
         | ($association.op == "add") as $add
         | ([$ends[] | select(.type == "user_group")] | first // null) as $group
         | ([$ends[] | select(.type == "user")] | first) as $person
         | if $group then
             {group: ($group | group), user: ($person | user($tenant)), class: 3006,
              activity: (if $add then [3, "Add User"] else [4, "Remove User"] end)}
           else
             {user: ($person | user($tenant)), class: 3005, privileges: ["access"],
              resources: [$ends[] | select(.type != "user") | resource(null)],
              activity: (if $add then [1, "Assign Privileges"] else [2, "Revoke Privileges"] end)}
           end
       elif $class == 3001 then
         {user: (if $event.resource then ($event.resource | user($tenant)) else $initiator end)}
         + (if $event.event_type == "user_update" then {activity: ($event | refined($line))} else {} end)
         + (if $event.event_type == "totp_finish_enrollment"
            then {auth_factors: ["totp" | factor], user: ($initiator + {has_mfa: true})} else {} end)
       elif $class == 3006 then {group: ($event.resource | group)}
       elif $class == 3004 then
         (($event.resource // $event.application // $event.system) | resource(null) | {uid, name} | compact) as $thing
         | {entity: ($thing + {type_id: $line.entity_type_id, type: $line.entity_type}
              + (if $line.entity_type_id == 5 then {policy: $thing} else {} end))}
         + (if $event.event_type == "system_fde_key_update" then {comment: "full disk encryption key"} else {} end)
       elif $class == 6002 then
         {app: ($event.application | {name, version, vendor_name: .publisher, path} | compact),
          device: {uid: $event.system.id, type_id: 0, type: "Unknown"}}
       elif $class == 5019 then {device: (($event.system | endpoint) + {type_id: 0, type: "Unknown"})}
       elif $class == 2004 then
         {status: [1, "New"], activity: [1, "Create", ({Low: 2, Medium: 3, High: 4, Critical: 5}[$event.severity // ""] // 0)],
          finding_info: {uid: $event.resource.id, uid_alt: $event.resource.reference_id,
            title: "JumpCloud alert: \($event.category)", types: [$event.category], created_time: $time, modified_time: $time},
          resources: [{uid: $event.resource.source_id, type: $event.resource.source_type}]}
       else
         (if $event.event_type == "mdm_command_result" then $event.request_type else null end) as $request
         | {actor: ($actor // (if $event.username then {user: {name: $event.username, type_id: 1, type: "User"}} else {app_name: "JumpCloud"} end)),
            src_endpoint: (if ($source | length) == 0 then {svc_name: "JumpCloud"} else $source end),
            mapped: (if $initiator == null and $event.username then ["username"] else [] end),
            api: ({operation: ($request // $event.event_type), service: {name: "JumpCloud \($event.service)"},
              request: (if $event.command_uuid then {uid: $event.command_uuid} else null end)} | compact),
            resources: ([($event.resource | if . then resource(null) else empty end), ($event.system | if . then resource("system") else empty end),
              ($event.mdm_device_id | if . then {uid: ., type: "device"} else empty end),
              ($event.base | if . then {name: ., type: "ldap_dn"} else empty end)] | map(select(. != null)) | if length == 0 then null else . end)}
         + (if $request == null then {}
            elif $request | startswith("Install") then {activity: [1, "Create"]}
            elif $request | startswith("Remove") then {activity: [4, "Delete"]}
            elif $request | test("(List|Information|Info|Query)$") then {activity: [2, "Read"]} else {} end)
       end);

def observables:
  [ ("src_endpoint", "dst_endpoint") as $side
    | (.[$side] // {})
    | ((.ip | filled | {name: "\($side).ip", type_id: 2, type: "IP Address", value: .}),
       (.hostname | filled | {name: "\($side).hostname", type_id: 1, type: "Hostname", value: .})) ]
  + [ (.device.hostname | filled | {name: "device.hostname", type_id: 1, type: "Hostname", value: .}),
      (.device.uid | filled | {name: "device.uid", type_id: 47, type: "Device Object: uid", value: .}) ]
  + [ (["user", .user], ["actor.user", .actor.user]) as [$path, $person]
    | (($person.name | filled | {name: "\($path).name", type_id: 4, type: "User Name", value: .}),
       ($person.uid | filled | {name: "\($path).uid", type_id: 31, type: "User Object: uid", value: .}),
       ($person.email_addr | filled | {name: "\($path).email_addr", type_id: 5, type: "Email Address", value: .})) ]
  + [ (.group.name | filled | {name: "group.name", type_id: 32, type: "Group Object: name", value: .}),
      (.group.uid | filled | {name: "group.uid", type_id: 33, type: "Group Object: uid", value: .}),
      (.http_request.user_agent | filled | {name: "http_request.user_agent", type_id: 16, type: "HTTP User-Agent", value: .}) ]
  | if length == 0 then null else . end;

. as $raw
| fromjson as $event
| $table[0][$event.event_type] as $line
| $event.organization as $tenant
| ($event.useragent // $event.user_agent) as $agent
| ($event.timestamp[0:19] + "Z" | fromdateiso8601 * 1000) as $seconds
| ($seconds + (if $event.timestamp[19:20] == "." then ($event.timestamp[20:-1] + "000")[0:3] | tonumber else 0 end)) as $time
| ($event.initiated_by | if . then user($tenant) else null end) as $initiator
| ($event | source($agent)
   + (if (.client_ip or .auth_context.system) and $event.geoip then {location: ($event.geoip | location)} else {} end)) as $source
| ($event | status) as $stated
| (if $line.class_uid == 3002 then authentication($event; $source; $tenant; $initiator)
   else other($event; $line; $source; $tenant; $initiator; $time) end) as $own
| ($own.class // $line.class_uid) as $class
| ($own.status // $stated) as $status
| ([3001, 3002, 3004, 3005, 3006, 6003] | index($class) != null) as $sourced
| ($own.activity // [$line.activity_id, $line.activity_name]) as $activity
| (($activity[2] // $line.severity_id)
   | if $event.event_type == "admin_login_attempt" and $status[0] == 2 then 3
     elif $status[0] == 2 and $class != 2004 and . < 2 then 2 else . end) as $severity
| {"2004": ["Detection Finding", 2, "Findings"], "3001": ["Account Change", 3, "Identity & Access Management"],
   "3002": ["Authentication", 3, "Identity & Access Management"], "3004": ["Entity Management", 3, "Identity & Access Management"],
   "3005": ["User Access Management", 3, "Identity & Access Management"],
   "3006": ["Group Management", 3, "Identity & Access Management"],
   "5019": ["Device Config State Change", 5, "Discovery"], "6002": ["Application Lifecycle", 6, "Application Activity"],
   "6003": ["API Activity", 6, "Application Activity"]}[$class | tostring] as $names
| ({
    class_uid: $class, class_name: $names[0], category_uid: $names[1], category_name: $names[2],
    activity_id: $activity[0], activity_name: $activity[1], type_uid: ($class * 100 + $activity[0]),
    type_name: "\($names[0]): \(if $activity[0] == 99 then "Other" else $activity[1] end)",
    time: $time, severity_id: $severity,
    severity: ["Unknown", "Informational", "Low", "Medium", "High", "Critical"][$severity],
    status_id: $status[0], status: $status[1], status_code: $stated[2], status_detail: $stated[3],
    message: (($event.message | filled) // (($event.event_type | gsub("_"; " "))
      + (if $class == 2004 then " (new)" elif $status[0] == 1 then " (success)" elif $status[0] == 2 then " (failure)" else "" end))),
    metadata: ({
      version: "1.8.0", product: {name: "JumpCloud", vendor_name: "JumpCloud", feature: {name: "Directory Insights"}},
      log_provider: "JumpCloud Directory Insights", log_format: "JSON", tenant_uid: $tenant,
      original_event_uid: $event.id, original_time: $event.timestamp, event_code: $event.event_type,
      log_name: $event.service, log_version: ($event["@version"] | tostring), logged_time: 1795162510000,
      correlation_uid: (if $event.service == "ldap" then $event.connection_id else null end),
      sequence: $event.operation_number, profiles: (if $class == 6002 then ["host"] else null end)} | compact),
    http_request: (if $sourced | not then null else
      {user_agent: (if ($agent.name // "Other") != "Other" then "\($agent.name)/\($agent.version)" else null end),
       url: ($event.application.sso_url | if . then {url_string: .} else null end)} | compact | if length == 0 then null else . end end),
    src_endpoint: (if $sourced and ($own.src_endpoint | length) > 0 then $own.src_endpoint else null end),
    actor: (if $sourced or $class == 5019 or $class == 6002 then $own.actor else null end),
    unmapped: (([ "@version", "id", "event_type", "service", "organization", "timestamp", "message", "success",
        "sso_token_success", "error_message", "error_code", "operation_number"] + $own.mapped
        + (if $sourced and $own.src_endpoint.ip then ["client_ip"] else [] end)
        + (if $event.service == "ldap" then ["connection_id"] else [] end)) as $mapped
      | $event | delpaths($mapped | map([.]))
      | if .initiated_by then .initiated_by |= del(.id, .type, .email, .username, .name) else . end | cleaned),
    raw_data: $raw, raw_data_size: ($raw | utf8bytelength)}
   + ($own | del(.src_endpoint, .actor, .mapped, .activity, .class, .status)))
| .observables = observables
| compact
