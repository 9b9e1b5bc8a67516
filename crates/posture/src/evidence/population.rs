//! One item of a pack: its population, row by row from the store into the files, with what has to be told beside it.

use std::collections::BTreeMap;

use serde_json::{Value, json};

use super::PackError;
use super::coverage::Coverage;
use super::folder::PackFolder;
use super::item::{Item, Kind};
use super::reading::{Reading, Seen, text};
use super::rows::{RowFiles, canonical, text_of, value_of};
use super::sample::{Sample, Sampling};
use super::sources::{Completeness, Source, Sources, is_of_events, outlives_events};
use crate::framework::Framework;

/// How many rows of a population the report shows, where no sample was drawn.
const SHOWN: usize = 10;

/// What became of an item.
#[derive(Debug)]
pub(super) struct Packed<'a> {
    pub item: &'a Item,
    pub completeness: Completeness,
    /// The requirements that it serves, with how sure that is.
    pub serves: Vec<(String, String)>,
    /// The sources behind its tables.
    pub sources: Vec<&'a Source>,
    /// The query's columns.
    pub columns: Vec<String>,
    /// How many rows the population has; `None` when there is none.
    pub rows: Option<u64>,
    /// How often each value of the counted column occurs.
    pub counts: BTreeMap<String, u64>,
    /// The first rows, or the sample.
    pub shown: Vec<Vec<Value>>,
    /// How many rows the sample has, if one was drawn.
    pub sampled: Option<usize>,
}

/// What all items of a pack have in common.
pub(super) struct Common<'a> {
    pub reading: &'a Reading<'a>,
    pub framework: &'a Framework,
    pub sources: &'a Sources,
    pub coverage: &'a Coverage,
    pub sampling: Option<&'a Sampling>,
}

impl Common<'_> {
    /// Whether an item's population is what it should be.
    fn completeness(&self, item: &Item) -> Completeness {
        let told = self.sources.completeness(item);
        let of_events: Vec<&String> = item.reads.iter().filter(|table| is_of_events(table)).collect();
        let missing = self.coverage.lacking_hours(of_events.iter().all(|table| outlives_events(table)));
        if of_events.is_empty() || missing == 0 {
            return told;
        }
        let why = format!(
            "events of {missing} of the {} hours of the period are missing, removed or not proven to be complete",
            self.coverage.hours
        );
        match told {
            Completeness::Complete => Completeness::Partial(vec![why]),
            Completeness::Partial(mut reasons) => {
                reasons.push(why);
                Completeness::Partial(reasons)
            }
            Completeness::NotCollected(reasons) => Completeness::NotCollected(reasons),
        }
    }
}

/// Writes an item into the pack.
pub(super) async fn pack<'a>(
    item: &'a Item,
    common: &Common<'a>,
    folder: &mut PackFolder,
) -> Result<Packed<'a>, PackError> {
    let mut packed = Packed {
        item,
        completeness: common.completeness(item),
        serves: item.serves(common.framework).map(|(requirement, marks)| (requirement.id.clone(), marks)).collect(),
        sources: common.sources.behind(&item.reads),
        columns: Vec::new(),
        rows: None,
        counts: BTreeMap::new(),
        shown: Vec::new(),
        sampled: None,
    };
    let path = format!("items/{}", item.id);
    folder.write(&format!("{path}/query.sql"), format!("{}\n", item.query).as_bytes())?;
    if !matches!(packed.completeness, Completeness::NotCollected(_)) {
        packed.write_population(common, &path, folder).await?;
    }
    let record = packed.document(common);
    folder.write(&format!("{path}/item.json"), &canonical(&record)?)?;
    Ok(packed)
}

