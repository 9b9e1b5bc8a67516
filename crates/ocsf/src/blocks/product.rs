//! `metadata.product`: the origin of the event, which is JumpCloud and not the mapper.

use crate::json::Writer;

/// Writes what is the same in every event.
pub(crate) fn write(to: &mut Writer<'_>) {
    to.raw(concat!(
        r#""product":{"name":"JumpCloud","vendor_name":"JumpCloud","feature":{"name":"Directory Insights"}},"#,
        r#""log_provider":"JumpCloud Directory Insights","log_format":"JSON","#,
    ));
}
