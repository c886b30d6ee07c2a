//! The groups of sessions that plugins name, few enough to be a label.

use std::collections::BTreeSet;
use std::sync::{Arc, Mutex};

/// Cohorts that are told apart; each is a handful of time series.
const MOST: usize = 16;
/// Longest name of one, in bytes.
const MAX_NAME: usize = 32;
/// Sessions that no cohort was given.
const NONE: &str = "none";
/// All beyond the bounds.
const OTHER: &str = "other";

/// The first names that came.
#[derive(Debug, Default)]
pub(super) struct Cohorts(Mutex<BTreeSet<Arc<str>>>);

impl Cohorts {
    /// The label for a cohort: its name where that is one of the first 16 and plain, else `other`.
    pub(super) fn label(&self, name: Option<&str>) -> Arc<str> {
        let Some(name) = name else { return NONE.into() };
        let plain = |b: u8| b.is_ascii_alphanumeric() || matches!(b, b'_' | b'-' | b'.');
        if !(1..=MAX_NAME).contains(&name.len()) || !name.bytes().all(plain) {
            return OTHER.into();
        }
        let mut names = self.0.lock().expect("no holder of this lock panics");
        if let Some(known) = names.get(name) {
            return known.clone();
        }
        if names.len() == MOST {
            return OTHER.into();
        }
        let name: Arc<str> = name.into();
        names.insert(name.clone());
        name
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_number_of_labels_is_bounded() {
        let cohorts = Cohorts::default();
        assert_eq!(&*cohorts.label(None), "none");
        for name in ["", "a b", "a\"} 1", &"x".repeat(33)] {
            assert_eq!(&*cohorts.label(Some(name)), "other");
        }
        let labels: BTreeSet<Arc<str>> = (0..10_000).map(|n| cohorts.label(Some(&n.to_string()))).collect();
        assert_eq!(labels.len(), MOST + 1);
        assert_eq!(&*cohorts.label(Some("3")), "3");
    }
}
