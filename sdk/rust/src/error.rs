//! Failures of a plugin: one line of text for the operator, with what was being done in front.

use std::fmt::{self, Display};

/// What hooks return. `Err` is a failure of the plugin: the operator reads it, and the failure policy decides. To refuse
/// somebody is no failure: that is [`deny`](crate::deny).
pub type Result<T, E = Error> = std::result::Result<T, E>;

/// A failure, in the words that the operator will read in the server's log.
///
/// Every [`std::error::Error`] becomes one by `?`. Put before it what was being done:
///
/// ```
/// use wasmcast_plugin::prelude::*;
///
/// fn limit(text: &str) -> Result<u32> {
///     text.parse::<u32>().context("read the limit")
/// }
/// assert_eq!(limit("many").unwrap_err().to_string(), "read the limit: invalid digit found in string");
/// ```
#[derive(Clone, PartialEq, Eq)]
pub struct Error(String);

impl Error {
    /// A failure in words.
    pub fn new(what: impl Into<String>) -> Self {
        Self(what.into())
    }
}

impl Display for Error {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.0)
    }
}

impl fmt::Debug for Error {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.0)
    }
}

impl<E: std::error::Error> From<E> for Error {
    fn from(error: E) -> Self {
        let mut text = error.to_string();
        let mut source = error.source();
        while let Some(cause) = source {
            let cause_text = cause.to_string();
            // Some errors repeat their cause in their own text.
            if !text.ends_with(&cause_text) {
                text.push_str(": ");
                text.push_str(&cause_text);
            }
            source = cause.source();
        }
        Self(text)
    }
}

/// Says what was being done when something failed.
pub trait Context<T> {
    /// Puts `what` and a colon before the failure.
    ///
    /// # Errors
    /// The failure, with its new beginning.
    fn context(self, what: impl Display) -> Result<T>;

    /// As [`context`](Self::context), for text that costs something to make.
    ///
    /// # Errors
    /// The failure, with its new beginning.
    fn with_context<C: Display>(self, what: impl FnOnce() -> C) -> Result<T>;
}

impl<T, E: Cause> Context<T> for Result<T, E> {
    fn context(self, what: impl Display) -> Result<T> {
        self.with_context(|| what)
    }

    fn with_context<C: Display>(self, what: impl FnOnce() -> C) -> Result<T> {
        self.map_err(|error| Error(format!("{}: {}", what(), error.into_error())))
    }
}

impl<T> Context<T> for Option<T> {
    fn context(self, what: impl Display) -> Result<T> {
        self.with_context(|| what)
    }

    fn with_context<C: Display>(self, what: impl FnOnce() -> C) -> Result<T> {
        self.ok_or_else(|| Error(what().to_string()))
    }
}

/// What can be the cause of an [`Error`].
pub trait Cause {
    #[doc(hidden)]
    fn into_error(self) -> Error;
}

impl<E: std::error::Error> Cause for E {
    fn into_error(self) -> Error {
        self.into()
    }
}

impl Cause for Error {
    fn into_error(self) -> Error {
        self
    }
}

/// Ends the function with a failure: `bail!("the list {name} is empty")`.
#[macro_export]
macro_rules! bail {
    ($($text:tt)*) => {
        return ::core::result::Result::Err($crate::Error::new(::std::format!($($text)*)))
    };
}

/// Ends the function with a failure unless the condition holds: `ensure!(n < 10, "{n} is too many")`.
#[macro_export]
macro_rules! ensure {
    ($condition:expr, $($text:tt)*) => {
        if !$condition {
            $crate::bail!($($text)*);
        }
    };
}

#[cfg(test)]
mod tests {
    use super::*;

    #[derive(Debug)]
    struct Outer(Inner);
    #[derive(Debug)]
    struct Inner;

    impl Display for Outer {
        fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
            f.write_str("outer")
        }
    }

    impl Display for Inner {
        fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
            f.write_str("inner")
        }
    }

    impl std::error::Error for Outer {
        fn source(&self) -> Option<&(dyn std::error::Error + 'static)> {
            Some(&self.0)
        }
    }

    impl std::error::Error for Inner {}

    #[test]
    fn a_chain_becomes_one_line() {
        let failed: Result<(), Outer> = Err(Outer(Inner));
        let error = failed.context("first").context("second").unwrap_err();
        assert_eq!(error.to_string(), "second: first: outer: inner");
        assert_eq!(None::<u8>.context("nothing there").unwrap_err().to_string(), "nothing there");
    }

    #[test]
    fn bail_and_ensure_end_the_function() {
        fn check(n: u32) -> Result<u32> {
            ensure!(n < 10, "{n} is too many");
            if n == 0 {
                bail!("nothing");
            }
            Ok(n)
        }
        assert_eq!(check(3).unwrap(), 3);
        assert_eq!(check(10).unwrap_err().to_string(), "10 is too many");
        assert_eq!(check(0).unwrap_err().to_string(), "nothing");
    }
}
