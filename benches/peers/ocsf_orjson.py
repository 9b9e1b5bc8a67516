"""The mapping of crates/ocsf written in Python with orjson, for the event types of its benchmark.

Usage: ocsf_orjson.py RAW_LINES > OCSF_LINES
What a user with a script would run: plain functions over dictionaries, the fastest JSON library there is for Python.
benches/peers/run_normalize.py checks that it writes the same events before it measures.
"""

import csv
import hashlib
import ipaddress
import sys
import uuid
from datetime import datetime, timezone
from pathlib import Path

import orjson

LOGGED_MS = 1_795_162_510_000
NAMESPACE = uuid.UUID("8a76fe47-b81e-5822-a5d4-7298e7e114b6").bytes
TABLE = Path(__file__).resolve().parents[2] / "crates/ocsf/src/event_types.csv"
LINES = {line["event_type"]: line for line in csv.DictReader(TABLE.open())}
for line in LINES.values():
    line["class_uid"], line["activity_id"] = int(line["class_uid"]), int(line["activity_id"])
    line["severity_id"] = int(line["severity_id"])

IAM = (3, "Identity & Access Management")
CLASSES = {
    2004: ("Detection Finding", 2, "Findings"),
    3001: ("Account Change", *IAM),
    3002: ("Authentication", *IAM),
    3004: ("Entity Management", *IAM),
    3005: ("User Access Management", *IAM),
    3006: ("Group Management", *IAM),
    5019: ("Device Config State Change", 5, "Discovery"),
    6002: ("Application Lifecycle", 6, "Application Activity"),
    6003: ("API Activity", 6, "Application Activity"),
}
WITH_SOURCE = {3001, 3002, 3004, 3005, 3006, 6003}
SEVERITY = ["Unknown", "Informational", "Low", "Medium", "High", "Critical"]
CONTINENTS = {"AF": "Africa", "AN": "Antarctica", "AS": "Asia", "EU": "Europe", "NA": "North America",
              "OC": "Oceania", "SA": "South America"}
FACTORS = {
    "password": {"factor_type_id": 11, "factor_type": "Password"},
    "totp": {"factor_type_id": 7, "factor_type": "OTP", "is_totp": True},
    "webauthn": {"factor_type_id": 10, "factor_type": "WebAuthn"},
    "jumpcloud_protect": {"factor_type_id": 5, "factor_type": "Push Notification", "provider": "JumpCloud Protect"},
}
USER_TYPES = {"user": (1, "User"), "systemuser": (1, "User"), "admin": (2, "Admin"), "system": (3, "System"),
              None: (0, "Unknown")}
ALWAYS_MAPPED = {"@version", "id", "event_type", "service", "organization", "timestamp", "message", "success",
                 "sso_token_success", "error_message", "error_code", "operation_number"}


def cleaned(value):
    """The value without what is empty; None if nothing is left."""
    if isinstance(value, dict):
        out = {}
        for key, member in value.items():
            member = cleaned(member)
            if member is not None:
                out[key] = member
        return out or None
    if isinstance(value, list):
        return [member for member in map(cleaned, value) if member is not None] or None
    return None if value == "" else value


def user_of(value, tenant):
    uid = value.get("id") or value.get("object_id")
    email = value.get("email") or None
    name = value.get("username") or value.get("name") or email
    if not uid and not name:
        return None
    type_id, type_name = USER_TYPES.get(value.get("type"), (99, value.get("type")))
    user = {"type_id": type_id, "type": type_name}
    if uid:
        user["uid"] = uid
    if name:
        user["name"] = name
    if email and "@" in email:
        user["email_addr"] = email
    if tenant:
        user["org"] = {"uid": tenant}
    return user


def is_ip(text):
    try:
        ipaddress.ip_address(text)
        return True
    except ValueError:
        return False


def os_type(name):
    lower = name.lower()
    if "ipados" in lower:
        return 302, "iPadOS"
    if "ios" in lower:
        return 301, "iOS"
    if "android" in lower:
        return 201, "Android"
    if "windows" in lower:
        return 100, "Windows"
    if "mac" in lower or "darwin" in lower:
        return 300, "macOS"
    if "linux" in lower or "ubuntu" in lower or "debian" in lower or "fedora" in lower:
        return 200, "Linux"
    return 99, name


