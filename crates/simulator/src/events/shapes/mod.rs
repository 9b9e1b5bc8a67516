//! One event as JSON: a file for each family of shapes, and what all of them share.
//! Responsible for texts only; that an event happens was decided before. Facts: the attribute tables of the Directory
//! Insights specification, and recorded events where they say otherwise.

mod access;
mod alerts;
mod association;
pub(crate) mod deeds;
mod devices;
mod ldap;
mod login;
mod mdm;
mod objects;
mod odd;
mod pen;
mod people;
mod plain;
mod radius;
mod registers;
mod saas;
mod software;
mod sso;
mod storage;
mod vault;

use super::catalogue::Shape;
use super::feed::Source;
use super::hour::Hour;
use super::slot::{Slot, flag};
use crate::json;
use pen::Pen;

/// Appends the event of a slot to `out`.
pub(crate) fn write(source: &Source, hour: &Hour, slot: &Slot, out: &mut String) {
    let pen = Pen::new(source, hour, slot);
    let start = out.len();
    json::object(out, |row| {
        pen.common(row);
        match slot.kind().shape {
            Shape::Access => access::write(&pen, row),
            Shape::AdminChange => people::administrator(&pen, row),
            Shape::AdminLogin => login::administrator(&pen, row),
            Shape::Alert => alerts::alert(&pen, row),
            Shape::AlertRule => alerts::rule(&pen, row),
            Shape::Asset => registers::asset(&pen, row),
            Shape::Association => association::write(&pen, row),
            Shape::Channel => alerts::channel(&pen, row),
            Shape::DeviceChange => devices::change(&pen, row),
            Shape::DeviceLogin => devices::login(&pen, row),
            Shape::DeviceUser => devices::user(&pen, row),
            Shape::Enrollment => mdm::enrollment(&pen, row),
            Shape::LdapBind => ldap::bind(&pen, row),
            Shape::LdapSearch => ldap::search(&pen, row),
            Shape::MdmResult => mdm::result(&pen, row),
            Shape::ObjectChange => objects::write(&pen, row),
            Shape::Plain => plain::write(&pen, row),
            Shape::Radius => radius::write(&pen, row),
            Shape::Report => registers::report(&pen, row),
            Shape::Saas => saas::write(&pen, row),
            Shape::Software => software::write(&pen, row),
            Shape::Sso => sso::write(&pen, row),
            Shape::Storage => storage::write(&pen, row),
            Shape::UserChange => people::user(&pen, row),
            Shape::UserLogin => login::user(&pen, row),
            Shape::Vault => vault::write(&pen, row),
        }
        if slot.has(flag::STRAY) {
            odd::stray(&pen, row);
        }
        if slot.has(flag::ODD_VALUES) {
            odd::values(&pen, row);
        }
    });
    if slot.has(flag::ODD_VALUES) {
        odd::spoil(&pen, start, out);
    }
}