impl Packed<'_> {
    async fn write_population(
        &mut self,
        common: &Common<'_>,
        path: &str,
        folder: &mut PackFolder,
    ) -> Result<(), PackError> {
        let item = self.item;
        let wrong = |what: String| PackError::Item { id: item.id.clone(), file: item.origin.to_string(), what };
        let read = common
            .reading
            .store
            .tables_read(&common.reading.query(&item.query))
            .await
            .map_err(|error| wrong(error.to_string()))?;
        if let Some(table) = read.iter().find(|table| !item.reads.contains(table)) {
            return Err(wrong(format!("the query reads {table}, which the front matter does not name under reads")));
        }
        let mut sample = common.sampling.map(Sample::new);
        let (mut files, mut last_id, mut counted) = (None, None::<String>, None);
        // The order is part of the bytes, and shows an id that comes twice.
        let ordered = format!("SELECT * FROM (\n{}\n) population ORDER BY id", item.query);
        common
            .reading
            .each(&ordered, |seen| {
                let cells = match seen {
                    Seen::Columns(names) => {
                        if !names.starts_with(&["id", "name"]) {
                            return Err(wrong("the query must give the columns id and name first".to_owned()));
                        }
                        self.columns = names.into_iter().map(str::to_owned).collect();
                        counted = match &item.counts {
                            None => None,
                            Some(column) => match self.columns.iter().position(|name| name == column) {
                                None => return Err(wrong(format!("the query has no column {column} to count"))),
                                found => found,
                            },
                        };
                        files = Some(RowFiles::begin(folder, &format!("{path}/population"), &self.columns)?);
                        return Ok(());
                    }
                    Seen::Row(cells) => cells,
                };
                let Some(id) = text(&cells[0]) else { return Err(wrong("the query gave a row without id".to_owned())) };
                if last_id.as_ref() == Some(&id) {
                    return Err(wrong(format!("the query gave {id} more than once")));
                }
                let row: Vec<Value> = cells.into_iter().map(value_of).collect();
                if let Some(sample) = &mut sample {
                    sample.consider(&id, &row);
                } else if self.shown.len() < SHOWN {
                    self.shown.push(row.clone());
                }
                if let Some(column) = counted {
                    *self.counts.entry(text_of(&row[column])).or_default() += 1;
                }
                last_id = Some(id);
                files.as_mut().map_or(Ok(()), |files| files.push(&row))?;
                Ok(())
            })
            .await
            .map_err(|error| match error {
                PackError::Store(error) => wrong(error.to_string()),
                other => other,
            })?;
        self.rows = files.map(|files| files.finish(folder)).transpose()?;
        if let Some(sample) = sample {
            self.shown = sample.rows();
            self.sampled = Some(self.shown.len());
            let mut files = RowFiles::begin(folder, &format!("{path}/sample"), &self.columns)?;
            for row in &self.shown {
                files.push(row)?;
            }
            files.finish(folder)?;
        }
        Ok(())
    }

    /// The record of the item: what was asked, of what, and what came.
    fn document(&self, common: &Common<'_>) -> Value {
        let item = self.item;
        let serves: Vec<Value> = self
            .serves
            .iter()
            .map(|(requirement, marks)| json!({ "requirement": requirement, "marks": marks }))
            .collect();
        json!({
            "id": item.id, "title": item.title, "use": item.usage.word(), "type": item.kind.word(),
            "shows": item.shows, "notes": item.notes, "file": item.origin.to_string(),
            "profiles": item.profiles, "serves": serves, "query": item.query, "reads": item.reads,
            "population_tables": item.population, "columns": self.columns,
            "state": self.completeness.word(), "missing": self.completeness.reasons(),
            "rows": self.rows, "counts": self.counts, "counted_by": item.counts,
            "sources": self.sources.iter().map(|source| source.document()).collect::<Vec<_>>(),
            "snapshot": common.sources.document(),
            "events": self.reads_events().then(|| common.coverage.document()),
            "sample": self.sampled.map(|rows| json!({
                "rows": rows, "seed": common.sampling.map(|sampling| sampling.seed.as_str()),
                "method": super::sample::METHOD,
            })),
        })
    }

    /// Whether something of it comes from events.
    pub(super) fn reads_events(&self) -> bool {
        self.item.reads.iter().any(|table| is_of_events(table))
    }

    /// Whether it is about the whole period, and not about one time.
    pub(super) fn is_of_period(&self) -> bool {
        self.item.kind == Kind::Operating
    }
}