def location_of(geoip):
    geoip = geoip.get("geoip", geoip)
    country = geoip.get("country_code") or geoip.get("country_code2")
    if not country:
        return None
    location = {"country": country}
    if geoip.get("region_code"):
        location["region"] = f"{country}-{geoip['region_code']}"
    if geoip.get("region_name"):
        location["desc"] = geoip["region_name"]
    if geoip.get("continent_code") in CONTINENTS:
        location["continent"] = CONTINENTS[geoip["continent_code"]]
    if geoip.get("latitude"):
        location["lat"] = float(geoip["latitude"])
    if geoip.get("longitude"):
        location["long"] = float(geoip["longitude"])
    return location


def source_of(event, agent):
    source = {}
    ip = event.get("client_ip")
    if ip and is_ip(ip):
        source["ip"] = ip
    system = (event.get("auth_context") or {}).get("system") or {}
    for ours, theirs in (("uid", "id"), ("hostname", "hostname"), ("name", "displayName")):
        if system.get(theirs):
            source[ours] = system[theirs]
    os_name, version = system.get("os"), system.get("version")
    if not os_name and agent:
        os_name, version = agent.get("os_name") or agent.get("os"), agent.get("os_version")
    identified = bool(source)
    if os_name and os_name != "Other":
        type_id, type_name = os_type(os_name)
        source["os"] = {"name": os_name, "type_id": type_id, "type": type_name}
        if version:
            source["os"]["version"] = version
    if event.get("geoip"):
        location = location_of(event["geoip"])
        if location:
            source["location"] = location
    return source if identified else {}


def resource_of(value, kind=None):
    resource = {}
    uid = value.get("id") or value.get("object_id")
    name = value.get("displayName") or value.get("name") or value.get("username") or value.get("email")
    if uid:
        resource["uid"] = uid
    if name:
        resource["name"] = name
    if not resource:
        return None
    if value.get("hostname"):
        resource["hostname"] = value["hostname"]
    kind = value.get("type") or kind
    if kind:
        resource["type"] = kind
    return resource


def status_of(event):
    """status_id, text, code, detail."""
    code = event.get("error_code")
    mdm = event.get("status") if event["event_type"] == "mdm_command_result" else None
    said = event.get("success")
    if said is None:
        said = event.get("sso_token_success")
    if said is None and event.get("service") == "ldap" and code is not None:
        said = code == 0
    if said is True or (said is None and mdm == "Acknowledged"):
        status = (1, "Success")
    elif said is False or (said is None and mdm in ("Error", "CommandFormatError")):
        status = (2, "Failure")
    elif mdm:
        status = (99, mdm)
    else:
        status = (0, "Unknown")
    detail = event.get("error_message") or (event.get("outer") or {}).get("error_message")
    return *status, str(code) if code is not None else mdm, detail


def group_of(value):
    group = {"uid": value.get("id") or value.get("object_id"), "name": value.get("name"), "type": value.get("type")}
    return {key: text for key, text in group.items() if text}


def refined(event, line):
    """Activity and severity of user_update, by what changed."""
    to = {change.get("field"): change.get("to") for change in event.get("changes") or ()}
    if to.get("suspended") is True or to.get("state") == "SUSPENDED":
        return 5, "Disable", 2
    if to.get("suspended") is False or to.get("state") == "ACTIVATED":
        return 2, "Enable", 1
    if "account_locked" in to:
        return (9, "Lock", 3) if to["account_locked"] else (12, "Unlock", 1)
    for field in ("enable_user_portal_multifactor", "totp_enabled", "enableMultiFactor"):
        if field in to:
            return (10, "MFA Factor Enable", 1) if to[field] else (11, "MFA Factor Disable", 3)
    return line["activity_id"], line["activity_name"], line["severity_id"]


