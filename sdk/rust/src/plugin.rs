//! The traits of a plugin that keeps state: how it is made, and the optional abilities that `#[export]` exports.

use crate::Result;
use serde::Serialize;
use serde::de::DeserializeOwned;
use std::time::Duration;

/// State of an instance, made once and handed to each hook as `&mut State`.
///
/// An instance of `auth` is one of a pool: each has its own state, and they come and go. What all must share belongs in
/// [`kv`](crate::kv).
///
/// ```
/// use wasmcast_plugin::prelude::*;
///
/// #[derive(Deserialize)]
/// #[serde(deny_unknown_fields)]
/// struct Config {
///     blocked: Vec<String>,
/// }
///
/// struct Guard {
///     blocked: std::collections::HashSet<String>,
/// }
///
/// impl Plugin for Guard {
///     type Config = Config;
///
///     fn new(config: Config) -> Result<Self> {
///         ensure!(!config.blocked.is_empty(), "`blocked` names nobody");
///         Ok(Self { blocked: config.blocked.into_iter().collect() })
///     }
/// }
///
/// #[auth]
/// fn authorize(session: &Session, guard: &mut Guard) -> Result<Decision> {
///     Ok(if guard.blocked.contains(&session.remote_ip()) { deny(403, "You are blocked.") } else { abstain() })
/// }
/// ```
#[diagnostic::on_unimplemented(
    message = "a hook that takes `&mut {Self}` needs `impl Plugin for {Self}`",
    note = "for the configuration alone take `&{Self}` and derive `Deserialize`"
)]
pub trait Plugin: Sized + 'static {
    /// The manifest's `[config]`; `()` when there is none.
    type Config: DeserializeOwned;

    /// Makes an instance. Called before anything else, under the manifest's `init-ms`.
    ///
    /// # Errors
    /// The generation is not taken into service, and the operator reads why.
    fn new(config: Self::Config) -> Result<Self>;
}

/// Takes a changed configuration without a new instance. Without it a change makes a new generation of instances.
///
/// ```
/// # use wasmcast_plugin::prelude::*;
/// # struct Guard { limit: u32 }
/// # impl Plugin for Guard { type Config = u32; fn new(limit: u32) -> Result<Self> { Ok(Self { limit }) } }
/// #[export]
/// impl Reconfigure for Guard {
///     fn reconfigure(&mut self, limit: u32) -> Result<()> {
///         self.limit = limit;
///         Ok(())
///     }
/// }
/// ```
pub trait Reconfigure: Plugin + Exported<ability::Reconfigure> {
    /// Takes the new configuration.
    ///
    /// # Errors
    /// The old configuration is put back, by another call of this.
    fn reconfigure(&mut self, config: Self::Config) -> Result<()>;
}

/// Carries state over to the next generation. Only for hooks with lasting instances; those of `auth` come and go.
///
/// ```
/// # use wasmcast_plugin::prelude::*;
/// # struct Seen { count: u64 }
/// # impl Plugin for Seen { type Config = (); fn new(_: ()) -> Result<Self> { Ok(Self { count: 0 }) } }
/// #[export]
/// impl SaveState for Seen {
///     type Saved = u64;
///     fn save(&mut self) -> Result<u64> {
///         Ok(self.count)
///     }
///     fn restore(&mut self, saved: u64) -> Result<()> {
///         self.count = saved;
///         Ok(())
///     }
/// }
/// ```
pub trait SaveState: Plugin + Exported<ability::SaveState> {
    /// What is handed over, as JSON.
    type Saved: Serialize + DeserializeOwned;

    /// What the successor shall know.
    ///
    /// # Errors
    /// The successor starts empty.
    fn save(&mut self) -> Result<Self::Saved>;

    /// Takes what the predecessor saved. When that does not parse as [`Saved`](Self::Saved), this is not called, a warning
    /// is logged, and the instance starts empty.
    ///
    /// # Errors
    /// The generation is refused.
    fn restore(&mut self, saved: Self::Saved) -> Result<()>;
}

/// Regular work off the path of decisions, such as fetching keys.
///
/// ```
/// # use wasmcast_plugin::prelude::*;
/// # struct Keys { set: String }
/// # impl Plugin for Keys { type Config = (); fn new(_: ()) -> Result<Self> { Ok(Self { set: String::new() }) } }
/// #[export]
/// impl Tick for Keys {
///     fn interval(&self) -> Duration {
///         minutes(5)
///     }
///     fn tick(&mut self) -> Result<()> {
///         self.set = http::get("https://id.example/jwks.json").send()?.ok()?.text()?;
///         Ok(())
///     }
/// }
/// ```
pub trait Tick: Plugin + Exported<ability::Tick> {
    /// Time between calls, at least 1 s; zero: never. Asked once, after the instance was made.
    fn interval(&self) -> Duration;

    /// Called on every lasting instance, one after the other.
    ///
    /// # Errors
    /// Logged, counted, and tried again at the next interval.
    fn tick(&mut self) -> Result<()>;
}

/// Shows that a new generation works before it serves: decide a known case, verify a known signature.
///
/// ```
/// # use wasmcast_plugin::prelude::*;
/// # struct Keys;
/// # impl Plugin for Keys { type Config = (); fn new(_: ()) -> Result<Self> { Ok(Self) } }
/// # impl Keys { fn knows(&self, _: &str) -> bool { true } }
/// #[export]
/// impl SelfTest for Keys {
///     fn self_test(&mut self) -> Result<()> {
///         ensure!(self.knows("alice"), "alice is not in the list");
///         Ok(())
///     }
/// }
/// ```
pub trait SelfTest: Plugin + Exported<ability::SelfTest> {
    /// Called once a generation, on an instance that is thrown away afterwards.
    ///
    /// # Errors
    /// The generation is refused.
    fn self_test(&mut self) -> Result<()>;
}

/// Written by `#[export]`: the server only calls what is exported.
#[diagnostic::on_unimplemented(
    message = "the server would never call this: write `#[export]` above the `impl` for `{Self}`",
    label = "needs `#[export]` above the `impl`"
)]
#[doc(hidden)]
pub trait Exported<Ability> {}

/// The names of the optional abilities.
#[doc(hidden)]
pub mod ability {
    pub enum Reconfigure {}
    pub enum SaveState {}
    pub enum Tick {}
    pub enum SelfTest {}
}
