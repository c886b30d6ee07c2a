//! The `[demo]` section: the synthetic stream of `serve --demo`.

use crate::media::{InvalidStreamName, StreamName};
use std::fmt;
use std::str::FromStr;

/// The synthetic stream.
#[derive(Clone, Debug, PartialEq, Eq, serde::Serialize)]
pub struct Demo {
    pub enabled: bool,
    pub name: DemoName,
    pub size: Size,
    /// Frames a second, 1 to 60.
    pub fps: u32,
    /// Of the picture, 50 to 50,000.
    pub bitrate_kbps: u32,
}

impl Default for Demo {
    fn default() -> Self {
        let name = DemoName("demo".parse().expect("`demo` is a stream name"));
        Demo { enabled: false, name, size: Size { width: 1280, height: 720 }, fps: 30, bitrate_kbps: 1500 }
    }
}

/// The stream's name, read from text.
#[derive(Clone, Debug, PartialEq, Eq, serde::Serialize, serde::Deserialize)]
#[serde(try_from = "String")]
pub struct DemoName(pub StreamName);

impl TryFrom<String> for DemoName {
    type Error = InvalidStreamName;

    fn try_from(text: String) -> Result<Self, Self::Error> {
        text.parse().map(DemoName)
    }
}

/// Width and height of a picture in pixels, both even, 64x64 to 3840x2160.
#[derive(Clone, Copy, Debug, PartialEq, Eq, serde::Serialize, serde::Deserialize)]
#[serde(try_from = "String", into = "String")]
pub struct Size {
    pub width: u32,
    pub height: u32,
}

/// A text that is no picture size.
#[derive(Debug, thiserror::Error)]
#[error("`{0}` is no picture size; write WIDTHxHEIGHT such as \"1280x720\", both even, from 64x64 to 3840x2160")]
pub struct InvalidSize(String);

impl FromStr for Size {
    type Err = InvalidSize;

    fn from_str(text: &str) -> Result<Self, Self::Err> {
        let parsed = text.split_once('x').and_then(|(width, height)| Some((width.parse().ok()?, height.parse().ok()?)));
        match parsed {
            Some((width @ 64..=3840, height @ 64..=2160)) if width % 2 == 0 && height % 2 == 0 => {
                Ok(Size { width, height })
            }
            _ => Err(InvalidSize(text.chars().take(80).collect())),
        }
    }
}

impl TryFrom<String> for Size {
    type Error = InvalidSize;

    fn try_from(text: String) -> Result<Self, Self::Error> {
        text.parse()
    }
}

impl From<Size> for String {
    fn from(size: Size) -> Self {
        size.to_string()
    }
}

impl fmt::Display for Size {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{}x{}", self.width, self.height)
    }
}
