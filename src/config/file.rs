//! The configuration file: parsed with the line of every key, so that each problem can name its place.

use super::problem::Problem;
use figment::value::{Dict, Map, Num, Tag, Value};
use figment::{Metadata, Profile, Provider};
use std::collections::BTreeMap;
use toml::Spanned;
use toml::de::{DeTable, DeValue};

/// A parsed file as a source of values.
#[derive(Clone, Debug, Default)]
pub(super) struct File {
    dict: Dict,
    /// Lines, from 1, by path; items of arrays by their index.
    lines: BTreeMap<Vec<String>, usize>,
}

/// The name of this source among the metadata of values.
pub(super) const SOURCE: &str = "file";

impl File {
    /// Reads TOML. `name` is the file's, for the problem.
    pub(super) fn parse(text: &str, name: &str) -> Result<Self, Problem> {
        let table = DeTable::parse(text).map_err(|error| {
            let offset = error.span().map_or(0, |span| span.start);
            let place = format!("{name}:{}", line_at(text, offset));
            Problem::new(format!("this is not valid TOML: {}", error.message().replace('\n', ", "))).at(place)
        })?;
        let mut file = File::default();
        file.dict = file.read_table(table.get_ref(), &mut Vec::new(), text);
        Ok(file)
    }

    /// The line that says something about the path: its own, or that of the nearest table or array around it.
    pub(super) fn line(&self, path: &[String]) -> Option<usize> {
        (1..=path.len()).rev().find_map(|length| self.lines.get(&path[..length])).copied()
    }

    /// The value of a top-level key.
    pub(super) fn value(&self, key: &str) -> Option<Value> {
        self.dict.get(key).cloned()
    }

    /// As deep as the parser allows: 80.
    fn read_table(&mut self, table: &DeTable<'_>, path: &mut Vec<String>, text: &str) -> Dict {
        let mut dict = Dict::new();
        for (key, value) in table {
            path.push(key.get_ref().to_string());
            self.lines.insert(path.clone(), line_at(text, key.span().start));
            dict.insert(key.get_ref().to_string(), self.read_value(value, path, text));
            path.pop();
        }
        dict
    }

    fn read_value(&mut self, value: &Spanned<DeValue<'_>>, path: &mut Vec<String>, text: &str) -> Value {
        match value.get_ref() {
            DeValue::String(text) => Value::from(text.to_string()),
            DeValue::Integer(number) => integer(number.as_str(), number.radix()),
            DeValue::Float(number) => Value::from(number.as_str().parse().unwrap_or(f64::NAN)),
            DeValue::Boolean(switch) => Value::from(*switch),
            DeValue::Datetime(time) => Value::from(time.to_string()),
            DeValue::Array(items) => {
                let mut values = Vec::with_capacity(items.len());
                for (index, item) in items.iter().enumerate() {
                    path.push(index.to_string());
                    self.lines.insert(path.clone(), line_at(text, item.span().start));
                    values.push(self.read_value(item, path, text));
                    path.pop();
                }
                Value::Array(Tag::Default, values)
            }
            DeValue::Table(table) => Value::Dict(Tag::Default, self.read_table(table, path, text)),
        }
    }
}

impl Provider for File {
    fn metadata(&self) -> Metadata {
        Metadata::named(SOURCE)
    }

    fn data(&self) -> Result<Map<Profile, Dict>, figment::Error> {
        Ok(Map::from([(Profile::Default, self.dict.clone())]))
    }
}

/// An integer of TOML; one beyond 64 bits becomes a float, which no key takes.
fn integer(digits: &str, radix: u32) -> Value {
    match (i64::from_str_radix(digits, radix), u64::from_str_radix(digits, radix)) {
        (_, Ok(number)) => Value::Num(Tag::Default, Num::U64(number)),
        (Ok(number), _) => Value::Num(Tag::Default, Num::I64(number)),
        _ => Value::from(f64::INFINITY),
    }
}

fn line_at(text: &str, offset: usize) -> usize {
    1 + text.bytes().take(offset).filter(|byte| *byte == b'\n').count()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn every_key_knows_its_line() {
        let text = "a.b = 1\n[c]\nd = [\n  1,\n  2,\n]\n\n[[e.f]]\ng = 0x_\n";
        assert!(File::parse(text, "x.toml").unwrap_err().to_string().starts_with("x.toml:9: this is not valid TOML"));
        let text = "a.b = 1\r\n[c]\nd = [\n  1,\n  2,\n]\n\n[[e.f]]\ng = 0x1F\n[[e.f]]\nh = { i = -1 }\n";
        let file = File::parse(text, "x.toml").unwrap();
        let rows = [
            ("a.b", 1),
            ("a.b.c", 1),
            ("c", 2),
            ("c.d", 3),
            ("c.d.1", 5),
            ("e.f.0.g", 9),
            ("e.f.1", 10),
            ("e.f.1.h.i", 11),
            ("e.f.1.missing", 10),
        ];
        for (path, line) in rows {
            let path: Vec<String> = path.split('.').map(str::to_owned).collect();
            assert_eq!(file.line(&path), Some(line), "{path:?}");
        }
        assert_eq!(file.line(&["x".to_owned()]), None);
        let f = Value::from(file.dict.clone()).find("e.f").unwrap();
        assert_eq!(f.as_array().unwrap()[0].clone().find("g").unwrap().to_u128(), Some(31));
    }

    #[test]
    fn broken_and_hostile_files_are_refused_in_one_line() {
        let deep = format!("a = {}{}", "[".repeat(10_000), "]".repeat(10_000));
        let dotted = format!("{}a = 1", "a.".repeat(10_000));
        for text in ["a = ", "a = 1\na = 2\n", "[x", "a = \"x", "\u{0}", "= 1", deep.as_str(), dotted.as_str()] {
            let error = File::parse(text, "x.toml").unwrap_err().to_string();
            assert!(error.starts_with("x.toml:") && !error.contains('\n'), "{error}");
        }
    }
}
