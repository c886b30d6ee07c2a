//! Reports of the client commands: flat JSON objects, one a line, on standard output.

use super::error::ClientError;
use super::samples::rounded;
use serde::ser::{Serialize, SerializeMap, Serializer};
use serde_json::Value;
use std::io::Write;

/// A report: fields in the order in which they were put.
pub struct Fields(Vec<(String, Value)>);

impl Fields {
    /// Starts with the name of the command.
    pub fn new(tool: &str) -> Self {
        let mut fields = Fields(Vec::new());
        fields.put("tool", tool);
        fields
    }

    /// Adds a value; each name once.
    pub fn put(&mut self, name: &str, value: impl Into<Value>) {
        self.0.push((name.to_owned(), value.into()));
    }

    /// Adds a number with so many decimal places; `null` where there is none.
    pub fn number(&mut self, name: &str, value: Option<f64>, decimals: i32) {
        let value = value.filter(|value| value.is_finite()).map(|value| rounded(value, decimals));
        self.put(name, value.map_or(Value::Null, Value::from));
    }
}

impl Serialize for Fields {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        let mut map = serializer.serialize_map(Some(self.0.len()))?;
        for (name, value) in &self.0 {
            map.serialize_entry(name, value)?;
        }
        map.end()
    }
}

/// Prints one line.
pub fn print(report: &Fields) -> Result<(), ClientError> {
    let line = serde_json::to_string(report).map_err(|error| ClientError::Output(error.into()))?;
    let mut out = std::io::stdout().lock();
    writeln!(out, "{line}").and_then(|()| out.flush()).map_err(ClientError::Output)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn numbers_are_rounded_and_never_nan() {
        let mut fields = Fields::new("test");
        fields.number("a", Some(1.23456), 2);
        fields.number("b", Some(f64::NAN), 2);
        fields.number("c", None, 2);
        fields.put("d", 7u64);
        let text = serde_json::to_string(&fields).unwrap();
        assert_eq!(text, r#"{"tool":"test","a":1.23,"b":null,"c":null,"d":7}"#);
    }
}
