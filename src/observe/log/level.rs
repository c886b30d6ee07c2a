//! How much is logged, by module: `log.level`.

use std::fmt;
use std::str::FromStr;
use tracing_subscriber::EnvFilter;

/// A level for our own modules, `error`, `warn`, `info`, `debug`, `trace` or `off`, optionally followed by directives for
/// single modules (`info,wasmcast::http=debug,rtc_dtls=info`). Crates that are not ours log from `warn` on unless named.
#[derive(Clone, Debug, PartialEq, Eq, serde::Serialize, serde::Deserialize)]
#[serde(try_from = "String", into = "String")]
pub struct Level {
    text: String,
}

/// A text that is no log level.
#[derive(Debug, thiserror::Error)]
#[error(
    "`{text}` is no log level: {reason}; write error, warn, info, debug, trace or off, and for single modules \
     \"info,wasmcast::http=debug\""
)]
pub struct InvalidLevel {
    text: String,
    reason: String,
}

impl Level {
    /// A filter for the subscriber.
    pub fn filter(&self) -> EnvFilter {
        EnvFilter::try_new(directives(&self.text)).expect("checked when it was parsed")
    }
}

impl Default for Level {
    fn default() -> Self {
        Level { text: "info".to_owned() }
    }
}

impl FromStr for Level {
    type Err = InvalidLevel;

    fn from_str(text: &str) -> Result<Self, Self::Err> {
        let fail = |reason: String| InvalidLevel { text: text.chars().take(80).collect(), reason };
        if text.len() > 4096 {
            return Err(fail("it is longer than 4096 characters".to_owned()));
        }
        for part in text.split(',').map(str::trim) {
            // A lone word that is no level would be taken for a module and silently enable everything in it.
            if !part.contains(['=', '[']) && !is_level(part) {
                return Err(fail(format!("`{part}` is no level")));
            }
        }
        EnvFilter::try_new(directives(text)).map_err(|error| fail(error.to_string()))?;
        Ok(Level { text: text.to_owned() })
    }
}

impl TryFrom<String> for Level {
    type Error = InvalidLevel;

    fn try_from(text: String) -> Result<Self, Self::Error> {
        text.parse()
    }
}

impl From<Level> for String {
    fn from(level: Level) -> Self {
        level.text
    }
}

impl fmt::Display for Level {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.text)
    }
}

fn is_level(word: &str) -> bool {
    ["off", "error", "warn", "info", "debug", "trace"].iter().any(|level| level.eq_ignore_ascii_case(word))
}

/// Spells a level out for `EnvFilter`: a bare level is meant for our modules and for plugins, and others are held at
/// `warn` or below.
fn directives(text: &str) -> String {
    let mut ours = "info";
    let mut named = Vec::new();
    for part in text.split(',').map(str::trim) {
        if is_level(part) { ours = part } else { named.push(part) }
    }
    let others = match ours.to_ascii_lowercase().as_str() {
        level @ ("off" | "error") => level.to_owned(),
        _ => "warn".to_owned(),
    };
    let mut all = vec![others, format!("wasmcast={ours}"), format!("plugin={ours}")];
    all.extend(named.into_iter().map(str::to_owned));
    all.join(",")
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_bare_level_is_for_our_modules() {
        let rows = [
            ("info", "warn,wasmcast=info,plugin=info"),
            ("DEBUG", "warn,wasmcast=DEBUG,plugin=DEBUG"),
            ("off", "off,wasmcast=off,plugin=off"),
            ("error", "error,wasmcast=error,plugin=error"),
            ("warn, rtc_dtls=trace", "warn,wasmcast=warn,plugin=warn,rtc_dtls=trace"),
            ("wasmcast::http=debug", "warn,wasmcast=info,plugin=info,wasmcast::http=debug"),
        ];
        for (text, expected) in rows {
            assert_eq!(directives(text), expected);
            text.parse::<Level>().unwrap();
        }
    }

    #[test]
    fn other_words_are_refused() {
        for bad in ["", "loud", "info,,", "hyper", "a=b=c", "wasmcast=loud", "[{", "info debug"] {
            let error = bad.parse::<Level>().unwrap_err().to_string();
            assert!(error.contains("write error, warn, info"), "{bad}: {error}");
        }
    }
}
