//! What a series counts: a cell for each hook in whose calls it was used, and the handles that lead there.

use super::account::Account;
use super::series::{Kind, Misuse};
use std::sync::atomic::{AtomicU64, Ordering};
use std::sync::{Arc, Mutex};

/// A name with its labels, of one generation.
#[derive(Debug)]
pub(super) struct Series {
    kind: Kind,
    account: Arc<Account>,
    /// In the order of the hooks' first use: there are a few at most.
    cells: Mutex<Vec<(&'static str, Cell)>>,
}

/// What was counted in the calls of one hook.
#[derive(Clone, Debug)]
pub(super) enum Cell {
    /// A total.
    Counter(Arc<AtomicU64>),
    /// The bits of an `f64`.
    Gauge(Arc<AtomicU64>),
    Histogram(Arc<Distribution>),
}

/// The counts of a histogram.
#[derive(Debug)]
pub(super) struct Distribution {
    pub(super) bounds: Box<[f64]>,
    /// One more than bounds: the last is for what is above all.
    buckets: Box<[AtomicU64]>,
    /// The bits of an `f64`.
    sum: AtomicU64,
}

/// An instance's way to a series, and the cells that it has used, so that counting takes no lock. One without a series counts
/// nowhere.
#[derive(Debug, Default)]
pub(super) struct Handle {
    series: Option<Arc<Series>>,
    /// None where there was no room for one.
    used: Vec<(&'static str, Option<Cell>)>,
}

impl Series {
    /// With room for the first cell, which `account` has been charged with.
    pub(super) fn new(kind: Kind, account: Arc<Account>) -> Self {
        Series { kind, account, cells: Mutex::default() }
    }

    /// What was counted, hook by hook.
    pub(super) fn cells(&self) -> Vec<(&'static str, Cell)> {
        let mut cells = self.cells.lock().expect("no holder of this lock panics").clone();
        cells.sort_unstable_by_key(|(hook, _)| *hook);
        cells
    }

    fn cell(&self, hook: &'static str) -> Result<Cell, Misuse> {
        let mut cells = self.cells.lock().expect("no holder of this lock panics");
        if let Some((_, cell)) = cells.iter().find(|(other, _)| *other == hook) {
            return Ok(cell.clone());
        }
        if !cells.is_empty() && !self.account.take() {
            return Err(Misuse::Full);
        }
        let cell = match &self.kind {
            Kind::Counter => Cell::Counter(Arc::default()),
            Kind::Gauge => Cell::Gauge(Arc::new(AtomicU64::new(0.0_f64.to_bits()))),
            Kind::Histogram(bounds) => Cell::Histogram(Arc::new(Distribution::new(bounds))),
        };
        cells.push((hook, cell.clone()));
        Ok(cell)
    }
}

impl Handle {
    pub(super) fn new(series: Option<Arc<Series>>) -> Self {
        Handle { series, used: Vec::new() }
    }

    /// Where to count in a call of this hook; none counts nowhere.
    ///
    /// # Errors
    /// The first time that there is no room for it.
    pub(super) fn cell(&mut self, hook: &'static str) -> Result<Option<&Cell>, Misuse> {
        let Some(series) = &self.series else { return Ok(None) };
        let index = match self.used.iter().position(|(other, _)| *other == hook) {
            Some(index) => index,
            None => {
                let cell = series.cell(hook);
                let refused = cell.as_ref().err().copied();
                self.used.push((hook, cell.ok()));
                if let Some(refused) = refused {
                    return Err(refused);
                }
                self.used.len() - 1
            }
        };
        Ok(self.used[index].1.as_ref())
    }
}

impl Distribution {
    fn new(bounds: &[f64]) -> Self {
        let buckets = (0..=bounds.len()).map(|_| AtomicU64::new(0)).collect();
        Distribution { bounds: bounds.into(), buckets, sum: AtomicU64::new(0.0_f64.to_bits()) }
    }

    /// Counts one value; not a number is ignored.
    pub(super) fn observe(&self, value: f64) {
        if value.is_nan() {
            return;
        }
        let bucket = self.bounds.partition_point(|bound| *bound < value);
        self.buckets[bucket].fetch_add(1, Ordering::Relaxed);
        let add = |sum: u64| Some((f64::from_bits(sum) + value).to_bits());
        self.sum.fetch_update(Ordering::Relaxed, Ordering::Relaxed, add).expect("the closure always gives a value");
    }

    /// How many are at or below each bound, and at last all.
    pub(super) fn cumulated(&self) -> Vec<u64> {
        let mut sum = 0;
        let upto = |bucket: &AtomicU64| {
            sum += bucket.load(Ordering::Relaxed);
            sum
        };
        self.buckets.iter().map(upto).collect()
    }

    pub(super) fn sum(&self) -> f64 {
        f64::from_bits(self.sum.load(Ordering::Relaxed))
    }
}

#[cfg(test)]
mod tests {
    use super::super::account::MAX_SERIES;
    use super::*;

    fn add(handle: &mut Handle, hook: &'static str) -> Result<bool, Misuse> {
        let cell = handle.cell(hook)?;
        if let Some(Cell::Counter(total)) = cell {
            total.fetch_add(1, Ordering::Relaxed);
        }
        Ok(cell.is_some())
    }

    #[test]
    fn a_handle_counts_for_the_hook_that_is_called() {
        let account: Arc<Account> = Arc::default();
        assert!(account.take());
        let series = Arc::new(Series::new(Kind::Counter, account.clone()));
        let mut handles = [Handle::new(Some(series.clone())), Handle::new(Some(series.clone()))];
        for hook in ["router/routing", "auth/check", "auth/check", "router/routing", "auth/check"] {
            for handle in &mut handles {
                assert_eq!(add(handle, hook), Ok(true));
            }
        }
        let total = |cell: &Cell| match cell {
            Cell::Counter(total) => total.load(Ordering::Relaxed),
            other => panic!("{other:?}"),
        };
        let counted: Vec<_> = series.cells().iter().map(|(hook, cell)| (*hook, total(cell))).collect();
        assert_eq!(counted, [("auth/check", 6), ("router/routing", 4)]);
        assert_eq!(account.used(), 2, "the first cell was paid for");
        assert_eq!(add(&mut Handle::default(), "auth/check"), Ok(false));
    }

    #[test]
    fn a_further_hook_takes_room_and_is_refused_where_there_is_none() {
        let account: Arc<Account> = Arc::default();
        let all: Vec<_> = std::iter::repeat_with(|| account.take().then(|| Series::new(Kind::Gauge, account.clone())))
            .map_while(|series| series.map(Arc::new))
            .collect();
        assert_eq!(all.len(), MAX_SERIES);
        let mut handle = Handle::new(Some(all[0].clone()));
        assert_eq!(add(&mut handle, "auth/check"), Ok(true));
        assert_eq!(add(&mut handle, "lifecycle"), Err(Misuse::Full));
        assert_eq!(add(&mut handle, "lifecycle"), Ok(false), "it is told once");
        assert_eq!(add(&mut handle, "auth/check"), Ok(true));
    }

    #[test]
    fn values_go_into_their_bucket() {
        let counts = Distribution::new(&[1.0, 2.0]);
        for value in [0.5, 1.0, 1.5, 2.0, 99.0, -1.0, f64::NAN] {
            counts.observe(value);
        }
        assert_eq!(counts.cumulated(), [3, 5, 6]);
        assert!((counts.sum() - 103.0).abs() < 1e-9);
    }
}
