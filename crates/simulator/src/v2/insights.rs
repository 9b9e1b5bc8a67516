//! System Insights: `/systeminsights/{table}` and `/systeminsights/{system_id}/{table}`.
//! Responsible for licence, filters by device and paging; what stands in the tables is in `state::insights`.

use std::sync::Arc;

use crate::call::Answer;
use crate::id::Id;
use crate::listing::{self, Rows, SliceRows, Wanted};
use crate::state::Organization;
use crate::state::device::Device;
use crate::state::insights::{self, Table};
use crate::world::Scene;

/// Answers a route below `/systeminsights`.
pub(super) fn route(scene: &Scene<'_>, parts: &[&str]) -> Option<Answer> {
    let (device, name) = match parts {
        [name] => (None, name),
        [device, name] => (Some(Id::parse(device)?), name),
        _ => return None,
    };
    let found = insights::find(name)?;
    let organization = scene.organization;
    if !organization.profile.system_insights {
        return Some(Answer::message(402, "System Insights is not part of the plan"));
    }
    let Some(table) = found else {
        let rows = SliceRows::<(), _> { slice: &[], write: |(): &(), _: &mut String| {} };
        return Some(listing::answer(scene.call, scene.tamper, &listing::INSIGHTS, &rows));
    };
    let mut wanted = Wanted::from_query(scene.call, &listing::INSIGHTS);
    let by_id = wanted.take_sort("system_id");
    let devices: Option<Vec<&Device>> = match device {
        Some(id) => Some(organization.devices.get(id).into_iter().collect()),
        None => wanted.take_filter("system_id").map(|ids| {
            let known = ids.iter().filter_map(|id| organization.devices.get(Id::parse(id)?));
            known.collect()
        }),
    };
    let ends = match &devices {
        Some(devices) => Arc::new(insights::ends(organization, table, devices.iter().copied())),
        None => organization.insights_ends(table, by_id),
    };
    let rows = TableRows { organization, table, devices, ends, by_id };
    Some(listing::page(&wanted, scene.tamper, &listing::INSIGHTS, &rows))
}

/// Rows of a table over all devices, or over chosen ones.
struct TableRows<'a> {
    organization: &'a Organization,
    table: &'static Table,
    devices: Option<Vec<&'a Device>>,
    /// Rows up to and including each device.
    ends: Arc<Vec<u32>>,
    by_id: bool,
}

impl Rows for TableRows<'_> {
    fn len(&self) -> usize {
        self.ends.last().map_or(0, |end| *end as usize)
    }

    fn by_id(&self, rank: usize) -> Option<usize> {
        // Rows have no id of their own: asking for that order changes nothing.
        Some(rank)
    }

    fn write(&self, position: usize, out: &mut String) {
        let rank = self.ends.partition_point(|end| *end as usize <= position);
        let start = if rank == 0 { 0 } else { self.ends[rank - 1] as usize };
        let device = match &self.devices {
            Some(devices) => devices[rank],
            None => insights::at(&self.organization.devices, rank, self.by_id),
        };
        insights::write(self.organization, device, self.table, position - start, out);
    }
}
