//! The place of a generation among the series: what it counts is exported as long as it holds that.

use super::Services;
use super::account::Account;
use super::cells::Series;
use super::series::{Kind, Misuse};
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};

/// Held by what all instances of a generation share. Its drop ends it.
#[derive(Debug)]
pub struct Tenancy {
    services: Arc<Services>,
    plugin: Arc<str>,
    generation: u64,
    account: Arc<Account>,
    ended: AtomicBool,
}

impl Tenancy {
    /// Begins to count for this generation of this plugin.
    pub fn begin(services: Arc<Services>, plugin: Arc<str>, generation: u64) -> Self {
        let account = services.series.open(&plugin, generation);
        Tenancy { services, plugin, generation, account, ended: AtomicBool::new(false) }
    }

    /// What was counted is exported no more, and what still comes counts nowhere.
    pub fn end(&self) {
        if !self.ended.swap(true, Ordering::Relaxed) {
            self.services.series.close(&self.plugin, self.generation, &self.account);
        }
    }

    /// The series of this name and these labels; none where the generation has ended.
    ///
    /// # Errors
    /// Why there can be none.
    pub(super) fn series(
        &self,
        name: &str,
        labels: Vec<(String, String)>,
        kind: Kind,
    ) -> Result<Option<Arc<Series>>, Misuse> {
        self.services.series.series(&self.plugin, self.generation, &self.account, name, labels, kind)
    }

    /// Whether this is the first time that the generation does so.
    pub(super) fn is_first(&self, misuse: Misuse) -> bool {
        self.account.is_first(misuse)
    }
}

impl Drop for Tenancy {
    fn drop(&mut self) {
        self.end();
    }
}
