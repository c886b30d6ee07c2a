//! The operator's manifest of a plugin, `NAME.toml` beside `NAME.wasm`: read, checked, every key optional.

mod complaint;
mod config;
mod document;
mod failure;
mod grants;
mod read;
mod secret;
#[cfg(test)]
mod tests;

pub use complaint::{line_of, line_of_key};
pub use config::Config;
pub(in crate::plugin) use document::{Section, choice};
pub use failure::{Failure, Policy};
pub use grants::{granted, refused, used};

use super::matching::Matching;
use super::observing::Wants;
use super::rollout::Plan;
use super::settings::Settings;
use super::signature::Key;
use std::fmt;
use std::path::PathBuf;
use std::sync::Arc;

/// What the operator says of a plugin.
#[derive(Clone, PartialEq)]
pub struct Manifest {
    pub enabled: bool,
    pub phase: Phase,
    /// Within a phase the higher number comes first.
    pub priority: i32,
    /// Which sessions it is asked about.
    pub matching: Arc<Matching>,
    pub failure: Failure,
    /// What it hears as an observer.
    pub observer: Arc<Wants>,
    /// SHA-256 that the file must have.
    pub pin: Option<[u8; 32]>,
    /// The key that the file must be signed by.
    pub signer: Option<Key>,
    pub config: Config,
    /// How its generations come into service.
    pub rollout: Plan,
    /// What the host runs it under.
    pub settings: Settings,
    /// Files that secrets were read from, or should be.
    pub secret_files: Vec<PathBuf>,
}

/// Which part of the chain a plugin stands in.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, PartialOrd, Ord)]
pub enum Phase {
    Early,
    #[default]
    Normal,
    Late,
}

/// A manifest that can not be used.
#[derive(Clone, Debug, PartialEq)]
pub struct InvalidManifest {
    /// As messages name it.
    file: String,
    /// Lines, from 1, and what is wrong there.
    problems: Vec<(usize, String)>,
    /// Files of secrets that it names: when one of them changes it is worth another try.
    pub secret_files: Vec<PathBuf>,
    /// What could be read of it, the rest as by default: enough to tell whom a plugin that does not run would be asked about,
    /// and what they get. None where `match` or `failure` is what is wrong.
    pub usable: Option<Box<Manifest>>,
}

/// Problems that are told; more would only fill logs and status.
const TOLD: usize = 20;

impl Manifest {
    /// What holds for a plugin without a manifest.
    pub fn absent(plugin: &str) -> Self {
        Manifest::parse("", plugin, "").expect("an empty manifest has nothing that could be wrong")
    }

    /// Reads a manifest and fetches its secrets. `plugin`: the plugin's name. `file`: as messages name the manifest.
    ///
    /// # Errors
    /// Everything that is wrong, each with its line.
    pub fn parse(text: &str, plugin: &str, file: &str) -> Result<Self, InvalidManifest> {
        read::manifest(text, plugin, file)
    }

    /// Whether at most `mode` and `[rollout]` differ: then it makes no other generation.
    pub fn makes_the_same_as(&self, other: &Manifest) -> bool {
        *self == Manifest { rollout: self.rollout.clone(), ..other.clone() }
    }

    /// Whether nothing but `[config]` and the roll-out differs.
    pub fn differs_only_in_config(&self, other: &Manifest) -> bool {
        let with_our_config = Manifest {
            config: self.config.clone(),
            rollout: self.rollout.clone(),
            secret_files: self.secret_files.clone(),
            settings: Settings {
                config: self.settings.config.clone(),
                mask: self.settings.mask.clone(),
                ..other.settings.clone()
            },
            ..other.clone()
        };
        *self == with_our_config
    }
}

/// Without the settings: they hold secrets.
impl fmt::Debug for Manifest {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Manifest")
            .field("enabled", &self.enabled)
            .field("limits", &self.settings.limits)
            .field("grants", &self.settings.grants)
            .field("config", &self.config)
            .finish_non_exhaustive()
    }
}

impl fmt::Display for InvalidManifest {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        for (index, (line, text)) in self.problems.iter().take(TOLD).enumerate() {
            let end = if index == 0 { "" } else { "\n" };
            write!(f, "{end}{}:{line}: {text}", self.file)?;
        }
        if self.problems.len() > TOLD {
            write!(f, "\nand {} more of the kind", self.problems.len() - TOLD)?;
        }
        Ok(())
    }
}

impl std::error::Error for InvalidManifest {}
