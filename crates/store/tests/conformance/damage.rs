//! A database file that a disk has damaged: either something is told, or everything that is proven reads as it was.

use std::path::Path;

use store::events::{Hour, WindowState};
use store::{Location, Store};

use crate::bed::{TABLES, on_sqlite};
use crate::events::seal_hours;

/// Damaged copies that are tried.
const COPIES: u64 = 300;
/// What a disk loses at once.
const SECTOR: usize = 4096;
const ORG: &str = "o1";
const HOURS: i64 = 4;

/// Everything that is proven: the ledger's lines, and the texts.
type Proven = (Vec<(i64, u64, Option<String>)>, Vec<String>);

#[tokio::test]
async fn a_damaged_file_is_told_or_reads_as_it_was() {
    on_sqlite(async |bed| {
        let store = bed.open().await;
        seal_hours(&store, ORG, HOURS).await;
        store.close().await;
        let whole = std::fs::read(bed.file().unwrap()).unwrap();
        let expected = read(bed.file().unwrap()).await.unwrap();
        assert_eq!(expected.0.len(), HOURS as usize);
        let mut dice = Dice(7);
        let mut told = 0;
        for number in 0..COPIES {
            let mut bytes = whole.clone();
            let what = damage(&mut bytes, &mut dice);
            let copy = bed.folder.path().join(format!("copy-{number}.db"));
            std::fs::write(&copy, bytes).unwrap();
            match read(&copy).await {
                Ok(found) => assert!(found == expected, "copy {number} ({what}) answers wrongly and says nothing"),
                Err(_) => told += 1,
            }
            for end in ["", "-wal", "-shm"] {
                let _ = std::fs::remove_file(bed.folder.path().join(format!("copy-{number}.db{end}")));
            }
        }
        assert!(told > COPIES / 10, "{told} of {COPIES} were noticed");
    })
    .await;
}

/// Reads all that is proven, and holds it against its proofs, as `event verify --recount` does.
async fn read(path: &Path) -> Result<Proven, String> {
    let store = Store::open(&Location::File(path.to_owned()), TABLES).await.map_err(|error| error.to_string())?;
    let read = read_store(&store).await;
    store.close().await;
    read
}

async fn read_store(store: &Store) -> Result<Proven, String> {
    let told = |error: store::Error| error.to_string();
    let mut lines = Vec::new();
    let all = (Hour::from_number(0), Hour::from_number(i64::from(i32::MAX)));
    for window in store.event_windows(ORG, all.0, all.1).await.map_err(told)? {
        if window.state != WindowState::Sealed {
            return Err(format!("{} is not proven", window.hour));
        }
        let found = store.recompute_window(ORG, window.hour).await.map_err(told)?;
        if (found.stored, Some(&found.identities)) != (window.stored, window.identities.as_ref()) {
            return Err(format!("{} is not what was sealed", window.hour));
        }
        lines.push((window.hour.number(), window.stored, window.identities));
    }
    let (mut texts, mut after) = (Vec::new(), 0);
    while let Some(part) = store.next_event_part(ORG, after).await.map_err(told)? {
        after = part.number;
        texts.extend(part.texts);
    }
    if texts.len() as u64 != lines.iter().map(|(_, stored, _)| stored).sum::<u64>() {
        return Err("there are not as many texts as events".to_owned());
    }
    texts.sort();
    Ok((lines, texts))
}

/// Damages a file; says how.
fn damage(bytes: &mut Vec<u8>, dice: &mut Dice) -> String {
    let sectors = bytes.len() / SECTOR;
    let at = dice.below(sectors) * SECTOR;
    match dice.below(4) {
        0 => {
            bytes[at..at + SECTOR].fill(0);
            format!("zeros at {at}")
        }
        1 => {
            (at..at + SECTOR).for_each(|at| bytes[at] = dice.below(256) as u8);
            format!("noise at {at}")
        }
        2 => {
            // A file of no bytes is a new one.
            bytes.truncate(at.max(SECTOR));
            format!("cut at {at}")
        }
        _ => {
            let other = dice.below(sectors) * SECTOR;
            let sector = bytes[other..other + SECTOR].to_vec();
            bytes[at..at + SECTOR].copy_from_slice(&sector);
            format!("{other} written to {at}")
        }
    }
}

/// The same seed damages the same way.
struct Dice(u64);

impl Dice {
    fn below(&mut self, end: usize) -> usize {
        self.0 = self.0.wrapping_mul(6_364_136_223_846_793_005).wrapping_add(1_442_695_040_888_963_407);
        (self.0 >> 33) as usize % end.max(1)
    }
}