def map_event(raw):
    event = orjson.loads(raw)
    kind, service = event["event_type"], event["service"]
    line = LINES[kind]
    class_uid, activity_id, activity = line["class_uid"], line["activity_id"], line["activity_name"]
    severity = line["severity_id"]
    tenant = event.get("organization") or event.get("provider")
    stamp = event["timestamp"]
    seconds, _, fraction = stamp[:-1].partition(".")
    time = int(datetime.fromisoformat(seconds).replace(tzinfo=timezone.utc).timestamp()) * 1000
    if fraction:
        time += int((fraction + "000")[:3])
    status_id, status, code, detail = status_of(event)
    mapped = set(ALWAYS_MAPPED)
    agent = event.get("useragent") or event.get("user_agent")
    initiator = event.get("initiated_by")
    user = None
    actor_user = user_of(initiator, tenant) if initiator else None
    actor = {}
    blocks = {}
    labels = []
    source = source_of(event, agent)
    if class_uid == 3002:
        resource = event.get("resource")
        user = actor_user or (user_of(resource, tenant) if resource else None)
        if not user and event.get("username"):
            user = {"name": event["username"], "type_id": 1, "type": "User", "org": {"uid": tenant}}
        if user and event.get("username") == user.get("name"):
            mapped.add("username")
        context = event.get("auth_context") or {}
        policies = []
        for policy in context.get("policies_applied") or ():
            authorization = {}
            action = (policy.get("metadata") or {}).get("action")
            if action:
                authorization["decision"] = action.capitalize()
            about = {ours: policy[theirs] for ours, theirs in (("uid", "id"), ("name", "name")) if policy.get(theirs)}
            if about:
                authorization["policy"] = about
            if authorization:
                policies.append(authorization)
        actor = {"user": user, "authorizations": policies} if policies and user else {}
        methods = context.get("auth_methods") or (event.get("auth_meta") or {}).get("auth_methods")
        if methods:
            blocks["auth_factors"] = [
                dict(FACTORS.get(name) or {"factor_type_id": 99, "factor_type": name}) for name in methods
            ]
        elif event.get("mfa") and event.get("mfa_meta") and event["mfa_meta"].get("type"):
            name = event["mfa_meta"]["type"]
            blocks["auth_factors"] = [dict(FACTORS.get(name) or {"factor_type_id": 99, "factor_type": name})]
        if "mfa" in event:
            blocks["is_mfa"] = event["mfa"]
            mapped.add("mfa")
        elif methods:
            blocks["is_mfa"] = sum(method.get("success") is True for method in methods.values()) >= 2
        if kind == "admin_login_attempt":
            blocks["service"] = {"uid": "admin_portal", "name": "JumpCloud Admin Portal"}
            blocks["is_remote"] = True
            severity = 3 if status_id == 2 else severity
        elif kind == "user_login_attempt":
            blocks["service"] = {"uid": "user_portal", "name": "JumpCloud User Portal"}
            blocks["is_remote"] = True
        elif kind == "sso_auth":
            application = event["application"]
            url = application.get("sso_url") or ""
            name = application.get("display_label") or application.get("name") or url.rsplit("/", 1)[-1]
            blocks["service"] = {"name": name}
            if application.get("id"):
                blocks["service"]["uid"] = application["id"]
            if application.get("name"):
                blocks["dst_endpoint"] = {"svc_name": application["name"]}
            protocol = {"saml": (5, "SAML"), "oidc": (4, "OpenID")}.get(application.get("sso_type"), (0, "Unknown"))
            blocks["auth_protocol_id"], blocks["auth_protocol"] = protocol
        elif kind.startswith("radius_auth"):
            blocks["service"] = {"uid": "radius", "name": "JumpCloud RADIUS"}
            blocks["auth_protocol_id"], blocks["auth_protocol"] = 10, "RADIUS"
        elif kind == "ldap_bind":
            blocks["service"] = {"uid": "ldap", "name": "JumpCloud LDAP"}
            blocks["auth_protocol_id"], blocks["auth_protocol"] = 12, "LDAP"
            blocks["session"] = {"uid": event["connection_id"]}
            blocks["is_cleartext"] = not (event.get("start_tls") or event.get("tls_established"))
        elif kind == "login_attempt":
            system = event.get("system") or {}
            target = {key: source[key] for key in ("ip", "location") if key in source}
            for ours, theirs in (("uid", "id"), ("hostname", "hostname"), ("name", "displayName")):
                if system.get(theirs):
                    target[ours] = system[theirs]
            blocks["dst_endpoint"] = target
            mapped.add("client_ip")
            source = {}
            address = event.get("src_ip")
            if address and is_ip(address):
                source["ip"] = address
                mapped.add("src_ip")
            blocks["is_remote"] = bool(address) and not ipaddress.ip_address(address).is_loopback
            logon = (event.get("windows_meta") or {}).get("logon_type")
            if logon == "10":
                blocks["logon_type_id"], blocks["logon_type"] = 10, "Remote Interactive"
        elif kind.endswith("_unlock"):
            blocks["service"] = {"uid": "password_manager", "name": "JumpCloud Password Manager"}
            blocks["logon_type_id"], blocks["logon_type"] = 7, "Unlock"
    else:
        if actor_user:
            actor["user"] = actor_user
        if initiator:
            named = (initiator.get("source_metadata") or {}).get("name") or initiator.get("source")
            if named:
                actor["app_name"] = named
        if "app_name" not in actor and service != "ldap":
            channel = {"session": "JumpCloud Admin Portal", "api key": "JumpCloud API"}.get(event.get("auth_method"))
            if channel:
                actor["app_name"] = channel
        if kind.endswith("association_change"):
            association = event["association"]
            ends = association["connection"]["from"], association["connection"]["to"]
            add = association["op"] == "add"
            group = next((end for end in ends if end["type"] == "user_group"), None)
            person = next((end for end in ends if end["type"] == "user"), None)
            other = next(end for end in ends if end is not (group or person))
            if group:
                blocks["group"] = group_of(group)
                user = user_of(person, tenant)
                activity_id, activity = (3, "Add User") if add else (4, "Remove User")
            else:
                class_uid = 3005
                user = user_of(person, tenant)
                blocks["resources"] = [resource_of(other)]
                blocks["privileges"] = ["access"]
                activity_id, activity = (1, "Assign Privileges") if add else (2, "Revoke Privileges")
        elif class_uid == 3001:
            resource = event.get("resource")
            user = user_of(resource, tenant) if resource else actor_user
            if kind == "user_update":
                activity_id, activity, severity = refined(event, line)
            elif kind == "totp_finish_enrollment":
                blocks["auth_factors"] = [dict(FACTORS["totp"])]
                user = {**user, "has_mfa": True}
        elif class_uid == 3006:
            blocks["group"] = group_of(event["resource"])
        elif class_uid == 3004:
            thing = event.get("resource") or event.get("application") or event.get("system")
            resource = resource_of(thing)
            entity = {key: resource[key] for key in ("uid", "name") if key in resource}
            entity["type_id"], entity["type"] = int(line["entity_type_id"]), line["entity_type"]
            if entity["type_id"] == 5:
                entity["policy"] = {key: resource[key] for key in ("uid", "name") if key in resource}
            blocks["entity"] = entity
            if kind == "system_fde_key_update":
                blocks["comment"] = "full disk encryption key"
        elif class_uid == 6002:
            application = event["application"]
            app = {"name": application["name"]}
            for ours, theirs in (("version", "version"), ("vendor_name", "publisher"), ("path", "path")):
                if application.get(theirs):
                    app[ours] = application[theirs]
            blocks["app"] = app
            blocks["device"] = {"uid": event["system"]["id"], "type_id": 0, "type": "Unknown"}
        elif class_uid == 5019:
            system = event["system"]
            blocks["device"] = {"uid": system["id"], "hostname": system["hostname"], "name": system["displayName"],
                                "type_id": 0, "type": "Unknown"}
        elif class_uid == 2004:
            resource = event["resource"]
            status_id, status = 1, "New"
            severity = {"Low": 2, "Medium": 3, "High": 4, "Critical": 5}.get(event.get("severity"), 0)
            blocks["finding_info"] = {
                "uid": resource["id"], "uid_alt": resource["reference_id"],
                "title": f"JumpCloud alert: {event['category']}", "types": [event["category"]],
                "created_time": time, "modified_time": time,
            }
            blocks["resources"] = [{"uid": resource["source_id"], "type": resource["source_type"]}]
        elif class_uid == 6003:
            if not actor_user and event.get("username"):
                actor["user"] = {"name": event["username"], "type_id": 1, "type": "User"}
                mapped.add("username")
            api = {"operation": kind, "service": {"name": f"JumpCloud {service}"}}
            if event.get("command_uuid"):
                api["request"] = {"uid": event["command_uuid"]}
            resources = []
            for value, default in ((event.get("resource"), None), (event.get("system"), "system")):
                resource = resource_of(value, default) if value else None
                if resource:
                    resources.append(resource)
            if event.get("mdm_device_id"):
                resources.append({"uid": event["mdm_device_id"], "type": "device"})
            if event.get("base"):
                resources.append({"name": event["base"], "type": "ldap_dn"})
            if kind == "mdm_command_result":
                request = event["request_type"]
                api["operation"] = request
                if request.startswith("Install"):
                    activity_id, activity = 1, "Create"
                elif request.startswith("Remove"):
                    activity_id, activity = 4, "Delete"
                elif request.endswith(("List", "Information", "Info", "Query")):
                    activity_id, activity = 2, "Read"
            blocks["api"] = api
            if resources:
                blocks["resources"] = resources
            if not actor:
                actor = {"app_name": "JumpCloud"}
            if not source:
                source = {"svc_name": "JumpCloud"}
    if status_id == 2 and class_uid != 2004 and severity < 2:
        severity = 2
    class_name, category_uid, category_name = CLASSES[class_uid]
    out = {
        "class_uid": class_uid, "class_name": class_name, "category_uid": category_uid,
        "category_name": category_name, "activity_id": activity_id, "activity_name": activity,
        "type_uid": class_uid * 100 + activity_id,
        "type_name": f"{class_name}: {'Other' if activity_id == 99 else activity}",
        "time": time, "severity_id": severity, "severity": SEVERITY[severity], "status_id": status_id, "status": status,
    }
    if code is not None:
        out["status_code"] = code
    if detail:
        out["status_detail"] = detail
    message = event.get("message")
    if not message:
        word = {1: " (success)", 2: " (failure)"}.get(status_id, "") if class_uid != 2004 else " (new)"
        message = kind.replace("_", " ") + word
    out["message"] = message
    sha = hashlib.sha1(NAMESPACE + "\n".join((tenant, service, event["id"], stamp)).encode()).digest()
    metadata = {
        "version": "1.8.0",
        "product": {"name": "JumpCloud", "vendor_name": "JumpCloud", "feature": {"name": "Directory Insights"}},
        "log_provider": "JumpCloud Directory Insights", "log_format": "JSON",
        "uid": str(uuid.UUID(bytes=sha[:16], version=5)), "tenant_uid": tenant, "original_event_uid": event["id"],
        "original_time": stamp, "event_code": kind, "log_name": service, "log_version": str(event["@version"]),
        "logged_time": LOGGED_MS,
    }
    if service == "ldap":
        metadata["correlation_uid"] = event["connection_id"]
        mapped.add("connection_id")
    if "operation_number" in event:
        metadata["sequence"] = event["operation_number"]
    if labels:
        metadata["labels"] = labels
    if class_uid == 6002:
        metadata["profiles"] = ["host"]
    out["metadata"] = metadata
    if user:
        out["user"] = user
    with_source = class_uid in WITH_SOURCE
    if actor and (with_source or class_uid in (5019, 6002)):
        out["actor"] = actor
    if with_source and source:
        out["src_endpoint"] = source
        if "ip" in source:
            mapped.add("client_ip")
    request = {}
    if with_source:
        if agent and agent.get("name") and agent["name"] != "Other":
            request["user_agent"] = f"{agent['name']}/{agent['version']}"
        url = (event.get("application") or {}).get("sso_url")
        if url:
            request["url"] = {"url_string": url}
        if request:
            out["http_request"] = request
    out.update(blocks)
    observables = []

    def observe(name, type_id, type_name, value):
        if value:
            observables.append({"name": name, "type_id": type_id, "type": type_name, "value": value})

    for side in ("src_endpoint", "dst_endpoint"):
        endpoint = out.get(side)
        if endpoint:
            observe(side + ".ip", 2, "IP Address", endpoint.get("ip"))
            observe(side + ".hostname", 1, "Hostname", endpoint.get("hostname"))
    device = out.get("device")
    if device:
        observe("device.hostname", 1, "Hostname", device.get("hostname"))
        observe("device.uid", 47, "Device Object: uid", device.get("uid"))
    for path, person in (("user", user), ("actor.user", out.get("actor", {}).get("user"))):
        if person:
            observe(path + ".name", 4, "User Name", person.get("name"))
            observe(path + ".uid", 31, "User Object: uid", person.get("uid"))
            observe(path + ".email_addr", 5, "Email Address", person.get("email_addr"))
    group = out.get("group")
    if group:
        observe("group.name", 32, "Group Object: name", group.get("name"))
        observe("group.uid", 33, "Group Object: uid", group.get("uid"))
    if "user_agent" in request:
        observe("http_request.user_agent", 16, "HTTP User-Agent", request["user_agent"])
    if observables:
        out["observables"] = observables
    unmapped = {}
    for key, value in event.items():
        if key in mapped:
            continue
        if key == "initiated_by":
            value = {name: text for name, text in value.items() if name not in ("id", "type", "email", "username", "name")}
        value = cleaned(value)
        if value is not None:
            unmapped[key] = value
    if unmapped:
        out["unmapped"] = unmapped
    out["raw_data"] = raw.decode()
    out["raw_data_size"] = len(raw)
    out["raw_data_hash"] = {"algorithm_id": 3, "algorithm": "SHA-256", "value": hashlib.sha256(raw).hexdigest()}
    return out


def main():
    write = sys.stdout.buffer.write
    with open(sys.argv[1], "rb", buffering=1 << 20) as lines:
        for raw in lines:
            write(orjson.dumps(map_event(raw.rstrip(b"\n")), option=orjson.OPT_APPEND_NEWLINE))


if __name__ == "__main__":
    main()
