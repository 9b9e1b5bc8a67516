//! `api`: what was asked of JumpCloud.

use crate::json::{Text, Writer, key};

/// An operation on one of JumpCloud's services.
#[derive(Debug, Clone, Copy)]
pub(crate) struct Api<'a> {
    pub operation: Text<'a>,
    pub request_uid: Option<Text<'a>>,
    pub service: Option<Text<'a>>,
}

impl Api<'_> {
    pub(crate) fn write(&self, to: &mut Writer<'_>) {
        to.object(key!("api"), |to| {
            to.text(key!("operation"), self.operation);
            if let Some(uid) = self.request_uid {
                to.object(key!("request"), |to| to.text(key!("uid"), uid));
            }
            to.object(key!("service"), |to| {
                to.raw(concat!(key!("name"), "\"JumpCloud"));
                if let Some(service) = self.service {
                    to.raw(" ");
                    to.letters(service);
                }
                to.raw("\",");
            });
        });
    }
}
