//! A sample that nobody chose: which rows are in it follows from the auditor's seed alone, and anybody can draw it again.

use std::collections::BinaryHeap;

use hmac::{Hmac, KeyInit as _, Mac as _};
use serde_json::Value;
use sha2::Sha256;

/// How it is drawn, in words.
pub(super) const METHOD: &str = "For every row of the population HMAC-SHA256 is computed with the seed (UTF-8) as the key \
     and the row's id (UTF-8) as the message; the rows with the lowest values, compared as bytes, are the sample.";

/// What is asked for.
#[derive(Debug, Clone)]
pub struct Sampling {
    /// How many rows of each population.
    pub size: usize,
    /// The auditor's word.
    pub seed: String,
}

/// The rows with the lowest values so far.
pub(super) struct Sample {
    size: usize,
    key: Hmac<Sha256>,
    lowest: BinaryHeap<Drawn>,
}

/// A row with its place in the draw.
struct Drawn {
    value: [u8; 32],
    row: Vec<Value>,
}

impl Sample {
    pub(super) fn new(sampling: &Sampling) -> Self {
        let key = Hmac::new_from_slice(sampling.seed.as_bytes()).expect("HMAC takes a key of any length");
        Self { size: sampling.size, key, lowest: BinaryHeap::new() }
    }

    /// Considers a row.
    pub(super) fn consider(&mut self, id: &str, row: &[Value]) {
        let value: [u8; 32] = self.key.clone().chain_update(id.as_bytes()).finalize().into_bytes().into();
        if self.lowest.len() == self.size && self.lowest.peek().is_none_or(|highest| highest.value <= value) {
            return;
        }
        self.lowest.push(Drawn { value, row: row.to_vec() });
        if self.lowest.len() > self.size {
            self.lowest.pop();
        }
    }

    /// The rows, in the order of the draw.
    pub(super) fn rows(self) -> Vec<Vec<Value>> {
        self.lowest.into_sorted_vec().into_iter().map(|drawn| drawn.row).collect()
    }
}

impl Ord for Drawn {
    fn cmp(&self, other: &Self) -> std::cmp::Ordering {
        self.value.cmp(&other.value)
    }
}

impl PartialOrd for Drawn {
    fn partial_cmp(&self, other: &Self) -> Option<std::cmp::Ordering> {
        Some(self.cmp(other))
    }
}

impl PartialEq for Drawn {
    fn eq(&self, other: &Self) -> bool {
        self.value == other.value
    }
}

impl Eq for Drawn {}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::*;

    fn drawn(seed: &str, size: usize, ids: impl Iterator<Item = u32>) -> Vec<Vec<Value>> {
        let mut sample = Sample::new(&Sampling { size, seed: seed.to_owned() });
        for id in ids {
            sample.consider(&id.to_string(), &[json!(id)]);
        }
        sample.rows()
    }

    #[test]
    fn the_same_seed_draws_the_same_rows_in_whatever_order_they_come() {
        let sample = drawn("2026", 25, 0..1_000);
        assert_eq!(sample.len(), 25);
        assert_eq!(sample, drawn("2026", 25, (0..1_000).rev()));
        assert_ne!(sample, drawn("2027", 25, 0..1_000));
    }

    #[test]
    fn a_larger_sample_holds_the_smaller_one_and_a_small_population_is_taken_whole() {
        let (small, large) = (drawn("x", 5, 0..500), drawn("x", 50, 0..500));
        assert_eq!(large[..5], small);
        assert_eq!(drawn("x", 50, 0..7).len(), 7);
        assert!(drawn("x", 0, 0..7).is_empty());
    }

    #[test]
    fn the_draw_is_what_the_method_says() {
        // HMAC-SHA256("key", "7"), computed by another program.
        let mut sample = Sample::new(&Sampling { size: 1, seed: "key".to_owned() });
        sample.consider("7", &[json!(7)]);
        let value = data_encoding::HEXLOWER.encode(&sample.lowest.peek().unwrap().value);
        assert_eq!(value, "01235b0d2aa4a5daba7243a9228194c8eff913ac5e56e967301210270380bc42");
    }
}
