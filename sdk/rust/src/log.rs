//! The server's log. It adds plugin, generation, hook, session and trace to each entry.
//!
//! Write by the macros: text as for `format!`, then fields after a semicolon. Beyond 100 entries a second the server drops
//! some, and says how many. Never log credentials.
//!
//! ```
//! use wasmcast_plugin::prelude::*;
//!
//! let (subject, n) = ("alice", 3);
//! info!("allowed {subject}"; logins = n);
//! warn!("the list is old");
//! debug!("asked"; subject, n);
//! ```

#[cfg(target_arch = "wasm32")]
use crate::bindings::host::{log, types::Attribute};

/// From chatty to grave.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub enum Level {
    /// Each step.
    Trace,
    /// For who debugs the plugin.
    Debug,
    /// What an operator may want to know.
    Info,
    /// What an operator should look at.
    Warn,
    /// What does not work.
    Error,
}

/// Writes one entry. The macros do this.
#[cfg(target_arch = "wasm32")]
pub fn write(level: Level, message: &str, fields: &[(&str, String)]) {
    let fields: Vec<Attribute> =
        fields.iter().map(|(key, value)| Attribute { key: (*key).to_owned(), value: value.clone() }).collect();
    log::write(level.into(), message, &fields);
}

/// Writes one entry. The macros do this. Outside the server it goes to stderr.
#[cfg(not(target_arch = "wasm32"))]
pub fn write(level: Level, message: &str, fields: &[(&str, String)]) {
    let fields: String = fields.iter().map(|(key, value)| format!(" {key}={value}")).collect();
    eprintln!("{level:?} {message}{fields}");
}

/// Whether entries of this level are kept: spares making the message.
pub fn enabled(level: Level) -> bool {
    #[cfg(target_arch = "wasm32")]
    return log::enabled(level.into());
    #[cfg(not(target_arch = "wasm32"))]
    return level >= Level::Trace;
}

#[cfg(target_arch = "wasm32")]
impl From<Level> for log::Level {
    fn from(level: Level) -> Self {
        match level {
            Level::Trace => Self::Trace,
            Level::Debug => Self::Debug,
            Level::Info => Self::Info,
            Level::Warn => Self::Warn,
            Level::Error => Self::Error,
        }
    }
}

/// Has panics told with their text, file and line; the trap that follows only names functions.
pub(crate) fn panics() {
    #[cfg(target_arch = "wasm32")]
    std::panic::set_hook(Box::new(|panic| write(Level::Error, &panic.to_string(), &[])));
}

/// Logs what only who debugs the plugin wants, step by step: `trace!("text {x}"; key = value)`. See [`log`](mod@crate::log).
#[macro_export]
macro_rules! trace {
    ($($entry:tt)+) => { $crate::__log!(if Trace, $($entry)+) };
}

/// Logs for who debugs the plugin: `debug!("text {x}"; key = value)`. See [`log`](mod@crate::log).
#[macro_export]
macro_rules! debug {
    ($($entry:tt)+) => { $crate::__log!(if Debug, $($entry)+) };
}

/// Logs what an operator may want to know: `info!("text {x}"; key = value)`. See [`log`](mod@crate::log).
#[macro_export]
macro_rules! info {
    ($($entry:tt)+) => { $crate::__log!(Info, $($entry)+) };
}

/// Logs what an operator should look at: `warn!("text {x}"; key = value)`. See [`log`](mod@crate::log).
#[macro_export]
macro_rules! warn {
    ($($entry:tt)+) => { $crate::__log!(Warn, $($entry)+) };
}

/// Logs what does not work: `error!("text {x}"; key = value)`. See [`log`](mod@crate::log).
#[macro_export]
macro_rules! error {
    ($($entry:tt)+) => { $crate::__log!(Error, $($entry)+) };
}

#[doc(hidden)]
#[macro_export]
macro_rules! __log {
    (if $level:ident, $($entry:tt)+) => {
        if $crate::log::enabled($crate::log::Level::$level) {
            $crate::__log!($level, $($entry)+);
        }
    };
    ($level:ident, $format:literal $(, $argument:expr)* $(,)?) => {
        $crate::log::write($crate::log::Level::$level, &::std::format!($format $(, $argument)*), &[])
    };
    ($level:ident, $format:literal $(, $argument:expr)* ; $($key:ident $(= $value:expr)?),+ $(,)?) => {
        $crate::log::write(
            $crate::log::Level::$level,
            &::std::format!($format $(, $argument)*),
            &[$((::core::stringify!($key), $crate::__log!(@value $key $(= $value)?))),+],
        )
    };
    (@value $key:ident) => { ::std::string::ToString::to_string(&$key) };
    (@value $key:ident = $value:expr) => { ::std::string::ToString::to_string(&$value) };
}
