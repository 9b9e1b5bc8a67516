//! `auth_factors`: with what somebody proved who they are. Whether each succeeded has no place in OCSF.

use crate::blocks::caption;
use crate::blocks::endpoint::is_address;
use crate::blocks::os::Os;
use crate::blocks::user::User;
use crate::blocks::version::Version;
use crate::event::Event;
use crate::field::Field;
use crate::json::{Text, Value, Writer, key};

/// The factors that an event names.
#[derive(Debug, Clone, Copy, Default)]
pub(crate) struct Factors<'a> {
    /// `auth_methods`: an object with a member for each.
    methods: Option<Value<'a>>,
    /// The only one that is told.
    single: Option<Text<'a>>,
    /// `jumpcloud_protect_device`.
    phone: Option<Value<'a>>,
}

impl<'a> Factors<'a> {
    /// From `auth_context` or `auth_meta`, else from `mfa_meta` when `mfa` is true.
    pub(crate) fn of(event: &Event<'a>) -> Self {
        for field in [Field::AuthContext, Field::AuthMeta] {
            let context = event.get(field);
            if let Some(methods) = context.and_then(|context| context.get("auth_methods"))
                && methods.members().next().is_some()
            {
                return Self {
                    methods: Some(methods),
                    phone: context.and_then(|c| c.get("jumpcloud_protect_device")),
                    single: None,
                };
            }
        }
        let mfa = event.get(Field::Mfa).and_then(Value::boolean) == Some(true);
        let meta = event.get(Field::MfaMeta).filter(|_| mfa);
        Self { single: meta.and_then(kind_of_meta), ..Self::default() }
    }

    /// A time-based one-time password.
    pub(crate) fn totp() -> Self {
        Self { single: Some(Text::ours("totp")), ..Self::default() }
    }

    /// Whether two factors succeeded; unknown if no methods are told.
    pub(crate) fn is_mfa(&self) -> Option<bool> {
        let succeeded =
            |(_, method): &(Text<'a>, Value<'a>)| method.get("success").and_then(Value::boolean) == Some(true);
        Some(self.methods?.members().filter(succeeded).count() >= 2)
    }

    pub(crate) fn write(&self, to: &mut Writer<'_>) {
        if self.methods.is_none() && self.single.is_none() {
            return;
        }
        to.array(key!("auth_factors"), |to| {
            if let Some(single) = self.single {
                self.write_factor(single, to);
            }
            for (name, _) in self.methods.iter().flat_map(|methods| methods.members()) {
                if !name.text.is_empty() {
                    self.write_factor(name, to);
                }
            }
        });
    }

    fn write_factor(&self, name: Text<'_>, to: &mut Writer<'_>) {
        to.element(|to| match name.text {
            "password" => to.raw(r#""factor_type_id":11,"factor_type":"Password","#),
            "totp" => to.raw(r#""factor_type_id":7,"factor_type":"OTP","is_totp":true,"#),
            "webauthn" => to.raw(r#""factor_type_id":10,"factor_type":"WebAuthn","#),
            "jumpcloud_protect" => {
                to.raw(r#""factor_type_id":5,"factor_type":"Push Notification","provider":"JumpCloud Protect","#);
                if let Some(phone) = self.phone {
                    write_phone(phone, to);
                }
            }
            "duo" => to.raw(r#""factor_type_id":99,"factor_type":"duo","provider":"Duo","#),
            "sms" => to.raw(r#""factor_type_id":1,"factor_type":"SMS","#),
            "email" => to.raw(r#""factor_type_id":8,"factor_type":"Email","#),
            _ => {
                to.raw(r#""factor_type_id":99,"#);
                to.text(key!("factor_type"), caption::other(name));
            }
        });
    }
}

/// The phone that runs JumpCloud Protect; not written without an id or a valid address.
fn write_phone(phone: Value<'_>, to: &mut Writer<'_>) {
    let uid = phone.text_of("id");
    let ip = phone.text_of("ip").filter(|ip| is_address(ip.text));
    if uid.is_none() && ip.is_none() {
        return;
    }
    to.object(key!("device"), |to| {
        to.text_if(key!("uid"), uid);
        to.raw(r#""type_id":5,"type":"Mobile","#);
        to.text_if(key!("model"), phone.text_of("model"));
        to.text_if(key!("vendor_name"), phone.text_of("make"));
        to.text_if(key!("ip"), ip);
        let os = phone.text_of("os").and_then(|os| Os::called(os, phone.text_of("os_version").map(Version::Whole)));
        if let Some(os) = os {
            os.write(to);
        }
        let (uid, name) = (phone.text_of("user_id"), phone.text_of("username"));
        if uid.is_some() || name.is_some() {
            let owner = User { uid, name, of_tenant: false, ..User::called(Text::ours("")) };
            owner.write(key!("owner"), None, to);
        }
    });
}

/// `type` of `mfa_meta`, which RADIUS writes as JSON inside text.
fn kind_of_meta(meta: Value<'_>) -> Option<Text<'_>> {
    let Some(text) = meta.string() else { return meta.text_of("type") };
    let mut words = text.text.split('"').skip_while(|word| *word != "type").skip(2);
    words.next().filter(|kind| !kind.is_empty()).map(Text::any)
}
